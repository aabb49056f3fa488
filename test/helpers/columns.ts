/**
 * Arrow columns from plain values and back, by raw buffers and without the library under test. Cells are bigint for
 * integers and all temporal types (their stored value), number for floats, string, boolean, Uint8Array for bytes and
 * decimals, arrays and objects for nested types, null.
 */
import {
  Binary,
  Bool,
  Data,
  DataType,
  DateDay,
  DateMillisecond,
  Decimal,
  Dictionary,
  DurationMicrosecond,
  DurationNanosecond,
  DurationSecond,
  Field,
  FixedSizeBinary,
  Float16,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  LargeBinary,
  LargeUtf8,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  TimeMicrosecond,
  TimeMillisecond,
  TimeNanosecond,
  TimeSecond,
  Timestamp,
  TimestampMicrosecond,
  TimestampMillisecond,
  TimestampNanosecond,
  TimestampSecond,
  TimeUnit,
  Uint16,
  Uint32,
  Uint64,
  Uint8,
  Utf8,
  Vector,
} from 'apache-arrow';

export type Cell = bigint | number | string | boolean | Uint8Array | null;

/** Every flat type by a short name. Dictionaries: `dict:<index>:<value>`. */
const FLAT: Readonly<Record<string, () => DataType>> = {
  int8: () => new Int8(),
  int16: () => new Int16(),
  int32: () => new Int32(),
  int64: () => new Int64(),
  uint8: () => new Uint8(),
  uint16: () => new Uint16(),
  uint32: () => new Uint32(),
  uint64: () => new Uint64(),
  float16: () => new Float16(),
  float32: () => new Float32(),
  float64: () => new Float64(),
  bool: () => new Bool(),
  utf8: () => new Utf8(),
  largeutf8: () => new LargeUtf8(),
  binary: () => new Binary(),
  largebinary: () => new LargeBinary(),
  fixed3: () => new FixedSizeBinary(3),
  fixed8: () => new FixedSizeBinary(8),
  decimal: () => new Decimal(2, 20, 128),
  date32: () => new DateDay(),
  date64: () => new DateMillisecond(),
  time_s: () => new TimeSecond(),
  time_ms: () => new TimeMillisecond(),
  time_us: () => new TimeMicrosecond(),
  time_ns: () => new TimeNanosecond(),
  ts_s: () => new TimestampSecond(),
  ts_ms: () => new TimestampMillisecond(),
  ts_us: () => new TimestampMicrosecond(),
  ts_ns: () => new TimestampNanosecond(),
  ts_ns_utc: () => new Timestamp(TimeUnit.NANOSECOND, 'UTC'),
  ts_us_ny: () => new Timestamp(TimeUnit.MICROSECOND, 'America/New_York'),
  dur_s: () => new DurationSecond(),
  dur_us: () => new DurationMicrosecond(),
  dur_ns: () => new DurationNanosecond(),
};
const INDEX = { int8: new Int8(), int16: new Int16(), int32: new Int32(), uint8: new Uint8() } as const;

export function typeNamed(name: string): DataType {
  const dictionary = /^dict:(\w+):(\w+)$/.exec(name);
  if (dictionary !== null) {
    const index = INDEX[dictionary[1] as keyof typeof INDEX];
    return new Dictionary(typeNamed(dictionary[2] ?? ''), index);
  }
  const make = FLAT[name];
  if (make === undefined) throw new Error(`no type called ${name}`);
  return make();
}

function bitmap(flags: readonly boolean[], offset: number): Uint8Array {
  const bits = new Uint8Array(((offset + flags.length + 7) >> 3) + 1);
  flags.forEach((flag, i) => {
    if (flag) bits[(offset + i) >> 3]! |= 1 << ((offset + i) & 7);
  });
  return bits;
}

const encoder = new TextEncoder();

/** Garbage under nulls, so that a reader that forgets the bitmap is caught. */
const GARBAGE = 77;

function toHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  if (!Number.isFinite(value)) return value > 0 ? 0x7c00 : 0xfc00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size === 0) return sign;
  const exponent = Math.floor(Math.log2(size));
  return sign | ((exponent + 15) << 10) | Math.round((size / 2 ** exponent - 1) * 1024);
}

