/**
 * The asynchronous face of a live join: pulls sources, pushes their batches, yields what becomes final.
 *
 * Below the high-water marks every source is asked for its next batch. Above them only those that hold the output back
 * are: the sources of least watermark in the inputs of least watermark. Something is always asked for, so a join
 * cannot wait for a source that it does not read; where the state's cap leaves no room for the very rows that would
 * free it, that is FS_ERR_BACKPRESSURE naming the sources that lag.
 */
import type { RecordBatch, Table } from 'apache-arrow';

import { FlowStateError } from '../errors/errors.js';
import { createError } from '../errors/from-native.js';
import { requireInteger, typeError } from '../internal/validate.js';
import { throwIfAborted } from '../join/parse-options.js';
import type { StreamingCore } from './streaming-core.js';
import type { JsonValue } from './watermark/index.js';

/** A batch with what goes with it. */
export interface PositionedBatch {
  readonly batch: RecordBatch | Table;
  /** Where the source stands after the batch: any JSON value. See `positions`. */
  readonly position?: JsonValue;
  /** A promise that comes with the batch: no row of this source with an earlier time will follow. */
  readonly watermark?: bigint | number;
}

export type LiveItem = RecordBatch | Table | PositionedBatch;
export type LiveSource = AsyncIterable<LiveItem> | Iterable<LiveItem>;

export interface LiveStreamOptions {
  /** Ends the iteration with FS_ERR_ABORTED. */
  readonly signal?: AbortSignal;
  /** Rows of a yielded batch, at most. Default: what is final at once. */
  readonly maxRows?: number;
}

const MAX_TIMER_MS = 2 ** 30;

interface Feed {
  readonly input: number;
  readonly source: number;
  readonly name: string;
  readonly iterator: AsyncIterator<LiveItem> | Iterator<LiveItem>;
  /** The batch that was asked for and has not come. */
  pending: Promise<void> | null;
  /** One that has come and has not been pushed. */
  item: LiveItem | null;
  error: { readonly thrown: unknown } | null;
  ended: boolean;
}

function iteratorOf(source: unknown, where: string): Feed['iterator'] {
  if (typeof source === 'object' && source !== null) {
    if (Symbol.asyncIterator in source) return (source as AsyncIterable<LiveItem>)[Symbol.asyncIterator]();
    if (Symbol.iterator in source) return (source as Iterable<LiveItem>)[Symbol.iterator]();
  }
  throw typeError(where, 'an iterable or async iterable of record batches', source);
}

function isPositioned(item: LiveItem): item is PositionedBatch {
  return 'batch' in item;
}

export class LiveStream implements AsyncIterable<RecordBatch> {
  readonly #core: StreamingCore;
  readonly #feeds: readonly Feed[];
  readonly #signal: AbortSignal | null;
  readonly #maxRows: number;
  readonly #done: () => void;
  #started = false;
  #wake: () => void = () => undefined;
  /** Batches, ends and errors that have come. */
  #events = 0;
  /** By source, how many of them there had been when its batch found no room. */
  readonly #refused = new Map<Feed, number>();
  #again = false;

