/**
 * Watermarks of live inputs. A watermark W promises: no row with a time before W will come. Rows at W still may.
 * How the parts fit: docs/design/live-sources.md.
 */
import type { RecordBatch } from 'apache-arrow';

import type { JsonValue, Time, TimeDomain } from './time-math.js';

export type { Distance, JsonValue, Time, TimeDomain } from './time-math.js';

/** A batch as a strategy sees it: the rows that were taken, not those dated too far ahead. */
export interface ObservedBatch {
  /** Earliest and latest time of rows taken; null where there was none. */
  readonly min: Time | null;
  readonly max: Time | null;
  /** Rows that came, whatever became of them: they show that the source is alive. */
  readonly rows: number;
  /** What the batch itself promises: see `WatermarkPlan.punctuation`. */
  readonly punctuation?: Time | null;
}

/** How far a source's rows have got, in one source. Never goes back. */
export interface WatermarkStrategy {
  observe(batch: ObservedBatch, nowMs: number): void;
  /** Null: no promise yet. */
  current(nowMs: number): Time | null;
  snapshot(): JsonValue;
  restore(json: JsonValue): void;
}

/** What the `watermark` option takes: makes one strategy per source, since each has its own progress. */
export interface WatermarkPlan {
  readonly kind: string;
  create(domain: TimeDomain): WatermarkStrategy;
  /** What a batch says about the rows after it; null for nothing. */
  readonly punctuation?: (batch: RecordBatch) => Time | null;
}

/** Milliseconds since 1970, as `Date.now`. Given in tests and replays. */
export type Clock = () => number;
