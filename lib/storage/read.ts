/** Reading tables and batches from files: the dispatch over formats. */
import { Table, type RecordBatch, type Schema } from 'apache-arrow';
import { createError } from '../errors/from-native.js';
import { scanArrow } from './arrow-read.js';
import { contradictsSample, csvPieces, planCsv } from './csv-read.js';
import { formatOf, inputSize } from './format.js';
import { locateDamage } from './locate-damage.js';
import { planParquet } from './parquet-read.js';
import { rowGroupInfos } from './parquet-statistics.js';
import { scanWhole, scanInPieces } from './scan.js';
import { batchOf, schemaOf, tableOf } from './scan-table.js';
import type { FileInfo, ReadBatchesOptions, ReadOptions } from './types.js';

const DEFAULT_BATCH_ROWS = 65_536;

function checkOptions(options: ReadBatchesOptions): void {
  const { columns, threads, batchRows } = options;
  if (columns?.length === 0) throw createError('FS_ERR_ARG_RANGE', 'columns: expected at least one name, found none');
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 0)) {
    throw createError('FS_ERR_ARG_RANGE', `threads: expected a whole number of at least 0, found ${threads}`);
  }
  if (batchRows !== undefined && !(Number.isInteger(batchRows) && batchRows >= 1)) {
    throw createError('FS_ERR_ARG_RANGE', `batchRows: expected a whole number of at least 1, found ${batchRows}`);
  }
}

/**
 * Reads a file into a table. Text columns of Parquet and CSV come as dictionaries in order of first appearance (plain
 * Utf8 when nearly every value is distinct); rows keep the file's order; nothing depends on `threads` or `backend`.
 * FS_ERR_IO, FS_ERR_CORRUPT (file, and row group, batch or line where known), FS_ERR_COLUMN_MISSING, FS_ERR_ABORTED.
 */
export async function readTable(path: string, options: ReadOptions = {}): Promise<Table> {
  checkOptions(options);
  const format = formatOf(path);
  await inputSize(path);
  switch (format) {
    case 'parquet': {
      const scan = await planParquet(path, options);
      try {
        const { rows, columns } = await scanWhole(scan.plan, options);
        return tableOf(scan.plan.columns, rows, columns);
      } catch (error) {
        throw await locateDamage(error, scan, options);
      } finally {
        await scan.release();
      }
    }
    case 'csv':
      return readCsvTable(path, options);
    case 'arrow':
    case 'arrows': {
      const scan = await scanArrow(path, format, options);
      const batches: RecordBatch[] = [];
      for await (const batch of scan.batches()) batches.push(batch);
      return new Table(batches[0]?.schema ?? scan.schema, batches);
    }
    default:
      return format satisfies never;
  }
}

async function readCsvTable(path: string, options: ReadOptions): Promise<Table> {
  const attempt = async (thorough: boolean): Promise<Table> => {
    const plan = await planCsv(path, options, thorough);
    for await (const { rows, columns } of csvPieces(plan, Infinity, options.signal)) {
      return tableOf(plan.columns, rows, columns);
    }
    return tableOf(plan.columns, 0, []);
  };
  try {
    return await attempt(false);
  } catch (error) {
    if (contradictsSample(error)) return attempt(true);
    throw error;
  }
}

/** Batches in file order. `schema` is known before the first batch and rejects as the iteration would. */
export interface BatchStream extends AsyncIterable<RecordBatch> {
  readonly schema: Promise<Schema>;
}

/**
 * Reads a file batch by batch, with memory bounded by the batches in flight. Text columns are dictionaries that grow
 * from batch to batch. One iteration per stream; ending it early releases everything. Errors as `readTable`.
 */
