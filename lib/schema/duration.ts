/**
 * Durations as people write them and as the library counts them: int64 nanoseconds in a bigint, exactly.
 *
 * Grammar: one or more `<number><unit>` parts, each unit at most once, blanks allowed between parts. Units: ns, us
 * (µs), ms, s, m (min), h, d, w. A fraction is allowed where it is a whole number of nanoseconds: `1.5s`, `0.25us`.
 * Months and years have no fixed length and are refused.
 */
import { fail, rangeError, typeError } from '../internal/validate.js';

export const INT64_MAX = 2n ** 63n - 1n;
export const INT64_MIN = -(2n ** 63n);

const UNITS: ReadonlyMap<string, bigint> = new Map([
  ['ns', 1n],
  ['us', 1_000n],
  ['µs', 1_000n],
  ['μs', 1_000n],
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['min', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
  ['d', 86_400_000_000_000n],
  ['w', 604_800_000_000_000n],
]);
const EXAMPLES = "a duration such as '250us', '5s', '1h30m' or '2d', or a bigint of nanoseconds";
const PART = /(\d+)(?:\.(\d+))?\s*([a-zA-Z\u00b5\u03bc]+)\s*/y;

function parsePart(whole: string, fraction: string, nsPerUnit: bigint): bigint | null {
  const denominator = 10n ** BigInt(fraction.length);
  const scaled = BigInt(whole + fraction) * nsPerUnit;
  return scaled % denominator === 0n ? scaled / denominator : null;
}

/**
 * Nanoseconds of a duration string, or of a bigint that already counts nanoseconds.
 *
 * Throws FS_ERR_ARG_TYPE for anything else (a number never carries a time), and FS_ERR_ARG_RANGE for a string that
 * is no duration, a negative one, a fraction of a nanosecond, or more than int64 holds (about 292 years).
 */
export function parseDuration(value: unknown, where: string): bigint {
  if (typeof value === 'bigint') {
    if (value < 0n) throw rangeError(where, 'zero or more nanoseconds', value);
    if (value > INT64_MAX) throw rangeError(where, 'at most 2^63 - 1 nanoseconds', value);
    return value;
  }
  if (typeof value !== 'string') throw typeError(where, EXAMPLES, value);
  const text = value.trim();
  if (text.startsWith('-')) throw rangeError(where, 'zero or more', value);
  const seen = new Set<bigint>();
  let total = 0n;
  let position = 0;
  while (position < text.length || seen.size === 0) {
    PART.lastIndex = position;
    const match = PART.exec(text);
    if (match === null) throw rangeError(where, EXAMPLES, value);
    const [part, whole = '', fraction = '', unit = ''] = match;
    const nsPerUnit = UNITS.get(unit);
    if (nsPerUnit === undefined) {
      const hint = /^(mo|M|q|Q|y|Y)/.test(unit) ? ' (months, quarters and years have no fixed length)' : '';
      fail('FS_ERR_ARG_RANGE', `${where} must be ${EXAMPLES}, got the unknown unit '${unit}' in '${value}'${hint}`, {
        where,
        received: value,
        unit,
      });
    }
    if (seen.has(nsPerUnit)) {
      fail('FS_ERR_ARG_RANGE', `${where} must have each unit once, got '${unit}' twice in '${value}'`, {
        where,
        received: value,
        unit,
      });
    }
    seen.add(nsPerUnit);
    const ns = parsePart(whole, fraction, nsPerUnit);
    if (ns === null) throw rangeError(where, 'a whole number of nanoseconds', value);
    total += ns;
    position += part.length;
  }
  if (total > INT64_MAX) throw rangeError(where, 'at most 2^63 - 1 nanoseconds', value);
  return total;
}

const FORMAT_UNITS: readonly (readonly [string, bigint])[] = [
  ['d', 86_400_000_000_000n],
  ['h', 3_600_000_000_000n],
  ['m', 60_000_000_000n],
  ['s', 1_000_000_000n],
  ['ms', 1_000_000n],
  ['us', 1_000n],
  ['ns', 1n],
];

/** The shortest exact spelling that `parseDuration` reads back: `5400000000000n` is `1h30m`, `0n` is `0ns`. */
export function formatDuration(ns: bigint): string {
  if (ns < 0n) return `-${formatDuration(-ns)}`;
  let rest = ns;
  let text = '';
  for (const [unit, size] of FORMAT_UNITS) {
    const count = rest / size;
    rest %= size;
    if (count > 0n) text += `${count}${unit}`;
  }
  return text === '' ? '0ns' : text;
}
