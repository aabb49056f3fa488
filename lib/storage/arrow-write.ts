/**
 * Arrow IPC files and streams, batch by batch. Bytes leave as soon as a batch is encoded. A file must not replace a
 * dictionary once written, so where batches bring dictionaries of their own, their values are gathered into one per
 * column that only grows (dictionary-unifier.ts).
 */
import { type RecordBatch, RecordBatchFileWriter, RecordBatchStreamWriter, type Schema } from 'apache-arrow';
import { abortError } from './io-error.js';
import { DictionaryUnifier } from './dictionary-unifier.js';
import { conform } from './conform.js';
import type { ByteSink } from './atomic-file.js';

type Chunk = ArrayBufferView | ArrayBufferLike | string | Iterable<number> | null | undefined | object;

function bytesOf(chunk: Chunk): Uint8Array {
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  throw new TypeError('the Arrow writer wrote something else than bytes');
}

class FilePieces extends RecordBatchFileWriter {
  pieces: Uint8Array[] = [];

  protected override _write(chunk: Chunk): this {
    if (this._started) {
      const bytes = bytesOf(chunk);
      this.pieces.push(bytes);
      this._position += bytes.byteLength;
    }
    return this;
  }
}

class StreamPieces extends RecordBatchStreamWriter {
  pieces: Uint8Array[] = [];

  protected override _write(chunk: Chunk): this {
    if (this._started) {
      const bytes = bytesOf(chunk);
      this.pieces.push(bytes);
      this._position += bytes.byteLength;
    }
    return this;
  }
}

/** The writer computes sizes in 32 bits; batches stay far below. */
const MAX_BATCH_BYTES = 2 ** 28;

function* parts(batch: RecordBatch): Generator<RecordBatch, void, undefined> {
  const count = Math.min(batch.numRows, Math.ceil(batch.data.byteLength / MAX_BATCH_BYTES));
  if (count <= 1) {
    yield batch;
    return;
  }
  const rows = Math.ceil(batch.numRows / count);
  for (let at = 0; at < batch.numRows; at += rows) yield batch.slice(at, Math.min(at + rows, batch.numRows));
}

/** Writes everything to `sink`; returns the rows. FS_ERR_SCHEMA when a batch's columns differ from the first's. */
export async function writeArrow(
  format: 'arrow' | 'arrows',
  schema: Schema,
  batches: Iterable<RecordBatch> | AsyncIterable<RecordBatch>,
  sink: ByteSink,
  signal: AbortSignal | undefined,
): Promise<number> {
  const writer = format === 'arrow' ? new FilePieces({ autoDestroy: false }) : new StreamPieces({ autoDestroy: false });
  const unifier = format === 'arrow' ? new DictionaryUnifier() : null;
  writer.reset(undefined, schema);
  let rows = 0;
  let index = 0;
  const flush = async (): Promise<void> => {
    const { pieces } = writer;
    writer.pieces = [];
    await sink.write(pieces);
  };
  for await (const batch of batches) {
    const fitting = conform(batch, schema, index++);
    const unified = unifier === null ? fitting : unifier.unify(fitting);
    for (const part of parts(unified)) {
      if (signal?.aborted === true) throw abortError('the write');
      if (part.numRows > 0) writer.write(part);
      rows += part.numRows;
      await flush();
    }
  }
  writer.reset();
  await flush();
  return rows;
}
