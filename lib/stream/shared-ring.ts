/**
 * A bounded queue between two threads of Node over a SharedArrayBuffer: the twin of
 * `cpp/include/flowstate/stream/spsc_ring.h`. One end pushes, one pops, elements are numbers of one type, and whole
 * batches move with one `set` and one atomic store: an element at a time would cost a hundred times as much.
 *
 * Layout: int32 words (below), then the elements. Indices count modulo 2^32; the slot is index modulo capacity, a
 * power of two. A waiter reads its signal, says that it sleeps, looks once more, and waits on the signal; whoever has
 * news raises the signal first, so that no wake-up falls between the look and the sleep.
 */
import { createError } from '../errors/from-native.js';
import { rejectUnknown, requireInteger, requireOneOf, requireRecord, typeError } from '../internal/validate.js';

/** Typed arrays a ring may carry. */
export const RING_TYPES = ['uint8', 'int32', 'float64', 'bigint64'] as const;
export type RingType = (typeof RING_TYPES)[number];
export interface RingArrays {
  readonly uint8: Uint8Array;
  readonly int32: Int32Array;
  readonly float64: Float64Array;
  readonly bigint64: BigInt64Array;
}

export interface SharedRingOptions<T extends RingType> {
  readonly type: T;
  /** In elements; rounded up to a power of two, at most 2^28. */
  readonly capacity: number;
}

/** What another thread needs to attach: send it with `postMessage` or as `workerData`. */
export interface SharedRingHandle<T extends RingType = RingType> {
  readonly type: T;
  readonly capacity: number;
  readonly memory: SharedArrayBuffer;
}

// Words 16 apart lie on cache lines of their own.
const HEAD = 0;
const TAIL = 16;
const CLOSED = 32;
const ITEMS_SIGNAL = 48;
const ITEMS_WAITER = 49;
const ROOM_SIGNAL = 64;
const ROOM_WAITER = 65;
const HEADER_BYTES = 4 * 80;

const ENDED = 1;
const CANCELLED = 2;
type SlotsConstructor<T extends RingType> = new (
  memory: SharedArrayBuffer,
  at: number,
  length: number,
) => RingArrays[T];
const CONSTRUCTORS = { uint8: Uint8Array, int32: Int32Array, float64: Float64Array, bigint64: BigInt64Array } as const;

/**
 * One end's view of the ring; any thread may hold both, but only one thread may push and only one pop. `push` and
 * `pop` wait without blocking the event loop, `pushSync` and `popSync` block the thread, `tryPush` and `tryPop` do not
 * wait. Waiting takes no processor time.
 */
export class SharedRing<T extends RingType> {
  readonly type: T;
  readonly capacity: number;
  private readonly memory: SharedArrayBuffer;
  private readonly words: Int32Array;
  private readonly slots: RingArrays[T];

  private constructor(handle: SharedRingHandle<T>) {
    this.type = handle.type;
    this.capacity = handle.capacity;
    this.memory = handle.memory;
    this.words = new Int32Array(this.memory, 0, HEADER_BYTES / 4);
    const Slots = CONSTRUCTORS[this.type] as unknown as SlotsConstructor<T>;
    this.slots = new Slots(this.memory, HEADER_BYTES, this.capacity);
  }

  /** Throws FS_ERR_ARG_TYPE, FS_ERR_ARG_RANGE, FS_ERR_OPTION_UNKNOWN, FS_ERR_OUT_OF_MEMORY. */
  static create<T extends RingType>(options: SharedRingOptions<T>): SharedRing<T> {
    const given = requireRecord(options, 'options');
    rejectUnknown(given, 'options', ['type', 'capacity']);
    const type = requireOneOf(given.type, 'options.type', RING_TYPES) as T;
    const asked = requireInteger(given.capacity, 'options.capacity', 1, 2 ** 28);
    const capacity = 2 ** Math.ceil(Math.log2(asked));
    const bytes = HEADER_BYTES + capacity * CONSTRUCTORS[type].BYTES_PER_ELEMENT;
    let memory: SharedArrayBuffer;
    try {
      memory = new SharedArrayBuffer(bytes);
    } catch (cause) {
      throw createError('FS_ERR_OUT_OF_MEMORY', `could not allocate a ring of ${bytes} bytes`, { cause });
    }
    return new SharedRing({ type, capacity, memory });
  }

