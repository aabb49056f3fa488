/**
 * Arrow columns in the shape of the Arrow C data interface, without copying values: what apache-arrow has cut (slices)
 * already starts at the first row; only bitmaps that start inside a byte are shifted. Zones are left out of timestamps
 * and durations go as integers, because the reader of these columns would round or rename them.
 */
import { DataType, IntervalUnit, TimeUnit, type Data, type Field, type Schema } from 'apache-arrow';
import { bytesColumn } from './make-column.js';
import type { NativeArrowData, NativeArrowType } from '../internal/native.js';

const UNIT: Readonly<Record<TimeUnit, string>> = {
  [TimeUnit.SECOND]: 's',
  [TimeUnit.MILLISECOND]: 'm',
  [TimeUnit.MICROSECOND]: 'u',
  [TimeUnit.NANOSECOND]: 'n',
};

const INTERVAL: Readonly<Record<IntervalUnit, string>> = {
  [IntervalUnit.YEAR_MONTH]: 'tiM',
  [IntervalUnit.DAY_TIME]: 'tiD',
  [IntervalUnit.MONTH_DAY_NANO]: 'tin',
};

const INTS: Readonly<Record<number, string>> = { 8: 'c', 16: 's', 32: 'i', 64: 'l' };

/** The format of a type; null where these columns cannot go by this interface (unions, views, 256-bit decimals). */
export function formatOfType(type: DataType): string | null {
  if (DataType.isDictionary(type)) return formatOfType(type.indices);
  if (DataType.isInt(type)) {
    const letter = INTS[type.bitWidth] ?? null;
    return letter === null || type.isSigned ? letter : letter.toUpperCase();
  }
  if (DataType.isFloat(type)) return ['e', 'f', 'g'][type.precision] ?? null;
  if (DataType.isBool(type)) return 'b';
  if (DataType.isUtf8(type)) return 'u';
  if (DataType.isLargeUtf8(type)) return 'U';
  if (DataType.isBinary(type)) return 'z';
  if (DataType.isLargeBinary(type)) return 'Z';
  if (DataType.isFixedSizeBinary(type)) return `w:${type.byteWidth}`;
  if (DataType.isDate(type)) return type.unit === 0 ? 'tdD' : 'tdm';
  if (DataType.isTime(type)) return `tt${UNIT[type.unit]}`;
  if (DataType.isTimestamp(type)) return `ts${UNIT[type.unit]}:`;
  if (DataType.isDuration(type)) return 'l';
  if (DataType.isDecimal(type)) return type.bitWidth === 128 ? `d:${type.precision},${type.scale}` : null;
  if (DataType.isInterval(type)) return INTERVAL[type.unit];
  if (DataType.isNull(type)) return 'n';
  if (DataType.isList(type)) return '+l';
  if (DataType.isLargeList(type)) return '+L';
  if (DataType.isFixedSizeList(type)) return `+w:${type.listSize}`;
  if (DataType.isStruct(type)) return '+s';
  if (DataType.isMap(type)) return '+m';
  return null;
}

/** The schema as a struct type; null when a column has no format. */
export function nativeSchema(schema: Schema): NativeArrowType | null {
  const children = schema.fields.map(nativeField);
  return children.every((child) => child !== null) ? { format: '+s', name: '', children, dictionary: null } : null;
}

function nativeField(field: Field): NativeArrowType | null {
  return nativeType(field.name, field.type);
}

function nativeType(name: string, type: DataType): NativeArrowType | null {
  const format = formatOfType(type);
  if (format === null) return null;
  const fields: readonly Field[] = DataType.isDictionary(type) ? [] : (type.children ?? []);
  const children = fields.map(nativeField);
  if (!children.every((child) => child !== null)) return null;
  const dictionary = DataType.isDictionary(type) ? nativeType(name, type.dictionary) : null;
  if (DataType.isDictionary(type) && dictionary === null) return null;
  return { format, name, children, dictionary };
}

