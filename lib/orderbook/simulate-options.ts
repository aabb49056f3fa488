/** Options of the market simulator: types, defaults, parser. */
import type { NativeSimRequest, NativeSimSymbol } from '../internal/native-sim.js';
import { NativeSimModel } from '../internal/native-sim.js';
import {
  rangeError,
  rejectUnknown,
  requireInteger,
  requireName,
  requireOneOf,
  requireRecord,
  typeError,
} from '../internal/validate.js';
import { INT64_MAX, parseDuration } from '../schema/duration.js';

export type SimulationModel = 'zero-intelligence' | 'hawkes';
const MODELS = ['zero-intelligence', 'hawkes'] as const;

/** From deep books with a spread of one tick to thin ones with a wide spread. */
export type BookKind = (typeof BOOK_KINDS)[number];
export const BOOK_KINDS = ['deep', 'tight', 'medium', 'wide', 'thin'] as const;

export interface SimulatedSymbol {
  readonly name: string;
  /** Bid at the start. Default: drawn by the seed. */
  readonly price?: number;
  /** Default: the market's. At most 12 decimals. */
  readonly tickSize?: number;
  /** Commands a second; default: its share of the market's by Zipf's law. */
  readonly eventsPerSecond?: number;
  /** Default: in turn. */
  readonly book?: BookKind;
}

/** An exponential kernel of the Hawkes model: how long after its parent an event comes, on average. */
export interface HawkesKernel {
  readonly weight: number;
  readonly meanDelay: bigint | string;
}

export interface HawkesOptions {
  /** Events that each event sets off, on average: 0 to below 1. Default 0.6. */
  readonly branchingRatio?: number;
  /** Share of them that repeat its kind and side. Default 0.5. */
  readonly persistence?: number;
  /** Default: 50 us, 5 ms and 800 ms, with weights 2, 2 and 1. */
  readonly kernels?: readonly HawkesKernel[];
}

