/** The strategies that come with the library. Each is O(1) per batch and holds a time or two. */
import { DataType, type RecordBatch, TimeUnit } from 'apache-arrow';

import { fail, requireRecord, rejectUnknown, typeError, requireOneOf } from '../../internal/validate.js';
import { nsPerUnit, timeTypeOf } from '../../schema/time-type.js';
import {
  addTime,
  type Distance,
  type JsonValue,
  jsonFields,
  laterOf,
  msToNs,
  parseDistance,
  subtractTime,
  type Time,
  type TimeDomain,
  timeFromJson,
  timeToJson,
  wallTime,
} from './time-math.js';
import type { Clock, ObservedBatch, WatermarkPlan, WatermarkStrategy } from './types.js';

/** An infinite float time says nothing about the finite ones that may follow it. */
function isMark(time: Time | null | undefined): time is Time {
  return time != null && (typeof time === 'bigint' || Number.isFinite(time));
}

class BoundedDisorder implements WatermarkStrategy {
  #newest: Time | null = null;

  constructor(private readonly disorder: Time) {}

  observe({ max }: ObservedBatch): void {
    if (isMark(max)) this.#newest = laterOf(this.#newest, max);
  }

  current(): Time | null {
    return this.#newest === null ? null : subtractTime(this.#newest, this.disorder);
  }

