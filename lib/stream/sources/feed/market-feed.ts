/**
 * A market feed over one WebSocket: connects, authenticates, subscribes, and does so again whenever the connection is
 * lost, is silent too long or refuses for a while. Rows go to one bounded buffer per kind. What is repeated after a
 * reconnection is left out, what is missing is counted and told.
 */
import type { RecordBatch, Schema } from 'apache-arrow';

import { createError } from '../../../errors/from-native.js';
import { loadOptional } from '../../../internal/optional.js';
import { requireInteger, requireNames, requireOneOf } from '../../../internal/validate.js';
import { type FeedGap, RecentIdentities, SequenceTracker } from './event-tracking.js';
import { parseLossless } from './lossless-json.js';
import { FEED_KINDS, type FeedEvent, type FeedKind, type FeedProtocol, type Subscription } from './protocol.js';
import { RowBuffer } from './row-buffer.js';
import { type BackoffOptions, backoffMs, type FeedClock, SYSTEM_CLOCK } from './timers.js';

/** What becomes of rows that a full buffer cannot take. */
export type OverflowPolicy = 'error' | 'dropNewest' | 'close';

export interface FeedOptions {
  readonly trades?: readonly string[];
  readonly quotes?: readonly string[];
  readonly bars?: readonly string[];
  readonly url?: string;
  /** Rows held per kind; default 65,536. */
  readonly bufferRows?: number;
  /**
   * `'error'` (default): the feed ends with FS_ERR_BACKPRESSURE after the rows held. `'dropNewest'`: rows are dropped
   * until there is room. `'close'`: the connection is closed and opened again once half of the buffer is free. All count.
   */
  readonly overflow?: OverflowPolicy;
  /** Rows per batch, at most; default 4,096. */
  readonly batchRows?: number;
  readonly reconnect?: BackoffOptions;
  /** A ping is sent after so long without one; default 15,000. */
  readonly heartbeatMs?: number;
  /** Nothing (rows or pongs) for so long: the connection counts as lost; default 45,000. */
  readonly silenceMs?: number;
  /** From opening to being subscribed, at most; default 10,000. */
  readonly handshakeMs?: number;
  /** Identities remembered per kind, to leave repetitions out; default 65,536. */
  readonly dedupWindow?: number;
  readonly signal?: AbortSignal;
  readonly onGap?: (gap: FeedGap) => void;
  /** After every connection but the first: rows of that time may be missing. */
  readonly onReconnect?: (lost: { readonly downMs: number; readonly attempts: number }) => void;
  readonly onMalformed?: (text: string, reason: string) => void;
  readonly clock?: FeedClock;
  readonly random?: () => number;
}

export interface FeedStats {
  readonly connected: boolean;
  readonly messages: number;
  readonly rows: number;
  readonly malformed: number;
  readonly duplicates: number;
  readonly dropped: number;
  readonly reconnects: number;
  readonly gaps: number;
  /** Numbers in those gaps. */
  readonly missing: bigint;
  readonly outOfOrder: number;
}

/** The part of a `ws` socket that is used. */
interface Socket {
  on(event: 'open' | 'close' | 'pong', listener: () => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  on(event: 'message', listener: (data: unknown, isBinary: boolean) => void): void;
  send(text: string): void;
  ping(): void;
  terminate(): void;
  readonly readyState: number;
}

type SocketClass = new (url: string, options: { readonly handshakeTimeout: number }) => Socket;

async function loadSocketClass(): Promise<SocketClass> {
  const loaded = (await loadOptional('ws', 'a WebSocket feed', () => import('ws'))) as unknown as {
    readonly WebSocket?: SocketClass;
    readonly default: SocketClass & { readonly WebSocket?: SocketClass };
  };
  return loaded.WebSocket ?? loaded.default.WebSocket ?? loaded.default;
}

const OPEN = 1;

export class MarketFeed {
  readonly #protocol: FeedProtocol;
  readonly #options: FeedOptions;
  readonly #url: string;
  readonly #subscription: Subscription;
  readonly #buffers = new Map<FeedKind, RowBuffer>();
  readonly #recent = new Map<FeedKind, RecentIdentities>();
  readonly #sequences = new SequenceTracker();
  readonly #clock: FeedClock;
  readonly #random: () => number;
  readonly #overflow: OverflowPolicy;
  #socketClass: SocketClass | null = null;
  #socket: Socket | null = null;
  #timers = new Set<unknown>();
  #state: 'new' | 'connecting' | 'streaming' | 'waiting' | 'closed' = 'new';
  #attempts = 0;
  #lostAtMs = 0;
  #everStreamed = false;
  #heardAtMs = 0;
  #lastError: unknown = null;
  #messages = 0;
  #rows = 0;
  #malformed = 0;
  #duplicates = 0;
  #dropped = 0;
  #reconnects = 0;

