/**
 * The envelope of a snapshot: one Arrow IPC stream of a table (part: text, bytes: binary), whose parts are Arrow IPC
 * streams themselves; what is not rows is JSON in the schema's metadata. A digest over everything tells a damaged blob
 * before any of it is believed.
 */
import { createHash } from 'node:crypto';

import { Binary, Data, Field, RecordBatch, Schema, Struct, Table, tableFromIPC, tableToIPC, Utf8 } from 'apache-arrow';

import { createError } from '../errors/from-native.js';
import { fail, isRecord } from '../internal/validate.js';

const META = 'flowstate.snapshot';
const DIGEST = 'flowstate.digest';

export interface SnapshotPart {
  readonly name: string;
  readonly bytes: Uint8Array;
}

function digestOf(meta: string, parts: readonly SnapshotPart[]): string {
  const hash = createHash('sha256').update(meta);
  for (const { name, bytes } of parts) hash.update(`\n${name}:${bytes.byteLength}\n`).update(bytes);
  return hash.digest('hex');
}

function bytesData(type: Binary | Utf8, items: readonly Uint8Array[]): Data {
  const offsets = new Int32Array(items.length + 1);
  items.forEach((item, i) => (offsets[i + 1] = offsets[i]! + item.byteLength));
  const values = new Uint8Array(offsets[items.length]!);
  items.forEach((item, i) => values.set(item, offsets[i]));
  return new Data<Binary | Utf8>(type, 0, items.length, 0, { 0: offsets, 1: values, 2: new Uint8Array(0) });
}

export function writeBlob(meta: unknown, parts: readonly SnapshotPart[]): Uint8Array {
  const total = parts.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  if (total > 2 ** 31 - 1) {
    fail('FS_ERR_LENGTH', `the snapshot would hold ${total} bytes, a blob holds at most 2147483647`, { total });
  }
  const text = JSON.stringify(meta, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
  const fields = [new Field('part', new Utf8(), false), new Field('bytes', new Binary(), false)];
  const metadata = new Map([
    [META, text],
    [DIGEST, digestOf(text, parts)],
  ]);
  const schema = new Schema(fields, metadata);
  const children = [
    bytesData(
      new Utf8(),
      parts.map(({ name }) => Buffer.from(name)),
    ),
    bytesData(
      new Binary(),
      parts.map(({ bytes }) => bytes),
    ),
  ];
  const data = new Data(new Struct(fields), 0, parts.length, 0, undefined, children);
  return tableToIPC(new Table(schema, [new RecordBatch(schema, data)]), 'stream');
}

/** Throws FS_ERR_CORRUPT for anything that `writeBlob` did not write. */
export function readBlob(blob: Uint8Array): { readonly meta: Record<string, unknown>; readonly parts: SnapshotPart[] } {
  const corrupt = (cause?: unknown): never => {
    throw createError('FS_ERR_CORRUPT', 'the snapshot is damaged, or is none', { cause });
  };
  try {
    const table = tableFromIPC(blob);
    const text = table.schema.metadata.get(META) ?? corrupt();
    const [batch] = table.batches;
    const names = batch?.getChildAt<Utf8>(0);
    const bytes = batch?.getChildAt<Binary>(1);
    const parts = Array.from({ length: table.numRows }, (_, i) => ({
      name: names?.get(i) ?? corrupt(),
      bytes: bytes?.get(i) ?? corrupt(),
    }));
    if (digestOf(text, parts) !== table.schema.metadata.get(DIGEST)) corrupt();
    const meta: unknown = JSON.parse(text);
    return isRecord(meta) ? { meta, parts } : corrupt();
  } catch (error) {
    return corrupt(error);
  }
}

/** The inverse of how bigints are written. */
export function readBigint(value: unknown): bigint {
  if (typeof value === 'string' && /^-?\d+n$/.test(value)) return BigInt(value.slice(0, -1));
  return fail('FS_ERR_CORRUPT', 'the snapshot has a number that is none');
}