/** One chunk of a flat or dictionary type. */
export function makeChunk(type: DataType, cells: readonly Cell[]): Data {
  const nullCount = cells.filter((cell) => cell === null).length;
  const nullBitmap =
    nullCount === 0
      ? undefined
      : bitmap(
          cells.map((cell) => cell !== null),
          0,
        );
  const props = { length: cells.length, nullCount, nullBitmap };
  if (DataType.isDictionary(type)) {
    const values = [...new Map(cells.filter((cell) => cell !== null).map((cell) => [String(cell), cell])).values()];
    values.reverse();
    const codes = new Map(values.map((value, i) => [String(value), i]));
    const data = new type.indices.ArrayType(cells.map((cell) => (cell === null ? 0 : (codes.get(String(cell)) ?? 0))));
    const dictionary = new Vector([makeChunk(type.dictionary, values)]);
    return makeData({ type, ...props, data, dictionary });
  }
  if (DataType.isBool(type)) {
    const data = bitmap(
      cells.map((cell) => cell === true || cell === null),
      0,
    );
    return makeData({ type, ...props, data });
  }
  if (DataType.isUtf8(type) || DataType.isBinary(type) || DataType.isLargeUtf8(type) || DataType.isLargeBinary(type)) {
    const parts = cells.map((cell) =>
      cell === null ? encoder.encode('gone') : typeof cell === 'string' ? encoder.encode(cell) : (cell as Uint8Array),
    );
    const offsets = [0];
    for (const part of parts) offsets.push(offsets[offsets.length - 1]! + part.length);
    const data = new Uint8Array(Buffer.concat(parts));
    const large = DataType.isLargeUtf8(type) || DataType.isLargeBinary(type);
    const valueOffsets = large ? BigInt64Array.from(offsets, BigInt) : Int32Array.from(offsets);
    return new Data(type, 0, cells.length, nullCount, { 0: valueOffsets, 1: data, 2: nullBitmap ?? new Uint8Array(0) });
  }
  if (DataType.isDecimal(type) || DataType.isFixedSizeBinary(type)) {
    const width = DataType.isDecimal(type) ? type.bitWidth / 8 : type.byteWidth;
    const bytes = new Uint8Array(width * cells.length).fill(GARBAGE);
    cells.forEach((cell, i) => cell !== null && bytes.set(cell as Uint8Array, i * width));
    const data = DataType.isDecimal(type) ? new Uint32Array(bytes.buffer) : bytes;
    return new Data(type, 0, cells.length, nullCount, { 1: data, 2: nullBitmap ?? new Uint8Array(0) });
  }
  if (DataType.isFloat(type) && type.precision === 0) {
    const data = Uint16Array.from(cells, (cell) => (cell === null ? GARBAGE : toHalf(Number(cell))));
    return new Data(type, 0, cells.length, nullCount, { 1: data, 2: nullBitmap ?? new Uint8Array(0) });
  }
  const wide = new type.ArrayType(0) instanceof BigInt64Array || new type.ArrayType(0) instanceof BigUint64Array;
  const data = type.ArrayType.from(
    cells.map((cell) => (wide ? BigInt((cell as bigint) ?? GARBAGE) : Number(cell ?? GARBAGE))),
  );
  return new Data(type, 0, cells.length, nullCount, { 1: data, 2: nullBitmap ?? new Uint8Array(0) });
}

export interface ColumnSpec {
  readonly name: string;
  readonly type: DataType;
  readonly cells: readonly Cell[];
  readonly metadata?: Map<string, string>;
}

/** How a table is laid out: lengths of its batches, and rows put before each that a slice then hides. */
export interface Layout {
  readonly batches: readonly number[];
  readonly hidden: number;
}

