/**
 * Arrow columns as the executors take them: typed arrays that start at the first logical row, bitmaps with a bit
 * offset, one chunk per Arrow chunk that has rows. Nothing is copied (but for string views, which no executor reads)
 * and nothing is looked at per row: O(chunks). Buffers that are too short are refused here, detached ones by name.
 */
import { type Data, DataType, type Table, type Vector } from 'apache-arrow';

import { fail } from '../internal/validate.js';
import { isDetached } from '../internal/detached.js';
import { didYouMean, listNames } from '../internal/suggest.js';
import { type NativeChunk, type NativeColumn, NativeType } from '../internal/native.js';
import { isNestedType, typeName } from './arrow-types.js';
import { viewsToBytes } from './string-views.js';

/** One column of a table: its place for messages (`left.price`), its type, its chunks in order. */
export interface ArrowColumn {
  readonly where: string;
  readonly type: DataType;
  readonly chunks: readonly Data[];
}

/** Physical layout of a flat type. */
export interface Layout {
  readonly type: NativeType;
  /** Bytes per row where fixed, else 0. */
  readonly width: number;
}

const INT_LAYOUTS = {
  true: { 8: NativeType.Int8, 16: NativeType.Int16, 32: NativeType.Int32, 64: NativeType.Int64 },
  false: { 8: NativeType.UInt8, 16: NativeType.UInt16, 32: NativeType.UInt32, 64: NativeType.UInt64 },
} as const;
const FLOAT_TYPES = [NativeType.Float16, NativeType.Float32, NativeType.Float64] as const;

/** The layout of a flat type; null for nested types, views and dictionaries. */
export function layoutOf(type: DataType): Layout | null {
  if (DataType.isInt(type)) {
    return { type: INT_LAYOUTS[type.isSigned ? 'true' : 'false'][type.bitWidth], width: type.bitWidth / 8 };
  }
  if (DataType.isFloat(type)) return { type: FLOAT_TYPES[type.precision], width: 2 << type.precision };
  if (DataType.isBool(type)) return { type: NativeType.Bool, width: 0 };
  if (DataType.isUtf8(type) || DataType.isBinary(type)) return { type: NativeType.Bytes32, width: 0 };
  if (DataType.isLargeUtf8(type) || DataType.isLargeBinary(type)) return { type: NativeType.Bytes64, width: 0 };
  if (DataType.isDate(type)) return type.unit === 0 ? int(32) : int(64);
  if (DataType.isTime(type)) return int(type.bitWidth);
  if (DataType.isTimestamp(type) || DataType.isDuration(type)) return int(64);
  if (DataType.isDecimal(type)) return { type: NativeType.Fixed, width: type.bitWidth / 8 };
  if (DataType.isFixedSizeBinary(type)) return { type: NativeType.Fixed, width: type.byteWidth };
  // Year-month, day-time and month-day-nano intervals are 4, 8 and 16 bytes.
  if (DataType.isInterval(type)) return { type: NativeType.Fixed, width: 4 << type.unit };
  return null;
}

function int(bits: 32 | 64): Layout {
  return { type: bits === 32 ? NativeType.Int32 : NativeType.Int64, width: bits / 8 };
}

/**
 * Position of the column called `name`. Throws FS_ERR_COLUMN_MISSING with the nearest name, and FS_ERR_SCHEMA where
 * several columns have the name.
 */
export function columnIndex(table: Table, name: string, side: string): number {
  const names = table.schema.fields.map((field) => field.name);
  const index = names.indexOf(name);
  if (index === -1) {
    fail(
      'FS_ERR_COLUMN_MISSING',
      `${side} has no column '${name}'${didYouMean(name, names)}; its columns are ${listNames(names)}`,
      { side, column: name, columns: names },
    );
  }
  if (names.indexOf(name, index + 1) !== -1) {
    fail('FS_ERR_SCHEMA', `${side} has several columns called '${name}'; rename them so that one is meant`, {
      side,
      column: name,
    });
  }
  return index;
}

/** The column at `index`. */
export function columnAt(table: Table, index: number, side: string): ArrowColumn {
  const field = table.schema.fields[index];
  if (field === undefined) return fail('FS_ERR_INTERNAL', `${side} has no column ${index}`);
  const where = `${side}.${field.name}`;
  const chunks = table.batches.map(
    (batch, i) =>
      batch.data.children[index] ?? fail('FS_ERR_LENGTH', `${where} is missing from batch ${i}`, { column: where }),
  );
  return { where, type: field.type, chunks };
}

/** Rows of a table, counted from its batches. */
export function rowCount(table: Table): number {
  return table.batches.reduce((rows, batch) => rows + batch.data.length, 0);
}

function tooShort(where: string, buffer: ArrayBufferView | undefined, what: string, need: number): never {
  const have = buffer?.byteLength ?? 0;
  if (isDetached(buffer)) {
    return fail(
      'FS_ERR_DETACHED',
      `${where}: its ${what} buffer must hold ${need} bytes, but was detached (transferred to another thread?)`,
      { column: where, buffer: what, needed: need },
    );
  }
  return fail('FS_ERR_LENGTH', `${where}: its ${what} buffer must hold ${need} bytes, got ${have}`, {
    column: where,
    buffer: what,
    needed: need,
    byteLength: have,
  });
}

function requireBytes(where: string, buffer: ArrayBufferView | undefined, what: string, need: number): void {
  if ((buffer?.byteLength ?? 0) < need) tooShort(where, buffer, what, need);
}