  constructor(protocol: FeedProtocol, url: string, options: FeedOptions) {
    this.#protocol = protocol;
    this.#options = options;
    this.#url = url;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#random = options.random ?? Math.random;
    this.#overflow =
      options.overflow === undefined
        ? 'error'
        : requireOneOf(options.overflow, 'overflow', ['error', 'dropNewest', 'close']);
    const positive = (value: number | undefined, where: string, fallback: number): number =>
      value === undefined ? fallback : requireInteger(value, where, 1, 2 ** 31 - 1);
    const capacity = positive(options.bufferRows, 'bufferRows', 65_536);
    const batchRows = positive(options.batchRows, 'batchRows', 4096);
    const dedupWindow = positive(options.dedupWindow, 'dedupWindow', 65_536);
    const subscription: Partial<Record<FeedKind, readonly string[]>> = {};
    for (const kind of FEED_KINDS) {
      if (options[kind] === undefined) continue;
      subscription[kind] = requireNames(options[kind], kind);
      const letGo = (): void => this.#letGo(kind);
      const drained = (): void => this.#drained();
      this.#buffers.set(kind, new RowBuffer(protocol.schemas[kind], capacity, batchRows, letGo, drained));
      this.#recent.set(kind, new RecentIdentities(dedupWindow));
    }
    if (this.#buffers.size === 0) {
      throw createError('FS_ERR_ARG_RANGE', `${protocol.name}: expected symbols in trades, quotes or bars, found none`);
    }
    this.#subscription = subscription;
    options.signal?.addEventListener('abort', this.#abort, { once: true });
    if (options.signal?.aborted === true) this.#abort();
  }

  /** Trades, as record batches. The socket opens when the first kind is asked for. */
  get trades(): AsyncIterable<RecordBatch> {
    return this.#stream('trades');
  }

  get quotes(): AsyncIterable<RecordBatch> {
    return this.#stream('quotes');
  }

  get bars(): AsyncIterable<RecordBatch> {
    return this.#stream('bars');
  }

  /** Columns of a kind. */
  schema(kind: FeedKind): Schema {
    return this.#protocol.schemas[kind];
  }

  get stats(): FeedStats {
    const { gaps, missing, outOfOrder } = this.#sequences;
    return {
      connected: this.#state === 'streaming',
      messages: this.#messages,
      rows: this.#rows,
      malformed: this.#malformed,
      duplicates: this.#duplicates,
      dropped: this.#dropped,
      reconnects: this.#reconnects,
      gaps,
      missing,
      outOfOrder,
    };
  }

  /** Opens the connection; rows are held from now on. Reading a kind does it too. Idempotent. */
  async open(): Promise<void> {
    if (this.#state !== 'new') return;
    this.#state = 'connecting';
    try {
      this.#socketClass = await loadSocketClass();
    } catch (error) {
      this.#finish(error);
      throw error;
    }
    if (this.#isClosed()) return;
    this.#connect();
  }

  /** Ends the feed: consumers get the rows held, then the end. Idempotent. */
  close(): void {
    this.#finish(null);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #stream(kind: FeedKind): AsyncIterable<RecordBatch> {
    const buffer = this.#buffers.get(kind);
    if (buffer === undefined) {
      throw createError('FS_ERR_ARG_RANGE', `${this.#protocol.name}: no ${kind} were subscribed to`, {
        details: { kind },
      });
    }
    return {
      [Symbol.asyncIterator]: () => {
        // What goes wrong reaches the consumer through the buffer.
        this.open().catch(() => undefined);
        return buffer[Symbol.asyncIterator]();
      },
    };
  }

  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  readonly #abort = (): void => {
    this.#finish(createError('FS_ERR_ABORTED', `the ${this.#protocol.name} feed was aborted by its signal`));
  };

  #letGo(kind: FeedKind): void {
    this.#buffers.delete(kind);
    if (this.#buffers.size === 0) this.#finish(null);
  }

  #finish(error: unknown): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#options.signal?.removeEventListener('abort', this.#abort);
    this.#dropSocket();
    for (const buffer of this.#buffers.values()) buffer.end(error);
  }

  #dropSocket(): void {
    for (const timer of this.#timers) this.#clock.clearTimeout(timer);
    this.#timers.clear();
    const socket = this.#socket;
    this.#socket = null;
    socket?.terminate();
  }

  #after(ms: number, run: () => void): void {
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    this.#timers.add(timer);
  }

  #connect(): void {
    this.#state = 'connecting';
    this.#attempts++;
    const { handshakeMs = 10_000 } = this.#options;
    const socket = new this.#socketClass!(this.#url, { handshakeTimeout: handshakeMs });
    this.#socket = socket;
    // Events of a socket that was given up must not touch its successor.
    const current = (): boolean => this.#socket === socket;
    this.#after(handshakeMs, () => {
      if (current() && this.#state === 'connecting') this.#lost(new Error(`not subscribed within ${handshakeMs} ms`));
    });
    socket.on('error', (error) => {
      if (current()) this.#lastError = error;
    });
    socket.on('close', () => {
      if (current()) this.#lost(this.#lastError);
    });
    socket.on('pong', () => {
      this.#heardAtMs = this.#clock.now();
    });
    socket.on('message', (data, isBinary) => {
      if (current()) this.#message(data, isBinary);
    });
  }

