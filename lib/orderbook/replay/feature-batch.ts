/** Batches of features as Arrow: names, types and validity over the memory that the addon filled. Nothing is copied. */
import {
  Data,
  type DataType,
  Dictionary,
  DurationNanosecond,
  Field,
  Float64,
  Int32,
  Int64,
  RecordBatch,
  Schema,
  Struct,
  TimestampNanosecond,
  Uint32,
  Uint64,
  Uint8,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow';

import type { NativeFeatureBatch } from '../../internal/native-replay.js';
import { fail } from '../../internal/validate.js';
import type { ParsedReplayOptions } from './options.js';

type ViewConstructor =
  | Uint8ArrayConstructor
  | Int32ArrayConstructor
  | Uint32ArrayConstructor
  | BigInt64ArrayConstructor
  | BigUint64ArrayConstructor
  | Float64ArrayConstructor;

interface Column {
  readonly field: Field;
  readonly data: Data;
}

interface Nulls {
  readonly count: number;
  readonly bitmap: ArrayBuffer | null;
  /** Level whose bitmap it is. */
  readonly level: number;
}

/** Makes batches of one schema out of what the addon returns. */
export class FeatureBatches {
  readonly #options: ParsedReplayOptions;
  readonly #time: DataType;
  readonly #price: DataType;
  readonly #size: DataType;
  readonly #flow: DataType;
  readonly #symbolType = new Dictionary(new Utf8(), new Int32(), 1);
  #symbols: { readonly names: readonly string[]; readonly vector: Vector } = { names: [], vector: names([]) };

  constructor(options: ParsedReplayOptions) {
    this.#options = options;
    this.#time = options.hasDate ? new TimestampNanosecond('UTC') : new DurationNanosecond();
    this.#price = options.native.pricesInTicks ? new Int64() : new Float64();
    this.#size = options.native.sizesAsFloats ? new Float64() : new Uint64();
    this.#flow = options.native.sizesAsFloats ? new Float64() : new Int64();
  }

  /** `symbols` are names by instrument number, of feeds that have them. */
  make(batch: NativeFeatureBatch, symbols: readonly string[]): RecordBatch {
    const columns = [...this.#head(batch, symbols), ...this.#levels(batch), ...this.#rest(batch)];
    const fields = columns.map(({ field }) => field);
    const schema = new Schema(fields);
    const children = columns.map(({ data }) => data);
    return new RecordBatch(schema, new Data(new Struct(fields), 0, batch.rows, 0, [undefined], children));
  }

  *#head(batch: NativeFeatureBatch, symbols: readonly string[]): Generator<Column> {
    const seen = { count: batch.seenNulls, bitmap: batch.seenValid, level: 0 };
    yield* column(batch, 'time', this.#time, batch.time, 0, null);
    yield* column(batch, 'instrument', new Uint32(), batch.instrument, 0, null);
    if (this.#options.hasSymbols) yield this.#symbol(batch, symbols);
    yield* column(batch, 'sequence', new Uint64(), batch.sequence, 0, seen);
    yield* column(batch, 'event_time', this.#time, batch.eventTime, 0, seen);
  }

  /** The instrument numbers are the dictionary's indices. */
  #symbol(batch: NativeFeatureBatch, symbols: readonly string[]): Column {
    const known = this.#symbols;
    // A dictionary may not shrink between batches, and every index needs an entry, a name or not.
    const codes = new Int32Array(batch.instrument ?? new ArrayBuffer(0), 0, batch.rows);
    let most = known.names.length;
    for (const code of codes) if (code >= most) most = code + 1;
    if (most > known.names.length || symbols.some((name, i) => name !== known.names[i])) {
      const list = Array.from({ length: Math.max(most, symbols.length) }, (_, i) => symbols[i] ?? '');
      this.#symbols = { names: list, vector: names(list) };
    }
    const type = this.#symbolType;
    const data = new Data(type, 0, batch.rows, 0, [undefined, codes], [], this.#symbols.vector as Vector<Utf8>);
    return { field: new Field('symbol', type, false), data };
  }

  *#levels(batch: NativeFeatureBatch): Generator<Column> {
    for (let k = 0; k < this.#options.native.levels; k++) {
      const bid = { count: batch.bidNulls[k] ?? 0, bitmap: batch.bidValid, level: k };
      const ask = { count: batch.askNulls[k] ?? 0, bitmap: batch.askValid, level: k };
      const name = (what: string): string => `${what}_${k + 1}`;
      yield* column(batch, name('bid_price'), this.#price, batch.bidPrice, k, bid);
      yield* column(batch, name('bid_size'), this.#size, batch.bidSize, k, bid);
      yield* column(batch, name('ask_price'), this.#price, batch.askPrice, k, ask);
      yield* column(batch, name('ask_size'), this.#size, batch.askSize, k, ask);
      yield* column(batch, name('bid_orders'), new Uint32(), batch.bidOrders, k, bid);
      yield* column(batch, name('ask_orders'), new Uint32(), batch.askOrders, k, ask);
    }
  }

  *#rest(batch: NativeFeatureBatch): Generator<Column> {
    const both = { count: batch.bothNulls, bitmap: batch.bothValid, level: 0 };
    const either = { count: batch.eitherNulls, bitmap: batch.eitherValid, level: 0 };
    const seen = { count: batch.seenNulls, bitmap: batch.seenValid, level: 0 };
    const trade = { count: batch.tradeNulls, bitmap: batch.tradeValid, level: 0 };
    const side = { count: batch.sideNulls, bitmap: batch.sideValid, level: 0 };
    const queue = { count: batch.queueNulls, bitmap: batch.queueValid, level: 0 };
    yield* column(batch, 'mid', new Float64(), batch.mid, 0, both);
    yield* column(batch, 'spread', this.#price, batch.spread, 0, both);
    yield* column(batch, 'microprice', new Float64(), batch.microprice, 0, both);
    const { levels } = this.#options.native;
    for (let k = 0; k < levels; k++)
      yield* column(batch, `imbalance_${k + 1}`, new Float64(), batch.imbalance, k, either);
    for (let k = 0; k < levels; k++) yield* column(batch, `ofi_${k + 1}`, this.#flow, batch.orderFlow, k, seen);
    yield* column(batch, 'trade_count', new Uint32(), batch.tradeCount, 0, null);
    yield* column(batch, 'trade_volume', this.#size, batch.tradeVolume, 0, null);
    yield* column(batch, 'last_trade_price', this.#price, batch.lastTradePrice, 0, trade);
    yield* column(batch, 'last_trade_size', this.#size, batch.lastTradeSize, 0, trade);
    yield* column(batch, 'last_trade_side', new Uint8(), batch.lastTradeSide, 0, side);
    yield* column(batch, 'queue_orders_ahead', new Uint32(), batch.ordersAhead, 0, queue);
    yield* column(batch, 'queue_quantity_ahead', this.#size, batch.quantityAhead, 0, queue);
  }
}

function names(list: readonly string[]): Vector<Utf8> {
  return vectorFromArray(list, new Utf8());
}

/** The column, or nothing where it was not asked for. */
function* column(
  batch: NativeFeatureBatch,
  name: string,
  type: DataType,
  buffer: ArrayBuffer | null,
  level: number,
  nulls: Nulls | null,
): Generator<Column> {
  if (buffer === null) return;
  const view = type.ArrayType as ViewConstructor;
  const offset = level * batch.capacity * view.BYTES_PER_ELEMENT;
  if (buffer.byteLength < offset + batch.rows * view.BYTES_PER_ELEMENT) {
    fail('FS_ERR_INTERNAL', `the addon delivered too few bytes for ${name}`);
  }
  const values = new view(buffer, offset, batch.rows);
  const count = nulls?.count ?? 0;
  const bitmap =
    nulls === null || count === 0 || nulls.bitmap === null
      ? undefined
      : new Uint8Array(nulls.bitmap, nulls.level * batch.bitmapBytes, (batch.rows + 7) >> 3);
  const data = new Data(type, 0, batch.rows, count, [undefined, values, bitmap]);
  yield { field: new Field(name, type, nulls !== null), data };
}
