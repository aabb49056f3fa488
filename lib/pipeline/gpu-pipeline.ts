/**
 * From record batches to tensors on a device: join, matrix, double-buffered. How it works, what bounds it and what its
 * numbers mean: `docs/design/pipeline.md`.
 */
import type { PinnedPoolStats } from '../device/pinned-pool.js';
import { createError } from '../errors/from-native.js';
import { stoppable } from '../internal/stoppable.js';
import type { JoinStats } from '../join/stats.js';
import { type GpuPipelineOptions, parsePipeline } from './options.js';
import type { PipelineBatch } from './pipeline-batch.js';
import { PipelineRun } from './pipeline-run.js';
import type { StallTimes } from './stall-clock.js';

export interface PipelineStats {
  /** Batches and rows that the consumer took. */
  readonly batches: number;
  readonly rows: number;
  /** Copied to the device. */
  readonly bytes: number;
  readonly depth: number;
  /** Batches ready or in the making, now and at most; never more than `depth`. */
  readonly ahead: number;
  readonly peakAhead: number;
  /** Batches that the consumer took and did not release. */
  readonly held: number;
  /**
   * Milliseconds by what they went to: the stage that the consumer waited for, or the consumer. They sum to `wallMs`,
   * the time from the first batch's being asked for to the end of the iteration.
   */
  readonly stallMs: StallTimes;
  readonly wallMs: number;
  /** The staging memory. */
  readonly pinned: PinnedPoolStats;
  /** Of the join so far, by stream. */
  readonly join: Readonly<Record<string, JoinStats>>;
}

export class GpuPipeline implements AsyncIterable<PipelineBatch> {
  readonly depth: number;
  private readonly run: PipelineRun;
  private isStarted = false;

  /**
   * Checks what can be checked before rows are there, and starts nothing; `for await` does. Throws FS_ERR_ARG_TYPE,
   * FS_ERR_ARG_RANGE, FS_ERR_OPTION_UNKNOWN, FS_ERR_CLOSED (the device).
   */
  constructor(options: GpuPipelineOptions) {
    const request = parsePipeline(options);
    this.depth = request.depth;
    this.run = new PipelineRun(request);
  }

  /**
   * The batches, once; another iteration is FS_ERR_CLOSED. Rows and their order are those of the join, whatever
   * `batchRows`, `depth` and the batches of the sources are. Every batch is the consumer's to release.
   *
   * The first error in the order of rows ends the iteration, as it is, after the batches before it: of a source, of the
   * join (as `alignBatches`), of the matrix (as `featureMatrix`; rows are counted within the batch), of the device. So do
   * an abort (FS_ERR_ABORTED; batches that are ready are let go) and leaving the loop. In each case what was made and not
   * taken is released and the sources are closed before the loop is left; but an error or an abort does not wait for a
   * source that is silent, which is told to close and does when it speaks.
   */
  [Symbol.asyncIterator](): AsyncGenerator<PipelineBatch, void, undefined> {
    return stoppable(this.iterate(), () => {
      if (this.isStarted) void this.run.end();
    });
  }

  private async *iterate(): AsyncGenerator<PipelineBatch, void, undefined> {
    if (this.isStarted) {
      throw createError('FS_ERR_CLOSED', 'a pipeline is iterated once; make another one for the next epoch');
    }
    this.isStarted = true;
    const { run } = this;
    run.start();
    try {
      for (let batch = await run.take(); batch !== null; batch = await run.take()) yield batch;
    } finally {
      await run.end();
    }
  }

  /** What happened so far; at any time. */
  stats(): PipelineStats {
    const { counts, ahead, clock, staging, joined } = this.run;
    return {
      ...counts,
      depth: this.depth,
      ahead,
      stallMs: clock.times,
      wallMs: clock.wallMs,
      pinned: staging.stats,
      join: joined?.stats ?? {},
    };
  }
}
