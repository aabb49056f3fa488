/** Writing tables and batches to files: the dispatch over formats. */
import { type RecordBatch, type Schema, type Table } from 'apache-arrow';
import { createError } from '../errors/from-native.js';
import { FlowStateError } from '../errors/errors.js';
import { writeArrow } from './arrow-write.js';
import { openFileSink, stdoutSink, writeAtomically, type ByteSink } from './atomic-file.js';
import { writeCsv } from './csv-write.js';
import { formatOf } from './format.js';
import { duckError } from './io-error.js';
import { markUtc } from './parquet-utc.js';
import { duckTypeOf, zonedColumns } from './parquet-types.js';
import { writeParquet } from './parquet-write.js';
import type { FileFormat, WriteOptions, WriteResult } from './types.js';

type Batches = Iterable<RecordBatch> | AsyncIterable<RecordBatch>;

/** Takes the first batch for its schema and puts it back. */
async function withSchema(source: AsyncIterable<RecordBatch>): Promise<{ schema: Schema; batches: Batches }> {
  const iterator = source[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true) {
    throw createError(
      'FS_ERR_SCHEMA',
      'nothing to write: expected at least one (possibly empty) batch, for its schema',
    );
  }
  async function* batches(): AsyncGenerator<RecordBatch, void, undefined> {
    try {
      for (let item = first; item.done !== true; item = await iterator.next()) yield item.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { schema: first.value.schema, batches: batches() };
}

function isTable(value: Table | AsyncIterable<RecordBatch>): value is Table {
  return 'batches' in value && 'schema' in value && !(Symbol.asyncIterator in value);
}

function checkOptions(options: WriteOptions): void {
  const { rowGroupSize, compression } = options;
  if (rowGroupSize !== undefined && !(Number.isInteger(rowGroupSize) && rowGroupSize >= 1)) {
    throw createError('FS_ERR_ARG_RANGE', `rowGroupSize: expected a whole number of at least 1, found ${rowGroupSize}`);
  }
  if (compression !== undefined && !['zstd', 'snappy', 'gzip', 'none'].includes(compression)) {
    throw createError('FS_ERR_ARG_RANGE', `compression: expected zstd, snappy, gzip or none, found ${compression}`);
  }
}

/**
 * Writes a table, or batches as they come, to the format that the path's extension names; `-` is an Arrow stream on
 * standard output. Rows keep their order, batches are not kept in memory. The file appears whole or not at all: on any
 * error or abort what was there before stays. Dictionaries are written as text in Parquet and CSV.
 * FS_ERR_IO (errno, syscall, path), FS_ERR_SCHEMA (a type the format cannot hold, batches that differ), FS_ERR_ABORTED.
 */
export async function writeTable(
  path: string,
  data: Table | AsyncIterable<RecordBatch>,
  options: WriteOptions = {},
): Promise<WriteResult> {
  checkOptions(options);
  const format = path === '-' ? 'arrows' : formatOf(path);
  const { schema, batches } = isTable(data) ? { schema: data.schema, batches: data.batches } : await withSchema(data);
  if (path === '-') {
    const sink = stdoutSink(process.stdout);
    const rows = await writeArrow('arrows', schema, batches, sink, options.signal);
    return { rows, bytes: sink.bytes };
  }
  if (format === 'parquet') for (const field of schema.fields) duckTypeOf(field.type, field.name);
  const { result, bytes } = await writeAtomically(path, options.signal, (temporary) =>
    produce(format, temporary, path, schema, batches, options),
  );
  return { rows: result, bytes };
}

async function produce(
  format: FileFormat,
  temporary: string,
  path: string,
  schema: Schema,
  batches: Batches,
  options: WriteOptions,
): Promise<number> {
  switch (format) {
    case 'parquet': {
      if (schema.fields.length === 0) throw createError('FS_ERR_SCHEMA', 'a Parquet file needs at least one column');
      try {
        const rows = await writeParquet(temporary, schema, batches, options);
        await markUtc(temporary, zonedColumns(schema));
        return rows;
      } catch (error) {
        throw error instanceof FlowStateError ? error : duckError(error, path, 'write');
      }
    }
    case 'arrow':
    case 'arrows':
      return intoSink(temporary, (sink) => writeArrow(format, schema, batches, sink, options.signal));
    case 'csv': {
      const packed = path.toLowerCase().endsWith('.gz');
      return intoSink(temporary, (sink) => writeCsv(schema, batches, sink, packed, options.signal));
    }
    default:
      return format satisfies never;
  }
}

async function intoSink(path: string, write: (sink: ByteSink) => Promise<number>): Promise<number> {
  const sink = await openFileSink(path);
  try {
    return await write(sink);
  } finally {
    await sink.close();
  }
}
