/** Options of a replay: types, defaults, checks. */
import type { Vector } from 'apache-arrow';

import {
  NativeFeedBook,
  NativeFeedFormat,
  NativeSampleMode,
  type NativeReplayOptions,
} from '../../internal/native-replay.js';
import {
  fail,
  isRecord,
  rangeError,
  rejectUnknown,
  requireBoolean,
  requireInteger,
  requireNames,
  requireOneOf,
  requireRecord,
  requireString,
  typeError,
} from '../../internal/validate.js';
import { throwIfAborted } from '../../join/parse-options.js';
import { TickSize, toUint64, type Whole } from '../numbers.js';
import { parseMidnight } from './midnight.js';
import { sampleInstruments, sampleTimes } from './samples.js';

export const FEED_FORMATS = ['itch', 'lobster', 'dbn', 'binance', 'events'] as const;
/** `events`: a table of order events, CSV or Arrow; see docs/design/order-book.md. */
export type FeedFormat = (typeof FEED_FORMATS)[number];

export const BOOK_FEATURES = ['levels', 'orders', 'touch', 'imbalance', 'ofi', 'trades'] as const;
/**
 * Groups of columns. `levels`: prices and sizes. `orders`: orders per level. `touch`: mid, spread, microprice. `ofi`:
 * order flow imbalance. `trades`: trades since the row before.
 */
export type BookFeature = (typeof BOOK_FEATURES)[number];

/** Times of the rows: they must ascend. Arrow columns of any timestamp unit, or nanoseconds as they are. */
export interface SampleTimes {
  readonly at: BigInt64Array | Vector;
  /** Which instrument each row is about; needed where the feed has several. */
  readonly instrument?: Uint32Array | Vector;
}

export interface ReplayBookOptions {
  readonly format: FeedFormat;
  /** Prices per side, 1 to 64; default 10. */
  readonly levels?: number;
  /** A row after every event (default), after each n-th, or at the caller's times: a row at t sees events up to t. */
  readonly sample?: 'event' | { readonly every: number } | SampleTimes;
  readonly features?: readonly BookFeature[];
  /** `float` (default): float64 in the venue's currency. `ticks`: int64. */
  readonly prices?: 'float' | 'ticks';
  /** A decimal string; every price must be a multiple. Default: the format's own unit. */
  readonly tickSize?: string;
  /** Only these, by number (ITCH stock locates, DBN instrument ids). */
  readonly instruments?: readonly number[];
  /** Only these, by name; ITCH. */
  readonly symbols?: readonly string[];
  /** ITCH and LOBSTER know the time of day only: `2012-06-21` makes timestamps of it. Without one, durations. */
  readonly date?: string;
  /** Of the venue's clock at that date, `-04:00`; default `+00:00`. */
  readonly utcOffset?: string;
  /** LOBSTER: the order book file. Its first row is the book after the first message. */
  readonly orderbook?: string | Uint8Array;
  /** A hole in the feed's sequence is an error (default), or counted. */
  readonly onGap?: 'error' | 'report';
  /** Binance, with `onGap: 'report'`: empty the book at a gap and wait for the next snapshot. */
  readonly clearOnGap?: boolean;
  /** DBN and event tables: sequences are those of a whole channel, so that a hole is a gap. */
  readonly denseSequences?: boolean;
  /** An event that the book refuses is an error, or counted. Default `error`; LOBSTER `count`, see the docs. */
  readonly onReject?: 'error' | 'count';
  /** An event before its predecessor's time is an error (default), or known at the latest time seen so far. */
  readonly lateEvents?: 'error' | 'arrival';
  /** Adds the place in its queue of an order (of instrument 0), or of one order per instrument. */
  readonly queueOf?: Whole | readonly { readonly instrument: number; readonly order: Whole }[];
  /** Event tables in CSV: decimals of quantities; sizes are then float64. */
  readonly quantityDecimals?: number;
  /** Rows per batch; default 16,384. */
  readonly batchRows?: number;
  readonly signal?: AbortSignal;
}

const KNOWN = [
  ...['format', 'levels', 'sample', 'features', 'prices', 'tickSize', 'instruments', 'symbols', 'date', 'utcOffset'],
  ...['orderbook', 'onGap', 'clearOnGap', 'denseSequences', 'onReject', 'lateEvents', 'queueOf', 'quantityDecimals'],
  ...['batchRows', 'signal'],
];

