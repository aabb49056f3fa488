/**
 * Arithmetic on times as callers see them: bigint (int64: nanoseconds of temporal columns, the own unit of integer ones)
 * or number (float columns). int64 saturates: a watermark near an end of the range stays there instead of wrapping
 * around, which would release every row at once.
 */
import { isRecord, rangeError, typeError } from '../../internal/validate.js';
import { INT64_MAX, INT64_MIN, parseDuration } from '../../schema/duration.js';

/** A time of one input: bigint or, for float columns, number. One input never mixes the two. */
export type Time = bigint | number;

/** What the times of a column are: an instant or span in ns, or a plain number in its own unit. */
export type TimeDomain = 'temporal' | 'integer' | 'float';

/** A distance in time as options take it: duration text or bigint; for float columns a number. */
export type Distance = string | bigint | number;

export function clampInt64(value: bigint): bigint {
  return value > INT64_MAX ? INT64_MAX : value < INT64_MIN ? INT64_MIN : value;
}

/** `time + distance`; int64 saturates. */
export function addTime(time: Time, distance: Time): Time {
  return typeof time === 'bigint' ? clampInt64(time + (distance as bigint)) : time + (distance as number);
}

/** `time - distance`; int64 saturates. */
export function subtractTime(time: Time, distance: Time): Time {
  return typeof time === 'bigint' ? clampInt64(time - (distance as bigint)) : time - (distance as number);
}

/** The later of two; null is before everything. */
export function laterOf(a: Time | null, b: Time | null): Time | null {
  if (a === null) return b;
  return b === null || b < a ? a : b;
}

/** The last time there is: what a watermark becomes when its input has ended. */
export function endOfTime(domain: TimeDomain): Time {
  return domain === 'float' ? Infinity : INT64_MAX;
}

/** The time right after `time`, or `time` where none follows. */
export function timeAfter(time: Time): Time {
  if (typeof time === 'bigint') return clampInt64(time + 1n);
  if (!Number.isFinite(time)) return time;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, time === 0 ? 0 : time);
  view.setBigInt64(0, view.getBigInt64(0) + (time < 0 ? -1n : 1n));
  return view.getFloat64(0);
}

/**
 * Wall time as a time of the domain; it is epoch nanoseconds where the columns are. Rounded down to a microsecond, which
 * is all that a number of milliseconds holds for today's dates. Null for other domains: plain numbers have no epoch.
 */
export function wallTime(nowMs: number, domain: TimeDomain): bigint | null {
  return domain === 'temporal' ? msToNs(nowMs) : null;
}

/** Nanoseconds of a span or instant in milliseconds, rounded down to a microsecond, saturating. */
export function msToNs(ms: number): bigint {
  if (!(Math.abs(ms) < 1e13)) return ms > 0 ? INT64_MAX : INT64_MIN;
  return clampInt64(BigInt(Math.floor(ms * 1000)) * 1000n);
}

/** A distance in the domain's unit. FS_ERR_ARG_TYPE or FS_ERR_ARG_RANGE names the option `where`. */
export function parseDistance(value: unknown, domain: TimeDomain, where: string): Time {
  if (domain === 'temporal') return parseDuration(value, where);
  if (domain === 'integer') {
    if (typeof value !== 'bigint') throw typeError(where, "a bigint in the integer column's own unit", value);
    if (value < 0n || value > INT64_MAX) throw rangeError(where, 'from 0 to 2^63 - 1', value);
    return value;
  }
  if (typeof value !== 'number') throw typeError(where, "a number in the float column's own unit", value);
  if (!(value >= 0) || value === Infinity) throw rangeError(where, 'finite and at least 0', value);
  return value;
}

/** Milliseconds of a duration option: what timers count in. At least one millisecond. */
export function parseMilliseconds(value: unknown, where: string): number {
  const ns = parseDuration(value, where);
  if (ns < 1_000_000n) throw rangeError(where, 'at least 1ms', value);
  return Number(ns) / 1e6;
}

/** What a snapshot holds, as JSON: bigint times are text that ends in `n`, infinities are text. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export function timeToJson(time: Time | null): JsonValue {
  if (typeof time === 'bigint') return `${time}n`;
  return time === null || Number.isFinite(time) ? time : String(time);
}

/** The inverse. FS_ERR_ARG_TYPE for what is no time. */
export function timeFromJson(json: JsonValue | undefined, where: string): Time | null {
  if (json === null || typeof json === 'number') return json;
  if (typeof json === 'string') {
    if (/^-?\d+n$/.test(json)) return clampInt64(BigInt(json.slice(0, -1)));
    if (json === 'Infinity' || json === '-Infinity') return Number(json);
  }
  throw typeError(where, 'a time of a snapshot', json);
}

/** The fields of a snapshot's object. */
export function jsonFields(json: JsonValue, where: string): { readonly [key: string]: JsonValue | undefined } {
  if (!isRecord(json)) throw typeError(where, 'a snapshot of a watermark', json);
  return json;
}
