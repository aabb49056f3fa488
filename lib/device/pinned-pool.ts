/**
 * Host memory that the device's copy engine reads and writes itself, lent by the piece. Locking pages takes the system
 * milliseconds, so it is done once per slab; a lease is a view of one.
 *
 * A view dies with its lease: before memory is lent again, the ArrayBuffer that old views look at is detached. Nobody
 * ever sees, or overwrites, what the next holder has there.
 */
import type { DataType, Vector } from 'apache-arrow';
import { makeData, makeVector } from 'apache-arrow';

import { createError } from '../errors/from-native.js';
import {
  fail,
  rangeError,
  rejectUnknown,
  requireBoolean,
  requireInteger,
  requireOneOf,
  requireRecord,
  requireSignal,
} from '../internal/validate.js';
import { layoutOf } from '../schema/arrow-columns.js';
import { localType, typeName } from '../schema/arrow-types.js';
import type { PinnedPiece, PinnedSource, PinnedStats } from './backend.js';
import { defaultDevice, type Device } from './device.js';
import { bytesPerElement, type DType, type HostArray, hostArray, requireDType } from './dtype.js';
import { requireDevice } from './to-device.js';

export interface PinnedBufferPoolOptions {
  /** Default: the process's default device. */
  readonly device?: Device;
  /** Hard cap on everything held, lent or free. Default 1 GiB. */
  readonly maxBytes?: number;
  /** Bytes of a slab, whole pages up to 4 GiB. Larger leases get a slab of their own. Default 32 MiB. */
  readonly slabBytes?: number;
  /** What `lease` does where nothing is free: wait its turn, or throw FS_ERR_POOL_EXHAUSTED. Default `wait`. */
  readonly whenExhausted?: 'wait' | 'error';
  /** Memory comes back as zeros, so that no holder sees another's data. Default false. */
  readonly zeroOnReturn?: boolean;
}

export interface PinnedPoolStats extends PinnedStats {
  /** Calls of `lease` waiting now, and those that ever had to. */
  readonly waiting: number;
  readonly waits: number;
  /** Times that nothing was free and the call did not wait. */
  readonly refused: number;
}

const KEYS = ['device', 'maxBytes', 'slabBytes', 'whenExhausted', 'zeroOnReturn'] as const;
const PAGE = 4096;
const MOST_BYTES = 2 ** 42;

/** The right to a piece of pinned memory. Give it back with `release()` or `using`. */
export class PinnedLease {
  /** Whether the system locked the pages; where not (a limit, a container), copies are staged. */
  readonly isPageLocked: boolean;
  readonly byteLength: number;
  private piece: PinnedPiece | null;

  /** @internal */
  constructor(
    piece: PinnedPiece,
    private readonly released: () => void,
  ) {
    this.piece = piece;
    this.isPageLocked = piece.isPageLocked;
    this.byteLength = piece.view.byteLength;
  }

  get isReleased(): boolean {
    return this.piece === null;
  }

  /** The lease's bytes. Throws FS_ERR_CLOSED after release; views made before then end with it. */
  get bytes(): Uint8Array {
    return this.piece?.view ?? fail('FS_ERR_CLOSED', 'the lease was released; its memory may be lent again');
  }

  /** The first `length` elements as a typed array (default: as many as there is room for). */
  array<D extends DType>(dtype: D, length?: number): HostArray<D> {
    const { bytes } = this;
    requireDType(dtype, 'dtype');
    const size = bytesPerElement(dtype);
    const room = Math.floor(bytes.byteLength / size);
    const count = length === undefined ? room : requireInteger(length, 'length', 0, room);
    return hostArray(dtype, bytes.buffer as ArrayBuffer, bytes.byteOffset, count);
  }

  /** An Arrow vector without nulls over the first `length` values of a fixed-width type. */
  vector(type: DataType, length?: number): Vector {
    const own = localType(type);
    const layout = layoutOf(own);
    if (layout === null || layout.width === 0) {
      return fail('FS_ERR_SCHEMA', `a view needs a type of a fixed width, got ${typeName(type)}`);
    }
    const { bytes } = this;
    const room = Math.floor(bytes.byteLength / layout.width);
    const count = length === undefined ? room : requireInteger(length, 'length', 0, room);
    const view = own.ArrayType as new (buffer: ArrayBufferLike, byteOffset: number, length: number) => Float64Array;
    const perValue = layout.width / own.ArrayType.BYTES_PER_ELEMENT;
    const data = new view(bytes.buffer, bytes.byteOffset, count * perValue);
    return makeVector(makeData({ type: own, length: count, nullCount: 0, data } as Parameters<typeof makeData>[0]));
  }