  /** The ring of another thread's `handle`. Throws FS_ERR_ARG_TYPE, FS_ERR_ARG_RANGE. */
  static attach<T extends RingType>(handle: SharedRingHandle<T>): SharedRing<T> {
    const given = requireRecord(handle, 'handle');
    const type = requireOneOf(given.type, 'handle.type', RING_TYPES) as T;
    const capacity = requireInteger(given.capacity, 'handle.capacity', 1, 2 ** 28);
    const memory = given.memory;
    const bytes = HEADER_BYTES + capacity * CONSTRUCTORS[type].BYTES_PER_ELEMENT;
    if (
      Object.prototype.toString.call(memory) !== '[object SharedArrayBuffer]' ||
      (memory as SharedArrayBuffer).byteLength !== bytes ||
      !Number.isInteger(Math.log2(capacity))
    ) {
      throw typeError('handle', 'the handle of a SharedRing', handle);
    }
    return new SharedRing({ type, capacity, memory: memory as SharedArrayBuffer });
  }

  get handle(): SharedRingHandle<T> {
    return { type: this.type, capacity: this.capacity, memory: this.memory };
  }

  /** Elements inside, at this moment. */
  get size(): number {
    const head = Atomics.load(this.words, HEAD);
    return Math.min((Atomics.load(this.words, TAIL) - head) >>> 0, this.capacity);
  }
  /** `close()` was called by either thread. What is inside can still be popped. */
  get isClosed(): boolean {
    return (Atomics.load(this.words, CLOSED) & ENDED) !== 0;
  }
  get isCancelled(): boolean {
    return (Atomics.load(this.words, CLOSED) & CANCELLED) !== 0;
  }

  // --- producer's end ---

  /** Pushes as many as there is room for, from the first; how many. 0 also when closed or cancelled. */
  tryPush(values: RingArrays[T]): number {
    this.requireValues(values, 'values');
    return this.put(values, 0);
  }

  /** Pushes all, waiting while full; how many went in before the ring was closed or cancelled. */
  async push(values: RingArrays[T]): Promise<number> {
    this.requireValues(values, 'values');
    let done = 0;
    while (done < values.length) {
      const count = this.put(values, done);
      done += count;
      if (count > 0) continue;
      if (this.isShut()) break;
      await this.wait(ROOM_SIGNAL, ROOM_WAITER, () => this.isShut() || this.size < this.capacity);
    }
    return done;
  }

  /** As `push`, blocking the thread. */
  pushSync(values: RingArrays[T]): number {
    this.requireValues(values, 'values');
    let done = 0;
    while (done < values.length) {
      const count = this.put(values, done);
      done += count;
      if (count > 0) continue;
      if (this.isShut()) break;
      this.waitSync(ROOM_SIGNAL, ROOM_WAITER, () => this.isShut() || this.size < this.capacity);
    }
    return done;
  }

  /** No more will come; what is inside can still be popped. Idempotent. */
  close(): void {
    this.shut(ENDED);
  }

  // --- consumer's end ---

  /** Takes what is there, up to `out.length`; how many. */
  tryPop(out: RingArrays[T]): number {
    this.requireValues(out, 'out');
    return this.take(out);
  }

  /** Waits while empty, then as `tryPop`. 0: closed and drained, or cancelled. */
  async pop(out: RingArrays[T]): Promise<number> {
    this.requireRoom(out);
    for (;;) {
      const count = this.take(out);
      if (count > 0 || this.isDone()) return count;
      await this.wait(ITEMS_SIGNAL, ITEMS_WAITER, () => this.size > 0 || this.isShut());
    }
  }

  /** As `pop`, blocking the thread. */
  popSync(out: RingArrays[T]): number {
    this.requireRoom(out);
    for (;;) {
      const count = this.take(out);
      if (count > 0 || this.isDone()) return count;
      this.waitSync(ITEMS_SIGNAL, ITEMS_WAITER, () => this.size > 0 || this.isShut());
    }
  }

  /** Nothing more will be taken: a waiting producer returns, later pushes give 0. Idempotent. */
  cancel(): void {
    this.shut(CANCELLED);
  }

