/** Tables of order events as columns for the addon, in pieces that bound its memory. */
import type { RecordBatch, Table } from 'apache-arrow';

import type { NativeEventColumns } from '../../internal/native-replay.js';
import { fail, rejectUnknown, typeError } from '../../internal/validate.js';
import { columnFrom, type ColumnConstructor, isArrow } from '../arrow-input.js';

/** Column names as in the CSV form, and what they hold. */
const COLUMNS = {
  time_ns: BigInt64Array,
  kind: Uint8Array,
  side: Uint8Array,
  price: BigInt64Array,
  quantity: BigUint64Array,
  order_id: BigUint64Array,
  new_order_id: BigUint64Array,
  sequence: BigUint64Array,
  instrument: Uint32Array,
  flags: Uint8Array,
} as const satisfies Readonly<Record<string, ColumnConstructor>>;
type ColumnName = keyof typeof COLUMNS;

const ROWS_AT_ONCE = 65_536;

export type EventTables = Table | RecordBatch | AsyncIterable<Table | RecordBatch> | Iterable<Table | RecordBatch>;

function batchesOf(value: unknown): readonly RecordBatch[] {
  if (!isArrow(value)) throw typeError('source', 'tables or record batches of order events', value);
  return 'batches' in value ? value.batches : [value];
}

/** FS_ERR_SCHEMA, FS_ERR_COLUMN_MISSING, FS_ERR_OPTION_UNKNOWN (a column that no event has). */
function columnsOf(batch: RecordBatch): NativeEventColumns {
  const names = batch.schema.fields.map((field) => field.name);
  rejectUnknown(Object.fromEntries(names.map((name) => [name, null])), 'events', Object.keys(COLUMNS));
  const column = <N extends ColumnName>(name: N): InstanceType<(typeof COLUMNS)[N]> | null =>
    (columnFrom(batch, name, COLUMNS[name], 'events') as InstanceType<(typeof COLUMNS)[N]> | undefined) ?? null;
  const missing = (name: string): never =>
    fail('FS_ERR_COLUMN_MISSING', `events have no column '${name}'`, { column: name });
  return {
    time: column('time_ns') ?? missing('time_ns'),
    kind: column('kind') ?? missing('kind'),
    side: column('side'),
    price: column('price'),
    quantity: column('quantity'),
    orderId: column('order_id'),
    newOrderId: column('new_order_id'),
    sequence: column('sequence'),
    instrument: column('instrument'),
    flags: column('flags'),
  };
}

function slice(columns: NativeEventColumns, from: number, to: number): NativeEventColumns {
  return {
    time: columns.time.subarray(from, to),
    kind: columns.kind.subarray(from, to),
    side: columns.side?.subarray(from, to) ?? null,
    price: columns.price?.subarray(from, to) ?? null,
    quantity: columns.quantity?.subarray(from, to) ?? null,
    orderId: columns.orderId?.subarray(from, to) ?? null,
    newOrderId: columns.newOrderId?.subarray(from, to) ?? null,
    sequence: columns.sequence?.subarray(from, to) ?? null,
    instrument: columns.instrument?.subarray(from, to) ?? null,
    flags: columns.flags?.subarray(from, to) ?? null,
  };
}

/** Pieces of at most 65,536 events. */
export async function* readEventColumns(source: EventTables): AsyncGenerator<NativeEventColumns, void, undefined> {
  async function* items(): AsyncGenerator<unknown, void, undefined> {
    if (isArrow(source)) yield source;
    else yield* source;
  }
  for await (const item of items()) {
    for (const batch of batchesOf(item)) {
      const columns = columnsOf(batch);
      for (let at = 0; at < columns.time.length; at += ROWS_AT_ONCE) yield slice(columns, at, at + ROWS_AT_ONCE);
    }
  }
}
