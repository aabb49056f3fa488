/**
 * A small market, made up but shaped like one: arrivals in bursts (a self-exciting process, built as clusters), a day
 * that is busy at both ends, symbols of very different activity interleaved in time, prices on a tick grid, quotes
 * that share a nanosecond, trades at the bid or the ask. Two symbols start quoting late and one stops for a while, so
 * that some trades have no quote to match. The same seed gives the same rows everywhere. O(n log n) in the rows.
 */
import { DEFAULT_NAMES } from '../../orderbook/simulate-options.js';
import { Random } from './random.js';

export const SYMBOLS = DEFAULT_NAMES;

/** 2024-03-14 13:30 UTC, the opening bell in New York. */
export const OPEN_NS = 1_710_423_000_000_000_000n;
export const DAY_NS = 6.5 * 3600 * 1e9;

const MINUTE_NS = 60e9;
const TICK = 0.01;
/** Share of arrivals that an earlier arrival set off. */
const BRANCHING = 0.72;
/** Symbols whose quotes start late, by number: ns after the open. */
export const LATE_SYMBOLS: ReadonlyMap<number, number> = new Map([
  [11, 95 * MINUTE_NS],
  [17, 150 * MINUTE_NS],
]);
/** The symbol whose quotes stop for a while. */
export const HALTED = { symbol: 6, from: 170 * MINUTE_NS, to: 185 * MINUTE_NS };

export interface MarketSize {
  readonly trades: number;
  readonly quotes: number;
  readonly seed: number;
}

/** Rows in time order. `symbol` is an index into SYMBOLS; times are int64 ns since the epoch. */
export interface Quotes {
  readonly timestamp: BigInt64Array;
  readonly symbol: Uint8Array;
  readonly bid: Float64Array;
  readonly ask: Float64Array;
  readonly bidSize: Int32Array;
  readonly askSize: Int32Array;
}

export interface Trades {
  readonly timestamp: BigInt64Array;
  readonly symbol: Uint8Array;
  readonly price: Float64Array;
  readonly size: Int32Array;
  readonly side: Uint8Array;
}

/** How busy the day is at `x` from 0 (open) to 1 (close): high at both ends. */
export function dayActivity(x: number): number {
  return 0.35 + 2.6 * (x - 0.5) ** 2 + 0.9 * Math.exp(-x * 26) + 0.7 * Math.exp(-(1 - x) * 30);
}

/** Time of day in [0, DAY_NS) with that density. */
function seasonalTime(random: Random): number {
  for (;;) {
    const x = random.uniform();
    if (random.uniform() * 2.1 < dayActivity(x)) return x * DAY_NS;
  }
}

/** `count` ascending arrival times in whole ns from the open. Clusters: each arrival sets off some others. */
function arrivals(random: Random, count: number, from: number): Float64Array {
  const times = new Float64Array(count);
  const queue: number[] = [];
  let filled = 0;
  while (filled < count) {
    let time = queue.pop();
    if (time === undefined) {
      time = seasonalTime(random);
      if (time < from) continue;
    }
    times[filled++] = Math.floor(time);
    const children = random.geometric(BRANCHING);
    for (let i = 0; i < children; i++) {
      // Reactions come within microseconds (machines), milliseconds (routing) or seconds (people).
      const scale = [4e4, 3e6, 9e8][random.below(3)]!;
      const child = time + random.exponential(scale);
      if (child < DAY_NS) queue.push(child);
    }
  }
  return times.sort();
}

/** Rows per symbol, Zipf-like, adding up to `total`. */
function split(total: number): number[] {
  const weights = SYMBOLS.map((_, rank) => 1 / (rank + 1) ** 1.05);
  const sum = weights.reduce((a, b) => a + b, 0);
  const counts = weights.map((weight) => Math.floor((weight / sum) * total));
  counts[0]! += total - counts.reduce((a, b) => a + b, 0);
  return counts;
}

/** Order of all symbols' rows by time: packs (time, symbol) into one exact double and sorts those. */
function interleave(perSymbol: readonly Float64Array[]): { time: Float64Array; symbol: Uint8Array } {
  const total = perSymbol.reduce((sum, times) => sum + times.length, 0);
  const packed = new Float64Array(total);
  let at = 0;
  for (const [symbol, times] of perSymbol.entries()) for (const time of times) packed[at++] = time * 32 + symbol;
  packed.sort();
  const symbol = new Uint8Array(total);
  for (let row = 0; row < total; row++) {
    symbol[row] = packed[row]! % 32;
    packed[row] = Math.floor(packed[row]! / 32);
  }
  return { time: packed, symbol };
}

