/**
 * The watermark of an input: the least of its sources'. A source that is idle or has ended holds nothing back; where
 * all are idle the input is, and its watermark is the greatest of theirs (nothing says that time went further). It
 * never goes back: rows of a source that returns from idleness below it are late, by the input's policy. O(sources).
 */
import { fail } from '../../internal/validate.js';
import { SourceClock, type SourceClockOptions } from './source-clock.js';
import { endOfTime, type JsonValue, jsonFields, laterOf, type Time, timeFromJson, timeToJson } from './time-math.js';
import type { ObservedBatch, WatermarkPlan } from './types.js';

export interface InputClockOptions extends SourceClockOptions {
  /** Null: only `advance` moves it. */
  readonly plan: WatermarkPlan | null;
}

export class InputClock {
  readonly options: InputClockOptions;
  readonly #sources = new Map<number, SourceClock>();
  #held: Time | null = null;

  constructor(options: InputClockOptions) {
    this.options = options;
  }

  /** The clock of a source, made at the first call. A source should be named before its first row where it may be slow. */
  source(id: number, nowMs: number): SourceClock {
    let clock = this.#sources.get(id);
    if (clock === undefined) {
      clock = new SourceClock(this.options.plan?.create(this.options.domain) ?? null, this.options, nowMs);
      this.#sources.set(id, clock);
    }
    return clock;
  }

  get sources(): ReadonlyMap<number, SourceClock> {
    return this.#sources;
  }

  observe(source: number, batch: ObservedBatch, nowMs: number): void {
    this.source(source, nowMs).observe(batch, nowMs);
  }

  /** For the whole input (`source` null) or one source of it. Lower than before: no change. */
  advance(time: Time, source: number | null, nowMs: number): void {
    if (source === null) this.#held = laterOf(this.#held, time);
    else this.source(source, nowMs).advance(time);
  }

  /** Back-pressure on every source of the input. */
  pause(nowMs: number): void {
    for (const clock of this.#sources.values()) clock.pause(nowMs);
  }

  resume(nowMs: number): void {
    for (const clock of this.#sources.values()) clock.resume(nowMs);
  }

  /** All sources are idle, or ended but for idle ones. */
  isIdle(nowMs: number): boolean {
    let idle = 0;
    for (const clock of this.#sources.values()) {
      if (clock.ended) continue;
      if (!clock.isIdle(nowMs)) return false;
      idle++;
    }
    return idle > 0;
  }

  /** Every source has ended (there was one at least). */
  get ended(): boolean {
    for (const clock of this.#sources.values()) if (!clock.ended) return false;
    return this.#sources.size > 0;
  }

  /** Null: no promise yet. */
  current(nowMs: number): Time | null {
    if (this.ended) return (this.#held = endOfTime(this.options.domain));
    let least: Time | null = null;
    let silent = false;
    let active = 0;
    let greatest: Time | null = null;
    for (const clock of this.#sources.values()) {
      if (clock.ended) continue;
      const time = clock.current(nowMs);
      greatest = laterOf(greatest, time);
      if (clock.isIdle(nowMs)) continue;
      active++;
      if (time === null) silent = true;
      else if (least === null || time < least) least = time;
    }
    const found = active === 0 ? greatest : silent ? null : least;
    this.#held = laterOf(this.#held, found);
    return this.#held;
  }

  /** The newest time that any source gave. */
  get newest(): Time | null {
    let newest: Time | null = null;
    for (const clock of this.#sources.values()) newest = laterOf(newest, clock.newest);
    return newest;
  }

  /** The latest time that a row of `source` may have; null for any. 'newest' looks at all sources of the input. */
  maxTime(source: number, nowMs: number): Time | null {
    const own = this.source(source, nowMs).maxTime(nowMs);
    if (this.options.aheadOf === 'wallClock') return own;
    let bound: Time | null = own;
    for (const clock of this.#sources.values()) bound = laterOf(bound, clock.maxTime(nowMs));
    return bound;
  }

  /** Milliseconds until a source becomes idle: when it is worth looking again. Null: not by itself. */
  nextChangeMs(nowMs: number): number | null {
    let next: number | null = null;
    for (const clock of this.#sources.values()) {
      const wait = clock.isIdle(nowMs) ? null : clock.idleInMs(nowMs);
      if (wait !== null && (next === null || wait < next)) next = wait;
    }
    return next;
  }

  snapshot(): JsonValue {
    return {
      held: timeToJson(this.#held),
      sources: [...this.#sources].map(([id, clock]) => [id, clock.snapshot()]),
    };
  }

  restore(json: JsonValue, nowMs: number): void {
    const fields = jsonFields(json, 'watermark.input');
    const held = timeFromJson(fields.held, 'watermark.held');
    const sources = Array.isArray(fields.sources) ? (fields.sources as readonly JsonValue[]) : [];
    const restored = sources.map((entry): [number, SourceClock] => {
      const [id, state] = Array.isArray(entry) ? (entry as readonly JsonValue[]) : [];
      if (typeof id !== 'number' || state === undefined) fail('FS_ERR_ARG_TYPE', 'watermark.sources: not a snapshot');
      const clock = new SourceClock(this.options.plan?.create(this.options.domain) ?? null, this.options, nowMs);
      clock.restore(state, nowMs);
      return [id, clock];
    });
    this.#held = held;
    this.#sources.clear();
    for (const [id, clock] of restored) this.#sources.set(id, clock);
  }
}
