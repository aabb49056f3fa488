/** The options of the joins on live data, as callers write them. Rules: docs/design/streaming.md. */
import type { Schema } from 'apache-arrow';

import type { AllIdle, AheadOf, Clock, WatermarkPlan } from './watermark/index.js';
import type { AlignStreamsOptions, AsofJoinOptions, StreamOptions } from '../join/options.js';

/**
 * What becomes of a row that is earlier than its input's watermark. All are counted. `'drop'` (default) forgets it;
 * `'sideOutput'` keeps it for `takeLate`; `'revise'` takes it, and takes back and repeats the emitted rows that it
 * changes; `'error'` refuses the batch with FS_ERR_LATE_ROW.
 */
export type LatePolicy = 'drop' | 'sideOutput' | 'revise' | 'error';

/** `'ordered'` (default): rows come in order of (time, source, sequence). `'asFinal'`: as soon as they are final. */
export type EmitMode = 'ordered' | 'asFinal';

/** When `push` begins to answer false, and `stream` to stop pulling inputs that are ahead. */
export interface HighWaterMark {
  /** Rows held. Default 262,144. */
  readonly rows?: number;
  /** Bytes held, about. Default 64 MiB. */
  readonly bytes?: number;
}

export interface LiveOptions<Input extends string = string> {
  readonly emit?: EmitMode;
  /** For all inputs, or by input: `left` and the right's or the streams' names. */
  readonly late?: LatePolicy | Readonly<Partial<Record<Input, LatePolicy>>>;
  /**
   * How far below the watermarks state is kept for late rows: a duration, nanoseconds, or the left column's own unit.
   * `'revise'` needs it; with `'sideOutput'` it is how far back emitted rows are looked at. Default none.
   */
  readonly horizon?: string | bigint | number;
  /** Bytes of state, about, that no push may pass. Default: no cap. */
  readonly maxStateBytes?: number;
  /**
   * At the cap a push throws FS_ERR_BACKPRESSURE and changes nothing. `'backpressure'` (default): it may be repeated
   * after an emit, and `stream` goes on with the inputs that let rows go. `'error'`: the join closes.
   */
  readonly onStateFull?: 'backpressure' | 'error';
  readonly highWaterMark?: HighWaterMark;
  /**
   * Integer columns that order rows of one time and source: a name per input, or one for all. Values fit int64 and are
   * not repeated there. Default: rows are counted as they come, per source.
   */
  readonly sequence?: string | Readonly<Partial<Record<Input, string>>>;
  /** Name of an extra int64 column that numbers left rows as they become final, those an inner join drops included. */
  readonly rowId?: string;
  /** Name of an extra int8 column: 1 for a row, -1 for one that is taken back. `'revise'` needs it, and `rowId`. */
  readonly op?: string;
  /**
   * How watermarks follow from the rows: a strategy for all inputs, or by input. Each source has its own progress.
   * Default: only `advanceWatermark` moves them.
   */
  readonly watermark?: WatermarkPlan | Readonly<Partial<Record<Input, WatermarkPlan>>>;
  /** How many sources each input has (0 … n - 1), so that one that has not spoken yet holds the watermark back. */
  readonly sources?: number | Readonly<Partial<Record<Input, number>>>;
  /** A source without rows for so long holds nothing back until it has some again. Default: never. */
  readonly idleTimeout?: string | bigint;
  /** Where every input is idle: `'hold'` (default) the watermarks, or `'release'` all rows that have come. */
  readonly allIdle?: AllIdle;
  /** Rows dated further than this ahead are not taken. Default: rows may be dated as they like. */
  readonly maxAhead?: string | bigint | number;
  /** Ahead of the wall clock (default on temporal columns), or of the newest row so far. */
  readonly aheadOf?: AheadOf;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly clock?: Clock;
  /** The left's schema, where it must be known before the first batch. */
  readonly leftSchema?: Schema;
}

type Matching = 'unsorted' | 'stats' | 'explain' | 'threads' | 'signal' | 'plan';

/** Options of `StreamingJoin`: those of `asofJoin`, and those of live data. Rows may come in any order. */
export type StreamingJoinOptions = Omit<AsofJoinOptions, Matching> &
  LiveOptions<'left' | 'right'> & {
    /** The right's schema, where it must be known before the first batch. */
    readonly schema?: Schema;
  };

/** One right side of a `StreamingAligner`: as in `alignStreams`, with a schema or nothing in place of the table. */
export type StreamingStream = Omit<StreamOptions, 'table' | 'unsorted' | 'plan'> & { readonly schema?: Schema };

/** Options of `StreamingAligner`: those of `alignStreams`, and those of live data. */
export type StreamingAlignerOptions<Name extends string = string> = Omit<AlignStreamsOptions, Matching> &
  LiveOptions<'left' | Name>;
