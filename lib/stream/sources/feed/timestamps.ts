/** Times of market feeds as int64 nanoseconds since 1970, exactly. */
import { INT64_MAX, INT64_MIN } from '../../../schema/duration.js';

const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

/** RFC 3339 with up to nine decimals and a zone; null for anything else, impossible dates included. */
export function parseRfc3339(text: string): bigint | null {
  const match = RFC3339.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, fraction = '', sign, offsetHour = '0', offsetMinute = '0'] = match;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return null;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return null;
  if (Number(offsetHour) > 23 || Number(offsetMinute) > 59) return null;
  const offset = (Number(offsetHour) * 60 + Number(offsetMinute)) * (sign === '-' ? -60 : 60);
  const seconds = date.getTime() / 1000 + Number(hour) * 3600 + Number(minute) * 60 + Number(second) - offset;
  return inRange(BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0')));
}

export type EpochUnit = 's' | 'ms' | 'us' | 'ns';

const NS: Readonly<Record<EpochUnit, bigint>> = { s: 1_000_000_000n, ms: 1_000_000n, us: 1000n, ns: 1n };

/** Whole epoch units; null for what is no integer, or a number too large to be exact. */
export function parseEpoch(value: unknown, unit: EpochUnit): bigint | null {
  if (typeof value === 'bigint') return inRange(value * NS[unit]);
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) return null;
  return inRange(BigInt(value) * NS[unit]);
}

function inRange(ns: bigint): bigint | null {
  return ns < INT64_MIN || ns > INT64_MAX ? null : ns;
}