  #lost(reason: unknown): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'streaming') this.#lostAtMs = this.#clock.now();
    this.#dropSocket();
    const { reconnect = {} } = this.#options;
    if (this.#attempts >= (reconnect.maxAttempts ?? Infinity)) {
      const why = reason instanceof Error ? reason.message : 'the connection was closed';
      this.#finish(
        createError(
          'FS_ERR_IO',
          `${this.#protocol.name}: gave up after ${this.#attempts} connections in a row: ${why}`,
          {
            details: { url: this.#url, attempts: this.#attempts },
            cause: reason ?? undefined,
          },
        ),
      );
      return;
    }
    this.#state = 'waiting';
    this.#after(backoffMs(this.#attempts + 1 - (this.#everStreamed ? 0 : 1), reconnect, this.#random), () =>
      this.#connect(),
    );
  }

  #message(data: unknown, isBinary: boolean): void {
    this.#messages++;
    this.#heardAtMs = this.#clock.now();
    const text = isBinary ? null : String(data);
    let events: readonly FeedEvent[];
    try {
      events = text === null ? [{ is: 'malformed', reason: 'binary' }] : this.#protocol.read(parseLossless(text));
    } catch (error) {
      events = [{ is: 'malformed', reason: error instanceof Error ? error.message : 'no JSON' }];
    }
    const socket = this.#socket;
    for (const event of events) {
      if (this.#socket !== socket || socket === null) return;
      this.#event(event, socket, text ?? '');
    }
  }

  #event(event: FeedEvent, socket: Socket, text: string): void {
    switch (event.is) {
      case 'connected':
        socket.send(this.#protocol.authenticate());
        return;
      case 'authenticated':
        socket.send(this.#protocol.subscribe(this.#subscription));
        return;
      case 'subscribed':
        this.#streaming();
        return;
      case 'refused':
        if (event.fatal) {
          this.#finish(
            createError('FS_ERR_IO', `${this.#protocol.name} refused: ${event.reason} (${event.code})`, {
              details: { url: this.#url, feedCode: event.code },
            }),
          );
        } else {
          this.#lost(new Error(`${event.reason} (${event.code})`));
        }
        return;
      case 'malformed':
        this.#malformed++;
        this.#options.onMalformed?.(text, event.reason);
        return;
      case 'row':
        this.#row(event, text);
        return;
      case 'other':
        return;
      default:
        event satisfies never;
    }
  }

  #streaming(): void {
    if (this.#state === 'streaming') return;
    this.#state = 'streaming';
    if (this.#everStreamed) {
      this.#reconnects++;
      this.#options.onReconnect?.({ downMs: this.#clock.now() - this.#lostAtMs, attempts: this.#attempts });
    }
    this.#everStreamed = true;
    this.#attempts = 0;
    this.#lastError = null;
    this.#heardAtMs = this.#clock.now();
    this.#heartbeat();
  }

  #heartbeat(): void {
    const { heartbeatMs = 15_000, silenceMs = 45_000 } = this.#options;
    this.#after(Math.min(heartbeatMs, silenceMs), () => {
      if (this.#clock.now() - this.#heardAtMs >= silenceMs) {
        this.#lost(new Error(`nothing was heard for ${silenceMs} ms`));
        return;
      }
      if (this.#socket?.readyState === OPEN) this.#socket.ping();
      this.#heartbeat();
    });
  }

  #row(event: Extract<FeedEvent, { is: 'row' }>, text: string): void {
    const buffer = this.#buffers.get(event.kind);
    if (buffer === undefined) return;
    const recent = this.#recent.get(event.kind)!;
    if (event.identity !== null && recent.has(event.identity)) {
      this.#duplicates++;
      return;
    }
    if (event.sequence !== null) {
      const gap = this.#sequences.see(event.kind, event.symbol, event.sequence);
      if (gap !== null) this.#options.onGap?.(gap);
    }
    let taken: boolean;
    try {
      taken = buffer.push(event.row);
    } catch (error) {
      this.#malformed++;
      this.#options.onMalformed?.(text, error instanceof Error ? error.message : String(error));
      return;
    }
    if (!taken) {
      this.#full(event.kind);
      return;
    }
    this.#rows++;
    // Not before: a row that was let go is no repetition when it comes again.
    if (event.identity !== null) recent.add(event.identity);
  }

  #full(kind: FeedKind): void {
    this.#dropped++;
    if (this.#overflow === 'dropNewest') return;
    if (this.#overflow === 'error') {
      this.#finish(
        createError('FS_ERR_BACKPRESSURE', `${this.#protocol.name}: ${kind} come faster than they are taken`, {
          details: { kind, dropped: this.#dropped },
        }),
      );
      return;
    }
    this.#lostAtMs = this.#clock.now();
    this.#dropSocket();
    this.#state = 'waiting';
  }

  /** A buffer has room again: a connection that was closed for it is opened. */
  #drained(): void {
    if (this.#state === 'waiting' && this.#socket === null && this.#timers.size === 0) this.#connect();
  }
}
