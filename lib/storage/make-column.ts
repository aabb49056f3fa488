/**
 * Arrow columns over buffers we made. Buffers are taken as they are (no copy); `values` of fixed-width columns are
 * raw little-endian bytes at an aligned offset.
 */
import { Data, Utf8, Vector, type DataType } from 'apache-arrow';

/** What every column has besides its values. `nullBitmap` is null when `nullCount` is 0. */
export interface Rows {
  readonly length: number;
  readonly nullCount: number;
  readonly nullBitmap: Uint8Array | null;
}

interface ViewConstructor {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): ArrayBufferView;
}

/** Fixed-width and boolean columns. */
export function fixedColumn(type: DataType, rows: Rows, bytes: Uint8Array): Data {
  const view: ViewConstructor = type.ArrayType;
  const values = new view(bytes.buffer, bytes.byteOffset, Math.floor(bytes.byteLength / view.BYTES_PER_ELEMENT));
  return new Data(type, 0, rows.length, rows.nullCount, [undefined, values, rows.nullBitmap ?? undefined]);
}

/** Utf8 and binary columns with 32-bit offsets. */
export function bytesColumn(type: DataType, rows: Rows, offsets: Int32Array, values: Uint8Array): Data {
  return new Data(type, 0, rows.length, rows.nullCount, [offsets, values, rows.nullBitmap ?? undefined]);
}

export function dictionaryColumn(type: DataType, rows: Rows, codes: ArrayBufferView, dictionary: Vector): Data {
  const nullBitmap = rows.nullBitmap ?? undefined;
  return new Data(type, 0, rows.length, rows.nullCount, [undefined, codes, nullBitmap], [], dictionary);
}

export function childrenColumn(type: DataType, rows: Rows, offsets: Int32Array | undefined, children: Data[]): Data {
  return new Data(type, 0, rows.length, rows.nullCount, [offsets, undefined, rows.nullBitmap ?? undefined], children);
}

/** A dictionary's values: text without nulls. */
export function textVector(offsets: Int32Array, values: Uint8Array): Vector {
  const rows = { length: offsets.length - 1, nullCount: 0, nullBitmap: null };
  return new Vector([bytesColumn(new Utf8(), rows, offsets, values)]);
}
