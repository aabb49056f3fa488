/** From record batches to tensors, double-buffered. */
export { GpuPipeline, type PipelineStats } from './gpu-pipeline.js';
export type {
  GpuPipelineOptions,
  MatrixForm,
  PipelineJoinOptions,
  PipelineLabels,
  PipelineStreamOptions,
} from './options.js';
export { PipelineBatch } from './pipeline-batch.js';
export type { PipelineSource } from './source-tap.js';
export type { Stage, StallTimes } from './stall-clock.js';
