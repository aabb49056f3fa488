/**
 * Arrow IPC files and streams. Files are mapped by the addon (read where there is none), batches are views of them;
 * streams are read message by message. Everything handed out has been checked (validate-arrow.ts), so a damaged file
 * gives FS_ERR_CORRUPT naming the batch, never a wrong value.
 */
import { createReadStream, promises as fs } from 'node:fs';
import { RecordBatchReader, Schema, type RecordBatch, type RecordBatchFileReader } from 'apache-arrow';
import { FlowStateError } from '../errors/errors.js';
import { createError } from '../errors/from-native.js';
import { walkFile, walkStream } from './arrow-framing.js';
import { selectColumns } from './column-names.js';
import { abortError, corrupt, ioError } from './io-error.js';
import { mapFile } from './map-file.js';
import { ArrowValidator } from './validate-arrow.js';
import type { ReadOptions } from './types.js';

const FILE_MAGIC = 'ARROW1';
const END_OF_STREAM = Buffer.from([255, 255, 255, 255, 0, 0, 0, 0]);

/**
 * Tells files cut short before anything is parsed: a finished file ends with its magic, a stream with its mark. Returns
 * the rows of each batch.
 */
export async function checkArrowEnds(path: string, format: 'arrow' | 'arrows'): Promise<readonly number[]> {
  const file = await fs.open(path, 'r').catch((error: unknown) => {
    throw ioError(error, path, 'open');
  });
  try {
    const { size } = await file.stat();
    const head = Buffer.alloc(8);
    const tail = Buffer.alloc(8);
    await file.read(head, 0, 8, 0);
    await file.read(tail, 0, 8, Math.max(0, size - 8));
    if (format === 'arrows') {
      if (head.toString('latin1', 0, 6) === FILE_MAGIC) {
        throw corrupt(path, 'expected an Arrow stream, found an Arrow file (name it .arrow)');
      }
      if (!tail.equals(END_OF_STREAM)) throw corrupt(path, 'expected the end-of-stream mark; the stream is truncated');
      return await walkStream(path, file, size);
    }
    if (head.toString('latin1', 0, 4) === 'FEA1') throw corrupt(path, 'Feather version 1 is not supported');
    if (size < 24 || head.toString('latin1', 0, 6) !== FILE_MAGIC) {
      throw corrupt(path, 'expected ARROW1 at the start; the file is not an Arrow file');
    }
    if (tail.toString('latin1', 2) !== FILE_MAGIC) {
      throw corrupt(path, 'expected ARROW1 at the end; the file is truncated');
    }
    return await walkFile(path, file, size);
  } finally {
    await file.close();
  }
}

export function parseError(error: unknown, path: string, batch: number): FlowStateError {
  if (error instanceof FlowStateError) return error;
  const reason =
    typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
  if (/compressed but codec not found/.test(reason)) {
    return createError('FS_ERR_SCHEMA', `${path} has compressed buffers; write it without compression`, {
      details: { path },
      cause: error,
    });
  }
  if (typeof error === 'object' && error !== null && 'syscall' in error) return ioError(error, path, 'read');
  const where = batch < 0 ? 'the schema' : `batch ${batch}`;
  return corrupt(path, `damaged Arrow data in ${where}: ${reason}`, batch < 0 ? {} : { batch }, error);
}

export interface ArrowScan {
  readonly schema: Schema;
  /** Batches of the chosen columns, in file order. */
  batches(): AsyncGenerator<RecordBatch, void, undefined>;
}

/** Opens a file or stream for reading the chosen columns. */
export async function scanArrow(path: string, format: 'arrow' | 'arrows', options: ReadOptions): Promise<ArrowScan> {
  const expected = await checkArrowEnds(path, format);
  const open = format === 'arrow' ? openFile : openStream;
  const first = await open(path);
  const names = first.schema.fields.map((field) => field.name);
  const chosen = selectColumns(path, names, options.columns);
  const schema = selectSchema(path, first.schema, chosen);
  // A stream is opened again for its batches: one that nobody iterates must not keep a file open.
  let reader: OpenReader | null = format === 'arrow' ? first : null;
  if (reader === null) await first.close();
  async function* batches(): AsyncGenerator<RecordBatch, void, undefined> {
    const source = reader ?? (await open(path));
    reader = null;
    const validator = new ArrowValidator();
    let index = 0;
    try {
      for await (const batch of source.batches) {
        if (options.signal?.aborted === true) throw abortError(`read of ${path}`);
        // Where there is none, apache-arrow hands out one without rows.
        if (expected.length === 0 && batch.numRows === 0) continue;
        if (expected[index] !== batch.numRows) throw new RangeError('batches are missing');
        const selected = options.columns === undefined ? batch : batch.selectAt([...chosen]);
        validator.batch(selected);
        yield selected;
        index++;
      }
      if (index !== expected.length) throw new RangeError('batches are missing');
    } catch (error) {
      throw parseError(error, path, index);
    } finally {
      await source.close();
    }
  }
  return { schema, batches };
}

function selectSchema(path: string, schema: Schema, chosen: readonly number[]): Schema {
  try {
    return new Schema(
      chosen.flatMap((index) => schema.fields[index] ?? []),
      schema.metadata,
    );
  } catch (error) {
    throw parseError(error, path, -1);
  }
}

interface OpenReader {
  readonly schema: Schema;
  readonly batches: Iterable<RecordBatch> | AsyncIterable<RecordBatch>;
  close(): Promise<void>;
}

async function openFile(path: string): Promise<OpenReader> {
  const bytes = await mapFile(path);
  try {
    const reader = RecordBatchReader.from(bytes);
    if (!reader.isFile() || !reader.isSync()) throw new RangeError('it has no footer');
    const { schema } = reader.open();
    if (schema === undefined || schema === null) throw new RangeError('there is no schema');
    return { schema, batches: fileBatches(reader), close: () => Promise.resolve() };
  } catch (error) {
    throw parseError(error, path, -1);
  }
}

/** One by one: iterating the reader, apache-arrow stops early (or never) where the footer points to something else. */
export function* fileBatches(reader: RecordBatchFileReader): Generator<RecordBatch, void, undefined> {
  for (let index = 0; index < reader.numRecordBatches; index++) {
    const batch = reader.readRecordBatch(index);
    if (batch === null) throw new RangeError('the footer points to something else than a record batch');
    yield batch;
  }
}

async function openStream(path: string): Promise<OpenReader> {
  const stream = createReadStream(path, { highWaterMark: 1 << 20 });
  try {
    const reader = await RecordBatchReader.from(stream);
    await reader.open();
    const { schema } = reader;
    if (schema === undefined || schema === null) throw new RangeError('there is no schema');
    return {
      schema,
      batches: reader,
      close: () => {
        stream.destroy();
        return Promise.resolve();
      },
    };
  } catch (error) {
    stream.destroy();
    throw parseError(error, path, -1);
  }
}