  /** Gives the memory back; idempotent. */
  release(): void {
    const { piece } = this;
    if (piece === null) return;
    this.piece = null;
    piece.release();
    this.released();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

interface Waiter {
  readonly bytes: number;
  resolve(lease: PinnedLease): void;
  reject(error: unknown): void;
}

export class PinnedBufferPool {
  readonly device: Device;
  readonly maxBytes: number;
  readonly slabBytes: number;
  private readonly source: PinnedSource;
  private readonly policy: 'wait' | 'error';
  private readonly waiters: Waiter[] = [];
  /** Leases that were dropped without a release give their memory back when they are collected. */
  private readonly dropped = new FinalizationRegistry<PinnedPiece>((piece) => {
    piece.release();
    this.serve();
  });
  private waits = 0;
  private refused = 0;
  private open = true;

  /** Throws FS_ERR_ARG_TYPE, FS_ERR_ARG_RANGE, FS_ERR_OPTION_UNKNOWN, FS_ERR_CLOSED (the device). Allocates nothing. */
  constructor(options: PinnedBufferPoolOptions = {}) {
    const given = requireRecord(options, 'options');
    rejectUnknown(given, 'options', KEYS);
    this.device = given.device === undefined ? defaultDevice() : requireDevice(given.device, 'options.device');
    this.maxBytes = requireInteger(given.maxBytes ?? 2 ** 30, 'options.maxBytes', PAGE, MOST_BYTES);
    const slabDefault = Math.min(32 * 2 ** 20, Math.floor(this.maxBytes / PAGE) * PAGE);
    this.slabBytes = requireInteger(given.slabBytes ?? slabDefault, 'options.slabBytes', PAGE, 2 ** 32);
    if (this.slabBytes % PAGE !== 0) throw rangeError('options.slabBytes', 'a multiple of 4096', given.slabBytes);
    if (this.slabBytes > this.maxBytes) throw rangeError('options.slabBytes', 'at most maxBytes', this.slabBytes);
    this.policy = requireOneOf(given.whenExhausted ?? 'wait', 'options.whenExhausted', ['wait', 'error']);
    this.source = this.device.backend.openPinned({
      slabBytes: this.slabBytes,
      maxBytes: this.maxBytes,
      zeroOnReturn: requireBoolean(given.zeroOnReturn ?? false, 'options.zeroOnReturn'),
    });
  }

  /** A lease, or null where nothing is free or others wait. Throws FS_ERR_ARG_RANGE for more than the cap. */
  tryLease(byteLength: number): PinnedLease | null {
    this.check(byteLength);
    const lease = this.waiters.length > 0 ? null : this.take(byteLength);
    if (lease === null) this.refused++;
    return lease;
  }

  /**
   * A lease. Where nothing is free it waits its turn (first come, first served, so that a large request is not starved),
   * or throws FS_ERR_POOL_EXHAUSTED, as `whenExhausted` says. Contents: what was there before, zeros at first or with
   * `zeroOnReturn`. Throws FS_ERR_ARG_RANGE for more than the cap, FS_ERR_OUT_OF_MEMORY, FS_ERR_CLOSED, FS_ERR_ABORTED.
   */
  async lease(byteLength: number, options: { readonly signal?: AbortSignal } = {}): Promise<PinnedLease> {
    this.check(byteLength);
    const signal = options.signal === undefined ? null : requireSignal(options.signal, 'options.signal');
    if (signal?.aborted === true) throw aborted(signal);
    const lease = this.waiters.length > 0 ? null : this.take(byteLength);
    if (lease !== null) return lease;
    if (this.policy === 'error') {
      this.refused++;
      const { lentBytes, heldBytes } = this.source.stats();
      throw createError(
        'FS_ERR_POOL_EXHAUSTED',
        `the pool cannot lend ${byteLength} bytes: ${lentBytes} of at most ${this.maxBytes} are lent; release some`,
        { details: { byteLength, lentBytes, heldBytes, maxBytes: this.maxBytes } },
      );
    }
    this.waits++;
    return this.wait(byteLength, signal);
  }

  private wait(bytes: number, signal: AbortSignal | null): Promise<PinnedLease> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        const at = this.waiters.indexOf(waiter);
        if (at === -1) return;
        this.waiters.splice(at, 1);
        reject(aborted(signal));
        // It may have stood before smaller ones that fit.
        this.serve();
      };
      const waiter: Waiter = {
        bytes,
        resolve: (lease) => {
          signal?.removeEventListener('abort', abort);
          resolve(lease);
        },
        reject: (error) => {
          signal?.removeEventListener('abort', abort);
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      };
      this.waiters.push(waiter);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  private check(byteLength: number): void {
    if (!this.open) fail('FS_ERR_CLOSED', 'the pool was closed');
    requireInteger(byteLength, 'byteLength', 0, Math.min(this.maxBytes, 2 ** 32));
  }

  private take(bytes: number): PinnedLease | null {
    const piece = this.source.tryTake(bytes);
    if (piece === null) return null;
    const lease = new PinnedLease(piece, () => {
      this.dropped.unregister(piece);
      this.serve();
    });
    this.dropped.register(lease, piece, piece);
    return lease;
  }

  /** Serves who waits, in order, until one does not fit. */
  private serve(): void {
    for (;;) {
      const waiter = this.waiters[0];
      if (waiter === undefined) return;
      let lease: PinnedLease | null;
      try {
        lease = this.take(waiter.bytes);
      } catch (error) {
        this.waiters.shift();
        waiter.reject(error);
        continue;
      }
      if (lease === null) return;
      this.waiters.shift();
      waiter.resolve(lease);
    }
  }

  get stats(): PinnedPoolStats {
    return { ...this.source.stats(), waiting: this.waiters.length, waits: this.waits, refused: this.refused };
  }

  /** Returns slabs that nobody uses to the system; how many bytes. */
  trim(): number {
    return this.source.trim();
  }

  /** Lends no more; who waits gets FS_ERR_CLOSED. Leases stay valid until they are released. Idempotent. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    for (const waiter of this.waiters.splice(0)) {
      waiter.reject(createError('FS_ERR_CLOSED', 'the pool was closed while the call waited'));
    }
    this.source.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function aborted(signal: AbortSignal | null): Error {
  return createError('FS_ERR_ABORTED', 'the wait for pinned memory was aborted', { cause: signal?.reason });
}
