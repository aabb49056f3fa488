/**
 * Types of CSV columns from their text. A column gets the narrowest type that every one of its values has:
 * int64, uint64, float64 (a number with a point or an exponent somewhere), bool (true, false), date, timestamp[ns]
 * (with or without a zone, not both), time[ns], else text. Numbers with leading zeros and integers beyond 64 bits stay
 * text: they are identifiers. `T` and `F` are text: they are ticker symbols. O(fields).
 */
import { hasLeadingZero, parseBool, parseClock, parseFloat64, parseInstant, parseInteger } from './csv-bytes.js';
import { INT64, UINT64, type CsvType } from './csv-schema.js';

const INT = 1;
const UINT = 2;
const FLOAT = 4;
const BOOL = 8;
const DATE = 16;
const NAIVE = 32;
const ZONED = 64;
const TIME = 128;
const ALL = 255;

const INT64_MAX = 2n ** 63n - 1n;
const UINT64_MAX = 2n ** 64n - 1n;

/** Spellings that a float column writes; a column of nothing else is one. */
const SPECIAL = new Set(['NaN', 'Infinity', '-Infinity']);

/** The types one value could have. */
function classify(bytes: Uint8Array, from: number, to: number): number {
  const first = bytes[from] ?? 0;
  const numeric = (first >= 48 && first <= 57) || first === 45 || first === 43 || first === 46;
  if (!numeric) {
    if (parseBool(bytes, from, to) !== null) return BOOL;
    return isSpecial(bytes, from, to) ? FLOAT : 0;
  }
  if (bytes[from + 4] === 45 && to - from >= 10) {
    const instant = parseInstant(bytes, from, to);
    if (instant === null) return 0;
    if (to - from === 10) return DATE | NAIVE;
    return instant.zoned ? ZONED : NAIVE;
  }
  if (bytes[from + 2] === 58) {
    const clock = parseClock(bytes, from, to);
    return clock !== null && clock.end === to ? TIME : 0;
  }
  if (hasLeadingZero(bytes, from, to)) return 0;
  const integer = parseInteger(bytes, from, to);
  if (integer !== null) {
    const signed = integer <= INT64_MAX && integer >= -INT64_MAX - 1n ? INT | FLOAT : 0;
    return signed | (integer >= 0n && integer <= UINT64_MAX ? UINT : 0);
  }
  if (isAllDigits(bytes, from, to)) return 0;
  const last = bytes[to - 1] ?? 0;
  if (last > 57) return isSpecial(bytes, from, to) ? FLOAT : 0;
  return parseFloat64(bytes, from, to) === null ? 0 : FLOAT;
}

function isAllDigits(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const byte = bytes[i] ?? 0;
    if ((byte < 48 || byte > 57) && !(i === from && (byte === 45 || byte === 43))) return false;
  }
  return true;
}

function isSpecial(bytes: Uint8Array, from: number, to: number): boolean {
  return SPECIAL.has(Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1'));
}

/** What is known about one column so far. */
export class TypeGuess {
  private possible = ALL;
  private seen = false;

  /** Nulls tell nothing; do not pass them. */
  add(bytes: Uint8Array, from: number, to: number): void {
    this.seen = true;
    if (this.possible !== 0) this.possible &= classify(bytes, from, to);
  }

  /** True when nothing but nulls was seen. */
  get unknown(): boolean {
    return !this.seen;
  }

  /** The type so far; text when only nulls were seen. */
  type(): CsvType {
    const { possible } = this;
    if (!this.seen) return { kind: 'text' };
    if ((possible & INT) !== 0) return INT64;
    if ((possible & UINT) !== 0) return UINT64;
    if ((possible & FLOAT) !== 0) return { kind: 'float', bits: 64 };
    if ((possible & BOOL) !== 0) return { kind: 'bool' };
    if ((possible & DATE) !== 0) return { kind: 'date' };
    if ((possible & NAIVE) !== 0) return { kind: 'timestamp', unit: 'ns', zone: null, epoch: null };
    if ((possible & ZONED) !== 0) return { kind: 'timestamp', unit: 'ns', zone: 'UTC', epoch: null };
    if ((possible & TIME) !== 0) return { kind: 'time', unit: 'ns' };
    return { kind: 'text' };
  }
}
