/**
 * Tables of order events as columns for the addon, in pieces that bound its memory. Columns are named as in the CSV form;
 * `kind` and `side` may be words, and the time may be called `time` or `timestamp`.
 */
import { DataType, type RecordBatch, type Table, type Vector } from 'apache-arrow';

import type { NativeEventColumns } from '../../internal/native-replay.js';
import { fail, rejectUnknown, typeError } from '../../internal/validate.js';
import { columnFrom, type ColumnConstructor, isArrow } from '../arrow-input.js';
import { EVENT_KINDS, SIDES } from '../names.js';

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

const TIME_NAMES = ['time_ns', 'time', 'timestamp'];
/** Side not known. */
const NO_SIDE = 2;

const ROWS_AT_ONCE = 65_536;

export type EventTables = Table | RecordBatch | AsyncIterable<Table | RecordBatch> | Iterable<Table | RecordBatch>;

function batchesOf(value: unknown): readonly RecordBatch[] {
  if (!isArrow(value)) throw typeError('source', 'tables or record batches of order events', value);
  return 'batches' in value ? value.batches : [value];
}

/** A column of words as their numbers; null is `missing`. Dictionaries cost a look-up a row. */
function wordColumn(vector: Vector, words: readonly string[], missing: number | null, where: string): Uint8Array {
  const numberOf = (word: unknown, row: number): number => {
    if (word === null && missing !== null) return missing;
    const number = words.indexOf(String(word));
    if (number >= 0) return number;
    return fail('FS_ERR_SCHEMA', `${where} must be one of ${words.join(', ')}, got '${String(word)}' in row ${row}`, {
      row,
    });
  };
  const numbers = new Uint8Array(vector.length);
  const [data] = vector.data;
  const dictionary = data?.dictionary;
  if (vector.data.length === 1 && data !== undefined && dictionary !== undefined && data.nullCount === 0) {
    // Entries that no row uses need not be words.
    const known = Array.from(dictionary, (word: unknown) => words.indexOf(String(word)));
    const codes = data.values as Int8Array | Int32Array;
    for (let row = 0; row < numbers.length; row++) {
      const number = known[codes[row]!] ?? -1;
      numbers[row] = number >= 0 ? number : numberOf(dictionary.get(codes[row]!), row);
    }
    return numbers;
  }
  for (let row = 0; row < numbers.length; row++) numbers[row] = numberOf(vector.get(row), row);
  return numbers;
}

function isWords(type: DataType): boolean {
  return DataType.isDictionary(type) ? isWords(type.dictionary) : DataType.isUtf8(type) || DataType.isLargeUtf8(type);
}

/** FS_ERR_SCHEMA, FS_ERR_COLUMN_MISSING, FS_ERR_OPTION_UNKNOWN (a column that no event has). */
function columnsOf(batch: RecordBatch): NativeEventColumns {
  const { fields } = batch.schema;
  const known = [...Object.keys(COLUMNS), ...TIME_NAMES, 'symbol'];
  rejectUnknown(Object.fromEntries(fields.map(({ name }) => [name, null])), 'events', known);
  const column = <N extends ColumnName>(name: N, as: string = name): InstanceType<(typeof COLUMNS)[N]> | null =>
    (columnFrom(batch, as, COLUMNS[name], 'events') as InstanceType<(typeof COLUMNS)[N]> | undefined) ?? null;
  const words = (name: 'kind' | 'side', list: readonly string[], missing: number | null): Uint8Array | null => {
    const field = fields.find((each) => each.name === name);
    if (field === undefined || !isWords(field.type)) return column(name);
    return wordColumn(batch.getChild(name)!, list, missing, `events.${name}`);
  };
  const missing = (name: string): never =>
    fail('FS_ERR_COLUMN_MISSING', `events have no column '${name}'`, { column: name });
  const time = TIME_NAMES.find((name) => fields.some((field) => field.name === name)) ?? missing('time_ns');
  return {
    time: column('time_ns', time) ?? missing(time),
    kind: words('kind', EVENT_KINDS, null) ?? missing('kind'),
    side: words('side', SIDES, NO_SIDE),
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
