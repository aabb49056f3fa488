/** Writes Parquet by the engine that the options and the machine allow. */
import type { RecordBatch, Schema } from 'apache-arrow';
import type { WriteOptions } from './types.js';

export async function writeParquet(
  path: string,
  schema: Schema,
  batches: Iterable<RecordBatch> | AsyncIterable<RecordBatch>,
  options: WriteOptions,
): Promise<number> {
  const { writeParquetJs } = await import('./parquet-write-js.js');
  return writeParquetJs(path, schema, batches, options);
}