  private put(values: RingArrays[T], from: number): number {
    if (this.isShut()) return 0;
    const tail = Atomics.load(this.words, TAIL);
    const free = this.capacity - ((tail - Atomics.load(this.words, HEAD)) >>> 0);
    const count = Math.min(values.length - from, free);
    if (count === 0) return 0;
    const slot = (tail >>> 0) & (this.capacity - 1);
    const first = Math.min(count, this.capacity - slot);
    copy(this.slots, slot, values, from, first);
    copy(this.slots, 0, values, from + first, count - first);
    Atomics.store(this.words, TAIL, (tail + count) | 0);
    this.wake(ITEMS_SIGNAL, ITEMS_WAITER);
    return count;
  }

  private take(out: RingArrays[T]): number {
    if (this.isCancelled) return 0;
    const head = Atomics.load(this.words, HEAD);
    const count = Math.min(out.length, (Atomics.load(this.words, TAIL) - head) >>> 0);
    if (count === 0) return 0;
    const slot = (head >>> 0) & (this.capacity - 1);
    const first = Math.min(count, this.capacity - slot);
    copy(out, 0, this.slots, slot, first);
    copy(out, first, this.slots, 0, count - first);
    Atomics.store(this.words, HEAD, (head + count) | 0);
    this.wake(ROOM_SIGNAL, ROOM_WAITER);
    return count;
  }

  private isShut(): boolean {
    return Atomics.load(this.words, CLOSED) !== 0;
  }
  /** Empty for good. The sign is read before the size: what was pushed before `close()` is seen. */
  private isDone(): boolean {
    const closed = Atomics.load(this.words, CLOSED);
    return (closed & CANCELLED) !== 0 || (closed !== 0 && this.size === 0);
  }

  private shut(sign: number): void {
    Atomics.or(this.words, CLOSED, sign);
    this.wake(ITEMS_SIGNAL, ITEMS_WAITER);
    this.wake(ROOM_SIGNAL, ROOM_WAITER);
  }

  private wake(signal: number, waiter: number): void {
    if (Atomics.load(this.words, waiter) === 0) return;
    Atomics.store(this.words, waiter, 0);
    Atomics.add(this.words, signal, 1);
    Atomics.notify(this.words, signal);
  }

  private waitSync(signal: number, waiter: number, isReady: () => boolean): void {
    const seen = Atomics.load(this.words, signal);
    Atomics.store(this.words, waiter, 1);
    if (!isReady()) Atomics.wait(this.words, signal, seen);
    Atomics.store(this.words, waiter, 0);
  }

  private async wait(signal: number, waiter: number, isReady: () => boolean): Promise<void> {
    const seen = Atomics.load(this.words, signal);
    Atomics.store(this.words, waiter, 1);
    if (!isReady()) {
      const outcome = waitAsync(this.words, signal, seen);
      // A pending wait does not keep Node alive by itself, and a timer does.
      const alive = setInterval(() => undefined, 2 ** 30);
      try {
        await outcome.value;
      } finally {
        clearInterval(alive);
      }
    }
    Atomics.store(this.words, waiter, 0);
  }

  private requireValues(values: RingArrays[T], where: string): void {
    const wanted = CONSTRUCTORS[this.type].name;
    if (Object.prototype.toString.call(values) !== `[object ${wanted}]`)
      throw typeError(where, `of type ${wanted}`, values);
  }
  private requireRoom(out: RingArrays[T]): void {
    this.requireValues(out, 'out');
    if (out.length === 0) throw typeError('out', 'an array with room for an element', out);
  }
}

/** Copies between two arrays of one type; without a subarray when nothing is to be copied. */
function copy<A extends RingArrays[RingType]>(to: A, at: number, from: A, start: number, count: number): void {
  if (count === 0) return;
  const part = start === 0 && count === from.length ? from : from.subarray(start, start + count);
  (to as Uint8Array).set(part as Uint8Array, at);
}

type WaitOutcome = { readonly value: 'not-equal' | 'timed-out' | Promise<'ok' | 'timed-out'> };

/** Node 20 has it; the compiler's library of that year does not. */
function waitAsync(words: Int32Array, index: number, value: number): WaitOutcome {
  const atomics = Atomics as typeof Atomics & {
    waitAsync(words: Int32Array, index: number, value: number): WaitOutcome;
  };
  return atomics.waitAsync(words, index, value);
}