/** Decimals of a format's own price unit. */
const PRICE_PLACES = { itch: 4, lobster: 4, dbn: 9, binance: 8 } as const;
const BINANCE_QUANTITY_DECIMALS = 8;

export interface ParsedReplayOptions {
  readonly format: FeedFormat;
  /** All but the seed row and the kind of the source, which need input. */
  readonly native: NativeReplayOptions;
  readonly features: ReadonlySet<BookFeature>;
  readonly orderbook: string | Uint8Array | null;
  readonly hasDate: boolean;
  readonly hasSymbols: boolean;
  readonly signal: AbortSignal | null;
}

/** Throws FS_ERR_ARG_TYPE, FS_ERR_ARG_RANGE, FS_ERR_OPTION_UNKNOWN, FS_ERR_SCHEMA (sample columns), FS_ERR_ABORTED. */
export function parseReplayOptions(given: unknown): ParsedReplayOptions {
  const options = requireRecord(given, 'options');
  rejectUnknown(options, 'options', KNOWN);
  const format = requireOneOf(options.format, 'options.format', FEED_FORMATS);
  const only = (name: string, formats: readonly FeedFormat[]): void => {
    if (options[name] !== undefined && !formats.includes(format)) {
      fail('FS_ERR_ARG_RANGE', `options.${name} is for ${formats.join(' and ')}, not for ${format}`, { format });
    }
  };
  only('symbols', ['itch']);
  only('date', ['itch', 'lobster']);
  only('utcOffset', ['itch', 'lobster']);
  only('orderbook', ['lobster']);
  only('clearOnGap', ['binance']);
  only('denseSequences', ['dbn', 'events']);
  only('quantityDecimals', ['events']);
  const choice = <T extends string>(name: string, allowed: readonly T[], fallback: T): T =>
    options[name] === undefined ? fallback : requireOneOf(options[name], `options.${name}`, allowed);
  const flag = (name: string): boolean =>
    options[name] !== undefined && requireBoolean(options[name], `options.${name}`);

  const features = parseFeatures(options.features);
  const tracked = parseQueues(options.queueOf);
  const orderbook = parseOrderbook(options.orderbook);
  const signal = parseSignal(options.signal);
  const pricesInTicks = choice('prices', ['float', 'ticks'], 'float') === 'ticks';
  const { tick, priceDecimals } = parseTick(options.tickSize, format);
  const quantityDecimals =
    format === 'binance'
      ? BINANCE_QUANTITY_DECIMALS
      : options.quantityDecimals === undefined
        ? 0
        : requireInteger(options.quantityDecimals, 'options.quantityDecimals', 0, 18);
  if (orderbook !== null && tracked.orders.length > 0) {
    fail('FS_ERR_ARG_RANGE', 'options.queueOf needs a book of orders, which a LOBSTER order book file cannot begin');
  }
  const book =
    tracked.orders.length > 0
      ? NativeFeedBook.orders
      : orderbook !== null
        ? NativeFeedBook.places
        : NativeFeedBook.levels;
  return {
    format,
    features,
    orderbook,
    hasDate: options.date !== undefined || format === 'dbn' || format === 'binance' || format === 'events',
    hasSymbols: format === 'itch' || format === 'binance',
    signal,
    native: {
      format: format === 'events' ? NativeFeedFormat.csv : NativeFeedFormat[format],
      book,
      tick,
      midnight: parseMidnight(options.date, options.utcOffset),
      symbols: options.symbols === undefined ? [] : requireNames(options.symbols, 'options.symbols'),
      gapIsError: choice('onGap', ['error', 'report'], 'error') === 'error',
      clearOnGap: flag('clearOnGap'),
      denseSequences: flag('denseSequences'),
      priceDecimals,
      quantityDecimals,
      seedRow: '',
      ...parseSample(options.sample),
      levels: options.levels === undefined ? 10 : requireInteger(options.levels, 'options.levels', 1, 64),
      orderFlow: features.has('ofi'),
      wholeGroups: true,
      rejectIsError: choice('onReject', ['error', 'count'], format === 'lobster' ? 'count' : 'error') === 'error',
      lateIsError: choice('lateEvents', ['error', 'arrival'], 'error') === 'error',
      instruments: parseInstruments(options.instruments),
      trackedInstruments: tracked.instruments,
      trackedOrders: tracked.orders,
      batchRows:
        options.batchRows === undefined ? 16_384 : requireInteger(options.batchRows, 'options.batchRows', 1, 2 ** 22),
      pricesInTicks,
      sizesAsFloats: quantityDecimals > 0 && !pricesInTicks,
      wantsLevels: features.has('levels'),
      wantsOrders: features.has('orders'),
      wantsTouch: features.has('touch'),
      wantsImbalance: features.has('imbalance'),
      wantsTrades: features.has('trades'),
    },
  };
}