export interface SimulateMarketOptions {
  /** 0 to 2^63 - 1. Default 1. The same options give the same rows on every machine. */
  readonly seed?: number | bigint;
  /** How many, or their names, or each in detail. Default 20. */
  readonly symbols?: number | readonly (string | SimulatedSymbol)[];
  /** Nanoseconds since the epoch. Default: 2024-03-14 13:30 UTC. */
  readonly start?: bigint;
  /** Default 1h. */
  readonly duration?: bigint | string;
  /** Commands (orders, cancels) a second over all symbols; rates are means under both models. Default 1,000. */
  readonly eventsPerSecond?: number;
  /** Default 'hawkes'. */
  readonly model?: SimulationModel;
  readonly hawkes?: HawkesOptions;
  /** Times are rounded down to multiples of it after the start: coarse clocks make ties. Default 1ns. */
  readonly granularity?: bigint | string;
  /** How busy equal parts of the duration are, relative to each other, in whole numbers. Default: equally. */
  readonly activity?: readonly number[];
  /** Default 0.01. */
  readonly tickSize?: number;
  /** Tables that are wanted; the others have no rows. Default: all three. */
  readonly tables?: readonly SimulatedTableName[];
  /** Arrivals per batch. Default 262,144. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
}

export const TABLES = ['trades', 'quotes', 'events'] as const;
export type SimulatedTableName = (typeof TABLES)[number];

export interface SimulationPlan {
  readonly request: NativeSimRequest;
  readonly names: readonly string[];
  readonly batchSize: number;
  readonly signal: AbortSignal | undefined;
}

const KNOWN = [
  ...['seed', 'symbols', 'start', 'duration', 'eventsPerSecond', 'model', 'hawkes', 'granularity', 'activity'],
  ...['tickSize', 'tables', 'batchSize', 'signal'],
];
export const DEFAULT_NAMES = [
  'NOVA', 'HELI', 'QRTZ', 'BRSK', 'ORCA', 'PLUM', 'TIDE', 'ZEPH', 'LUMA', 'FERN',
  'KITE', 'MOSS', 'ONYX', 'DUNE', 'RIFT', 'SAGE', 'VOLT', 'WREN', 'IRIS', 'JADE',
] as const; // prettier-ignore
const OPEN_NS = 1_710_423_000_000_000_000n;
const MAX_SYMBOLS = 100_000;
const DEFAULT_KERNELS = [
  { weight: 2, meanDelayNs: 50_000n },
  { weight: 2, meanDelayNs: 5_000_000n },
  { weight: 1, meanDelayNs: 800_000_000n },
];

function number(value: unknown, where: string, low: number, high: number): number {
  if (typeof value !== 'number') throw typeError(where, 'a number', value);
  if (!(value >= low && value <= high)) throw rangeError(where, `a number from ${low} to ${high}`, value);
  return value;
}

function positive(value: unknown, where: string, high: number): number {
  const found = number(value, where, 0, high);
  if (found === 0) throw rangeError(where, 'more than zero', value);
  return found;
}

/** The tick as a fraction of whole numbers, so that a price is one exact division: 0.25 is 25 / 100. */
export function tickFraction(value: unknown, where: string): { units: number; perWhole: number } {
  const tick = positive(value, where, 1e6);
  const [whole = '0', fraction = ''] = tick.toFixed(12).replace(/0+$/, '').split('.');
  const perWhole = 10 ** fraction.length;
  const units = Number(whole) * perWhole + Number(fraction || '0');
  if (units / perWhole !== tick) throw rangeError(where, 'a number of at most 12 decimals', value);
  return { units, perWhole };
}

function parseSymbol(value: unknown, where: string, marketTick: number): { name: string; native: NativeSimSymbol } {
  if (typeof value === 'string') value = { name: value };
  const symbol = requireRecord(value, where);
  rejectUnknown(symbol, where, ['name', 'price', 'tickSize', 'eventsPerSecond', 'book']);
  const tick = tickFraction(symbol.tickSize ?? marketTick, `${where}.tickSize`);
  let initialBid: bigint | null = null;
  if (symbol.price !== undefined) {
    const ticks = Math.round((positive(symbol.price, `${where}.price`, 1e12) * tick.perWhole) / tick.units);
    if (ticks < 1 || ticks > 2 ** 53) throw rangeError(`${where}.price`, 'from one tick to 2^53 ticks', symbol.price);
    initialBid = BigInt(ticks);
  }
  return {
    name: requireName(symbol.name, `${where}.name`),
    native: {
      ...tick,
      initialBid,
      kind:
        symbol.book === undefined ? null : BOOK_KINDS.indexOf(requireOneOf(symbol.book, `${where}.book`, BOOK_KINDS)),
      eventsPerSecond:
        symbol.eventsPerSecond === undefined ? null : positive(symbol.eventsPerSecond, `${where}.eventsPerSecond`, 1e9),
    },
  };
}

function parseSymbols(value: unknown, tick: number): { names: string[]; symbols: NativeSimSymbol[] } {
  let list: readonly unknown[];
  if (typeof value === 'number') {
    const count = requireInteger(value, 'symbols', 1, MAX_SYMBOLS);
    list = Array.from({ length: count }, (_, i) => DEFAULT_NAMES[i] ?? `SYM${i + 1}`);
  } else if (Array.isArray(value)) {
    list = value;
  } else {
    throw typeError('symbols', 'a number of symbols, or an array of names or objects', value);
  }
  if (list.length < 1 || list.length > MAX_SYMBOLS) throw rangeError('symbols', `1 to ${MAX_SYMBOLS} symbols`, value);
  const parsed = list.map((entry, i) => parseSymbol(entry, `symbols[${i}]`, tick));
  const names = parsed.map(({ name }) => name);
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw rangeError('symbols', `distinct names, not '${name}' twice`, value);
    seen.add(name);
  }
  return { names, symbols: parsed.map(({ native }) => native) };
}

