/**
 * A replay's batches reduced to what a page can hold, in one pass and bounded memory: at most MOST_FRAMES ladders, each
 * an exact row of the input (never a mean), and between them the range of spread and imbalance and the sum of the trades.
 * Rows that are dropped are dropped evenly: when the frames are too many every other one is merged into the one before.
 */
import { type Data, DataType, type RecordBatch, type Schema } from 'apache-arrow';

import { createError } from '../../errors/from-native.js';

export const MOST_FRAMES = 1600;
const MOST_LEVELS = 20;
/** Nanoseconds per unit of a timestamp or duration, by Arrow's number of the unit. */
const NS_PER_UNIT = [1_000_000_000n, 1_000_000n, 1000n, 1n] as const;

export interface Range {
  low: number;
  high: number;
}

/** Trades of one side of the taker between a frame and the next. */
export interface TradeSum {
  volume: number;
  /** Sum of price times size. */
  notional: number;
}

export interface Frame {
  readonly timeNs: bigint;
  /** Best first; NaN where there is no level. */
  readonly bidPrices: readonly number[];
  readonly bidSizes: readonly number[];
  readonly askPrices: readonly number[];
  readonly askSizes: readonly number[];
  readonly microprice: number;
  readonly imbalance: number;
  /** Over the rows from this frame to the next. */
  readonly spread: Range;
  readonly imbalances: Range;
  readonly buys: TradeSum;
  readonly sells: TradeSum;
}

export interface BookReportData {
  readonly frames: readonly Frame[];
  readonly levels: number;
  readonly rows: number;
  /** Trades and their volume over all rows; null where the input has no such columns. */
  readonly trades: number | null;
  readonly volume: number | null;
  /** Name of the symbol, or number of the instrument. */
  readonly symbol: string | null;
  readonly hasNames: boolean;
  /** Other symbols of the input, which the page leaves out. */
  readonly otherSymbols: number;
  /** Whether times are UTC instants, and not times of a day. */
  readonly isInstant: boolean;
  /** Levels that the imbalance column is over. */
  readonly imbalanceLevels: number;
  /** Index of the frame that was asked for, else null. */
  readonly chosen: number | null;
}

export interface ReduceOptions {
  readonly symbol?: string;
  /** The time whose ladder is shown first, from the first row's time; the last row at or before it is kept exactly. */
  readonly at?: (firstNs: bigint) => bigint;
}

type Reader = (row: number) => number;

function fieldIndex(schema: Schema, names: readonly string[]): number {
  return schema.fields.findIndex((field) => names.includes(field.name));
}

/** Numbers of a column; NaN for null. Integers beyond 2^53 lose their last digits: they are drawn, not stored. */
function reader(batch: RecordBatch, names: readonly string[]): Reader | null {
  const data = batch.data.children[fieldIndex(batch.schema, names)];
  if (data === undefined) return null;
  const values: ArrayLike<number | bigint> | null | undefined = data.values as ArrayLike<number | bigint>;
  if (values === null || values === undefined) return null;
  return data.nullCount === 0
    ? (row) => Number(values[row])
    : (row) => (data.getValid(row) ? Number(values[row]) : NaN);
}

function timeReader(batch: RecordBatch): { read: (row: number) => bigint; isInstant: boolean } {
  const index = fieldIndex(batch.schema, ['time', 'timestamp', 'time_ns', 'ts']);
  const field = batch.schema.fields[index];
  const data: Data | undefined = batch.data.children[index];
  const values: unknown = data?.values;
  if (field === undefined || data === undefined || !(values instanceof BigInt64Array) || data.nullCount > 0) {
    throw createError(
      'FS_ERR_COLUMN_MISSING',
      `expected a column time (or timestamp) of 64-bit times without nulls, found ${batch.schema.fields.map((each) => each.name).join(', ')}`,
    );
  }
  const type: DataType = field.type;
  const isInstant = DataType.isTimestamp(type);
  const scale = isInstant || DataType.isDuration(type) ? (NS_PER_UNIT[type.unit] ?? 1n) : 1n;
  return { isInstant, read: (row) => values[row]! * scale };
}

