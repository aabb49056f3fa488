/** Types of the public interface of joins on live data. */
export type { EmitOptions, InputCounters, LateRowsReport, SourceOptions, StreamingCounters } from './streaming-core.js';
export type { LiveItem, LiveSource, LiveStreamOptions, PositionedBatch } from './live-stream.js';
export type { SourcePositions } from './positions.js';
export type { AdvanceOptions } from './streaming-join.js';
export type {
  EmitMode,
  HighWaterMark,
  LatePolicy,
  LiveOptions,
  StreamingAlignerOptions,
  StreamingJoinOptions,
  StreamingStream,
} from './streaming-options.js';
