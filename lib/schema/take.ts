/**
 * Takes rows of any Arrow column by index: -1 gives null, slots of nulls are zero bytes. Flat types go through the
 * gather on raw buffers; nested ones move their own structure and recurse into their children, so values are never
 * boxed. O(rows out) per level of nesting.
 */
import {
  BufferType,
  Data,
  DataType,
  type Dictionary,
  type Field,
  Type,
  UnionMode,
  type Union,
  Vector,
} from 'apache-arrow';

import { fail } from '../internal/validate.js';
import type { NativeColumn } from '../internal/native.js';
import { type ArrowColumn, layoutOf, nativeColumn, payloadColumn, sharedDictionary } from './arrow-columns.js';
import { localType, localVector, typeName } from './arrow-types.js';
import { bytesOf, type OutputBuffers, rangeOf } from './byte-range.js';
import { type Canonical, canonicalValues } from './canonical.js';
import { gatherColumn, type Located, locateRows, validityBits } from './gather.js';
import { gatherViews, isValid } from './string-views.js';

const NO_BITS = new Uint8Array(0);

/** Arrow data over what a gather returned. `type` must be a flat type of our copy (a dictionary's index type). */
export function dataFromOutput(type: DataType, output: OutputBuffers, dictionary?: Vector): Data {
  const layoutType = DataType.isDictionary(type) ? type.indices : type;
  const { ArrayType } = layoutType;
  const validity = output.validity === null ? NO_BITS : bytesOf(output.validity);
  const { buffer, byteOffset, byteLength } = rangeOf(output.values);
  const values = new ArrayType(buffer, byteOffset, byteLength / ArrayType.BYTES_PER_ELEMENT);
  let offsets: Int32Array | BigInt64Array | undefined;
  if (output.offsets !== null) {
    const range = rangeOf(output.offsets);
    const { OffsetArrayType } = layoutType;
    offsets = new OffsetArrayType(range.buffer, range.byteOffset, range.byteLength / OffsetArrayType.BYTES_PER_ELEMENT);
  }
  const buffers = {
    [BufferType.OFFSET]: offsets,
    [BufferType.DATA]: values,
    [BufferType.VALIDITY]: validity,
  };
  return new Data(type, 0, output.length, output.nullCount, buffers, [], dictionary);
}

/** Rows of `column` at `indices` (-1 for null) as one chunk. `type` is what the result is labelled with. */
export function takeColumn(column: ArrowColumn, indices: Int32Array, type = localType(column.type)): Data {
  return take({ ...column, chunks: column.chunks.filter((data) => data.length > 0) }, indices, type);
}

function take(column: ArrowColumn, indices: Int32Array, type: DataType): Data {
  if (DataType.isDictionary(type)) return takeDictionary(column, indices, type);
  const flat = payloadColumn(column);
  if (flat !== null) return dataFromOutput(type, gatherColumn(flat, indices));
  if (DataType.isNull(type)) return new Data(type, 0, indices.length, indices.length);
  if (DataType.isUnion(type)) return takeUnion(column, indices, type);
  const rows = dropNullRows(column.chunks, indices);
  switch (type.typeId) {
    case Type.Struct:
      return nested(type, rows, { children: takeStructChildren(column, type, rows) });
    case Type.FixedSizeList:
      return takeFixedSizeList(column, rows, type);
    case Type.List:
    case Type.Map:
    case Type.LargeList:
      return takeList(column, rows, type);
    case Type.BinaryView:
    case Type.Utf8View: {
      const { values, buffers } = gatherViews(column.where, column.chunks, rows.chunkOf, rows.rowOf);
      return nested(type, rows, { values, variadic: buffers });
    }
    default:
      return unsupported(column);
  }
}

function unsupported(column: ArrowColumn): never {
  return fail('FS_ERR_SCHEMA', `${column.where}: rows of type ${typeName(column.type)} cannot be taken`, {
    column: column.where,
    type: typeName(column.type),
  });
}

interface Rows extends Located {
  readonly nullCount: number;
}

/** (chunk, row) of each output row, with chunk -1 where it is null or its source is. */
function dropNullRows(chunks: readonly Data[], indices: Int32Array): Rows {
  const { chunkOf, rowOf } = locateRows(
    chunks.map((data) => data.length),
    indices,
  );
  let nullCount = 0;
  for (let i = 0; i < chunkOf.length; i++) {
    const data = chunks[chunkOf[i]!];
    if (data !== undefined && isValid(data, rowOf[i]!)) continue;
    chunkOf[i] = -1;
    nullCount++;
  }
  return { chunkOf, rowOf, nullCount };
}

interface Parts {
  readonly children?: readonly Data[];
  readonly offsets?: Int32Array | BigInt64Array;
  readonly values?: Uint8Array;
  readonly variadic?: readonly Uint8Array[];
}

