/** Types of the joins over batches. */
import type { RecordBatch, Table } from 'apache-arrow';

import type { AlignStreamsOptions, AsofJoinOptions, StreamOptions } from '../join/options.js';
import type { JoinStats } from '../join/stats.js';

/** Record batches (or small tables) of one schema, ascending in time from the first row to the last. */
export type BatchSource = AsyncIterable<RecordBatch | Table> | Iterable<RecordBatch | Table>;

/**
 * As `asofJoin`, but for what needs the whole input: batches must arrive in time order, so `unsorted` may only be
 * `'error'`, and statistics and plans come from the iterable's `stats` rather than from the answer.
 */
export type AsofJoinStreamOptions = Omit<AsofJoinOptions, 'unsorted' | 'stats' | 'explain'> & {
  readonly unsorted?: 'error';
};

/** One right side of `alignBatches`: as in `alignStreams`, with `batches` in place of `table`. */
export type BatchStreamOptions = Omit<StreamOptions, 'table' | 'unsorted'> & {
  readonly batches: BatchSource;
  readonly unsorted?: 'error';
};

export type AlignBatchesOptions = Omit<AlignStreamsOptions, 'unsorted' | 'explain'> & { readonly unsorted?: 'error' };

/** The joined batches, to be iterated once. */
export interface JoinedBatches extends AsyncIterable<RecordBatch> {
  /**
   * What has been joined so far, per stream (`right` for a plain join). Looking ahead with a tolerance, the right side
   * is read only as far as the tolerance: a row whose next candidate lies farther counts as `noCandidate` where the
   * whole-table join, which sees it, counts `toleranceExceeded`. `rightRows` are the rows read.
   */
  readonly stats: Readonly<Record<string, JoinStats>>;
  /** Right rows held for later left rows, per stream: what bounds the memory. */
  readonly retainedRows: Readonly<Record<string, number>>;
}