/** A table of one batch, or laid out in batches that are slices of longer ones. */
export function makeTable(columns: readonly ColumnSpec[], layout?: Layout, metadata?: Map<string, string>): Table {
  const rows = columns[0]?.cells.length ?? 0;
  const schema = new Schema(
    columns.map(({ name, type, metadata: own }) => new Field(name, type, true, own)),
    metadata,
  );
  const batch = (from: number, to: number, hidden: number): RecordBatch => {
    const children = columns.map(({ type, cells }) => {
      const filler = Array.from(
        { length: hidden },
        (_, i) => cells[(from + i * 7) % Math.max(cells.length, 1)] ?? null,
      );
      return makeChunk(type, [...filler, ...cells.slice(from, to)]).slice(hidden, to - from);
    });
    const data = new Data(new Struct(schema.fields), 0, to - from, 0, undefined, children);
    return new RecordBatch(schema, data);
  };
  if (layout === undefined) return new Table(schema, [batch(0, rows, 0)]);
  const batches: RecordBatch[] = [];
  let from = 0;
  for (const length of layout.batches) {
    const to = Math.min(from + length, rows);
    batches.push(batch(from, to, layout.hidden));
    from = to;
  }
  if (from < rows || batches.length === 0) batches.push(batch(from, rows, layout.hidden));
  return new Table(schema, batches);
}

/** Shorthand: `table({ time: ['ts_ns', [1n, 2n]] })`. */
export function table(columns: Readonly<Record<string, readonly [string | DataType, readonly Cell[]]>>): Table {
  return makeTable(
    Object.entries(columns).map(([name, [type, cells]]) => ({
      name,
      type: typeof type === 'string' ? typeNamed(type) : type,
      cells,
    })),
  );
}

function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  if (exponent === 31) return bits & 1023 ? NaN : sign * Infinity;
  return exponent === 0 ? (sign * (bits & 1023)) / 2 ** 24 : sign * (1 + (bits & 1023) / 1024) * 2 ** (exponent - 15);
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** The cell at `row` of a chunk, from its raw buffers. Bytes come back as hex. */
export function readCell(data: Data, row: number): Cell | object {
  if (DataType.isNull(data.type) || !data.getValid(row)) return null;
  const { type, values } = data;
  if (DataType.isDictionary(type)) {
    const dictionary = data.dictionary;
    let index = Number(values[row]);
    for (const part of dictionary?.data ?? []) {
      if (index < part.length) return readCell(part, index);
      index -= part.length;
    }
    throw new Error(`dictionary index ${values[row]} out of range`);
  }
  const bytes = (from: number, to: number): Uint8Array =>
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength).subarray(from, to);
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type)) {
    return decoder.decode(bytes(Number(data.valueOffsets[row]), Number(data.valueOffsets[row + 1])));
  }
  const hex = (part: Uint8Array): string => `0x${Buffer.from(part).toString('hex')}`;
  if (DataType.isBinary(type) || DataType.isLargeBinary(type)) {
    return hex(bytes(Number(data.valueOffsets[row]), Number(data.valueOffsets[row + 1])));
  }
  if (DataType.isDecimal(type)) return hex(bytes((row * type.bitWidth) / 8, ((row + 1) * type.bitWidth) / 8));
  if (DataType.isFixedSizeBinary(type)) return hex(bytes(row * type.byteWidth, (row + 1) * type.byteWidth));
  if (DataType.isBool(type)) {
    const bit = data.offset + row;
    return (values[bit >> 3] & (1 << (bit & 7))) !== 0;
  }
  if (DataType.isFloat(type)) return type.precision === 0 ? fromHalf(values[row]) : values[row];
  if (DataType.isInterval(type)) return hex(bytes(row * (4 << type.unit), (row + 1) * (4 << type.unit)));
  if (type.children?.length || DataType.isUtf8View(type) || DataType.isBinaryView(type)) {
    const value: unknown = new Vector([data]).get(row);
    return JSON.parse(JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner)));
  }
  return BigInt(values[row]);
}

/** All cells of a column, read from the raw buffers. */
export function cellsOf(from: Table, name: string): (Cell | object)[] {
  const index = from.schema.fields.findIndex((field) => field.name === name);
  if (index < 0) throw new Error(`no column ${name}`);
  return from.batches.flatMap((batch) => {
    const data = batch.data.children[index]!;
    return Array.from({ length: batch.data.length }, (_, row) => readCell(data, row));
  });
}

/** What `cellsOf` gives for a cell that went in: bytes as hex. */
export function shown(cell: Cell): Cell {
  return cell instanceof Uint8Array ? `0x${Buffer.from(cell).toString('hex')}` : cell;
}
