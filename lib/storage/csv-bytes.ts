/**
 * Exact parsing of CSV fields from bytes: no field becomes a JavaScript number on its way to an integer or a time.
 * Every function takes the field as bytes [from, to) and answers null when the text is not of its type.
 */

const ZERO = 48;
const NINE = 57;

function isDigit(byte: number | undefined): byte is number {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}

/** Decimal digits as a bigint; null when empty or longer than 20 digits. */
export function parseInteger(bytes: Uint8Array, from: number, to: number): bigint | null {
  let at = from;
  const sign = bytes[at];
  if (sign === 45 || sign === 43) at++;
  const digits = to - at;
  if (digits < 1 || digits > 20) return null;
  let high = 0;
  let low = 0;
  for (let i = at; i < to; i++) {
    const byte = bytes[i];
    if (!isDigit(byte)) return null;
    if (to - i > 15) high = high * 10 + (byte - ZERO);
    else low = low * 10 + (byte - ZERO);
  }
  const value = high === 0 ? BigInt(low) : BigInt(high) * 1_000_000_000_000_000n + BigInt(low);
  return sign === 45 ? -value : value;
}

/** True for digits with a leading zero ("007"): an identifier rather than a number. */
export function hasLeadingZero(bytes: Uint8Array, from: number, to: number): boolean {
  const at = bytes[from] === 45 || bytes[from] === 43 ? from + 1 : from;
  return bytes[at] === ZERO && isDigit(bytes[at + 1]) && at + 1 < to;
}

const POWERS = Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));

/** A decimal float, correctly rounded; also NaN, inf and Infinity in any case. */
export function parseFloat64(bytes: Uint8Array, from: number, to: number): number | null {
  let at = from;
  const negative = bytes[at] === 45;
  if (negative || bytes[at] === 43) at++;
  let mantissa = 0;
  let digits = 0;
  let fraction = 0;
  let seenPoint = false;
  for (; at < to; at++) {
    const byte = bytes[at];
    if (isDigit(byte)) {
      mantissa = mantissa * 10 + (byte - ZERO);
      digits++;
      if (seenPoint) fraction++;
    } else if (byte === 46 && !seenPoint) {
      seenPoint = true;
    } else {
      break;
    }
  }
  // Exact operands and one division: correctly rounded (Clinger 1990). 15 digits are below 2^53.
  if (at === to && digits > 0 && digits <= 15) {
    const value = fraction === 0 ? mantissa : mantissa / (POWERS[fraction] ?? 1);
    return negative ? -value : value;
  }
  return parseFloatSlow(Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1'));
}

const FLOAT = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const SPECIAL = /^([+-]?)(nan|inf|infinity)$/i;

function parseFloatSlow(text: string): number | null {
  if (FLOAT.test(text)) return Number(text);
  const special = SPECIAL.exec(text);
  if (special === null) return null;
  if (special[2]?.toLowerCase() === 'nan') return NaN;
  return special[1] === '-' ? -Infinity : Infinity;
}

/** `true` or `false`, in any case. */
export function parseBool(bytes: Uint8Array, from: number, to: number): boolean | null {
  if (to - from !== 4 && to - from !== 5) return null;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from)
    .toString('latin1')
    .toLowerCase();
  return text === 'true' ? true : text === 'false' ? false : null;
}

function digitsAt(bytes: Uint8Array, from: number, count: number): number {
  let value = 0;
  for (let i = from; i < from + count; i++) {
    const byte = bytes[i];
    if (!isDigit(byte)) return -1;
    value = value * 10 + (byte - ZERO);
  }
  return value;
}

