/** A live input by name: standard input, a file as it is, or a file that grows. */
import { createReadStream } from 'node:fs';
import { extname } from 'node:path';
import type { RecordBatch } from 'apache-arrow';

import { createError } from '../../errors/from-native.js';
import { stoppable } from '../../internal/stoppable.js';
import { formatOf } from '../format.js';
import { ioError } from '../io-error.js';
import { readBatches } from '../read.js';
import type { TimeUnitName } from '../types.js';
import { fromArrowStream } from './arrow-stream.js';
import { fromCsvStream } from './csv-stream.js';
import { followFile } from './follow-file.js';

export interface LiveInputOptions {
  readonly columns?: readonly string[];
  /** CSV: `"ts:timestamp[ns],symbol:utf8"`; columns left out are decided from the first rows, names of others passed over. */
  readonly schema?: string;
  /** CSV: unit of integer times in `timeColumns`. */
  readonly timeUnit?: TimeUnitName;
  readonly timeColumns?: readonly string[];
  /** Waits for more at the end of a file. */
  readonly follow?: boolean;
  readonly batchRows?: number;
  /** Milliseconds between looks at a file that grows; default 250. */
  readonly pollMs?: number;
  /** Ends the input where it is: what has come is given, then the end. */
  readonly until?: AbortSignal;
}

const STDIN = '-';

/**
 * Batches of `path`; `-` is standard input, an Arrow stream or CSV by its first byte. Files that grow are Arrow streams
 * (`.arrows`, which end with their mark) or `.csv`; FS_ERR_ARG_RANGE for other formats.
 */
export function openLive(path: string, options: LiveInputOptions = {}): AsyncGenerator<RecordBatch, void, undefined> {
  const stop = new AbortController();
  const until = options.until === undefined ? stop.signal : AbortSignal.any([options.until, stop.signal]);
  return stoppable(open(path, { ...options, until }), () => stop.abort());
}

type Ending = LiveInputOptions & { readonly until: AbortSignal };

function open(path: string, options: Ending): AsyncGenerator<RecordBatch, void, undefined> {
  if (path === STDIN) return fromBytes(endable(process.stdin, options.until), 'stdin', null, options);
  const format = formatOf(path);
  if (options.follow === true) {
    if ((format !== 'csv' && format !== 'arrows') || extname(path) === '.gz') {
      throw createError('FS_ERR_ARG_RANGE', `expected a file that can grow (.csv, .arrows), found ${path}`, {
        details: { path },
      });
    }
    return fromBytes(followFile(path, options), path, format, options);
  }
  if (format === 'csv' && extname(path) !== '.gz') return fromBytes(fileBytes(path), path, 'csv', options);
  return whole(path, options);
}

async function* whole(path: string, options: Ending): AsyncGenerator<RecordBatch, void, undefined> {
  const { columns, schema, timeUnit, timeColumns, until } = options;
  for await (const batch of readBatches(path, {
    columns,
    schema,
    timeUnit,
    timeColumns,
    batchRows: options.batchRows,
  })) {
    yield batch;
    if (until.aborted) return;
  }
}

async function* fileBytes(path: string): AsyncGenerator<Buffer, void, undefined> {
  try {
    for await (const block of createReadStream(path, { highWaterMark: 1 << 18 })) yield block as Buffer;
  } catch (error) {
    throw ioError(error, path, 'read');
  }
}

async function* fromBytes(
  bytes: AsyncGenerator<Buffer, void, undefined>,
  name: string,
  format: 'csv' | 'arrows' | null,
  options: LiveInputOptions,
): AsyncGenerator<RecordBatch, void, undefined> {
  let first: Buffer | null = null;
  if (format === null) {
    const { done, value } = await bytes.next();
    if (done === true) throw createError('FS_ERR_CORRUPT', `${name} is empty: expected data, found 0 bytes`);
    first = value;
  }
  // An Arrow message begins with 0xFFFFFFFF, which no text does.
  const isArrow = format === 'arrows' || first?.[0] === 255;
  const all = first === null ? bytes : startingWith(first, bytes);
  if (!isArrow) {
    const { columns, schema, timeUnit, timeColumns, batchRows } = options;
    yield* fromCsvStream(all, { name, columns, schema, sharedSchema: true, timeUnit, timeColumns, batchRows });
    return;
  }
  try {
    for await (const batch of fromArrowStream(all, { name })) {
      yield options.columns === undefined ? batch : batch.select([...options.columns]);
    }
  } catch (error) {
    // Whoever ends a stream before its mark has asked for its whole batches.
    const cut = options.until?.aborted === true && (error as { code?: unknown }).code === 'FS_ERR_CORRUPT';
    if (!cut) throw error;
  }
}

async function* startingWith(
  first: Buffer,
  rest: AsyncGenerator<Buffer, void, undefined>,
): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield first;
    yield* rest;
  } finally {
    await rest.return();
  }
}

/** A readable stream that ends when the signal says so. */
async function* endable(
  stream: NodeJS.ReadableStream & AsyncIterable<unknown>,
  until: AbortSignal | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  const iterator = stream[Symbol.asyncIterator]();
  let stop = (): void => undefined;
  const stopped = new Promise<null>((resolve) => {
    stop = () => resolve(null);
    if (until?.aborted === true) resolve(null);
    else until?.addEventListener('abort', stop, { once: true });
  });
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), stopped]);
      if (next === null || next.done === true) return;
      yield Buffer.isBuffer(next.value) ? next.value : Buffer.from(String(next.value));
    }
  } catch (error) {
    throw ioError(error, 'stdin', 'read');
  } finally {
    until?.removeEventListener('abort', stop);
    // Waiting for `return` would wait for bytes that may never come.
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
    if ('destroy' in stream) (stream as { destroy(): void }).destroy();
  }
}
