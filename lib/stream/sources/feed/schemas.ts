/** Columns of feeds. Times are int64 nanoseconds in UTC; what a feed does not say is null. */
import {
  Dictionary,
  Field,
  Float64,
  Int32,
  Int64,
  Schema,
  TimestampNanosecond,
  Utf8,
  type DataType,
} from 'apache-arrow';

import type { FeedKind } from './protocol.js';

let nextId = 0x4653;
const text = (): DataType => new Dictionary(new Utf8(), new Int32(), nextId++);
const time = (): DataType => new TimestampNanosecond('UTC');

function schema(columns: readonly (readonly [string, DataType])[]): Schema {
  const required = new Set(['timestamp', 'symbol']);
  return new Schema(columns.map(([name, type]) => new Field(name, type, !required.has(name))));
}

export const FEED_SCHEMAS: Readonly<Record<FeedKind, Schema>> = {
  trades: schema([
    ['timestamp', time()],
    ['symbol', text()],
    ['price', new Float64()],
    ['size', new Float64()],
    ['exchange', text()],
    ['id', new Utf8()],
    ['conditions', text()],
    ['sequence', new Int64()],
  ]),
  quotes: schema([
    ['timestamp', time()],
    ['symbol', text()],
    ['bid', new Float64()],
    ['bid_size', new Float64()],
    ['ask', new Float64()],
    ['ask_size', new Float64()],
    ['bid_exchange', text()],
    ['ask_exchange', text()],
    ['conditions', text()],
    ['sequence', new Int64()],
  ]),
  // A bar is dated by its start, but nobody knows it before its end: join it with `knownAt: 'end'`.
  bars: schema([
    ['timestamp', time()],
    ['end', time()],
    ['symbol', text()],
    ['open', new Float64()],
    ['high', new Float64()],
    ['low', new Float64()],
    ['close', new Float64()],
    ['volume', new Float64()],
    ['vwap', new Float64()],
  ]),
};