/** Side of the order that came in: of a last_trade_side column, which names the resting one. */
function takerBuys(batch: RecordBatch): (row: number) => boolean | null {
  const index = fieldIndex(batch.schema, ['last_trade_side', 'trade_side']);
  if (index < 0) return () => null;
  const vector = batch.getChildAt(index);
  return (row) => {
    const value: unknown = vector?.get(row);
    if (value === 'buy' || value === 'B' || value === 0) return false;
    return value === 'sell' || value === 'S' || value === 1 ? true : null;
  };
}

class Columns {
  readonly time: (row: number) => bigint;
  readonly isInstant: boolean;
  readonly bidPrices: readonly Reader[];
  readonly bidSizes: readonly Reader[];
  readonly askPrices: readonly Reader[];
  readonly askSizes: readonly Reader[];
  readonly microprice: Reader | null;
  readonly imbalance: Reader;
  readonly imbalanceLevels: number;
  readonly tradeCount: Reader | null;
  readonly tradeVolume: Reader | null;
  readonly tradePrice: Reader | null;
  readonly takerBuys: (row: number) => boolean | null;
  /** Name, or number as text where the input has instruments only. */
  readonly symbol: ((row: number) => string) | null;
  readonly hasNames: boolean;

  constructor(batch: RecordBatch) {
    const time = timeReader(batch);
    this.time = time.read;
    this.isInstant = time.isInstant;
    const side = (prefix: string): Reader[] => {
      const readers: Reader[] = [];
      for (let level = 1; level <= MOST_LEVELS; level++) {
        const found = reader(batch, [`${prefix}_${level}`]);
        if (found === null) break;
        readers.push(found);
      }
      if (readers.length === 0) {
        throw createError('FS_ERR_COLUMN_MISSING', `expected columns ${prefix}_1 and on, as a book replay writes them`);
      }
      return readers;
    };
    this.bidPrices = side('bid_price');
    this.bidSizes = side('bid_size');
    this.askPrices = side('ask_price');
    this.askSizes = side('ask_size');
    this.microprice = reader(batch, ['microprice']);
    let deepest = 0;
    for (const { name } of batch.schema.fields) {
      deepest = Math.max(deepest, Number(/^imbalance_(\d+)$/.exec(name)?.[1] ?? 0));
    }
    const column = deepest > 0 ? reader(batch, [`imbalance_${deepest}`]) : null;
    this.imbalanceLevels = column === null ? 1 : deepest;
    const [bid, ask] = [this.bidSizes[0]!, this.askSizes[0]!];
    this.imbalance = column ?? ((row) => (bid(row) - ask(row)) / (bid(row) + ask(row)));
    this.tradeCount = reader(batch, ['trade_count', 'trades']);
    this.tradeVolume = reader(batch, ['trade_volume', 'volume', 'last_trade_size']);
    this.tradePrice = reader(batch, ['last_trade_price', 'trade_price']);
    this.takerBuys = takerBuys(batch);
    const symbol = batch.getChild('symbol');
    const instrument = symbol === null ? batch.getChild('instrument') : null;
    this.hasNames = symbol !== null;
    const vector = symbol ?? instrument;
    this.symbol = vector === null ? null : (row) => String(vector.get(row));
  }

  frame(row: number): Frame {
    const all = (readers: readonly Reader[]): number[] => readers.map((read) => read(row));
    const [bidPrices, askPrices] = [all(this.bidPrices), all(this.askPrices)];
    const [bidSizes, askSizes] = [all(this.bidSizes), all(this.askSizes)];
    const micro = (bidPrices[0]! * askSizes[0]! + askPrices[0]! * bidSizes[0]!) / (bidSizes[0]! + askSizes[0]!);
    return {
      timeNs: this.time(row),
      bidPrices,
      bidSizes,
      askPrices,
      askSizes,
      microprice: this.microprice?.(row) ?? micro,
      imbalance: this.imbalance(row),
      spread: { low: Infinity, high: -Infinity },
      imbalances: { low: Infinity, high: -Infinity },
      buys: { volume: 0, notional: 0 },
      sells: { volume: 0, notional: 0 },
    };
  }
}

function widen(range: Range, value: number): void {
  if (Number.isNaN(value)) return;
  range.low = Math.min(range.low, value);
  range.high = Math.max(range.high, value);
}

function add(sum: TradeSum, other: TradeSum): void {
  sum.volume += other.volume;
  sum.notional += other.notional;
}