function nested(type: DataType, rows: Rows, parts: Parts): Data {
  const bits = validityBits(rows.chunkOf, rows.nullCount);
  const validity = bits === null ? new Uint8Array(0) : new Uint8Array(bits);
  const buffers = {
    [BufferType.OFFSET]: parts.offsets,
    [BufferType.DATA]: parts.values,
    [BufferType.VALIDITY]: validity,
  };
  return new Data(
    type,
    0,
    rows.chunkOf.length,
    rows.nullCount,
    buffers,
    [...(parts.children ?? [])],
    undefined,
    parts.variadic ?? [],
  );
}

/** First row of each chunk in the concatenation of all chunks' k-th children. */
function childStarts(chunks: readonly Data[], k: number): readonly number[] {
  const starts: number[] = [];
  let start = 0;
  for (const data of chunks) {
    starts.push(start);
    start += data.children[k]?.length ?? 0;
  }
  return starts;
}

function childColumn(column: ArrowColumn, fields: readonly Field[], k: number): ArrowColumn {
  const field = fields[k];
  if (field === undefined) return unsupported(column);
  const where = `${column.where}.${field.name}`;
  const chunks = column.chunks.map(
    (data) => data.children[k] ?? fail('FS_ERR_CORRUPT', `${where} is missing`, { column: where }),
  );
  return { where, type: field.type, chunks };
}

function takeChild(column: ArrowColumn, type: DataType, k: number, indices: Int32Array): Data {
  const child = childColumn(column, type.children, k);
  return takeColumn(child, indices, child.type);
}

/** The k-th child's rows that belong to `rows`, in the concatenation of all chunks' k-th children. */
function sameRows(chunks: readonly Data[], { chunkOf, rowOf }: Located, k: number): Int32Array {
  const starts = childStarts(chunks, k);
  return chunkOf.map((chunk, i) => (chunk < 0 ? -1 : starts[chunk]! + rowOf[i]!));
}

function takeStructChildren(column: ArrowColumn, type: DataType, rows: Located): readonly Data[] {
  return type.children.map((_: Field, k: number) => takeChild(column, type, k, sameRows(column.chunks, rows, k)));
}

function takeList(column: ArrowColumn, rows: Rows, type: DataType): Data {
  const { chunks } = column;
  const count = rows.chunkOf.length;
  const starts = childStarts(chunks, 0);
  const bounds = chunks.map((data): Int32Array | BigInt64Array => data.valueOffsets);
  const offsets = new Float64Array(count + 1);
  for (let i = 0; i < count; i++) {
    const bound = bounds[rows.chunkOf[i]!];
    const row = rows.rowOf[i]!;
    offsets[i + 1] = offsets[i]! + (bound === undefined ? 0 : Number(bound[row + 1]) - Number(bound[row]));
  }
  const total = offsets[count]!;
  if (total > 0x7ffffffe) {
    fail('FS_ERR_LENGTH', `${column.where}: the result would hold ${total} list items`, { column: column.where });
  }
  const items = new Int32Array(total);
  for (let i = 0; i < count; i++) {
    const chunk = rows.chunkOf[i]!;
    const bound = bounds[chunk];
    if (bound === undefined) continue;
    const first = starts[chunk]! + Number(bound[rows.rowOf[i]!]) - offsets[i]!;
    for (let k = offsets[i]!; k < offsets[i + 1]!; k++) items[k] = first + k;
  }
  return nested(type, rows, {
    offsets: DataType.isLargeList(type) ? BigInt64Array.from(offsets, BigInt) : Int32Array.from(offsets),
    children: [takeChild(column, type, 0, items)],
  });
}

function takeFixedSizeList(column: ArrowColumn, rows: Rows, type: DataType): Data {
  const size = DataType.isFixedSizeList(type) ? type.listSize : 0;
  const starts = childStarts(column.chunks, 0);
  const items = new Int32Array(rows.chunkOf.length * size).fill(-1);
  for (let i = 0; i < rows.chunkOf.length; i++) {
    const chunk = rows.chunkOf[i]!;
    if (chunk < 0) continue;
    const first = starts[chunk]! + rows.rowOf[i]! * size;
    for (let k = 0; k < size; k++) items[i * size + k] = first + k;
  }
  return nested(type, rows, { children: [takeChild(column, type, 0, items)] });
}

/**
 * Unions have no bitmap: a missing row is a null of the first child that may be null. Dense unions keep one child
 * row per row; sparse ones keep every child's row, as they came.
 */
