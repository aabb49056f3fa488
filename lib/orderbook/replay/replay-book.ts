/**
 * A feed into record batches of order book features. Pulled: nothing is read before the consumer asks, and what is held
 * is a piece of input, the books, and one batch. The work runs on the addon's threads.
 *
 * A row at t sees exactly the events with time <= t, in the order of the feed: the join's rule, with no look-ahead.
 */
import type { RecordBatch } from 'apache-arrow';

import { createError, fromNative } from '../../errors/from-native.js';
import type { NativeAddon } from '../../internal/native.js';
import { NativeFeedFormat, type NativeFeatureBatch, type NativeReplay } from '../../internal/native-replay.js';
import { fail, typeError } from '../../internal/validate.js';
import { throwIfAborted } from '../../join/parse-options.js';
import { callNative, requireBookAddon } from '../addon.js';
import { isArrow } from '../arrow-input.js';
import { type ByteSource, readPieces } from './byte-source.js';
import { type EventTables, readEventColumns } from './event-batches.js';
import { FeatureBatches } from './feature-batch.js';
import { parseReplayOptions, type ParsedReplayOptions, type ReplayBookOptions } from './options.js';
import { readStats, type ReplayStats } from './stats.js';

/** A path, several that are one feed cut in pieces, bytes, or (`events`) Arrow tables or batches. */
export type FeedSource = ByteSource | EventTables;

/** Batches of rows, to be iterated once. */
export interface BookReplay extends AsyncIterable<RecordBatch> {
  /** What has been read so far. */
  readonly stats: ReplayStats;
}

type Feed = (addon: NativeAddon, replay: NativeReplay) => void;

/**
 * Replays `source` through a book per instrument. Yields at least one batch, which may be empty. Options are checked
 * before anything is read.
 *
 * Throws (from the iteration, after the rows before the fault) FS_ERR_CORRUPT with message and byte, FS_ERR_SEQUENCE_GAP,
 * FS_ERR_BOOK_EVENT, FS_ERR_UNSORTED, FS_ERR_IO, FS_ERR_ABORTED; from the call FS_ERR_ADDON_UNAVAILABLE and the errors of
 * options. O(1) an event and O(levels) a row.
 */
export function replayBook(source: FeedSource, options: ReplayBookOptions): BookReplay {
  const parsed = parseReplayOptions(options);
  const addon = requireBookAddon();
  if (typeof source !== 'string' && (typeof source !== 'object' || source === null)) {
    throw typeError('source', 'a path, bytes, or an iterable of bytes or tables', source);
  }
  return new Replay(addon, source, parsed);
}

class Replay implements BookReplay {
  readonly #addon: NativeAddon;
  readonly #source: FeedSource;
  readonly #options: ParsedReplayOptions;
  #handle: NativeReplay | null = null;
  #started = false;
  #busy = false;
  #symbols: readonly string[] = [];
  #stats: ReplayStats | null = null;

  constructor(addon: NativeAddon, source: FeedSource, options: ParsedReplayOptions) {
    this.#addon = addon;
    this.#source = source;
    this.#options = options;
  }

