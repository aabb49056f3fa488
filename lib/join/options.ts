/**
 * The options of every join, as callers write them. What each means exactly: docs/design/join-semantics.md.
 * `parse-options.ts` checks them; nothing else does.
 */
import type { Table } from 'apache-arrow';

/** One name for both sides, or a name for each. */
export type On = string | { readonly left: string; readonly right: string };

/** Key columns, paired by position. Names that differ are given per side. */
export type By =
  | string
  | readonly string[]
  | { readonly left: string | readonly string[]; readonly right: string | readonly string[] };

/**
 * A distance in time. On temporal columns: a duration string (`'250us'`, `'5s'`, `'1h30m'`) or a bigint of
 * nanoseconds. On plain numbers: a number or bigint in the column's own unit. Never negative; 0 is a value.
 */
export type Distance = string | bigint | number;

export type Direction = 'backward' | 'forward' | 'nearest';
export type JoinKind = 'left' | 'inner';
export type Ties = 'auto' | 'last' | 'first';
export type NearestTie = 'earlier' | 'later';
export type NullKeys = 'distinct' | 'equal';
export type UnsortedRule = 'sort' | 'error';
export type TimeZones = 'error' | 'utc';
export type Backend = 'auto' | 'native' | 'javascript' | 'device';

/** How rows of one right side are matched and what comes of them. */
export interface MatchOptions {
  /**
   * Which right rows a left row looks at: `'backward'` (right time at or before; default), `'forward'` (at or after)
   * or `'nearest'` (whichever is closer).
   */
  readonly direction?: Direction;
  /** Largest distance of a match, inclusive. Default: none. A winner that is farther counts as no match. */
  readonly tolerance?: Distance;
  /** Whether equal times match. Default true. */
  readonly allowExactMatches?: boolean;
  /** `'left'` (default) keeps left rows without a match; `'inner'` drops them. */
  readonly how?: JoinKind;
  /**
   * Among right rows of the same time: `'auto'` (default) takes the last in input order when looking back and the
   * first when looking ahead; `'last'` and `'first'` force one.
   */
  readonly ties?: Ties;
  /** For `'nearest'`, which of two rows at the same distance: `'earlier'` (default) or `'later'`. */
  readonly nearestTie?: NearestTie;
  /** `'distinct'` (default): a null key matches nothing. `'equal'`: null is a key equal to itself. */
  readonly nullKeys?: NullKeys;
  /**
   * `'sort'` (default) takes rows in any order; the result is in the left input's order either way. `'error'` throws
   * FS_ERR_UNSORTED naming the first row that is out of order (within its key, where there are keys).
   */
  readonly unsorted?: UnsortedRule;
  /** A right row is visible only at its time plus this. Default none. Not with `direction: 'forward'`. */
  readonly lag?: Distance;
  /** `'error'` (default) refuses a time with a zone against one without; `'utc'` reads times without as UTC. */
  readonly timeZones?: TimeZones;
}

/** Which columns of one right side go into the result, and under which names. */
export interface OutputOptions {
  /** Right columns to take, in this order. Default: all but the right `on` and `by` columns. */
  readonly columns?: readonly string[];
  /** Put after a right name that the result already has. Default `'_right'`. Not together with `prefix`. */
  readonly suffix?: string;
  /** Put before every right column's name; a collision is then an error. */
  readonly prefix?: string;
  /** Name of an extra column with the time of the matched right row, in its own type. */
  readonly rightTime?: string;
  /** Name of an extra column with left time minus right time: int64 ns; the column's own unit for plain numbers. */
  readonly age?: string;
  /** Name of an extra boolean column: whether the row found a match. Never null. */
  readonly matched?: string;
  /** Right column with the time at which a row became known; rows are used only from then on. */
  readonly knownAt?: string;
}

/** How the work is done. None of it changes the result. */
export interface RunOptions {
  /**
   * `'auto'` (default) uses the native addon where it loads and JavaScript where it does not, saying so once;
   * `'native'` and `'javascript'` insist. `'device'` finds the matches on the default device (FLOWSTATE_DEVICE, else the
   * first GPU, else the host); live joins refuse it. FLOWSTATE_BACKEND decides where this is `'auto'`.
   */
  readonly backend?: Backend;
  /** Threads of the native executor. Default: all of the machine's. */
  readonly threads?: number;
  /** Aborts the join: it rejects with FS_ERR_ABORTED at the next block of rows. */
  readonly signal?: AbortSignal;
  /** Adds the plan, the statistics that chose it, and time and bytes per phase to the answer. */
  readonly explain?: boolean;
}

export interface AsofJoinOptions extends MatchOptions, OutputOptions, RunOptions {
  /** The time columns: any integer, float, date, time, timestamp or duration type, of one family. */
  readonly on: On;
  /** Key columns: rows match only where these are equal. Default: none, every right row is a candidate. */
  readonly by?: By;
  /** Answer with `{ table, stats }` in place of the table. `explain: true` implies it. */
  readonly stats?: boolean;
  /** Forces a plan of the native executor. @internal */
  readonly plan?: 'auto' | 'merge' | 'grouped' | 'sort' | 'probe';
}

/** One right side of `alignStreams`. Options given here win over those of the call. */
export interface StreamOptions extends MatchOptions, OutputOptions {
  readonly table: Table;
  /** Default: the call's. A plain name stands for both sides. */
  readonly on?: On;
  /** Default: the call's. */
  readonly by?: By;
  /** @internal */
  readonly plan?: AsofJoinOptions['plan'];
}

/** Options of `alignStreams`: those of matching are defaults for every stream. */
export interface AlignStreamsOptions extends MatchOptions, RunOptions {
  readonly on: On;
  readonly by?: By;
  /** @internal */
  readonly plan?: AsofJoinOptions['plan'];
}