function parseHawkes(value: unknown): Pick<NativeSimRequest, 'branching' | 'persistence' | 'kernels'> {
  const hawkes = requireRecord(value ?? {}, 'hawkes');
  rejectUnknown(hawkes, 'hawkes', ['branchingRatio', 'persistence', 'kernels']);
  const branching = number(hawkes.branchingRatio ?? 0.6, 'hawkes.branchingRatio', 0, 1);
  if (branching >= 1) {
    throw rangeError('hawkes.branchingRatio', 'below 1 (at 1 the number of events grows without end)', branching);
  }
  let kernels = DEFAULT_KERNELS;
  if (hawkes.kernels !== undefined) {
    if (!Array.isArray(hawkes.kernels) || hawkes.kernels.length === 0) {
      throw typeError('hawkes.kernels', 'an array of at least one kernel', hawkes.kernels);
    }
    kernels = hawkes.kernels.map((entry: unknown, i) => {
      const where = `hawkes.kernels[${i}]`;
      const kernel = requireRecord(entry, where);
      rejectUnknown(kernel, where, ['weight', 'meanDelay']);
      const meanDelayNs = parseDuration(kernel.meanDelay, `${where}.meanDelay`);
      if (meanDelayNs < 1n || meanDelayNs > 2n ** 53n)
        throw rangeError(`${where}.meanDelay`, '1ns to 104 days', kernel.meanDelay);
      return { weight: requireInteger(kernel.weight, `${where}.weight`, 1, 1_000_000), meanDelayNs };
    });
  }
  return { branching, persistence: number(hawkes.persistence ?? 0.5, 'hawkes.persistence', 0, 1), kernels };
}

function parseSeed(value: unknown): bigint {
  const seed = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof seed !== 'bigint') throw typeError('seed', 'a whole number', value);
  if (seed < 0n || seed > INT64_MAX) throw rangeError('seed', 'from 0 to 2^63 - 1', value);
  return seed;
}

function parseActivity(value: unknown): number[] {
  if (!Array.isArray(value)) throw typeError('activity', 'an array of whole numbers', value);
  const parts = value.map((part: unknown, i) => requireInteger(part, `activity[${i}]`, 0, 1_000_000));
  if (parts.length > MAX_SYMBOLS) throw rangeError('activity', `at most ${MAX_SYMBOLS} parts`, value);
  if (parts.length > 0 && parts.every((part) => part === 0))
    throw rangeError('activity', 'a part that is not idle', value);
  return parts;
}

/** Checks everything: FS_ERR_ARG_TYPE, FS_ERR_ARG_RANGE, FS_ERR_OPTION_UNKNOWN. */
export function parseSimulateOptions(value: unknown): SimulationPlan {
  const options = requireRecord(value ?? {}, 'options');
  rejectUnknown(options, 'options', KNOWN);
  const duration = parseDuration(options.duration ?? '1h', 'duration');
  const granularity = parseDuration(options.granularity ?? 1n, 'granularity');
  const start = options.start ?? OPEN_NS;
  if (typeof start !== 'bigint') throw typeError('start', 'a bigint of nanoseconds since the epoch', start);
  if (duration < 1n || duration > 2n ** 62n)
    throw rangeError('duration', 'more than zero and at most 2^62 ns', duration);
  if (granularity < 1n) throw rangeError('granularity', 'at least 1ns', granularity);
  if (start < -(2n ** 63n) || start > INT64_MAX - duration) {
    throw rangeError('start', 'a time whose end, after the duration, is within int64 nanoseconds', start);
  }
  const tables = options.tables ?? TABLES;
  if (!Array.isArray(tables) || tables.length === 0) throw typeError('tables', 'an array of table names', tables);
  const wanted = tables.map((name: unknown, i) => requireOneOf(name, `tables[${i}]`, TABLES));
  const { names, symbols } = parseSymbols(options.symbols ?? 20, positive(options.tickSize ?? 0.01, 'tickSize', 1e6));
  const { signal } = options;
  if (signal !== undefined && !(typeof signal === 'object' && signal !== null && 'aborted' in signal)) {
    throw typeError('signal', 'an AbortSignal', signal);
  }
  return {
    names,
    batchSize: requireInteger(options.batchSize ?? 262_144, 'batchSize', 1, 16_777_216),
    signal: signal as AbortSignal | undefined,
    request: {
      seed: parseSeed(options.seed ?? 1),
      startNs: start,
      durationNs: duration,
      granularityNs: granularity,
      model:
        requireOneOf(options.model ?? 'hawkes', 'model', MODELS) === 'hawkes'
          ? NativeSimModel.hawkes
          : NativeSimModel.zeroIntelligence,
      ...parseHawkes(options.hawkes),
      activity: parseActivity(options.activity ?? []),
      eventsPerSecond: positive(options.eventsPerSecond ?? 1000, 'eventsPerSecond', 1e9),
      symbols,
      events: wanted.includes('events'),
      trades: wanted.includes('trades'),
      quotes: wanted.includes('quotes'),
    },
  };
}