/** The validity bitmap where some row is null. Its bits start at `data.offset`. */
export function validityOf(where: string, data: Data): Uint8Array | null {
  if (data.length === 0 || data.nullCount === 0) return null;
  const bitmap: Uint8Array | undefined = data.nullBitmap;
  requireBytes(where, bitmap, 'validity', (data.offset + data.length + 7) >> 3);
  return bitmap ?? null;
}

/** Rows of a flat type as executors take them. */
export function nativeChunk(where: string, data: Data, layout: Layout, dictionary: number): NativeChunk {
  const { length, offset: bitOffset } = data;
  const values: ArrayBufferView | undefined = data.values;
  let offsets: Int32Array | BigInt64Array | null = null;
  switch (layout.type) {
    case NativeType.Bool:
      requireBytes(where, values, 'values', (bitOffset + length + 7) >> 3);
      break;
    case NativeType.Bytes32:
    case NativeType.Bytes64: {
      const given: Int32Array | BigInt64Array | undefined = data.valueOffsets;
      requireBytes(where, given, 'offsets', (length + 1) * (layout.type === NativeType.Bytes32 ? 4 : 8));
      requireBytes(where, values, 'values', Number(given?.[length] ?? 0));
      offsets = given?.subarray(0, length + 1) ?? null;
      break;
    }
    default:
      requireBytes(where, values, 'values', length * layout.width);
  }
  return { length, bitOffset, values: values ?? null, offsets, validity: validityOf(where, data), dictionary };
}

/** True when two dictionaries are the same memory, whatever objects stand for them. */
function sameDictionary(a: Vector, b: Vector): boolean {
  return a === b || (a.data.length === b.data.length && isDictionaryPrefix(a, b));
}

/** True when `b` begins with the very chunks of `a`: the way a stream's dictionaries grow. */
function isDictionaryPrefix(a: Vector, b: Vector): boolean {
  return (
    a.data.length <= b.data.length &&
    a.data.every((data, i) => {
      const other = b.data[i];
      return (
        data === other ||
        (other !== undefined &&
          data.length === other.length &&
          data.offset === other.offset &&
          data.values !== undefined &&
          data.values === other.values &&
          data.valueOffsets === other.valueOffsets &&
          data.nullBitmap === other.nullBitmap)
      );
    })
  );
}

/** The one dictionary that all chunks' indices fit, or null where chunks have dictionaries of their own. */
export function sharedDictionary(chunks: readonly Data[]): Vector | null {
  let shared: Vector | null = null;
  for (const { dictionary } of chunks) {
    if (dictionary === undefined) continue;
    if (shared === null || isDictionaryPrefix(shared, dictionary)) shared = dictionary;
    else if (!isDictionaryPrefix(dictionary, shared)) return null;
  }
  return shared;
}

/**
 * The column for an executor to compare: `on` and `by` columns, dictionaries as what they stand for. Throws
 * FS_ERR_SCHEMA for nested types, FS_ERR_DETACHED and FS_ERR_LENGTH for buffers without their rows.
 */
export function nativeColumn(where: string, type: DataType, chunks: readonly Data[]): NativeColumn {
  const filled = chunks.filter((data) => data.length > 0);
  if (DataType.isDictionary(type)) {
    const layout = layoutOf(type.indices);
    if (layout === null) return fail('FS_ERR_SCHEMA', `${where} has dictionary indices of ${typeName(type.indices)}`);
    const dictionaries: Vector[] = [];
    const nativeChunks = filled.map((data) => {
      const dictionary = data.dictionary;
      if (dictionary === undefined) return fail('FS_ERR_CORRUPT', `${where} has no dictionary`, { column: where });
      let index = dictionaries.findIndex((known) => sameDictionary(known, dictionary));
      if (index === -1) index = dictionaries.push(dictionary) - 1;
      return nativeChunk(where, data, layout, index);
    });
    return {
      name: where,
      type: NativeType.Dictionary,
      indexType: layout.type,
      width: layout.width,
      chunks: nativeChunks,
      dictionaries: dictionaries.map((vector) => nativeColumn(where, type.dictionary, vector.data)),
    };
  }
  if (DataType.isUtf8View(type) || DataType.isBinaryView(type)) {
    return {
      name: where,
      type: NativeType.Bytes32,
      indexType: NativeType.Int32,
      width: 0,
      chunks: filled.map((data) => viewsToBytes(where, data)),
      dictionaries: [],
    };
  }
  const layout = layoutOf(type);
  if (layout === null) return fail('FS_ERR_SCHEMA', `${where} has the nested type ${typeName(type)}`);
  return {
    name: where,
    type: layout.type,
    indexType: NativeType.Int32,
    width: layout.width,
    chunks: filled.map((data) => nativeChunk(where, data, layout, -1)),
    dictionaries: [],
  };
}

/**
 * The column for an executor to gather: dictionaries as their plain indices. Null where rows must be taken on the
 * TypeScript side: nested types, views, and dictionary columns whose chunks have dictionaries of their own.
 */
export function payloadColumn(column: ArrowColumn): NativeColumn | null {
  const { where, type, chunks } = column;
  if (!DataType.isDictionary(type)) return isNestedType(type) ? null : nativeColumn(where, type, chunks);
  const filled = chunks.filter((data) => data.length > 0);
  const layout = layoutOf(type.indices);
  if (layout === null || (filled.length > 0 && sharedDictionary(filled) === null)) return null;
  return {
    name: where,
    type: layout.type,
    indexType: NativeType.Int32,
    width: layout.width,
    chunks: filled.map((data) => nativeChunk(where, data, layout, -1)),
    dictionaries: [],
  };
}