/** Bits [offset, offset + length) from bit 0. */
function alignBits(bits: Uint8Array, offset: number, length: number): Uint8Array {
  const bytes = (length + 7) >> 3;
  const start = offset >> 3;
  const shift = offset & 7;
  if (shift === 0) return bits.subarray(start, start + bytes);
  const out = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) {
    out[i] = ((bits[start + i] ?? 0) >> shift) | ((bits[start + i + 1] ?? 0) << (8 - shift));
  }
  return out;
}

/**
 * A column's buffers; `dictionaries` keeps what was made of dictionaries that several batches share. `whole` is what
 * `data` was cut from.
 */
export function nativeData(
  data: Data,
  dictionaries: WeakMap<object, NativeArrowData>,
  whole: Data = data,
): NativeArrowData {
  const { type, length, offset } = data;
  // Counting the nulls of a slice takes longer than writing its bitmap; -1 says that nobody has.
  const nullCount = whole === data || whole.nullCount === 0 ? whole.nullCount : -1;
  const validity = nullCount !== 0 ? alignBits(data.nullBitmap, offset, length) : null;
  const children = data.children.map((child, index) => nativeData(child, dictionaries, whole.children[index]));
  const base = { length, nullCount, children, dictionary: null };
  if (DataType.isNull(type)) return { ...base, nullCount: length, buffers: [] };
  if (DataType.isBool(type)) return { ...base, buffers: [validity, alignBits(data.values, offset, length)] };
  if (DataType.isStruct(type) || DataType.isFixedSizeList(type)) return { ...base, buffers: [validity] };
  if (DataType.isList(type) || DataType.isLargeList(type) || DataType.isMap(type)) {
    return { ...base, buffers: [validity, offsetsOf(data)] };
  }
  if (hasOffsets(type)) return { ...base, buffers: [validity, offsetsOf(data), data.values] };
  if (DataType.isDictionary(type)) {
    return { ...base, buffers: [validity, data.values], dictionary: nativeDictionary(data, dictionaries) };
  }
  return { ...base, buffers: [validity, data.values] };
}

function hasOffsets(type: DataType): boolean {
  return DataType.isUtf8(type) || DataType.isBinary(type) || DataType.isLargeUtf8(type) || DataType.isLargeBinary(type);
}

/** A column without rows may have no offsets at all; the interface wants one. */
function offsetsOf(data: Data): ArrayBufferView {
  return data.valueOffsets !== undefined && data.valueOffsets.length > 0 ? data.valueOffsets : new BigInt64Array(1);
}

function nativeDictionary(data: Data, dictionaries: WeakMap<object, NativeArrowData>): NativeArrowData {
  const { dictionary } = data;
  const whole: Data | undefined =
    dictionary === undefined ? undefined : dictionary.data.length === 1 ? dictionary.data[0] : joined(dictionary.data);
  if (dictionary === undefined || whole === undefined) throw new TypeError('a dictionary column has no dictionary');
  let native = dictionaries.get(dictionary);
  if (native === undefined) {
    native = nativeData(whole, dictionaries);
    dictionaries.set(dictionary, native);
  }
  return native;
}

/** A text dictionary that came in parts (delta dictionaries), as one. */
function joined(parts: readonly Data[]): Data | undefined {
  const first = parts[0];
  if (first === undefined || !DataType.isUtf8(first.type) || parts.some((part) => part.nullCount > 0)) return undefined;
  const rows = parts.reduce((sum, part) => sum + part.length, 0);
  const pieces = parts.map((part) =>
    part.values.subarray(part.valueOffsets[0] ?? 0, part.valueOffsets[part.length] ?? 0),
  );
  const offsets = new Int32Array(rows + 1);
  let row = 0;
  let end = 0;
  for (const part of parts) {
    const start = (part.valueOffsets[0] ?? 0) - end;
    for (let i = 1; i <= part.length; i++) offsets[++row] = (part.valueOffsets[i] ?? 0) - start;
    end = offsets[row] ?? 0;
  }
  const values = new Uint8Array(Buffer.concat(pieces));
  return bytesColumn(first.type, { length: rows, nullCount: 0, nullBitmap: null }, offsets, values);
}