  /** `sources` by input; an array stands for several sources of one input. */
  constructor(
    core: StreamingCore,
    sources: readonly (LiveSource | readonly LiveSource[])[],
    { signal, maxRows = Infinity }: LiveStreamOptions,
    done: () => void,
  ) {
    this.#core = core;
    this.#signal = signal ?? null;
    this.#maxRows = maxRows === Infinity ? maxRows : requireInteger(maxRows, 'maxRows', 1, Number.MAX_SAFE_INTEGER);
    this.#done = done;
    this.#feeds = sources.flatMap((given, input) => {
      const name = core.settings.names[input]!;
      const isList = Array.isArray(given) && given.length > 0 && given.every((one) => isIterable(one) && !isBatch(one));
      const list = isList ? (given as readonly LiveSource[]) : [given as LiveSource];
      return list.map((source, i): Feed => {
        const where = list.length === 1 ? `'${name}'` : `'${name}' source ${i}`;
        const iterator = iteratorOf(source, where);
        return { input, source: i, name: where, iterator, pending: null, item: null, error: null, ended: false };
      });
    });
  }

  get sources(): readonly { readonly input: number; readonly source: number }[] {
    return this.#feeds;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RecordBatch, void, undefined> {
    if (this.#started) throw createError('FS_ERR_CLOSED', 'a live join can be iterated once');
    this.#started = true;
    const abort = (): void => this.#notify();
    this.#signal?.addEventListener('abort', abort);
    try {
      yield* this.#run();
    } finally {
      this.#signal?.removeEventListener('abort', abort);
      await this.#close();
      this.#done();
    }
  }

  async *#run(): AsyncGenerator<RecordBatch, void, undefined> {
    for (;;) {
      throwIfAborted(this.#signal);
      const seen = this.#events;
      this.#meetSources();
      if (this.#feeds.every((feed) => feed.ended)) break;
      const pushed = this.#advance();
      let emitted = false;
      for (let batch = this.#emit(); batch !== null; batch = this.#emit()) {
        emitted = true;
        this.#setPaused(true);
        yield batch;
        this.#setPaused(false);
        throwIfAborted(this.#signal);
      }
      if (pushed || emitted) this.#refused.clear();
      else if (this.#events === seen) await this.#wait(seen);
    }
    this.#core.end();
    for (let batch = this.#emit(); batch !== null; batch = this.#emit()) {
      yield batch;
      throwIfAborted(this.#signal);
    }
  }

  #emit(): RecordBatch | null {
    return this.#core.emitBatch(this.#maxRows);
  }

  /** Every source holds its input back from the beginning on, and none any more once it has ended. */
  #meetSources(): void {
    for (const { input, source, ended } of this.#feeds) {
      const clock = this.#core.clockOf(input, source);
      if (ended && clock?.ended === false) clock.end();
    }
  }

  /** Time in the consumer's hands is no source's silence. */
  #setPaused(paused: boolean): void {
    for (const { input, source } of this.#feeds) {
      const clock = this.#core.clockOf(input, source);
      if (paused) clock?.pause(this.#core.nowMs);
      else clock?.resume(this.#core.nowMs);
    }
  }

  /** Pushes what has come from the sources that may go on, and asks those that have nothing. True: rows were taken. */
  #advance(): boolean {
    let pushed = false;
    const allowed = this.#allowed();
    for (const feed of this.#feeds) {
      if (feed.error !== null) throw feed.error.thrown;
      if (!allowed.has(feed)) continue;
      if (feed.item !== null && this.#push(feed, feed.item)) pushed = true;
      if (feed.item === null && !feed.ended) this.#ask(feed);
    }
    return pushed;
  }

  /** Sources that may be read: all, or above the high-water marks those that hold the output back. */
  #allowed(): ReadonlySet<Feed> {
    const open = this.#feeds.filter((feed) => !feed.ended || feed.item !== null);
    const allowed = new Set(this.#core.hasRoom() ? open : this.#lagging());
    const { nowMs } = this.#core;
    for (const feed of open) {
      const clock = this.#core.clockOf(feed.input, feed.source);
      if (allowed.has(feed)) clock?.resume(nowMs);
      else clock?.pause(nowMs);
    }
    return allowed;
  }

  /** The open sources of least watermark, in the inputs of least watermark; first those that have yet to tell a schema. */
  #lagging(): readonly Feed[] {
    const open = this.#feeds.filter((feed) => !feed.ended || feed.item !== null);
    const before = (a: bigint | number | null, b: bigint | number | null): boolean =>
      b !== null && (a === null || a < b);
    const least = (time: (feed: Feed) => bigint | number | null, among: readonly Feed[]): readonly Feed[] =>
      among.filter((feed) => !among.some((other) => before(time(other), time(feed))));
    const unknown = open.filter((feed) => this.#core.lacksSchema(feed.input));
    if (unknown.length > 0) return unknown;
    const { nowMs } = this.#core;
    const inputs = least((feed) => this.#core.watermark(feed.input), open);
    return least((feed) => this.#core.clockOf(feed.input, feed.source)?.current(nowMs) ?? null, inputs);
  }

  /** False where the state has no room for the batch, which then waits for other sources to move the watermark. */
  #push(feed: Feed, item: LiveItem): boolean {
    const { batch, position, watermark }: PositionedBatch = isPositioned(item) ? item : { batch: item };
    try {
      this.#core.push(feed.input, batch, { source: feed.source, position });
    } catch (error) {
      if (!(error instanceof FlowStateError) || error.code !== 'FS_ERR_BACKPRESSURE' || !this.#core.isOpen) throw error;
      this.#refuse(feed, error);
      return false;
    }
    feed.item = null;
    if (watermark !== undefined) this.#core.advance(feed.input, watermark, feed.source, false);
    return true;
  }

  #refuse(feed: Feed, error: FlowStateError): void {
    // The first time, what is final may still go out and make room.
    if (this.#refused.get(feed) !== this.#events) {
      this.#refused.set(feed, this.#events);
      this.#again = true;
      return;
    }
    const lagging = this.#lagging();
    if (lagging.some((other) => other !== feed && other.item === null)) return;
    const names = lagging.map(({ name }) => name);
    throw createError(
      'FS_ERR_BACKPRESSURE',
      `the state is full and cannot be emptied: the watermark waits for ${names.join(', ')}, whose next batch has no ` +
        `room (${error.message})`,
      { cause: error, details: { ...error.details, lagging: names } },
    );
  }

  #ask(feed: Feed): void {
    if (feed.pending !== null) return;
    feed.pending = next(feed.iterator).then(
      ({ done, value }) => {
        feed.pending = null;
        if (done === true) feed.ended = true;
        else feed.item = value;
        this.#notify();
      },
      (thrown: unknown) => {
        feed.pending = null;
        feed.error = { thrown };
        this.#notify();
      },
    );
  }

  #notify(): void {
    this.#events++;
    this.#wake();
  }

  /** Until something has come, the signal speaks, or a watermark may move by itself. */
  async #wait(seen: number): Promise<void> {
    if (this.#again) {
      this.#again = false;
      return;
    }
    const idleMs = this.#core.nextChangeMs();
    await new Promise<void>((resolve) => {
      if (this.#events !== seen) {
        resolve();
        return;
      }
      const timer = idleMs === null ? null : setTimeout(resolve, Math.min(idleMs + 1, MAX_TIMER_MS));
      this.#wake = () => {
        if (timer !== null) clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = () => undefined;
  }

  /** Lets every source go. One that is being asked is told, and not waited for: it may never answer. */
  async #close(): Promise<void> {
    const closing: Promise<void>[] = [];
    for (const { iterator, ended, error, pending } of this.#feeds) {
      if (ended || error !== null) continue;
      const closed = close(iterator);
      if (pending === null) closing.push(closed);
    }
    await Promise.all(closing);
  }
}

/** What a source says on its way out changes nothing any more. */
async function close(iterator: Feed['iterator']): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // The join has ended already, well or with an error of its own.
  }
}

async function next(iterator: Feed['iterator']): Promise<IteratorResult<LiveItem>> {
  return iterator.next();
}

function isIterable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value);
}

/** Tables and batches are iterable themselves: over their rows. */
function isBatch(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'schema' in value;
}