  get stats(): ReplayStats {
    this.#note();
    return this.#stats ?? NOTHING_YET;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RecordBatch, void, undefined> {
    if (this.#started) fail('FS_ERR_CLOSED', 'a replay can be iterated once; call replayBook again');
    this.#started = true;
    const { feeds, isColumns } = await openFeeds(this.#source, this.#options);
    try {
      const seedRow = await firstLine(this.#options.orderbook);
      const format = isColumns ? NativeFeedFormat.columns : this.#options.native.format;
      const handle = callNative(() => this.#addon.replayOpen({ ...this.#options.native, format, seedRow }));
      this.#handle = handle;
      const batches = new FeatureBatches(this.#options);
      let yielded = false;
      for (;;) {
        const batch = await this.#run(handle);
        if (batch.rows > 0 || (batch.done && !yielded)) {
          if (this.#options.hasSymbols) this.#symbols = callNative(() => this.#addon.replaySymbols(handle));
          yielded = true;
          yield batches.make(batch, this.#symbols);
        }
        if (batch.done) return;
        if (batch.rows > 0) continue;
        const { done, value: feed } = await feeds.next();
        throwIfAborted(this.#options.signal);
        callNative(() => (done === true ? this.#addon.replayFinish(handle) : feed(this.#addon, handle)));
      }
    } finally {
      this.#close();
      await feeds.return(undefined);
    }
  }

  async #run(handle: NativeReplay): Promise<NativeFeatureBatch> {
    const { signal } = this.#options;
    throwIfAborted(signal);
    const task = callNative(() => this.#addon.replayRun(handle));
    const cancel = (): void => task.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    this.#busy = true;
    try {
      const batch = await task.promise;
      throwIfAborted(signal);
      return batch;
    } catch (error) {
      throwIfAborted(signal);
      throw fromNative(error);
    } finally {
      this.#busy = false;
      signal?.removeEventListener('abort', cancel);
    }
  }

  #note(): void {
    const handle = this.#handle;
    if (handle === null || this.#busy) return;
    if (this.#options.hasSymbols) this.#symbols = callNative(() => this.#addon.replaySymbols(handle));
    this.#stats = readStats(
      callNative(() => this.#addon.replayStats(handle)),
      this.#symbols,
    );
  }

  #close(): void {
    const handle = this.#handle;
    if (handle === null) return;
    this.#note();
    this.#handle = null;
    callNative(() => this.#addon.replayClose(handle));
  }
}

const NOTHING_YET: ReplayStats = readStats(
  {
    ...{ bytes: 0, messages: 0, skipped: 0, unknown: 0, stale: 0, timeRegressions: 0, events: 0, filtered: 0, rows: 0 },
    ...{ lateEvents: 0, rejected: 0, openGroupEvents: 0, gaps: 0, rejectedBy: [], eventsByKind: [] },
    ...{ eventsByInstrument: [], firstGaps: [] },
  },
  [],
);

interface Feeds {
  readonly feeds: AsyncGenerator<Feed, void, undefined>;
  readonly isColumns: boolean;
}

/** Bytes or columns, told by what the source is or yields first. */
async function openFeeds(source: FeedSource, options: ParsedReplayOptions): Promise<Feeds> {
  const { isColumns, items } = await kindOf(source);
  if (!isColumns) return { feeds: byteFeeds(items as ByteSource), isColumns };
  if (options.format !== 'events') {
    return fail('FS_ERR_ARG_TYPE', `tables are a source of format 'events', not of '${options.format}'`);
  }
  return { feeds: columnFeeds(items as EventTables), isColumns };
}

async function kindOf(source: FeedSource): Promise<{ isColumns: boolean; items: FeedSource }> {
  if (isArrow(source)) return { isColumns: true, items: source };
  if (typeof source === 'string' || ArrayBuffer.isView(source)) return { isColumns: false, items: source };
  if (Array.isArray(source)) {
    const first: unknown = source[0];
    if (first === undefined) throw typeError('source', 'not empty', source);
    return { isColumns: isArrow(first), items: source };
  }
  const iterator =
    Symbol.asyncIterator in source
      ? (source as AsyncIterable<unknown>)[Symbol.asyncIterator]()
      : Symbol.iterator in source
        ? (source as Iterable<unknown>)[Symbol.iterator]()
        : fail('FS_ERR_ARG_TYPE', 'source must be a path, bytes, or an iterable of bytes or tables');
  const first = await iterator.next();
  async function* again(): AsyncGenerator<unknown, void, undefined> {
    try {
      for (let item = first; item.done !== true; item = await iterator.next()) yield item.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { isColumns: first.done !== true && isArrow(first.value), items: again() as AsyncIterable<Uint8Array> };
}

async function* byteFeeds(source: ByteSource): AsyncGenerator<Feed, void, undefined> {
  for await (const piece of readPieces(source)) {
    if (piece.length > 0) yield (addon, replay) => addon.replayFeed(replay, piece);
  }
}

async function* columnFeeds(source: EventTables): AsyncGenerator<Feed, void, undefined> {
  for await (const columns of readEventColumns(source)) {
    yield (addon, replay) => addon.replayFeedColumns(replay, columns);
  }
}

const MOST_LINE_BYTES = 1 << 20;

/** The first line of the LOBSTER order book file; '' where there is none. */
async function firstLine(source: string | Uint8Array | null): Promise<string> {
  if (source === null) return '';
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of readPieces(source)) {
    const end = piece.indexOf(10);
    parts.push(end < 0 ? piece : piece.subarray(0, end));
    bytes += piece.length;
    if (end >= 0 || bytes > MOST_LINE_BYTES) break;
  }
  const line = Buffer.concat(parts).toString('latin1').trimEnd();
  if (line === '') throw createError('FS_ERR_CORRUPT', 'the order book file is empty');
  return line;
}
