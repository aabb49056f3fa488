/**
 * Numbers of the book: ids, quantities and prices are whole and exact. A bigint is always taken; a JavaScript number
 * only where it is a safe integer. A price never goes through a float.
 */
import { fail, rangeError, typeError } from '../internal/validate.js';
import { INT64_MAX, INT64_MIN } from '../schema/duration.js';

const UINT64_MAX = 2n ** 64n - 1n;

/** A whole number: bigint, or a number that is a safe integer. */
export type Whole = bigint | number;
/** A price: whole ticks, or with `tickSize` a decimal string such as `'187.25'`. */
export type PriceLike = Whole | string;

function toBigint(value: unknown, where: string): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value !== 'number') throw typeError(where, 'a bigint or a safe integer', value);
  if (!Number.isSafeInteger(value)) throw rangeError(where, 'a bigint or a safe integer', value);
  return BigInt(value);
}

/** An id, quantity or other count: 0 to 2^64 - 1. */
export function toUint64(value: unknown, where: string): bigint {
  const whole = toBigint(value, where);
  if (whole < 0n || whole > UINT64_MAX) throw rangeError(where, 'from 0 to 2^64 - 1', value);
  return whole;
}

export function toInt64(value: unknown, where: string): bigint {
  const whole = toBigint(value, where);
  if (whole < INT64_MIN || whole > INT64_MAX) throw rangeError(where, 'from -2^63 to 2^63 - 1', value);
  return whole;
}

const DECIMAL = /^([+-]?)(\d+)(?:\.(\d+))?$/;

/** A decimal as units of 10^-places. */
function parseDecimal(text: string, where: string): { units: bigint; places: number } {
  const match = DECIMAL.exec(text);
  if (match === null) throw rangeError(where, "a decimal such as '187.25'", text);
  const fraction = match[3] ?? '';
  const units = BigInt(`${match[2] ?? ''}${fraction}`);
  return { units: match[1] === '-' ? -units : units, places: fraction.length };
}

/** What one tick is worth, exactly: ticks to decimals and back. */
export class TickSize {
  readonly #units: bigint;
  readonly #places: number;

  /** `text`: a positive decimal, `'0.01'`. Throws FS_ERR_ARG_TYPE and FS_ERR_ARG_RANGE. */
  constructor(text: unknown, where: string) {
    if (typeof text !== 'string') throw typeError(where, "a decimal string such as '0.01'", text);
    const { units, places } = parseDecimal(text, where);
    if (units <= 0n || places > 18) throw rangeError(where, 'positive, with at most 18 decimals', text);
    this.#units = units;
    this.#places = places;
  }

  /** The tick in units of 10^-places. */
  get units(): bigint {
    return this.#units;
  }

  get places(): number {
    return this.#places;
  }

  /** Ticks of a decimal; FS_ERR_ARG_RANGE where it is no whole number of them. */
  ticksOf(text: string, where: string): bigint {
    const { units, places } = parseDecimal(text, where);
    const common = Math.max(places, this.#places);
    const price = units * 10n ** BigInt(common - places);
    const tick = this.#units * 10n ** BigInt(common - this.#places);
    if (price % tick !== 0n) throw rangeError(where, `a multiple of the tick size ${this.textOf(1n)}`, text);
    return price / tick;
  }

  /** The decimal of a price in ticks, with the tick size's number of decimals. */
  textOf(ticks: bigint): string {
    const units = ticks * this.#units;
    const digits = (units < 0n ? -units : units).toString().padStart(this.#places + 1, '0');
    const whole = digits.slice(0, digits.length - this.#places);
    const sign = units < 0n ? '-' : '';
    return this.#places === 0 ? `${sign}${whole}` : `${sign}${whole}.${digits.slice(-this.#places)}`;
  }
}

/** Ticks of a price as callers give it. */
export function toTicks(value: unknown, tickSize: TickSize | null, where: string): bigint {
  if (typeof value !== 'string') return toInt64(value, where);
  if (tickSize === null) {
    return fail(
      'FS_ERR_ARG_TYPE',
      `${where} is the decimal '${value}', which needs the option tickSize; or give ticks`,
      {
        where,
        received: value,
      },
    );
  }
  return toInt64(tickSize.ticksOf(value, where), where);
}
