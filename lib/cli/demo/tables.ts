/** The demo's rows as Arrow tables: ns timestamps, dictionary symbols, no copy of the number columns. */
import {
  Dictionary,
  Field,
  Float64,
  Int32,
  RecordBatch,
  Schema,
  Struct,
  Table,
  TimestampNanosecond,
  Uint8,
  Utf8,
  Vector,
  makeData,
  vectorFromArray,
  type Data,
  type DataType,
} from 'apache-arrow';
import { type Quotes, SYMBOLS, type Trades } from './market.js';

function dictionary(id: number, codes: Uint8Array, values: readonly string[]): Data {
  const type = new Dictionary(new Utf8(), new Uint8(), id);
  return makeData({ type, length: codes.length, data: codes, dictionary: new Vector([utf8(values)]) });
}

function utf8(values: readonly string[]): Data<Utf8> {
  return vectorFromArray([...values], new Utf8()).data[0]!;
}

function table(columns: Readonly<Record<string, Data>>): Table {
  const fields = Object.entries(columns).map(([name, data]) => new Field<DataType>(name, data.type, false));
  const length = Object.values(columns)[0]!.length;
  const type = new Struct(fields);
  const schema = new Schema(fields);
  return new Table(schema, [new RecordBatch(schema, makeData({ type, length, children: Object.values(columns) }))]);
}

const times = (values: BigInt64Array): Data =>
  makeData({ type: new TimestampNanosecond(), length: values.length, data: values });
const doubles = (values: Float64Array): Data => makeData({ type: new Float64(), length: values.length, data: values });
const ints = (values: Int32Array): Data => makeData({ type: new Int32(), length: values.length, data: values });

export function quotesTable(quotes: Quotes): Table {
  return table({
    timestamp: times(quotes.timestamp),
    symbol: dictionary(1, quotes.symbol, SYMBOLS),
    bid: doubles(quotes.bid),
    ask: doubles(quotes.ask),
    bid_size: ints(quotes.bidSize),
    ask_size: ints(quotes.askSize),
  });
}

export function tradesTable(trades: Trades): Table {
  return table({
    timestamp: times(trades.timestamp),
    symbol: dictionary(2, trades.symbol, SYMBOLS),
    price: doubles(trades.price),
    size: ints(trades.size),
    side: dictionary(3, trades.side, ['sell', 'buy']),
  });
}
