/**
 * The watermarks of a running join: the clocks of its inputs and sources, which count as callers do, and what of them
 * the engine knows, which counts in the units of columns.
 */
import { type Data, RecordBatch, Struct, makeData } from 'apache-arrow';

import { createError } from '../errors/from-native.js';
import type { EngineTime, PushReport } from './engine/types.js';
import { typeError } from '../internal/validate.js';
import type { Rows } from './input-schema.js';
import type { StreamingSettings } from './parse-streaming.js';
import { fromEngineTime, type InputPlan, type StreamingPlan, toEngineTime } from './streaming-plan.js';
import {
  type Clock,
  InputClock,
  JoinClock,
  type JsonValue,
  parseDistance,
  type SourceClock,
  type Time,
} from './watermark/index.js';

export interface SourceProgress {
  readonly id: number;
  readonly time: Time | null;
  readonly idle: boolean;
}

export class JoinWatermarks {
  readonly #inputs: readonly InputPlan[];
  readonly #settings: StreamingSettings;
  readonly #clock: JoinClock;
  readonly #now: Clock;
  readonly #known: (EngineTime | null)[];
  readonly #given: (Time | null)[];

  constructor({ inputs }: StreamingPlan, settings: StreamingSettings) {
    this.#inputs = inputs;
    this.#settings = settings;
    this.#now = settings.clock;
    const nowMs = this.#now();
    const clocks = inputs.map(({ domain }, i) => {
      const { maxAhead, idleTimeoutMs, aheadOf } = settings;
      const clock = new InputClock({
        domain,
        idleTimeoutMs,
        maxAhead: maxAhead === null ? null : parseDistance(maxAhead, domain, 'maxAhead'),
        aheadOf: aheadOf ?? (domain === 'temporal' ? 'wallClock' : 'newest'),
        plan: settings.watermark[i] ?? null,
      });
      for (let source = 0; source < settings.sources[i]!; source++) clock.source(source, nowMs);
      return clock;
    });
    this.#clock = new JoinClock(clocks, settings.allIdle);
    this.#known = inputs.map(() => null);
    this.#given = inputs.map(() => null);
  }

  source(input: number, source: number): SourceClock {
    return this.#clock.inputs[input]!.source(source, this.#now());
  }

  /** The latest time, in the engine's unit, that a row of the source may have; null for any. */
  maxTime(input: number, source: number): EngineTime | null {
    if (this.#settings.maxAhead === null) return null;
    const time = this.#clock.inputs[input]!.maxTime(source, this.#now());
    return time === null ? null : toEngineTime(time, this.#inputs[input]!, 'maxAhead', 'down');
  }

  /** What the rows themselves promise. To be asked before they are pushed: a function of the caller's may throw. */
  punctuation(input: number, rows: Rows): Time | null {
    const { punctuation } = this.#settings.watermark[input] ?? {};
    return punctuation === undefined ? null : punctuation(batchOf(rows));
  }

  observe(input: number, source: number, rows: number, mark: Time | null, { minTime, maxTime }: PushReport): void {
    const plan = this.#inputs[input]!;
    const shown = (time: EngineTime | null): Time | null => (time === null ? null : fromEngineTime(time, plan));
    this.#clock.inputs[input]!.observe(
      source,
      { min: shown(minTime), max: shown(maxTime), rows, punctuation: mark },
      this.#now(),
    );
  }

  /** Throws FS_ERR_WATERMARK_REGRESSED for a time below the promise so far where `strict`. */
  advance(input: number, time: unknown, source: number | null, strict: boolean): void {
    const plan = this.#inputs[input]!;
    const where = `the watermark of '${plan.name}'`;
    if (typeof time !== 'bigint' && typeof time !== 'number') throw typeError(where, 'a bigint or a number', time);
    toEngineTime(time, plan, where, 'up');
    const typed: Time = plan.domain === 'float' ? Number(time) : BigInt(time);
    const clock = this.#clock.inputs[input]!;
    const nowMs = this.#now();
    const before = source === null ? clock.current(nowMs) : clock.source(source, nowMs).current(nowMs);
    if (strict && before !== null && typed < before) {
      throw createError('FS_ERR_WATERMARK_REGRESSED', `${where} is ${before}, and ${typed} is below it`, {
        details: { input: plan.name, time: typed, watermark: before, source },
      });
    }
    clock.advance(typed, source, nowMs);
  }

  /** Calls for each input whose watermark is higher than the engine knows. */
  forEachRisen(tell: (input: number, time: EngineTime) => void): void {
    const times = this.#clock.current(this.#now());
    for (let input = 0; input < times.length; input++) {
      const time = times[input]!;
      if (time === null || time === this.#given[input]) continue;
      this.#given[input] = time;
      const plan = this.#inputs[input]!;
      const engineTime = toEngineTime(time, plan, plan.name, 'up');
      const known = this.#known[input]!;
      if (known !== null && engineTime <= known) continue;
      this.#known[input] = engineTime;
      tell(input, engineTime);
    }
  }

  /** As callers count; null before the first promise. */
  given(input: number): Time | null {
    return this.#given[input] ?? null;
  }

  /** Where an input and its sources stand, for metrics: changes nothing that the engine knows. */
  progress(input: number): { time: Time | null; idle: boolean; sources: readonly SourceProgress[] } {
    const clock = this.#clock.inputs[input]!;
    const nowMs = this.#now();
    const sources = [...clock.sources].map(([id, source]) => ({
      id,
      time: source.current(nowMs),
      idle: source.isIdle(nowMs),
    }));
    return { time: this.given(input), idle: clock.isIdle(nowMs), sources };
  }

  nextChangeMs(): number | null {
    return this.#clock.nextChangeMs(this.#now());
  }

  snapshot(): JsonValue {
    return this.#clock.snapshot();
  }

  restore(json: JsonValue): void {
    this.#clock.restore(json, this.#now());
  }
}

function batchOf({ schema, length, columns }: Rows): RecordBatch {
  const children: Data[] = [...columns];
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length, nullCount: 0, children }));
}
