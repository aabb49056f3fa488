/** Arrow columns as the plain typed arrays that the book's batches want: the very memory, where there is one chunk. */
import { type Data, DataType, type RecordBatch, type Table } from 'apache-arrow';

import { fail } from '../internal/validate.js';
import { typeName } from '../schema/arrow-types.js';

export type ColumnConstructor =
  Uint8ArrayConstructor | Uint32ArrayConstructor | BigInt64ArrayConstructor | BigUint64ArrayConstructor;

export function isArrow(value: unknown): value is Table | RecordBatch {
  return typeof value === 'object' && value !== null && 'schema' in value && ('batches' in value || 'data' in value);
}

function chunksOf(source: Table | RecordBatch, index: number): Data[] {
  const batches = 'batches' in source ? source.batches : [source];
  return batches.flatMap((batch) => batch.data.children[index] ?? []);
}

/** Whether the type's values are the constructor's, bit for bit. */
function fits(type: DataType, wanted: ColumnConstructor): boolean {
  const signed = wanted === BigInt64Array;
  if (signed && (DataType.isTimestamp(type) || DataType.isDuration(type))) return type.unit === 3;
  return DataType.isInt(type) && type.isSigned === signed && type.bitWidth === wanted.BYTES_PER_ELEMENT * 8;
}

/**
 * The column called `name`, or undefined where there is none. Throws FS_ERR_SCHEMA for another type (temporal columns
 * must be in nanoseconds) and for nulls: a batch says what it means.
 */
export function columnFrom(
  source: Table | RecordBatch,
  name: string,
  wanted: ColumnConstructor,
  where: string,
): ArrayBufferView | undefined {
  const index = source.schema.fields.findIndex((field) => field.name === name);
  const field = source.schema.fields[index];
  if (field === undefined) return undefined;
  const type: DataType = field.type;
  if (!fits(type, wanted)) {
    const expected = wanted.name.replace(/^Big|Array$/g, '').toLowerCase();
    return fail('FS_ERR_SCHEMA', `${where}.${name} must be ${expected}, got ${typeName(type)}`, { column: name });
  }
  const chunks = chunksOf(source, index).filter((data) => data.length > 0);
  const withNulls = chunks.find((data) => data.nullCount > 0);
  if (withNulls !== undefined) {
    return fail('FS_ERR_SCHEMA', `${where}.${name} must have no nulls, got ${withNulls.nullCount}`, { column: name });
  }
  const [only] = chunks;
  if (only === undefined) return new wanted(0);
  if (chunks.length === 1) return view(only, wanted, `${where}.${name}`);
  return join(
    chunks.map((data) => view(data, wanted, `${where}.${name}`)),
    wanted,
  );
}

/** The rows of a chunk. Apache Arrow's arrays start at the first of them and may be longer than they are many. */
function view(data: Data, wanted: ColumnConstructor, where: string): ArrayBufferView {
  const values = data.values as ArrayBufferView;
  const bytes = data.length * wanted.BYTES_PER_ELEMENT;
  if (values.byteLength < bytes) {
    return fail('FS_ERR_LENGTH', `${where}: its values buffer must hold ${bytes} bytes, got ${values.byteLength}`);
  }
  return new wanted(values.buffer as ArrayBuffer, values.byteOffset, data.length);
}

function join(parts: readonly ArrayBufferView[], wanted: ColumnConstructor): ArrayBufferView {
  const joined = new wanted(parts.reduce((sum, part) => sum + part.byteLength, 0) / wanted.BYTES_PER_ELEMENT);
  const bytes = new Uint8Array(joined.buffer);
  let at = 0;
  for (const part of parts) {
    bytes.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), at);
    at += part.byteLength;
  }
  return joined;
}
