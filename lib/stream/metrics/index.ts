/** Metrics of live joins. */
export type { Histogram } from './histogram.js';
export {
  type Distribution,
  type InputMetrics,
  type JoinCounters,
  type PushOutcome,
  type SourceMetrics,
  StreamMetrics,
  type StreamMetricsOptions,
  type StreamMetricsReport,
} from './stream-metrics.js';
