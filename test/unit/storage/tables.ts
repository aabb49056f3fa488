/** Tables for storage tests: every type, with nulls, extremes and awkward text; and an exact comparison. */
import {
  Binary,
  Bool,
  Data,
  DataType,
  DateDay,
  Decimal,
  Dictionary,
  Field,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  IntervalMonthDayNano,
  List,
  Map_,
  RecordBatch,
  Schema,
  Struct,
  Table,
  TimeMicrosecond,
  TimeNanosecond,
  TimeUnit,
  Timestamp,
  Uint16,
  Uint32,
  Uint64,
  Uint8,
  Utf8,
  Vector,
  vectorFromArray,
} from 'apache-arrow';

const ROWS = 5;

function bitmapOf(valid: readonly boolean[]): Uint8Array {
  const bits = new Uint8Array((valid.length + 7) >> 3);
  valid.forEach((ok, i) => (bits[i >> 3] = (bits[i >> 3] ?? 0) | (Number(ok) << (i & 7))));
  return bits;
}

const VALID = [true, false, true, true, true];

function column(type: DataType, values: ArrayBufferView, nulls: boolean, rows = ROWS): Data {
  const bitmap = nulls ? bitmapOf(VALID) : undefined;
  return new Data(type, 0, rows, nulls ? 1 : 0, [undefined, values as never, bitmap]);
}

const I64 = [-(2n ** 63n), 0n, 2n ** 63n - 1n, -1n, 1700000000123456789n];
const TIMES = [1700000000123456789n, 0n, -1n, 1700000000123456790n, 253402300799n];

function decimals(values: readonly bigint[]): Uint32Array {
  const words = new Uint32Array(values.length * 4);
  values.forEach((value, i) => {
    for (let w = 0; w < 4; w++) words[i * 4 + w] = Number((value >> BigInt(w * 32)) & 0xffffffffn);
  });
  return words;
}

/** One column per flat type, with and without nulls. */
export function everyType(): Table {
  const columns: [string, Data][] = [
    ['i8', column(new Int8(), Int8Array.of(-128, 0, 127, -1, 5), true)],
    ['i16', column(new Int16(), Int16Array.of(-32768, 0, 32767, -1, 5), true)],
    ['i32', column(new Int32(), Int32Array.of(-(2 ** 31), 0, 2 ** 31 - 1, -1, 5), false)],
    ['i64', column(new Int64(), BigInt64Array.from(I64), true)],
    ['u8', column(new Uint8(), Uint8Array.of(0, 0, 255, 1, 5), true)],
    ['u16', column(new Uint16(), Uint16Array.of(0, 0, 65535, 1, 5), false)],
    ['u32', column(new Uint32(), Uint32Array.of(0, 0, 2 ** 32 - 1, 1, 5), true)],
    ['u64', column(new Uint64(), BigUint64Array.of(0n, 0n, 2n ** 64n - 1n, 1n, 5n), true)],
    ['f32', column(new Float32(), Float32Array.of(-0, 0, NaN, Infinity, 0.1), true)],
    ['f64', column(new Float64(), Float64Array.of(-0, 0, NaN, -Infinity, 0.1), true)],
    ['flag', column(new Bool(), Uint8Array.of(0b10101), true)],
    ['day', column(new DateDay(), Int32Array.of(-1, 0, 20000, 19000, 0), true)],
    ['t_us', column(new TimeMicrosecond(), BigInt64Array.of(0n, 0n, 86399999999n, 1n, 5n), true)],
    ['t_ns', column(new TimeNanosecond(), BigInt64Array.of(0n, 0n, 86399999999999n, 1n, 5n), true)],
    ['ts_ms', column(new Timestamp(TimeUnit.MILLISECOND), BigInt64Array.of(1n, 0n, -1n, 5n, 1700000000123n), true)],
    ['ts_us', column(new Timestamp(TimeUnit.MICROSECOND), BigInt64Array.of(1n, 0n, -1n, 5n, 1700000000123456n), true)],
    ['ts_ns', column(new Timestamp(TimeUnit.NANOSECOND), BigInt64Array.from(TIMES), false)],
    ['utc_us', column(new Timestamp(TimeUnit.MICROSECOND, 'UTC'), BigInt64Array.of(1n, 0n, -1n, 5n, 17n), true)],
    ['utc_ms', column(new Timestamp(TimeUnit.MILLISECOND, 'UTC'), BigInt64Array.of(1n, 0n, -1n, 5n, 17n), true)],
    ['utc_ns', column(new Timestamp(TimeUnit.NANOSECOND, 'UTC'), BigInt64Array.from(TIMES), true)],
    ['dec', column(new Decimal(3, 18, 128), decimals([1n, 0n, -1n, 10n ** 17n, -123456n]), true)],
    ['dec38', column(new Decimal(10, 38, 128), decimals([10n ** 37n, 0n, -(10n ** 37n), 1n, 0n]), true)],
    [
      'span',
      column(
        new IntervalMonthDayNano(),
        Int32Array.of(1, 2, 3000000, 0, 0, 0, 0, 0, 1, 2, 4000000, 0, 0, 0, 0, 0, 5, 6, 7000000, 0),
        true,
      ),
    ],
    ['blob', binary([Uint8Array.of(0, 255), null, Uint8Array.of(), Uint8Array.of(1), Uint8Array.of(1, 2, 3)])],
    ['text', dictionary(['AAPL', null, '', 'a,"b"\nc', 'żółć and a text longer than twelve bytes'])],
  ];
  return tableFrom(columns);
}

