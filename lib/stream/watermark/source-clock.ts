/**
 * One source of an input: its strategy's watermark, whether it is idle, and how far ahead its rows may be dated.
 *
 * Idle means: no row for `idleTimeoutMs` of time in which rows were asked for. It is measured from the last row, not
 * from when somebody looks, and stands still while the source is paused: a source that is kept from sending is not
 * idle, and would have its rows declared late if it were. O(1) each.
 */
import {
  addTime,
  type JsonValue,
  jsonFields,
  laterOf,
  msToNs,
  type Time,
  type TimeDomain,
  timeFromJson,
  timeToJson,
  wallTime,
} from './time-math.js';
import type { ObservedBatch, WatermarkStrategy } from './types.js';

/** What rows may be ahead of: the wall clock, or the input's newest row so far (plus the wall time since it came). */
export type AheadOf = 'wallClock' | 'newest';

export interface SourceClockOptions {
  readonly domain: TimeDomain;
  /** Null: never idle. */
  readonly idleTimeoutMs: number | null;
  /** Null: rows may be dated as they like. */
  readonly maxAhead: Time | null;
  readonly aheadOf: AheadOf;
}

export class SourceClock {
  readonly #strategy: WatermarkStrategy | null;
  readonly #options: SourceClockOptions;
  /** The highest watermark ever given. */
  #held: Time | null = null;
  #newest: Time | null = null;
  #newestAtMs = 0;
  /** Time without rows, up to `#since`. */
  #quietMs = 0;
  /** When the running stretch of it began; null while paused. */
  #since: number | null;
  #ended = false;

  /** `strategy` null: only `advance` moves it. */
  constructor(strategy: WatermarkStrategy | null, options: SourceClockOptions, nowMs: number) {
    this.#strategy = strategy;
    this.#options = options;
    this.#since = nowMs;
  }

  /** A batch has come; tells the strategy. */
  observe(batch: ObservedBatch, nowMs: number): void {
    if (batch.rows > 0) {
      this.#quietMs = 0;
      if (this.#since !== null) this.#since = nowMs;
    }
    const { max } = batch;
    if (max !== null && (typeof max === 'bigint' || Number.isFinite(max)) && (this.#newest ?? max) <= max) {
      this.#newest = max;
      this.#newestAtMs = nowMs;
    }
    this.#strategy?.observe(batch, nowMs);
  }

  /** A promise from outside. A lower one than before changes nothing. */
  advance(time: Time): void {
    this.#held = laterOf(this.#held, time);
  }

  /** No more rows will come from this source; it holds nothing back any more. */
  end(): void {
    this.#ended = true;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Back-pressured: nobody asks for rows, so their absence means nothing. */
  pause(nowMs: number): void {
    if (this.#since === null) return;
    this.#quietMs += Math.max(0, nowMs - this.#since);
    this.#since = null;
  }

  resume(nowMs: number): void {
    this.#since ??= nowMs;
  }

  get paused(): boolean {
    return this.#since === null;
  }

  /** Milliseconds since the last row, pauses not counted. */
  quietMs(nowMs: number): number {
    return this.#quietMs + (this.#since === null ? 0 : Math.max(0, nowMs - this.#since));
  }

  isIdle(nowMs: number): boolean {
    const { idleTimeoutMs } = this.#options;
    return !this.#ended && idleTimeoutMs !== null && this.quietMs(nowMs) >= idleTimeoutMs;
  }

  /** Milliseconds until it becomes idle; null where it never will as things stand. */
  idleInMs(nowMs: number): number | null {
    const { idleTimeoutMs } = this.#options;
    if (idleTimeoutMs === null || this.#ended || this.#since === null) return null;
    return Math.max(0, idleTimeoutMs - this.quietMs(nowMs));
  }

  /** The watermark; never lower than before. Null: no promise yet. */
  current(nowMs: number): Time | null {
    if (this.#strategy !== null) this.#held = laterOf(this.#held, this.#strategy.current(nowMs));
    return this.#held;
  }

  /** The newest time taken. */
  get newest(): Time | null {
    return this.#newest;
  }

  /**
   * The latest time a row may have; null for any. Ahead of 'newest', the first batch is free (there is nothing to
   * compare it with), and the bound moves with wall time, so that a market that opens after a night is not refused.
   */
  maxTime(nowMs: number): Time | null {
    const { maxAhead, aheadOf, domain } = this.#options;
    if (maxAhead === null) return null;
    if (aheadOf === 'wallClock') {
      const now = wallTime(nowMs, domain);
      return now === null ? null : addTime(now, maxAhead);
    }
    if (this.#newest === null) return null;
    const elapsed = Math.max(0, nowMs - this.#newestAtMs);
    return addTime(domain === 'temporal' ? addTime(this.#newest, msToNs(elapsed)) : this.#newest, maxAhead);
  }

  snapshot(): JsonValue {
    return {
      held: timeToJson(this.#held),
      newest: timeToJson(this.#newest),
      ended: this.#ended,
      strategy: this.#strategy?.snapshot() ?? null,
    };
  }

  /** Timers start anew: time that the process was down for is not the source's silence. */
  restore(json: JsonValue, nowMs: number): void {
    const fields = jsonFields(json, 'watermark.source');
    this.#held = timeFromJson(fields.held, 'watermark.held');
    this.#newest = timeFromJson(fields.newest, 'watermark.newest');
    this.#newestAtMs = nowMs;
    this.#ended = fields.ended === true;
    this.#quietMs = 0;
    if (this.#since !== null) this.#since = nowMs;
    if (this.#strategy !== null) this.#strategy.restore(fields.strategy ?? null);
  }
}