export function readBatches(path: string, options: ReadBatchesOptions = {}): BatchStream {
  const opened = openBatches(path, options);
  opened.catch(() => undefined);
  const schema = opened.then((source) => source.schema);
  schema.catch(() => undefined);
  let taken = false;
  return {
    schema,
    async *[Symbol.asyncIterator]() {
      if (taken) throw createError('FS_ERR_BUSY', `the batches of ${path} were already taken; call readBatches again`);
      taken = true;
      yield* (await opened).batches();
    },
  };
}

interface BatchSource {
  readonly schema: Schema;
  batches(): AsyncGenerator<RecordBatch, void, undefined>;
}

async function openBatches(path: string, options: ReadBatchesOptions): Promise<BatchSource> {
  checkOptions(options);
  const batchRows = options.batchRows ?? DEFAULT_BATCH_ROWS;
  const format = formatOf(path);
  await inputSize(path);
  switch (format) {
    case 'parquet': {
      // A copy made for exact nanoseconds must not outlive a stream that nobody iterates: planned twice instead.
      const scan = await planParquet(path, options);
      await scan.release();
      const schema = schemaOf(scan.plan.columns);
      return { schema, batches: () => parquetBatches(path, schema, batchRows, options) };
    }
    case 'csv': {
      const plan = await planCsv(path, options, true);
      const schema = schemaOf(plan.columns);
      return {
        schema,
        async *batches() {
          for await (const { rows, columns } of csvPieces(plan, batchRows, options.signal)) {
            yield batchOf(schema, rows, columns);
          }
        },
      };
    }
    case 'arrow':
    case 'arrows': {
      const scan = await scanArrow(path, format, options);
      return {
        schema: scan.schema,
        async *batches() {
          for await (const batch of scan.batches()) yield* cut(batch, batchRows);
        },
      };
    }
    default:
      return format satisfies never;
  }
}

async function* parquetBatches(
  path: string,
  schema: Schema,
  batchRows: number,
  options: ReadBatchesOptions,
): AsyncGenerator<RecordBatch, void, undefined> {
  const scan = await planParquet(path, options);
  try {
    for await (const { rows, columns } of scanInPieces(scan.plan, batchRows, options)) {
      const typed = columns.some((column, index) => column.type !== schema.fields[index]?.type);
      const batch = batchOf(typed ? schemaOf(scan.plan.columns, columns) : schema, rows, columns);
      yield* cut(batch, batchRows);
    }
  } catch (error) {
    throw await locateDamage(error, scan, options);
  } finally {
    await scan.release();
  }
}

function* cut(batch: RecordBatch, rows: number): Generator<RecordBatch, void, undefined> {
  if (batch.numRows <= rows) yield batch;
  else for (let at = 0; at < batch.numRows; at += rows) yield batch.slice(at, Math.min(at + rows, batch.numRows));
}

/**
 * What a file holds, without decoding its values: cheap for Parquet (the footer) and Arrow files, one pass over the
 * file for Arrow streams and CSV. Errors as `readTable`.
 */
export async function readInfo(path: string, options: ReadOptions = {}): Promise<FileInfo> {
  checkOptions(options);
  const format = formatOf(path);
  const bytes = await inputSize(path);
  switch (format) {
    case 'parquet': {
      const scan = await planParquet(path, options);
      await scan.release();
      const { footer, plan } = scan;
      return { format, bytes, schema: schemaOf(plan.columns), rows: footer.rows, rowGroups: rowGroupInfos(footer) };
    }
    case 'csv': {
      const plan = await planCsv(path, options, true);
      return { format, bytes, schema: schemaOf(plan.columns), rows: plan.rows, rowGroups: [] };
    }
    case 'arrow':
    case 'arrows': {
      const scan = await scanArrow(path, format, options);
      const rowGroups = [];
      for await (const batch of scan.batches()) rowGroups.push({ rows: batch.numRows, statistics: {} });
      const rows = rowGroups.reduce((sum, group) => sum + group.rows, 0);
      return { format, bytes, schema: scan.schema, rows, rowGroups };
    }
    default:
      return format satisfies never;
  }
}