function parseFeatures(value: unknown): ReadonlySet<BookFeature> {
  if (value === undefined) return new Set(BOOK_FEATURES.filter((each) => each !== 'orders'));
  const names = requireNames(value, 'options.features');
  return new Set(names.map((name, i) => requireOneOf(name, `options.features[${i}]`, BOOK_FEATURES)));
}

function parseSample(
  value: unknown,
): Pick<NativeReplayOptions, 'mode' | 'every' | 'sampleTimes' | 'sampleInstruments'> {
  const none = { every: 1, sampleTimes: new BigInt64Array(0), sampleInstruments: new Uint32Array(0) };
  if (value === undefined || value === 'event') return { ...none, mode: NativeSampleMode.everyEvent };
  if (!isRecord(value)) throw typeError('options.sample', "'event', { every } or { at }", value);
  if ('every' in value) {
    rejectUnknown(value, 'options.sample', ['every']);
    const every = requireInteger(value.every, 'options.sample.every', 1, Number.MAX_SAFE_INTEGER);
    return { ...none, mode: NativeSampleMode.everyNth, every };
  }
  rejectUnknown(value, 'options.sample', ['at', 'instrument', 'every']);
  const times = sampleTimes(value.at, 'options.sample.at');
  const instruments = sampleInstruments(value.instrument, times.length, 'options.sample.instrument');
  return { mode: NativeSampleMode.atTimes, every: 1, sampleTimes: times, sampleInstruments: instruments };
}

function parseTick(value: unknown, format: FeedFormat): { tick: bigint; priceDecimals: number } {
  const size = value === undefined ? null : new TickSize(value, 'options.tickSize');
  if (format === 'events') return { tick: size?.units ?? 1n, priceDecimals: size?.places ?? 0 };
  const places = PRICE_PLACES[format];
  if (size === null) return { tick: 1n, priceDecimals: places };
  const scaled = size.units * 10n ** BigInt(places);
  const whole = 10n ** BigInt(size.places);
  if (scaled % whole !== 0n) {
    throw rangeError('options.tickSize', `a multiple of the unit of ${format}, 10^-${places}`, value);
  }
  return { tick: scaled / whole, priceDecimals: places };
}

function parseInstruments(value: unknown): Uint32Array {
  if (value === undefined) return new Uint32Array(0);
  if (!Array.isArray(value)) throw typeError('options.instruments', 'an array of instrument numbers', value);
  return Uint32Array.from(value, (each: unknown, i) =>
    requireInteger(each, `options.instruments[${i}]`, 0, 2 ** 32 - 1),
  );
}

function parseQueues(value: unknown): { instruments: Uint32Array; orders: BigUint64Array } {
  if (value === undefined) return { instruments: new Uint32Array(0), orders: new BigUint64Array(0) };
  const list: readonly unknown[] = Array.isArray(value) ? value : [{ instrument: 0, order: value }];
  const pairs = list.map((each, i) => {
    const where = `options.queueOf[${i}]`;
    const pair = requireRecord(each, where);
    rejectUnknown(pair, where, ['instrument', 'order']);
    return {
      instrument: requireInteger(pair.instrument, `${where}.instrument`, 0, 2 ** 32 - 1),
      order: toUint64(pair.order, `${where}.order`),
    };
  });
  const instruments = Uint32Array.from(pairs, ({ instrument }) => instrument);
  if (new Set(instruments).size !== instruments.length) {
    throw rangeError('options.queueOf', 'at most one order per instrument', value);
  }
  return { instruments, orders: BigUint64Array.from(pairs, ({ order }) => order) };
}

function parseOrderbook(value: unknown): string | Uint8Array | null {
  if (value === undefined) return null;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return requireString(value, 'options.orderbook');
}

function parseSignal(value: unknown): AbortSignal | null {
  if (value === undefined) return null;
  if (!isRecord(value) || typeof value.aborted !== 'boolean')
    throw typeError('options.signal', 'an AbortSignal', value);
  const signal = value as unknown as AbortSignal;
  throwIfAborted(signal);
  return signal;
}
