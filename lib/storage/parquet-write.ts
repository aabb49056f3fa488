/**
 * Writes Parquet by the engine that the options and the machine allow. The addon feeds the batches to DuckDB as an Arrow
 * stream, without copying them, in parts that its threads encode side by side; at most a few parts wait at a time.
 */
import { DataType, IntervalUnit, type Data, type RecordBatch, type Schema } from 'apache-arrow';
import { createError, fromNative, isNativeErrorRecord } from '../errors/from-native.js';
import type { NativeArrowData, NativeArrowType } from '../internal/native.js';
import { nativeData, nativeSchema } from './arrow-c.js';
import { conform } from './conform.js';
import { abortError, duckError } from './io-error.js';
import { nativeEngine, type NativeEngine } from './native-scan.js';
import { copySql, rowGroupSizeOf, type WriteShape } from './parquet-types.js';
import { uniqueName } from './temp-files.js';
import type { WriteOptions } from './types.js';

export async function writeParquet(
  path: string,
  schema: Schema,
  batches: Iterable<RecordBatch> | AsyncIterable<RecordBatch>,
  options: WriteOptions,
): Promise<number> {
  const engine = nativeEngine(options.backend);
  const native = engine === null ? null : nativeSchema(schema);
  if (engine !== null && native !== null) return writeNative(engine, native, path, schema, batches, options);
  const { writeParquetJs } = await import('./parquet-write-js.js');
  return writeParquetJs(path, schema, batches, options);
}

async function writeNative(
  engine: NativeEngine,
  native: NativeArrowType,
  path: string,
  schema: Schema,
  batches: Iterable<RecordBatch> | AsyncIterable<RecordBatch>,
  options: WriteOptions,
): Promise<number> {
  const { addon, library } = engine;
  const { signal } = options;
  const view = `flowstate_${uniqueName()}`;
  const shape = shapeOf(batches);
  const sql = copySql(view, path, schema, options, shape);
  // What one thread takes at a time: rows that become one row group.
  const partRows = rowGroupSizeOf({}, shape);
  const job = addon.copyOpen({ library, threads: options.threads ?? 0, view, sql, schema: native });
  const dictionaries = new WeakMap<object, NativeArrowData>();
  try {
    let rows = 0;
    let index = 0;
    for await (const batch of batches) {
      const { data } = conform(batch, schema, index++);
      checkIntervals(data, schema);
      for (let at = 0; at < data.length; at += partRows) {
        if (signal?.aborted === true) throw abortError(`write of ${path}`);
        const part = data.length <= partRows ? data : data.slice(at, Math.min(partRows, data.length - at));
        addon.copyPush(job, nativeData(part, dictionaries, data));
        await addon.copyRoom(job).promise;
      }
      rows += data.length;
    }
    const end = addon.copyFinish(job);
    const cancel = (): void => end.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    if (signal?.aborted === true) cancel();
    await end.promise.finally(() => signal?.removeEventListener('abort', cancel));
    return rows;
  } catch (error) {
    if (isNativeErrorRecord(error) && error.code === 'FS_ERR_ABORTED') throw abortError(`write of ${path}`);
    if (isNativeErrorRecord(error) && error.code === 'FS_ERR_CORRUPT') throw duckError(error, path, 'write');
    throw fromNative(error);
  } finally {
    addon.copyClose(job);
  }
}

function shapeOf(batches: Iterable<RecordBatch> | AsyncIterable<RecordBatch>): WriteShape {
  if (!Array.isArray(batches)) return { rows: null, dictionaryLength: 0 };
  const known: readonly RecordBatch[] = batches;
  const dictionaries = known.flatMap(({ data }) => data.children.map((child) => child.dictionary?.length ?? 0));
  return {
    rows: known.reduce((sum, { numRows }) => sum + numRows, 0),
    dictionaryLength: dictionaries.reduce((most, length) => Math.max(most, length), 0),
  };
}

/** Parquet's intervals have no nanoseconds; DuckDB would cut them silently. */
function checkIntervals(data: Data, schema: Schema): void {
  for (const [index, field] of schema.fields.entries()) {
    const child = data.children[index];
    if (child === undefined || !DataType.isInterval(child.type)) continue;
    if (child.type.unit !== IntervalUnit.MONTH_DAY_NANO) continue;
    const view = new DataView(child.values.buffer, child.values.byteOffset, child.values.byteLength);
    for (let row = 0; row < child.length; row++) {
      if (child.getValid(row) && view.getBigInt64(row * 16 + 8, true) % 1_000_000n !== 0n) {
        throw createError('FS_ERR_OVERFLOW', `column ${field.name}, row ${row}: Parquet intervals end at milliseconds`);
      }
    }
  }
}
