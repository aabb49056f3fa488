/**
 * Parquet by DuckDB's JavaScript API: batches go into a table of an instance of their own (spilling to disk beyond its
 * memory limit), then out by COPY, which keeps their order. Vectors are filled by bytes; only nested columns go value
 * by value.
 */
import { promises as fs } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import duckdb from '@duckdb/node-bindings';
import { DataType, IntervalUnit, TimeUnit, Vector, type Data, type RecordBatch, type Schema } from 'apache-arrow';
import type { DuckDBConnection, DuckDBDataChunk, DuckDBValue } from '@duckdb/node-api';
import { createError } from '../errors/from-native.js';
import { conform } from './conform.js';
import { nestedItem } from './nested-value.js';
import { abortError } from './io-error.js';
import { copySql, duckTypeOf } from './parquet-types.js';
import { quoteName } from './scan-plan.js';
import { uniqueName } from './temp-files.js';
import type { WriteOptions } from './types.js';

const CHUNK_ROWS = 2048;
const MEMORY_LIMIT = '1GB';

/** Writes a Parquet file at `path` (which exists and is empty); returns the rows. Throws what DuckDB throws. */
export async function writeParquetJs(
  path: string,
  schema: Schema,
  batches: Iterable<RecordBatch> | AsyncIterable<RecordBatch>,
  options: WriteOptions,
): Promise<number> {
  const api = await import('@duckdb/node-api');
  const spill = join(tmpdir(), `flowstate-duckdb-${uniqueName()}`);
  const config: Record<string, string> = { memory_limit: MEMORY_LIMIT, temp_directory: spill };
  if (options.threads !== undefined && options.threads > 0) config.threads = String(options.threads);
  const instance = await api.DuckDBInstance.create(':memory:', config);
  const connection = await instance.connect();
  const interrupt = (): void => connection.interrupt();
  options.signal?.addEventListener('abort', interrupt, { once: true });
  try {
    const columns = schema.fields.map((field) => `${quoteName(field.name)} ${carrierOf(field.type, field.name)}`);
    await connection.run(`CREATE TABLE rows (${columns.join(', ')})`);
    const rows = await append(connection, api.DuckDBDataChunk, schema, batches, options.signal);
    await connection.run(copySql('rows', path, schema, options));
    return rows;
  } catch (error) {
    throw options.signal?.aborted === true ? abortError(`write of ${path}`) : error;
  } finally {
    options.signal?.removeEventListener('abort', interrupt);
    connection.disconnectSync();
    instance.closeSync();
    await fs.rm(spill, { recursive: true, force: true });
  }
}

/** DuckDB stores narrow decimals in narrow integers; ours come as 128 bits. */
function carrierOf(type: DataType, name: string): string {
  if (DataType.isDecimal(type) && type.bitWidth === 128) return `DECIMAL(38,${type.scale})`;
  return duckTypeOf(type, name);
}

async function append(
  connection: DuckDBConnection,
  chunkClass: typeof DuckDBDataChunk,
  schema: Schema,
  batches: Iterable<RecordBatch> | AsyncIterable<RecordBatch>,
  signal: AbortSignal | undefined,
): Promise<number> {
  const appender = await connection.createAppender('rows');
  const types = schema.fields.map((_, index) => appender.columnType(index));
  let rows = 0;
  let index = 0;
  for await (const batch of batches) {
    const { data } = conform(batch, schema, index++);
    const writers = data.children.map((child, column) => columnWriter(child, schema.fields[column]?.name ?? ''));
    for (let start = 0; start < data.length; start += CHUNK_ROWS) {
      if (signal?.aborted === true) throw abortError('the write');
      const count = Math.min(CHUNK_ROWS, data.length - start);
      const chunk = chunkClass.create(types, count);
      for (const [column, write] of writers.entries()) write(chunk, column, start, count);
      appender.appendDataChunk(chunk);
    }
    rows += data.length;
    // Appending is synchronous; others get their turn between batches.
    await new Promise<void>((done) => setImmediate(done));
  }
  appender.closeSync();
  return rows;
}

