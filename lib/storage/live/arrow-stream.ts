/**
 * Record batches of an Arrow IPC stream that arrives in pieces: a pipe, a socket, a file that grows. Each message is
 * checked before apache-arrow sees it (framing, metadata, buffers), so that a stream cut short or damaged gives
 * FS_ERR_CORRUPT with the byte where it happened, after every whole batch before it.
 */
import { type RecordBatch, RecordBatchReader } from 'apache-arrow';

import { FlowStateError } from '../../errors/errors.js';
import { createError } from '../../errors/from-native.js';
import { checkMessage, RECORD_BATCH, SCHEMA } from '../arrow-metadata.js';
import { abortError, corrupt, ioError } from '../io-error.js';
import { ArrowValidator } from '../validate-arrow.js';

/** Bytes in pieces: a Node `Readable`, or any iterable of them. */
export type ByteSource = AsyncIterable<Uint8Array | string> | Iterable<Uint8Array>;

export interface ArrowStreamOptions {
  /** Names the stream in errors; default `'stream'`. */
  readonly name?: string;
  readonly signal?: AbortSignal;
}

const PREFIX = 8;
const CONTINUATION = -1;
const NOTHING = new Uint8Array(0);
const MAX_METADATA = 64 << 20;

/** Bytes from pieces, by exact lengths. */
class ByteQueue {
  readonly #iterator: AsyncIterator<Uint8Array | string> | Iterator<Uint8Array>;
  #pieces: Uint8Array[] = [];
  #held = 0;
  /** Of the next byte. */
  position = 0;

  constructor(source: ByteSource) {
    this.#iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  }

  /** Copies the next `length` bytes to `target` at `at`; how many there were before the end. */
  async read(target: Uint8Array, at: number, length: number): Promise<number> {
    while (this.#held < length) {
      const next = await this.#iterator.next();
      if (next.done === true) break;
      if (typeof next.value === 'string') throw new RangeError('the source gives text, not bytes');
      if (next.value.length === 0) continue;
      this.#pieces.push(next.value);
      this.#held += next.value.length;
    }
    let done = 0;
    while (done < length && this.#pieces.length > 0) {
      const piece = this.#pieces[0]!;
      const part = Math.min(piece.length, length - done);
      target.set(piece.subarray(0, part), at + done);
      if (part === piece.length) this.#pieces.shift();
      else this.#pieces[0] = piece.subarray(part);
      done += part;
    }
    this.#held -= done;
    this.position += done;
    return done;
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}

/** Where in the stream reading is: for messages. */
interface Progress {
  message: number;
  position: number;
  batches: number;
}

/** Whole messages, each in memory of its own, so that batches may be views of it. */
async function* messages(queue: ByteQueue, progress: Progress): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) {
    progress.position = queue.position;
    const prefix = new Uint8Array(PREFIX);
    const got = await queue.read(prefix, 0, PREFIX);
    if (got < PREFIX)
      throw new RangeError(`the stream ends ${got === 0 ? 'without its end mark' : 'inside a message'}`);
    const view = new DataView(prefix.buffer);
    if (view.getInt32(0, true) !== CONTINUATION) throw new RangeError('expected the start of a message');
    const metadataLength = view.getInt32(4, true);
    if (metadataLength === 0) {
      if (progress.message === 0) throw new RangeError('there is no schema');
      yield prefix;
      return;
    }
    if (metadataLength < 8 || metadataLength > MAX_METADATA) {
      throw new RangeError(`a header of ${metadataLength} bytes`);
    }
    const metadata = new Uint8Array(metadataLength);
    if ((await queue.read(metadata, 0, metadataLength)) < metadataLength) {
      throw new RangeError("the stream ends inside a message's header");
    }
    const { kind, bodyLength } = checkMessage(metadata);
    if ((kind === SCHEMA) !== (progress.message === 0)) throw new RangeError('expected one schema, at the start');
    const whole = new Uint8Array(PREFIX + metadataLength + bodyLength);
    whole.set(prefix);
    whole.set(metadata, PREFIX);
    const body = await queue.read(whole, PREFIX + metadataLength, bodyLength);
    if (body < bodyLength) throw new RangeError(`the stream ends inside a body: ${body} of ${bodyLength} bytes`);
    if (kind === RECORD_BATCH) progress.batches++;
    progress.message++;
    yield whole;
  }
}

/**
 * The batches of an Arrow IPC stream, each as soon as its last byte is there. The source is closed whatever happens.
 * FS_ERR_CORRUPT with `details` position, message and batch; FS_ERR_SCHEMA for compressed buffers; FS_ERR_IO;
 * FS_ERR_ABORTED at the next piece.
 */
export async function* fromArrowStream(
  source: ByteSource,
  options: ArrowStreamOptions = {},
): AsyncGenerator<RecordBatch, void, undefined> {
  const { name = 'stream', signal } = options;
  const queue = new ByteQueue(source);
  const progress: Progress = { message: 0, position: 0, batches: 0 };
  const validator = new ArrowValidator();
  const pending = messages(queue, progress);
  let failure: unknown = null;
  // apache-arrow wraps what a source throws, or takes it for the end; it is kept here instead.
  async function* kept(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for await (const message of pending) {
        if (signal?.aborted === true) throw abortError(`reading ${name}`);
        yield message;
        // apache-arrow asks for one more piece before it serves a read that takes all it has: this is that piece.
        yield NOTHING;
      }
    } catch (error) {
      failure = error;
      throw error;
    }
  }
  try {
    const reader = await RecordBatchReader.from(kept());
    await reader.open();
    for await (const batch of reader as AsyncIterable<RecordBatch>) {
      validator.batch(batch);
      yield batch;
    }
    if (failure !== null) throw failure;
  } catch (error) {
    throw streamError(failure ?? error, name, progress);
  } finally {
    await pending.return();
    await queue.close();
  }
}

function streamError(error: unknown, name: string, { message, position, batches }: Progress): unknown {
  if (error instanceof FlowStateError) return error;
  if (typeof error === 'object' && error !== null && 'syscall' in error) return ioError(error, name, 'read');
  const reason =
    typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
  if (/compressed but codec not found/.test(reason)) {
    return createError('FS_ERR_SCHEMA', `${name} has compressed buffers; write it without compression`, {
      cause: error,
    });
  }
  const details = { position, message, batch: batches };
  return corrupt(name, `damaged at message ${message}, byte ${position}: ${reason}`, details, error);
}
