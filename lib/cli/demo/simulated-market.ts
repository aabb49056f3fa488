/**
 * The demo's market from the simulator on the matching core: trades and quotes are what the books did, over a day that is
 * busy at both ends. As in the made-up market, the quote feed of two symbols starts late and that of one stops for a
 * while, so that some trades have no quote to match. Rows in the shape of `market.ts`.
 */
import type { RecordBatch } from 'apache-arrow';

import { fail } from '../../internal/validate.js';
import { simulateMarketBatches } from '../../orderbook/simulate.js';
import {
  DAY_NS,
  HALTED,
  LATE_SYMBOLS,
  type MarketSize,
  OPEN_NS,
  type Quotes,
  SYMBOLS,
  type Trades,
  dayActivity,
} from './market.js';

/** Rows that a command of the simulator's symbols makes, on average. */
const TRADES_PER_COMMAND = 0.121;
const QUOTES_PER_COMMAND = 0.179;
const DAY_PARTS = 390;

/** Arrays that grow by pieces and are joined once. */
class Pieces<A extends BigInt64Array | Float64Array | Int32Array | Uint8Array> {
  readonly #pieces: A[] = [];
  #length = 0;

  push(piece: A): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
  }

  join(make: (length: number) => A): A {
    const all = make(this.#length);
    let at = 0;
    for (const piece of this.#pieces) {
      all.set(piece as never, at);
      at += piece.length;
    }
    return all;
  }
}

function values<A>(batch: RecordBatch, name: string, type: new (...args: never[]) => A): A {
  const index = batch.schema.fields.findIndex((field) => field.name === name);
  const found: unknown = batch.data.children[index]?.values;
  return found instanceof type ? found : fail('FS_ERR_INTERNAL', `the simulator's column ${name} is not as expected`);
}

/** The rows of `source` at `rows`, as `A`. */
function pick<A extends { [row: number]: number | bigint }>(
  into: A,
  source: ArrayLike<number | bigint>,
  rows: Int32Array,
  convert: (value: number | bigint) => number | bigint = (value) => value,
): A {
  for (let i = 0; i < rows.length; i++) into[i] = convert(source[rows[i]!]!);
  return into;
}

const toNumber = (value: number | bigint): number => Number(value);

/** Rows of quotes that the feed delivered: both sides there, the symbol's feed up. */
function delivered(batch: RecordBatch): Int32Array {
  const time = values(batch, 'timestamp', BigInt64Array);
  const symbol = values(batch, 'symbol', Int32Array);
  const [bid, ask] = [values(batch, 'bid_size', BigInt64Array), values(batch, 'ask_size', BigInt64Array)];
  const rows = new Int32Array(batch.numRows);
  let kept = 0;
  for (let row = 0; row < batch.numRows; row++) {
    const since = Number(time[row]! - OPEN_NS);
    if (bid[row] === 0n || ask[row] === 0n || since < (LATE_SYMBOLS.get(symbol[row]!) ?? 0)) continue;
    if (symbol[row] === HALTED.symbol && since >= HALTED.from && since < HALTED.to) continue;
    rows[kept++] = row;
  }
  return rows.subarray(0, kept);
}

/** One day of trades and quotes, about as many as `size` asks for, whichever needs the busier day. */
export async function simulateDemoMarket(size: MarketSize): Promise<{ quotes: Quotes; trades: Trades }> {
  const commands = Math.max(size.trades / TRADES_PER_COMMAND, size.quotes / QUOTES_PER_COMMAND);
  const batches = simulateMarketBatches({
    symbols: SYMBOLS,
    seed: size.seed,
    start: OPEN_NS,
    duration: BigInt(DAY_NS),
    eventsPerSecond: Math.max(0.01, commands / (DAY_NS / 1e9)),
    activity: Array.from({ length: DAY_PARTS }, (_, i) => Math.round(1000 * dayActivity((i + 0.5) / DAY_PARTS))),
    tables: ['trades', 'quotes'],
  });
  const q = {
    ...{ timestamp: new Pieces<BigInt64Array>(), symbol: new Pieces<Uint8Array>() },
    ...{ bid: new Pieces<Float64Array>(), ask: new Pieces<Float64Array>() },
    ...{ bidSize: new Pieces<Int32Array>(), askSize: new Pieces<Int32Array>() },
  };
  const t = {
    ...{ timestamp: new Pieces<BigInt64Array>(), symbol: new Pieces<Uint8Array>(), price: new Pieces<Float64Array>() },
    ...{ size: new Pieces<Int32Array>(), side: new Pieces<Uint8Array>() },
  };
  for await (const { quotes, trades } of batches) {
    const rows = delivered(quotes);
    const count = rows.length;
    q.timestamp.push(pick(new BigInt64Array(count), values(quotes, 'timestamp', BigInt64Array), rows));
    q.symbol.push(pick(new Uint8Array(count), values(quotes, 'symbol', Int32Array), rows));
    q.bid.push(pick(new Float64Array(count), values(quotes, 'bid', Float64Array), rows));
    q.ask.push(pick(new Float64Array(count), values(quotes, 'ask', Float64Array), rows));
    q.bidSize.push(pick(new Int32Array(count), values(quotes, 'bid_size', BigInt64Array), rows, toNumber));
    q.askSize.push(pick(new Int32Array(count), values(quotes, 'ask_size', BigInt64Array), rows, toNumber));
    t.timestamp.push(values(trades, 'timestamp', BigInt64Array).slice(0, trades.numRows));
    t.symbol.push(Uint8Array.from(values(trades, 'symbol', Int32Array).subarray(0, trades.numRows)));
    t.price.push(values(trades, 'price', Float64Array).slice(0, trades.numRows));
    t.size.push(Int32Array.from(values(trades, 'size', BigInt64Array).subarray(0, trades.numRows), Number));
    // The simulator counts buys as 0, the demo's tables sells.
    t.side.push(
      values(trades, 'side', Uint8Array)
        .subarray(0, trades.numRows)
        .map((side) => 1 - side),
    );
  }
  const [longs, doubles] = [(n: number) => new BigInt64Array(n), (n: number) => new Float64Array(n)];
  const [ints, bytes] = [(n: number) => new Int32Array(n), (n: number) => new Uint8Array(n)];
  return {
    quotes: {
      timestamp: q.timestamp.join(longs),
      symbol: q.symbol.join(bytes),
      bid: q.bid.join(doubles),
      ask: q.ask.join(doubles),
      bidSize: q.bidSize.join(ints),
      askSize: q.askSize.join(ints),
    },
    trades: {
      timestamp: t.timestamp.join(longs),
      symbol: t.symbol.join(bytes),
      price: t.price.join(doubles),
      size: t.size.join(ints),
      side: t.side.join(bytes),
    },
  };
}