  snapshot(): JsonValue {
    return { newest: timeToJson(this.#newest) };
  }

  restore(json: JsonValue): void {
    this.#newest = timeFromJson(jsonFields(json, 'watermark').newest, 'watermark.newest');
  }
}

/**
 * Rows come at most `disorder` after the newest row so far: the watermark is the newest time minus `disorder`.
 * A duration, a bigint of nanoseconds, or for plain number columns a distance in their unit.
 */
export function boundedDisorder(disorder: Distance): WatermarkPlan {
  if (!['string', 'bigint', 'number'].includes(typeof disorder)) {
    throw typeError('boundedDisorder', 'a distance in time', disorder);
  }
  if (typeof disorder === 'string') parseDistance(disorder, 'temporal', 'boundedDisorder');
  return {
    kind: 'boundedDisorder',
    create: (domain) => new BoundedDisorder(parseDistance(disorder, domain, 'boundedDisorder')),
  };
}

/** Times never go back: the watermark is the newest time. More rows of that time may follow. */
export function monotone(): WatermarkPlan {
  return { kind: 'monotone', create: (domain) => new BoundedDisorder(domain === 'float' ? 0 : 0n) };
}

class Punctuated implements WatermarkStrategy {
  #mark: Time | null = null;

  observe({ punctuation }: ObservedBatch): void {
    if (punctuation != null && !Number.isNaN(punctuation)) this.#mark = laterOf(this.#mark, punctuation);
  }

  current(): Time | null {
    return this.#mark;
  }

  snapshot(): JsonValue {
    return { mark: timeToJson(this.#mark) };
  }

  restore(json: JsonValue): void {
    this.#mark = timeFromJson(jsonFields(json, 'watermark').mark, 'watermark.mark');
  }
}

/**
 * The rows say it: a column that holds the watermark in some rows and null in the others (the greatest of a batch
 * counts, once the whole batch was taken), or a function of the batch.
 */
export function punctuated(by: string | ((batch: RecordBatch) => Time | null)): WatermarkPlan {
  if (typeof by !== 'string' && typeof by !== 'function') {
    throw typeError('punctuated', 'a column name or a function of a batch', by);
  }
  return {
    kind: 'punctuated',
    create: () => new Punctuated(),
    punctuation: typeof by === 'function' ? by : (batch) => greatestTime(batch, by),
  };
}

/**
 * The greatest value of a time column, null where it has none: ns for temporal types. Reads raw values: apache-arrow's
 * are rounded to ms. O(rows).
 */
export function greatestTime(batch: RecordBatch, name: string): Time | null {
  const index = batch.schema.fields.findIndex((field) => field.name === name);
  const data = batch.data.children[index];
  if (index < 0 || data === undefined) {
    fail('FS_ERR_COLUMN_MISSING', `there is no column ${name} to take times from`, { column: name });
  }
  const time = timeTypeOf(data.type);
  if (time === null) fail('FS_ERR_SCHEMA', `column ${name} holds no times`, { column: name });
  const scale = nsPerUnit(time.unit);
  const values = data.values as ArrayLike<bigint | number>;
  const paired = values instanceof Int32Array && is64Bit(data.type) ? int64Of(values) : values;
  let best: Time | null = null;
  for (let row = 0; row < data.length; row++) {
    if (!data.getValid(row)) continue;
    const value = paired[row];
    if (value === undefined || Number.isNaN(value)) continue;
    best = laterOf(best, time.family === 'float' ? value : BigInt(value) * scale);
  }
  return best;
}

function is64Bit(type: DataType): boolean {
  return DataType.isTime(type) && (type.unit === TimeUnit.MICROSECOND || type.unit === TimeUnit.NANOSECOND);
}

function int64Of(words: Int32Array): BigInt64Array {
  return new BigInt64Array(words.buffer, words.byteOffset, words.length >> 1);
}

class WallClock implements WatermarkStrategy {
  #mark: Time | null = null;

  constructor(
    private readonly delay: bigint,
    private readonly clock: Clock | null,
  ) {}

  observe(): void {
    // Only the clock counts.
  }

  current(nowMs: number): Time | null {
    const now = wallTime(this.clock === null ? nowMs : this.clock(), 'temporal')!;
    // A clock that is set back takes no promise back.
    this.#mark = laterOf(this.#mark, subtractTime(now, this.delay));
    return this.#mark;
  }

  snapshot(): JsonValue {
    return { mark: timeToJson(this.#mark) };
  }

  restore(json: JsonValue): void {
    this.#mark = timeFromJson(jsonFields(json, 'watermark').mark, 'watermark.mark');
  }
}

class DataClock implements WatermarkStrategy {
  /** Newest time plus wall time since, at its best: what a slower restart must not fall below. */
  #mark: bigint | null = null;
  #newest: bigint | null = null;
  #atMs = 0;

  constructor(
    private readonly delay: bigint,
    private readonly clock: Clock | null,
  ) {}

  observe({ max }: ObservedBatch, nowMs: number): void {
    if (typeof max !== 'bigint') return;
    const now = this.#now(nowMs);
    const reached = this.#reached(now);
    if (reached !== null && max <= reached) return;
    this.#newest = max;
    this.#atMs = now;
  }

  current(nowMs: number): Time | null {
    const reached = this.#reached(this.#now(nowMs));
    if (reached === null) return this.#mark;
    this.#mark = laterOf(this.#mark, subtractTime(reached, this.delay)) as bigint;
    return this.#mark;
  }

  #now(nowMs: number): number {
    return this.clock === null ? nowMs : this.clock();
  }

  #reached(nowMs: number): bigint | null {
    if (this.#newest === null) return null;
    return addTime(this.#newest, msToNs(Math.max(0, nowMs - this.#atMs))) as bigint;
  }

  snapshot(): JsonValue {
    return { mark: timeToJson(this.#mark) };
  }

  restore(json: JsonValue): void {
    // The time the process was down for is no time of the data: the clock starts again with the next row.
    this.#mark = timeFromJson(jsonFields(json, 'watermark').mark, 'watermark.mark') as bigint | null;
    this.#newest = null;
  }
}

export interface WallClockOptions {
  /** How long after its time a row may come, at most. */
  readonly delay: string | bigint;
  /**
   * `'epoch'` (default): the watermark is the wall clock minus `delay`; for rows dated by the same clock. `'data'`: the
   * newest row's time, plus the wall time since it came, minus `delay`; for feeds whose clock differs, and replays at
   * the speed of the market.
   */
  readonly anchor?: 'epoch' | 'data';
  /** Default: the clock of the join. */
  readonly clock?: Clock;
}

/** Advances with wall time, data or not. For temporal columns only: FS_ERR_ARG_TYPE for plain numbers. */
export function wallClock(options: WallClockOptions): WatermarkPlan {
  const given = requireRecord(options, 'wallClock');
  rejectUnknown(given, 'wallClock', ['delay', 'anchor', 'clock']);
  const delay = parseDistance(given.delay, 'temporal', 'wallClock.delay') as bigint;
  const anchor =
    given.anchor === undefined ? 'epoch' : requireOneOf(given.anchor, 'wallClock.anchor', ['epoch', 'data']);
  if (given.clock !== undefined && typeof given.clock !== 'function') {
    throw typeError('wallClock.clock', 'a function that gives milliseconds since 1970', given.clock);
  }
  const clock = options.clock ?? null;
  return {
    kind: 'wallClock',
    create(domain: TimeDomain): WatermarkStrategy {
      if (domain !== 'temporal') throw typeError('wallClock', 'used with a temporal time column', domain);
      return anchor === 'epoch' ? new WallClock(delay, clock) : new DataClock(delay, clock);
    },
  };
}

/** True for what `boundedDisorder` and its like give, or something of the same shape. */
export function isWatermarkPlan(value: unknown): value is WatermarkPlan {
  return typeof value === 'object' && value !== null && typeof (value as { create?: unknown }).create === 'function';
}