/** Days from 1970-01-01 of a proleptic Gregorian date (Howard Hinnant's days_from_civil). */
function daysOf(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const ofEra = y - era * 400;
  const ofYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146_097 + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear - 719_468;
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** `YYYY-MM-DD` as days since 1970-01-01. */
export function parseDate(bytes: Uint8Array, from: number, to: number): number | null {
  if (to - from !== 10 || bytes[from + 4] !== 45 || bytes[from + 7] !== 45) return null;
  const year = digitsAt(bytes, from, 4);
  const month = digitsAt(bytes, from + 5, 2);
  const day = digitsAt(bytes, from + 8, 2);
  if (year < 0 || month < 1 || month > 12 || day < 1) return null;
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 1 : 0;
  if (day > (MONTH_DAYS[month - 1] ?? 0) + leap) return null;
  return daysOf(year, month, day);
}

/** Time of day: whole seconds, and nanoseconds of the second. */
export interface ClockTime {
  seconds: number;
  nanos: number;
  /** Decimals of the second that were written. */
  decimals: number;
  /** Where parsing stopped. */
  end: number;
}

/** `HH:MM[:SS[.f{1,9}]]` at `from`; the caller looks at what follows `end`. */
export function parseClock(bytes: Uint8Array, from: number, to: number): ClockTime | null {
  if (to - from < 5 || bytes[from + 2] !== 58) return null;
  const hours = digitsAt(bytes, from, 2);
  const minutes = digitsAt(bytes, from + 3, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return null;
  let end = from + 5;
  let seconds = 0;
  let nanos = 0;
  let decimals = 0;
  if (end < to && bytes[end] === 58) {
    if (to - end < 3) return null;
    seconds = digitsAt(bytes, end + 1, 2);
    if (seconds < 0 || seconds > 59) return null;
    end += 3;
    if (end < to && (bytes[end] === 46 || bytes[end] === 44)) {
      end++;
      const start = end;
      while (end < to && isDigit(bytes[end])) {
        nanos = nanos * 10 + ((bytes[end] ?? ZERO) - ZERO);
        end++;
      }
      decimals = end - start;
      if (decimals === 0 || decimals > 9) return null;
      nanos *= POWERS[9 - decimals] ?? 1;
    }
  }
  return { seconds: hours * 3600 + minutes * 60 + seconds, nanos, decimals, end };
}

export interface Instant {
  /** Whole seconds since 1970-01-01 (UTC where a zone was written, else of the naive clock). */
  seconds: number;
  nanos: number;
  /** Smallest power of ten that the nanoseconds need: 9 for all digits, 0 for whole seconds. */
  decimals: number;
  zoned: boolean;
}

/** ISO 8601: a date, or a date, `T` or a space, a time with up to nine decimals, and `Z`, `±HH`, `±HHMM` or `±HH:MM`. */
export function parseInstant(bytes: Uint8Array, from: number, to: number): Instant | null {
  const days = to - from < 10 ? null : parseDate(bytes, from, from + 10);
  if (days === null) return null;
  if (to - from === 10) return { seconds: days * 86_400, nanos: 0, decimals: 0, zoned: false };
  const separator = bytes[from + 10];
  if (separator !== 84 && separator !== 32 && separator !== 116) return null;
  const clock = parseClock(bytes, from + 11, to);
  if (clock === null) return null;
  const offset = parseOffset(bytes, clock.end, to);
  if (offset === null) return null;
  const decimals = clock.nanos === 0 ? 0 : clock.decimals;
  return {
    seconds: days * 86_400 + clock.seconds - (offset ?? 0),
    nanos: clock.nanos,
    decimals,
    zoned: offset !== undefined,
  };
}

/** Seconds east of UTC; undefined where nothing is written, null where it is no zone. */
function parseOffset(bytes: Uint8Array, from: number, to: number): number | null | undefined {
  if (from === to) return undefined;
  const sign = bytes[from];
  if ((sign === 90 || sign === 122) && to - from === 1) return 0;
  if (sign !== 43 && sign !== 45) return null;
  const digits = to - from - 1;
  const colon = bytes[from + 3] === 58 ? 1 : 0;
  const hours = digitsAt(bytes, from + 1, 2);
  const minutes = digits === 2 ? 0 : digits === 4 + colon ? digitsAt(bytes, from + 3 + colon, 2) : -1;
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return null;
  return (sign === 45 ? -1 : 1) * (hours * 3600 + minutes * 60);
}
