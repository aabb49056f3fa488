/** The simulator's columns as Arrow batches: views of the addon's buffers, no copy, dictionaries shared by all batches. */
import {
  type Data,
  type DataType,
  Dictionary,
  Field,
  Float64,
  Int32,
  Int64,
  makeData,
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

import { fail } from '../internal/validate.js';
import type { NativeSimBatch, NativeSimQuotes, NativeSimTable } from '../internal/native-sim.js';
import { EVENT_KINDS, SIDES } from './names.js';

/** Numbers of dictionaries, distinct within a schema. */
const SYMBOL_ID = 71;
const SIDE_ID = 72;
const KIND_ID = 73;

interface Column {
  readonly name: string;
  readonly type: DataType;
  readonly data: (buffer: ArrayBuffer, rows: number) => Data;
  readonly nullable?: boolean;
}

export interface SimulatedBatch {
  readonly trades: RecordBatch;
  readonly quotes: RecordBatch;
  readonly events: RecordBatch;
}

function plain(name: string, type: DataType, view: (buffer: ArrayBuffer) => ArrayBufferView): Column {
  return { name, type, data: (buffer, rows) => makeData({ type, length: rows, data: view(buffer) } as never) };
}

function coded(
  name: string,
  index: Uint8 | Int32,
  id: number,
  values: Vector<Utf8>,
  view: (buffer: ArrayBuffer) => Uint8Array | Int32Array,
): Column {
  const type = new Dictionary(new Utf8(), index, id);
  return {
    name,
    type,
    data: (buffer, rows) => makeData({ type, length: rows, data: view(buffer), dictionary: values }),
  };
}

const time = (): Column => plain('timestamp', new TimestampNanosecond(), (buffer) => new BigInt64Array(buffer));
const int64 = (name: string): Column => plain(name, new Int64(), (buffer) => new BigInt64Array(buffer));
const uint64 = (name: string): Column => plain(name, new Uint64(), (buffer) => new BigUint64Array(buffer));
const float64 = (name: string): Column => plain(name, new Float64(), (buffer) => new Float64Array(buffer));
const bytes = (name: string): Column => plain(name, new Uint8(), (buffer) => new Uint8Array(buffer));
const instrument = (): Column => plain('instrument', new Uint32(), (buffer) => new Uint32Array(buffer));

/** Makes the batches of one simulation. */
export class SimulatedColumns {
  readonly #trades: readonly Column[];
  readonly #quotes: readonly Column[];
  readonly #events: readonly Column[];

  constructor(symbols: readonly string[]) {
    const names = vectorFromArray([...symbols], new Utf8());
    const sides = vectorFromArray([...SIDES], new Utf8());
    const kinds = vectorFromArray([...EVENT_KINDS], new Utf8());
    const symbol = (): Column => coded('symbol', new Int32(), SYMBOL_ID, names, (buffer) => new Int32Array(buffer));
    const side = (): Column => coded('side', new Uint8(), SIDE_ID, sides, (buffer) => new Uint8Array(buffer));
    const kind = coded('kind', new Uint8(), KIND_ID, kinds, (buffer) => new Uint8Array(buffer));
    const trade = [time(), symbol(), float64('price'), int64('size'), side(), uint64('sequence')];
    this.#trades = [...trade, uint64('maker_id'), uint64('taker_id')];
    const quote = [time(), symbol(), float64('bid'), int64('bid_size'), float64('ask'), int64('ask_size')];
    this.#quotes = [...quote, uint64('sequence')].map((column) => ({
      ...column,
      nullable: column.name === 'bid' || column.name === 'ask',
    }));
    const event = [time(), symbol(), uint64('sequence'), kind, side(), int64('price'), uint64('quantity')];
    this.#events = [...event, uint64('order_id'), uint64('new_order_id'), bytes('flags'), instrument()];
  }

  batch(native: NativeSimBatch): SimulatedBatch {
    const { events, trades, quotes } = native;
    // The symbol's code is the instrument's number: the same memory under two names.
    const shared = { rows: events.rows, columns: [...events.columns, events.columns[1] ?? new ArrayBuffer(0)] };
    return {
      trades: makeBatch(this.#trades, trades, null),
      quotes: makeBatch(this.#quotes, quotes, quotes),
      events: makeBatch(this.#events, shared, null),
    };
  }
}

function makeBatch(columns: readonly Column[], table: NativeSimTable, quotes: NativeSimQuotes | null): RecordBatch {
  const children = columns.map(({ name, data }, i) => {
    const made = data(
      table.columns[i] ?? fail('FS_ERR_INTERNAL', `the simulator returned no column ${name}`),
      table.rows,
    );
    if (quotes === null || (name !== 'bid' && name !== 'ask')) return made;
    const validity = name === 'bid' ? quotes.bidValidity : quotes.askValidity;
    if (validity === null) return made;
    return makeData({
      type: made.type as Float64,
      length: table.rows,
      data: made.values as Float64Array,
      nullBitmap: new Uint8Array(validity),
      nullCount: name === 'bid' ? quotes.bidNulls : quotes.askNulls,
    });
  });
  const fields = columns.map(({ name, type, nullable }) => new Field(name, type, nullable === true));
  const schema = new Schema(fields);
  return new RecordBatch(schema, makeData({ type: new Struct(fields), length: table.rows, nullCount: 0, children }));
}