function absorb(frame: Frame, next: Frame): void {
  for (const key of ['spread', 'imbalances'] as const) {
    frame[key].low = Math.min(frame[key].low, next[key].low);
    frame[key].high = Math.max(frame[key].high, next[key].high);
  }
  add(frame.buys, next.buys);
  add(frame.sells, next.sells);
}

/**
 * Reads all batches. FS_ERR_COLUMN_MISSING without time or levels, FS_ERR_UNSORTED where a time descends (with its row),
 * FS_ERR_ARG_RANGE where no row is of the symbol, or none at or before `at`.
 */
export async function reduceBook(
  batches: Iterable<RecordBatch> | AsyncIterable<RecordBatch>,
  options: ReduceOptions = {},
): Promise<BookReportData> {
  let frames: Frame[] = [];
  let [stride, rows, seen, trades, volume] = [1, 0, 0, 0, 0];
  let [hasTrades, hasNames, isInstant, imbalanceLevels] = [false, false, true, 1];
  let symbol = options.symbol ?? null;
  const others = new Set<string>();
  let previous: bigint | null = null;
  let at: bigint | null = null;
  let atFrame: Frame | null = null;
  let last: Frame | null = null;

  for await (const batch of batches) {
    if (batch.numRows === 0) continue;
    const columns = new Columns(batch);
    ({ hasNames, isInstant, imbalanceLevels } = columns);
    hasTrades ||= columns.tradeCount !== null;
    let [atRow, lastRow] = [-1, -1];
    for (let row = 0; row < batch.numRows; row++, seen++) {
      if (columns.symbol !== null) {
        const name = columns.symbol(row);
        symbol ??= name;
        if (name !== symbol) {
          others.add(name);
          continue;
        }
      }
      const time = columns.time(row);
      if (previous !== null && time < previous) {
        throw createError(
          'FS_ERR_UNSORTED',
          `times must ascend; row ${seen} is ${previous - time} ns before the row before`,
        );
      }
      if (previous === null) at = options.at?.(time) ?? null;
      previous = time;
      if (at !== null && time <= at) atRow = row;
      lastRow = row;
      if (rows % stride === 0) frames.push(columns.frame(row));
      rows++;
      const frame = frames[frames.length - 1]!;
      widen(frame.spread, columns.askPrices[0]!(row) - columns.bidPrices[0]!(row));
      widen(frame.imbalances, columns.imbalance(row));
      const count = columns.tradeCount?.(row) ?? 0;
      if (count > 0) {
        const traded = columns.tradeVolume?.(row) ?? NaN;
        const price = columns.tradePrice?.(row) ?? NaN;
        trades += count;
        if (traded > 0) {
          volume += traded;
          const buys = columns.takerBuys(row) ?? price >= (frame.bidPrices[0]! + frame.askPrices[0]!) / 2;
          if (price > 0) add(buys ? frame.buys : frame.sells, { volume: traded, notional: traded * price });
        }
      }
      if (frames.length > MOST_FRAMES) {
        for (let i = 0; i + 1 < frames.length; i += 2) absorb(frames[i]!, frames[i + 1]!);
        frames = frames.filter((_, i) => i % 2 === 0);
        stride *= 2;
        // MOST_FRAMES is even, so the frame that has just begun is kept, and the rows that follow complete it.
      }
    }
    if (atRow >= 0) atFrame = columns.frame(atRow);
    if (lastRow >= 0) last = columns.frame(lastRow);
  }
  if (rows === 0 || last === null) {
    throw createError(
      'FS_ERR_ARG_RANGE',
      symbol === null ? 'expected rows, found none' : `expected rows of ${symbol}, found none`,
    );
  }
  if (frames[frames.length - 1]!.timeNs < last.timeNs) frames.push(last);
  let chosen: number | null = null;
  if (options.at !== undefined) {
    if (atFrame === null) {
      throw createError('FS_ERR_ARG_RANGE', 'expected a time at or after the first row, found an earlier one, in at');
    }
    const wanted = atFrame.timeNs;
    const next = frames.findIndex((frame) => frame.timeNs > wanted);
    chosen = next < 0 ? frames.length : next;
    frames.splice(chosen, 0, atFrame);
  }
  return {
    frames,
    levels: last.bidPrices.length,
    rows,
    trades: hasTrades ? trades : null,
    volume: hasTrades ? volume : null,
    symbol,
    hasNames,
    otherSymbols: others.size,
    isInstant,
    imbalanceLevels,
    chosen,
  };
}