type ColumnWriter = (chunk: DuckDBDataChunk, column: number, start: number, count: number) => void;

/** Fills one vector with 16 or fewer bytes per row; `fill` writes the valid rows. */
function byteWriter(data: Data, width: number, fill: (view: DataView, at: number, row: number) => void): ColumnWriter {
  const bytes = new Uint8Array(CHUNK_ROWS * width);
  const view = new DataView(bytes.buffer);
  const bits = new Uint8Array(CHUNK_ROWS / 8);
  return (chunk, column, start, count) => {
    const vector = duckdb.data_chunk_get_vector(chunk.chunk, column);
    bytes.fill(0);
    bits.fill(255);
    let nulls = 0;
    for (let i = 0; i < count; i++) {
      if (data.getValid(start + i)) {
        fill(view, i * width, start + i);
      } else {
        nulls++;
        bits[i >> 3] = (bits[i >> 3] ?? 0) & ~(1 << (i & 7));
      }
    }
    duckdb.copy_data_to_vector(vector, 0, bytes.buffer, 0, count * width);
    if (nulls === 0) return;
    duckdb.vector_ensure_validity_writable(vector);
    duckdb.copy_data_to_vector_validity(vector, 0, bits.buffer, 0, Math.ceil(count / 64) * 8);
  };
}

function columnWriter(data: Data, name: string): ColumnWriter {
  const { type, values } = data;
  if (DataType.isDictionary(type)) return dictionaryWriter(data, name);
  if (DataType.isInt(type) || DataType.isDuration(type) || DataType.isTimestamp(type)) {
    const width = values.BYTES_PER_ELEMENT as number;
    return byteWriter(data, width, integerFill(values, width));
  }
  if (DataType.isFloat(type)) {
    if (type.precision === 2) return byteWriter(data, 8, (view, at, row) => view.setFloat64(at, values[row], true));
    const vector = new Vector([data]);
    return byteWriter(data, 4, (view, at, row) => view.setFloat32(at, Number(vector.get(row)), true));
  }
  if (DataType.isBool(type)) {
    const vector = new Vector([data]);
    return byteWriter(data, 1, (view, at, row) => view.setUint8(at, vector.get(row) === true ? 1 : 0));
  }
  if (DataType.isDate(type)) {
    const dayOf = (row: number): number =>
      typeof values[row] === 'bigint' ? Math.floor(Number(values[row]) / 86_400_000) : values[row];
    return byteWriter(data, 4, (view, at, row) => view.setInt32(at, dayOf(row), true));
  }
  if (DataType.isTime(type)) {
    const factor = { [TimeUnit.SECOND]: 1_000_000n, [TimeUnit.MILLISECOND]: 1000n }[type.unit as 0 | 1] ?? 1n;
    return byteWriter(data, 8, (view, at, row) => view.setBigInt64(at, BigInt(values[row]) * factor, true));
  }
  if (DataType.isDecimal(type)) {
    return byteWriter(data, 16, (view, at, row) => {
      for (let word = 0; word < 4; word++) view.setUint32(at + word * 4, values[row * 4 + word], true);
    });
  }
  if (DataType.isInterval(type)) return intervalWriter(data, name);
  if (DataType.isUtf8(type) || DataType.isBinary(type)) {
    const { valueOffsets } = data;
    return textWriter(data, (row) => values.subarray(valueOffsets[row] ?? 0, valueOffsets[row + 1] ?? 0));
  }
  if (DataType.isLargeUtf8(type) || DataType.isLargeBinary(type)) {
    const { valueOffsets } = data;
    return textWriter(data, (row) => values.subarray(Number(valueOffsets[row]), Number(valueOffsets[row + 1])));
  }
  if (DataType.isFixedSizeBinary(type)) {
    const { byteWidth } = type;
    return textWriter(data, (row) => values.subarray(row * byteWidth, (row + 1) * byteWidth));
  }
  if (DataType.isNull(type)) return byteWriter(data, 4, () => undefined);
  return (chunk, column, start, count) => {
    chunk.setColumnValues(
      column,
      Array.from({ length: count }, (_, i) => nestedItem(data, start + i)),
    );
  };
}

