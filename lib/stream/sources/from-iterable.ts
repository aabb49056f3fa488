/** Any iterable as a source: record batches and tables as they are, plain rows gathered by a schema. */
import type { RecordBatch, Schema, Table } from 'apache-arrow';

import { createError } from '../../errors/from-native.js';
import { fail, isRecord, requireInteger, rejectUnknown, typeError } from '../../internal/validate.js';
import { BatchBuilder } from './column-builder.js';
import type { PlainRow } from './types.js';

export interface FromIterableOptions {
  /** Schema of plain rows; needed for them. */
  readonly schema?: Schema;
  /** Plain rows per batch, at most; default 1,024. */
  readonly batchRows?: number;
  /** Plain rows wait at most so many milliseconds for their batch to fill; default 10. */
  readonly maxDelayMs?: number;
  readonly signal?: AbortSignal;
}

type Item = RecordBatch | Table | PlainRow | readonly PlainRow[];

function isTable(item: unknown): item is Table {
  return isRecord(item) && 'schema' in item && 'batches' in item;
}

function isBatch(item: unknown): item is RecordBatch {
  return isRecord(item) && 'schema' in item && 'data' in item && 'numRows' in item;
}

/**
 * Record batches from any (async) iterable of record batches, tables, plain rows or arrays of rows. Rows are gathered
 * until the batch is full or the first has waited `maxDelayMs`. The source is closed whatever happens; its errors pass
 * through after the rows before them. FS_ERR_SCHEMA or FS_ERR_OVERFLOW names the row and column that does not fit.
 */
export async function* fromIterable(
  source: AsyncIterable<Item> | Iterable<Item>,
  options: FromIterableOptions = {},
): AsyncGenerator<RecordBatch, void, undefined> {
  rejectUnknown(options as Readonly<Record<string, unknown>>, 'options', [
    'schema',
    'batchRows',
    'maxDelayMs',
    'signal',
  ]);
  const batchRows =
    options.batchRows === undefined ? 1024 : requireInteger(options.batchRows, 'batchRows', 1, 2 ** 31 - 1);
  const maxDelayMs = options.maxDelayMs ?? 10;
  const builder = options.schema === undefined ? null : new BatchBuilder(options.schema);
  const iterator = iteratorOf(source);
  const { signal } = options;
  const aborted = abortPromise(signal);
  let count = 0;
  const add = (row: PlainRow): void => {
    if (builder === null) fail('FS_ERR_SCHEMA', `row ${count}: plain rows need the option schema`);
    if (!isRecord(row)) throw typeError(`row ${count}`, 'an object with a key per column', row);
    try {
      builder.push(row);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const code = (error as { code?: string }).code === 'FS_ERR_OVERFLOW' ? 'FS_ERR_OVERFLOW' : 'FS_ERR_SCHEMA';
      throw createError(code, `row ${count}: ${reason}`, { details: { row: count }, cause: error });
    }
    count++;
  };
  let next: Promise<IteratorResult<Item>> | null = null;
  let deadline: Deadline | null = null;
  try {
    for (;;) {
      next ??= Promise.resolve(iterator.next());
      const waiting: Promise<IteratorResult<Item> | typeof TIMEOUT>[] = [next];
      if (deadline !== null) waiting.push(deadline.reached);
      if (aborted !== null) waiting.push(aborted.promise);
      let result: IteratorResult<Item> | typeof TIMEOUT;
      try {
        result = await Promise.race(waiting);
      } catch (error) {
        if (builder !== null && builder.rows > 0 && signal?.aborted !== true) yield builder.take();
        next = null;
        throw error;
      }
      if (result === TIMEOUT) {
        deadline = null;
        if (builder !== null && builder.rows > 0) yield builder.take();
        continue;
      }
      next = null;
      if (result.done === true) break;
      const item = result.value;
      if (isTable(item) || isBatch(item)) {
        if (builder !== null && builder.rows > 0) yield builder.take();
        if (isTable(item)) yield* item.batches;
        else yield item;
      } else {
        for (const row of Array.isArray(item) ? (item as readonly PlainRow[]) : [item as PlainRow]) {
          add(row);
          if (builder!.rows === batchRows) yield builder!.take();
        }
      }
      if (builder === null || builder.rows === 0) {
        deadline?.cancel();
        deadline = null;
      } else {
        deadline ??= new Deadline(maxDelayMs);
      }
    }
    if (builder !== null && builder.rows > 0) yield builder.take();
  } finally {
    deadline?.cancel();
    aborted?.release();
    next?.catch(() => undefined);
    // A source that hangs in `next` cannot be waited for; it is told to stop all the same.
    const closing = iterator.return?.();
    if (next === null) await closing;
    else Promise.resolve(closing).catch(() => undefined);
  }
}

const TIMEOUT = Symbol('timeout');

class Deadline {
  readonly reached: Promise<typeof TIMEOUT>;
  #timer: NodeJS.Timeout | null = null;

  constructor(ms: number) {
    this.reached = new Promise((resolve) => {
      this.#timer = setTimeout(() => resolve(TIMEOUT), ms);
    });
  }

  cancel(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}

function iteratorOf(source: AsyncIterable<Item> | Iterable<Item>): AsyncIterator<Item> | Iterator<Item> {
  if (isRecord(source) || typeof source === 'object') {
    if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]();
    if (Symbol.iterator in source) return source[Symbol.iterator]();
  }
  throw typeError('source', 'an iterable or async iterable', source);
}

function abortPromise(signal: AbortSignal | undefined): { promise: Promise<never>; release: () => void } | null {
  if (signal === undefined) return null;
  let stop = (): void => undefined;
  const promise = new Promise<never>((_, reject) => {
    stop = () => reject(createError('FS_ERR_ABORTED', 'the source was aborted by its signal'));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  promise.catch(() => undefined);
  return { promise, release: () => signal.removeEventListener('abort', stop) };
}
