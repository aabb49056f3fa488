/**
 * Values of key columns as JavaScript values with the join's equality: two cells are equal exactly when the values
 * here are the same key of a Map. Integers of every width become numbers where they are safe and bigints beyond,
 * -0 is 0, NaN is NaN, bytes become strings of one char per byte (short ones a number), null is null.
 */
import { type NativeChunk, type NativeColumn, NativeType } from '../internal/native.js';
import { isValidInChunk } from './gather.js';

export type Canonical = number | bigint | string | null;
export type CellReader = (row: number) => Canonical;

const SAFE = 2n ** 53n;

function canonicalInteger(value: bigint): number | bigint {
  return value > -SAFE && value < SAFE ? Number(value) : value;
}

/** A typed array over a chunk's values; copied only where the address does not suit the type. */
export function typedValues<T>(
  view: ArrayBufferView | null,
  type: { new (buffer: ArrayBufferLike, byteOffset: number, length: number): T; readonly BYTES_PER_ELEMENT: number },
): T {
  const size = type.BYTES_PER_ELEMENT;
  if (view === null) return new type(new ArrayBuffer(0), 0, 0);
  if (view.byteOffset % size === 0) return new type(view.buffer, view.byteOffset, Math.floor(view.byteLength / size));
  const copy = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
  return new type(copy, 0, Math.floor(copy.byteLength / size));
}

/** The double that 16 bits of half precision stand for. */
export function halfToDouble(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** Six bytes and their count fit a double exactly, and hash faster than a string. */
function canonicalBytes(bytes: Buffer, begin: number, end: number): number | string {
  if (end - begin > 6) return bytes.toString('latin1', begin, end);
  let packed = end - begin;
  for (let i = begin; i < end; i++) packed = packed * 256 + bytes[i]!;
  return packed;
}

function bytesReader(chunk: NativeChunk): CellReader {
  const view = chunk.values ?? new Uint8Array(0);
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  const offsets = chunk.offsets ?? new Int32Array(1);
  if (offsets instanceof Int32Array) return (row) => canonicalBytes(bytes, offsets[row]!, offsets[row + 1]!);
  return (row) => canonicalBytes(bytes, Number(offsets[row]), Number(offsets[row + 1]));
}

function fixedReader(chunk: NativeChunk, width: number): CellReader {
  const view = chunk.values ?? new Uint8Array(0);
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  return (row) => canonicalBytes(bytes, row * width, (row + 1) * width);
}

function bitReader(chunk: NativeChunk): CellReader {
  const bits = typedValues(chunk.values, Uint8Array);
  return (row) => (bits[(chunk.bitOffset + row) >> 3]! >> ((chunk.bitOffset + row) & 7)) & 1;
}

function scaled(values: ArrayLike<number>, scale: bigint): CellReader {
  if (scale === 1n) return (row) => values[row]!;
  return (row) => canonicalInteger(BigInt(values[row]!) * scale);
}

function scaledWide(values: ArrayLike<bigint>, scale: bigint): CellReader {
  if (scale === 1n) return (row) => canonicalInteger(values[row]!);
  return (row) => canonicalInteger(values[row]! * scale);
}

function valueReader(column: NativeColumn, chunk: NativeChunk, scale: bigint): CellReader {
  const { values } = chunk;
  switch (column.type) {
    case NativeType.Int8:
      return scaled(typedValues(values, Int8Array), scale);
    case NativeType.Int16:
      return scaled(typedValues(values, Int16Array), scale);
    case NativeType.Int32:
      return scaled(typedValues(values, Int32Array), scale);
    case NativeType.UInt8:
      return scaled(typedValues(values, Uint8Array), scale);
    case NativeType.UInt16:
      return scaled(typedValues(values, Uint16Array), scale);
    case NativeType.UInt32:
      return scaled(typedValues(values, Uint32Array), scale);
    case NativeType.Int64:
      return scaledWide(typedValues(values, BigInt64Array), scale);
    case NativeType.UInt64:
      return scaledWide(typedValues(values, BigUint64Array), scale);
    case NativeType.Float16: {
      const halves = typedValues(values, Uint16Array);
      return (row) => halfToDouble(halves[row]!);
    }
    case NativeType.Float32:
      return scaled(typedValues(values, Float32Array), 1n);
    case NativeType.Float64:
      return scaled(typedValues(values, Float64Array), 1n);
    case NativeType.Bool:
      return bitReader(chunk);
    case NativeType.Bytes32:
    case NativeType.Bytes64:
      return bytesReader(chunk);
    case NativeType.Fixed:
      return fixedReader(chunk, column.width);
    case NativeType.Dictionary: {
      const dictionary = column.dictionaries[chunk.dictionary];
      const cells = dictionary === undefined ? [] : canonicalValues(dictionary, scale);
      const index = valueReader({ ...column, type: column.indexType }, chunk, 1n);
      return (row) => cells[Number(index(row))] ?? null;
    }
    default:
      return column.type satisfies never;
  }
}

/** Reads cells of one chunk, nulls included. Integers are multiplied by `scale`, without overflow. */
export function cellReader(column: NativeColumn, chunk: NativeChunk, scale: bigint): CellReader {
  const value = valueReader(column, chunk, scale);
  if (chunk.validity === null) return value;
  return (row) => (isValidInChunk(chunk, row) ? value(row) : null);
}

/** Every cell of the column in order. */
export function canonicalValues(column: NativeColumn, scale: bigint): readonly Canonical[] {
  const out: Canonical[] = [];
  for (const chunk of column.chunks) {
    const read = cellReader(column, chunk, scale);
    for (let row = 0; row < chunk.length; row++) out.push(read(row));
  }
  return out;
}