function binary(values: readonly (Uint8Array | null)[]): Data {
  const offsets = new Int32Array(values.length + 1);
  values.forEach((value, i) => (offsets[i + 1] = (offsets[i] ?? 0) + (value?.length ?? 0)));
  const bytes = new Uint8Array(Buffer.concat(values.map((value) => value ?? new Uint8Array(0))));
  return new Data(new Binary(), 0, values.length, 1, [offsets, bytes, bitmapOf(values.map((value) => value !== null))]);
}

export function dictionary(values: readonly (string | null)[]): Data {
  const known = [...new Set(values.filter((value) => value !== null))];
  const codes = Int32Array.from(values, (value) => (value === null ? 0 : known.indexOf(value)));
  const nulls = values.filter((value) => value === null).length;
  const bitmap = nulls === 0 ? undefined : bitmapOf(values.map((value) => value !== null));
  const words = vectorFromArray(known, new Utf8());
  return new Data(
    new Dictionary(new Utf8(), new Int32()),
    0,
    values.length,
    nulls,
    [undefined, codes, bitmap],
    [],
    words,
  );
}

/** Lists, structs and maps, with nulls at both levels and nanoseconds inside. */
export function nestedTable(): Table {
  const stamps = new Data(new Timestamp(TimeUnit.NANOSECOND), 0, 4, 0, [
    undefined,
    BigInt64Array.of(1700000000123456789n, 1n, 2n, 3n),
  ]);
  const list = new List(new Field('item', stamps.type, true));
  const lists = new Data(list, 0, 5, 1, [Int32Array.of(0, 2, 2, 2, 3, 4), undefined, bitmapOf(VALID)], [stamps]);
  const members = [
    column(new Int32(), Int32Array.of(1, 0, 3, 4, 5), true),
    binaryText(['a', 'b', 'c', null, 'a text longer than twelve bytes']),
  ];
  const struct = new Struct([new Field('n', new Int32(), true), new Field('s', new Utf8(), true)]);
  const structs = new Data(struct, 0, 5, 1, [undefined, undefined, bitmapOf(VALID)], members);
  const entry = new Struct<{ key: DataType; value: DataType }>([
    new Field('key', new Utf8(), false),
    new Field('value', new Float64(), true),
  ]);
  const entries = new Data(entry, 0, 3, 0, undefined, [
    binaryText(['x', 'y', 'x']),
    new Data(new Float64(), 0, 3, 0, [undefined, Float64Array.of(1, 2, 3)]),
  ]);
  const map = new Map_(new Field('entries', entry, false));
  const maps = new Data(map, 0, 5, 1, [Int32Array.of(0, 2, 2, 2, 3, 3), undefined, bitmapOf(VALID)], [entries]);
  return tableFrom([
    ['lists', lists],
    ['structs', structs],
    ['maps', maps],
  ]);
}

function binaryText(values: readonly (string | null)[]): Data {
  const data = vectorFromArray(values, new Utf8()).data[0];
  if (data === undefined) throw new Error('no data');
  return data;
}

export function tableFrom(columns: readonly (readonly [string, Data])[]): Table {
  const schema = new Schema(columns.map(([name, data]) => new Field(name, data.type, true)));
  const rows = columns[0]?.[1].length ?? 0;
  const struct = new Data(
    new Struct(schema.fields),
    0,
    rows,
    0,
    undefined,
    columns.map(([, data]) => data),
  );
  return new Table(schema, [new RecordBatch(schema, struct)]);
}

/** Every value as exact text, straight from the buffers; null as null. */
export function exactItem(data: Data, row: number): unknown {
  if (!data.getValid(row)) return null;
  const { type, values } = data;
  if (DataType.isDictionary(type)) return data.dictionary?.get(Number(values[row]));
  if (DataType.isList(type)) {
    return range(data.valueOffsets[row], data.valueOffsets[row + 1]).map((i) => exactItem(data.children[0] as Data, i));
  }
  if (DataType.isMap(type)) {
    return range(data.valueOffsets[row], data.valueOffsets[row + 1]).map((i) => exactItem(data.children[0] as Data, i));
  }
  if (DataType.isStruct(type)) return data.children.map((child) => exactItem(child, row));
  if (DataType.isTimestamp(type) || DataType.isTime(type) || DataType.isDate(type)) return String(values[row]);
  if (DataType.isInt(type) || DataType.isDuration(type)) return String(values[row]);
  if (DataType.isDecimal(type) || DataType.isInterval(type) || DataType.isFixedSizeBinary(type)) {
    return [...values.subarray(row * data.stride, (row + 1) * data.stride)].join();
  }
  const value: unknown = new Vector([data]).get(row);
  if (ArrayBuffer.isView(value)) return [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)].join();
  return Object.is(value, -0) ? '-0' : value;
}

function range(from: number | undefined, to: number | undefined): number[] {
  return Array.from({ length: (to ?? 0) - (from ?? 0) }, (_, i) => (from ?? 0) + i);
}

/** Column name → values, exactly. */
export function exactColumns(table: Table): Record<string, unknown[]> {
  const result: Record<string, unknown[]> = {};
  table.schema.fields.forEach((field, index) => {
    const parts = table.batches.map((batch) => batch.data.children[index] as Data);
    result[field.name] = parts.flatMap((data) => Array.from({ length: data.length }, (_, row) => exactItem(data, row)));
  });
  return result;
}

/** Column name → type; a dictionary counts as its values where `plain`. */
export function typeNames(table: { readonly schema: Schema }, plain = false): Record<string, string> {
  return Object.fromEntries(
    table.schema.fields.map(({ name, type }) => [
      name,
      plain && DataType.isDictionary(type) ? String(type.dictionary) : String(type),
    ]),
  );
}