function integerFill(values: ArrayBufferView, width: number): (view: DataView, at: number, row: number) => void {
  const source = new DataView(values.buffer, values.byteOffset, values.byteLength);
  if (width === 1) return (view, at, row) => view.setUint8(at, source.getUint8(row));
  if (width === 2) return (view, at, row) => view.setUint16(at, source.getUint16(row * 2, true), true);
  if (width === 4) return (view, at, row) => view.setUint32(at, source.getUint32(row * 4, true), true);
  return (view, at, row) => view.setBigUint64(at, source.getBigUint64(row * 8, true), true);
}

function textWriter(data: Data, bytesOf: (row: number) => Uint8Array): ColumnWriter {
  const nulls = byteWriter(data, 16, () => undefined);
  return (chunk, column, start, count) => {
    nulls(chunk, column, start, count);
    const vector = duckdb.data_chunk_get_vector(chunk.chunk, column);
    for (let i = 0; i < count; i++) {
      if (data.getValid(start + i)) duckdb.vector_assign_string_element_len(vector, i, bytesOf(start + i));
    }
  };
}

function dictionaryWriter(data: Data, name: string): ColumnWriter {
  const { dictionary, values, type } = data;
  if (dictionary === undefined) throw createError('FS_ERR_SCHEMA', `column ${name} has no dictionary`);
  const texts: (Uint8Array | null)[] = [];
  if (DataType.isDictionary(type) && DataType.isUtf8(type.dictionary)) {
    for (const part of dictionary.data) {
      for (let row = 0; row < part.length; row++) {
        const text = part.values.subarray(part.valueOffsets[row] ?? 0, part.valueOffsets[row + 1] ?? 0);
        texts.push(part.getValid(row) ? text : null);
      }
    }
    const empty = new Uint8Array(0);
    return textWriter(data, (row) => texts[Number(values[row])] ?? empty);
  }
  return (chunk, column, start, count) => {
    const items = Array.from({ length: count }, (_, i) =>
      data.getValid(start + i) ? dictionaryItem(dictionary, Number(values[start + i])) : null,
    );
    chunk.setColumnValues(column, items);
  };
}

function dictionaryItem(dictionary: Vector, code: number): DuckDBValue {
  let row = code;
  for (const part of dictionary.data) {
    if (row < part.length) return nestedItem(part, row);
    row -= part.length;
  }
  return null;
}

function intervalWriter(data: Data, name: string): ColumnWriter {
  const { type, values } = data;
  const source = new DataView(values.buffer, values.byteOffset, values.byteLength);
  const put = (view: DataView, at: number, months: number, days: number, micros: bigint): void => {
    view.setInt32(at, months, true);
    view.setInt32(at + 4, days, true);
    view.setBigInt64(at + 8, micros, true);
  };
  const unit = DataType.isInterval(type) ? type.unit : IntervalUnit.MONTH_DAY_NANO;
  if (unit === IntervalUnit.YEAR_MONTH) {
    return byteWriter(data, 16, (view, at, row) => put(view, at, source.getInt32(row * 4, true), 0, 0n));
  }
  if (unit === IntervalUnit.DAY_TIME) {
    return byteWriter(data, 16, (view, at, row) => {
      put(view, at, 0, source.getInt32(row * 8, true), BigInt(source.getInt32(row * 8 + 4, true)) * 1000n);
    });
  }
  return byteWriter(data, 16, (view, at, row) => {
    const nanos = source.getBigInt64(row * 16 + 8, true);
    if (nanos % 1_000_000n !== 0n) {
      throw createError('FS_ERR_OVERFLOW', `column ${name}, row ${row}: Parquet intervals end at milliseconds`);
    }
    put(view, at, source.getInt32(row * 16, true), source.getInt32(row * 16 + 4, true), nanos / 1000n);
  });
}
