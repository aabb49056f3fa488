/** Options of an order book: defaults and checks. */
import { NativeBookStorage, type NativeBookOptions } from '../internal/native-book.js';
import { rejectUnknown, requireBoolean, requireInteger, requireOneOf, requireRecord } from '../internal/validate.js';
import { INT64_MAX, INT64_MIN } from '../schema/duration.js';
import { type PriceLike, TickSize, toTicks } from './numbers.js';

export interface OrderBookOptions {
  /** What a tick is worth, as a decimal string: prices may then be decimal strings too. Default: ticks only. */
  readonly tickSize?: string;
  /**
   * `wide` (default): any ids, 64-bit quantities. `compact`: 32-bit quantities, a third less memory an order. `dense`:
   * the same for ids counted up from a small number, which is fastest. Results are the same where quantities fit.
   */
  readonly storage?: 'wide' | 'compact' | 'dense';
  /** Orders alive at once for which room is made beforehand; more are taken too. Default 16,384. */
  readonly expectedOrders?: number;
  /** Orders alive at once; then `full`. Default 2^32 - 2. */
  readonly maxOrders?: number;
  /** `dense` only: the largest id. Default 2^28 - 1. */
  readonly maxDenseId?: number;
  /** Ticks per side kept in an array around the touch; others are kept in a map. 64 to 262,144, default 4,096. */
  readonly windowTicks?: number;
  /** Prices outside are refused (`bad-price`). Default: every int64. */
  readonly minPrice?: PriceLike;
  readonly maxPrice?: PriceLike;
  /** Keep changes of levels for `takeDeltas()`. Default false. */
  readonly deltas?: boolean;
}

const KNOWN = [
  'tickSize',
  'storage',
  'expectedOrders',
  'maxOrders',
  'maxDenseId',
  'windowTicks',
  'minPrice',
  'maxPrice',
  'deltas',
] as const satisfies readonly (keyof OrderBookOptions)[];

export interface ParsedBookOptions {
  readonly tickSize: TickSize | null;
  readonly native: NativeBookOptions;
}

/** Throws FS_ERR_ARG_TYPE, FS_ERR_ARG_RANGE and FS_ERR_OPTION_UNKNOWN. */
export function parseBookOptions(given: unknown): ParsedBookOptions {
  const options = given === undefined ? {} : requireRecord(given, 'options');
  rejectUnknown(options, 'options', KNOWN);
  const tickSize = options.tickSize === undefined ? null : new TickSize(options.tickSize, 'options.tickSize');
  const integer = (
    name: 'windowTicks' | 'expectedOrders' | 'maxOrders' | 'maxDenseId',
    min: number,
    max: number,
    fallback: number,
  ) => (options[name] === undefined ? fallback : requireInteger(options[name], `options.${name}`, min, max));
  const price = (name: 'minPrice' | 'maxPrice', fallback: bigint) =>
    options[name] === undefined ? fallback : toTicks(options[name], tickSize, `options.${name}`);
  const storage =
    options.storage === undefined
      ? 'wide'
      : requireOneOf(options.storage, 'options.storage', ['wide', 'compact', 'dense']);
  return {
    tickSize,
    native: {
      storage: NativeBookStorage[storage],
      windowTicks: integer('windowTicks', 64, 262_144, 4096),
      expectedOrders: integer('expectedOrders', 0, 2 ** 28, 16_384),
      maxOrders: integer('maxOrders', 1, 2 ** 32 - 2, 2 ** 32 - 2),
      maxDenseId: integer('maxDenseId', 0, 2 ** 32, 2 ** 28 - 1),
      minPrice: price('minPrice', INT64_MIN),
      maxPrice: price('maxPrice', INT64_MAX),
      deltas: options.deltas === undefined ? false : requireBoolean(options.deltas, 'options.deltas'),
    },
  };
}