function takeUnion(column: ArrowColumn, indices: Int32Array, type: Union): Data {
  const { chunks } = column;
  const { chunkOf, rowOf } = locateRows(
    chunks.map((data) => data.length),
    indices,
  );
  const nullable = Math.max(
    type.children.findIndex((field) => field.nullable),
    0,
  );
  const typeIds = new Int8Array(indices.length).fill(type.typeIds[nullable] ?? 0);
  for (let i = 0; i < indices.length; i++) {
    const data = chunks[chunkOf[i]!];
    if (data !== undefined) typeIds[i] = data.typeIds[rowOf[i]!];
  }
  const dense = type.mode === UnionMode.Dense;
  const offsets = dense ? new Int32Array(indices.length) : undefined;
  const children = type.children.map((_, k) => {
    if (offsets === undefined) return takeChild(column, type, k, sameRows(chunks, { chunkOf, rowOf }, k));
    const starts = childStarts(chunks, k);
    const rows: number[] = [];
    for (let i = 0; i < indices.length; i++) {
      if (type.typeIdToChildIndex[typeIds[i]!] !== k) continue;
      const chunk = chunkOf[i]!;
      offsets[i] = rows.push(chunk < 0 ? -1 : starts[chunk]! + Number(chunks[chunk]!.valueOffsets[rowOf[i]!])) - 1;
    }
    return takeChild(column, type, k, Int32Array.from(rows));
  });
  const buffers = { [BufferType.OFFSET]: offsets, [BufferType.TYPE]: typeIds };
  return new Data(type, 0, indices.length, 0, buffers, children);
}

/** A dictionary for a result without rows to choose from. */
function emptyDictionary(type: Dictionary): Vector {
  const none: ArrowColumn = { where: 'dictionary', type: type.dictionary, chunks: [] };
  return new Vector([take(none, new Int32Array(0), type.dictionary)]);
}

/** The dictionary that the indices of all chunks fit, of our copy; null where chunks differ. */
export function resultDictionary(column: ArrowColumn, type: Dictionary): Vector | null {
  const filled = column.chunks.filter((data) => data.length > 0);
  const chunks = filled.length > 0 ? filled : column.chunks;
  const shared = sharedDictionary(chunks);
  if (shared !== null) return localVector(shared);
  return filled.length === 0 ? emptyDictionary(type) : null;
}

function takeDictionary(column: ArrowColumn, indices: Int32Array, type: Dictionary): Data {
  const dictionary = resultDictionary(column, type);
  const flat = payloadColumn(column);
  if (dictionary !== null && flat !== null) return dataFromOutput(type, gatherColumn(flat, indices), dictionary);
  return unifyDictionaries(column, indices, type);
}

/**
 * Chunks with dictionaries of their own: the values in use move to one new dictionary, equal values once. Throws
 * FS_ERR_LENGTH where they outnumber the index type.
 */
function unifyDictionaries(column: ArrowColumn, indices: Int32Array, type: Dictionary): Data {
  const { chunks, where } = column;
  const rows = dropNullRows(chunks, indices);
  const vectors = chunks.map((data) => data.dictionary ?? emptyDictionary(type));
  const parts = vectors.flatMap((vector) => vector.data);
  const starts: number[] = [];
  let start = 0;
  for (const vector of vectors) {
    starts.push(start);
    start += vector.length;
  }
  const cells = valueCells(where, type.dictionary, parts);
  const codeOf = new Map<Canonical | symbol, number>();
  const used: number[] = [];
  const codes = new Int32Array(indices.length);
  for (let i = 0; i < indices.length; i++) {
    const chunk = rows.chunkOf[i]!;
    if (chunk < 0) continue;
    const row = starts[chunk]! + Number(chunks[chunk]!.values[rows.rowOf[i]!]);
    const cell = cells === null ? row : (cells[row] ?? null);
    let code = codeOf.get(cell);
    if (code === undefined) {
      code = used.push(row) - 1;
      codeOf.set(cell, code);
    }
    codes[i] = code;
  }
  const { bitWidth, isSigned } = type.indices;
  const limit = 2 ** (isSigned ? bitWidth - 1 : bitWidth);
  if (used.length > limit) {
    fail('FS_ERR_LENGTH', `${where}: its chunks use ${used.length} values, ${typeName(type.indices)} counts ${limit}`, {
      column: where,
      values: used.length,
    });
  }
  const values: ArrowColumn = { where, type: type.dictionary, chunks: parts };
  const dictionary = new Vector([takeColumn(values, Int32Array.from(used), type.dictionary)]);
  const narrow = new type.indices.ArrayType(codes);
  const bits = validityBits(rows.chunkOf, rows.nullCount);
  const validity = bits === null ? new Uint8Array(0) : new Uint8Array(bits);
  const buffers = { [BufferType.DATA]: narrow, [BufferType.VALIDITY]: validity };
  return new Data(type, 0, indices.length, rows.nullCount, buffers, [], dictionary);
}

/** Comparable values of a flat type, or null where values are nested and count as all different. */
function valueCells(where: string, type: DataType, parts: readonly Data[]): readonly Canonical[] | null {
  if (layoutOf(type) === null) return null;
  const column: NativeColumn = nativeColumn(where, type, parts);
  return canonicalValues(column, 1n);
}