function toEpoch(time: Float64Array): BigInt64Array {
  const epoch = new BigInt64Array(time.length);
  for (let row = 0; row < time.length; row++) epoch[row] = OPEN_NS + BigInt(time[row]!);
  return epoch;
}

function quoteTimes(random: Random, count: number, symbol: number): Float64Array {
  const times = arrivals(random, count, LATE_SYMBOLS.get(symbol) ?? 0);
  for (let row = 1; row < times.length; row++) {
    // Several updates in one packet carry one timestamp.
    if (random.uniform() < 0.04) times[row] = times[row - 1]!;
  }
  if (symbol !== HALTED.symbol) return times;
  const gap = HALTED.to - HALTED.from;
  return times.map((time) => (time >= HALTED.from && time < HALTED.to ? time + gap : time)).sort();
}

/** Trades come in bursts of their own, and many answer a quote within microseconds. */
function tradeTimes(random: Random, count: number, quotes: Float64Array): Float64Array {
  const times = arrivals(random, count, 0);
  for (let row = 0; row < count && quotes.length > 0; row++) {
    if (random.uniform() >= 0.35) continue;
    times[row] = Math.min(DAY_NS - 1, Math.floor(quotes[random.below(quotes.length)]! + random.exponential(9e4)));
  }
  return times.sort();
}

/** One day of trades and quotes. */
export function makeMarket(size: MarketSize): { quotes: Quotes; trades: Trades } {
  const random = new Random(size.seed);
  const quoted = split(size.quotes).map((count, symbol) => quoteTimes(random, count, symbol));
  const quoteRows = interleave(quoted);
  const tradeRows = interleave(split(size.trades).map((count, symbol) => tradeTimes(random, count, quoted[symbol]!)));
  const start = SYMBOLS.map(() => 1500 + random.below(24_000));
  const calm = SYMBOLS.map((_, rank) => 0.06 + 0.01 * rank);

  const quotes: Quotes = {
    timestamp: toEpoch(quoteRows.time),
    symbol: quoteRows.symbol,
    bid: new Float64Array(size.quotes),
    ask: new Float64Array(size.quotes),
    bidSize: new Int32Array(size.quotes),
    askSize: new Int32Array(size.quotes),
  };
  const bidTicks = [...start];
  const spreadTicks = SYMBOLS.map(() => 1);
  const trades: Trades = {
    timestamp: toEpoch(tradeRows.time),
    symbol: tradeRows.symbol,
    price: new Float64Array(size.trades),
    size: new Int32Array(size.trades),
    side: new Uint8Array(size.trades),
  };
  let trade = 0;
  const takeTrades = (before: number): void => {
    for (; trade < size.trades && tradeRows.time[trade]! < before; trade++) {
      const symbol = tradeRows.symbol[trade]!;
      const buys = random.uniform() < 0.5;
      const ticks = bidTicks[symbol]! + (buys ? spreadTicks[symbol]! : 0);
      // A few trade inside the spread.
      const inside = spreadTicks[symbol]! > 1 && random.uniform() < 0.06 ? (buys ? -1 : 1) : 0;
      trades.price[trade] = Math.round((ticks + inside) * TICK * 100) / 100;
      trades.size[trade] = random.uniform() < 0.3 ? 1 + random.below(99) : 100 * (1 + random.geometric(1.4));
      trades.side[trade] = buys ? 1 : 0;
    }
  };
  for (let row = 0; row < size.quotes; row++) {
    takeTrades(quoteRows.time[row]!);
    const symbol = quoteRows.symbol[row]!;
    if (random.uniform() < calm[symbol]!) bidTicks[symbol]! += random.uniform() < 0.5 ? -1 : 1;
    bidTicks[symbol] = Math.max(100, bidTicks[symbol]!);
    spreadTicks[symbol] = 1 + random.geometric(0.25 + symbol * 0.12);
    quotes.bid[row] = Math.round(bidTicks[symbol] * TICK * 100) / 100;
    quotes.ask[row] = Math.round((bidTicks[symbol] + spreadTicks[symbol]) * TICK * 100) / 100;
    quotes.bidSize[row] = 100 * (1 + random.geometric(5));
    quotes.askSize[row] = 100 * (1 + random.geometric(5));
  }
  takeTrades(Infinity);
  return { quotes, trades };
}
