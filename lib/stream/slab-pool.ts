/**
 * A fixed number of equal buffers, lent and given back; the TypeScript face of
 * `cpp/include/flowstate/memory/slab_pool.h`. A slab's ArrayBuffer is detached when it is given back, so that no view
 * kept by mistake can show, or overwrite, what the next holder has there.
 */
import { markAsUntransferable } from 'node:worker_threads';

import { createError, fromNative } from '../errors/from-native.js';
import { rejectUnknown, requireBoolean, requireInteger, requireRecord } from '../internal/validate.js';
import type { NativeAddon } from '../internal/native.js';
import type { NativePool } from '../internal/native-sketch.js';
import { callSketch, sketchAddon } from './sketch-addon.js';

export interface SlabPoolOptions {
  /** Bytes of each slab. */
  readonly slabBytes: number;
  /** How many there are: never more. */
  readonly slabs: number;
  /** Slabs come back as zeros, so that no holder sees another's data. Default true. */
  readonly zeroOnReturn?: boolean;
}

export interface SlabPoolStats {
  readonly slabs: number;
  readonly slabBytes: number;
  readonly inUse: number;
  /** Most that were lent at once. */
  readonly peak: number;
  /** Leases ever given. */
  readonly lent: number;
  /** Times that none was free. */
  readonly refused: number;
}

/** What a pool is made of: the addon's, or plain ArrayBuffers. */
interface Slabs {
  take(): { readonly buffer: ArrayBuffer; giveBack(): void } | null;
  stats(): SlabPoolStats;
}

/** The right to one slab. Give it back with `release()` or `using`; a forgotten one comes back when it is collected. */
export class SlabLease {
  private held: { readonly buffer: ArrayBuffer; giveBack(): void } | null;

  /** @internal */
  constructor(held: { readonly buffer: ArrayBuffer; giveBack(): void }) {
    this.held = held;
  }

  /** The slab. Throws FS_ERR_CLOSED after release; views made before then have length 0. */
  get buffer(): ArrayBuffer {
    if (this.held === null) throw createError('FS_ERR_CLOSED', 'the lease was released; its slab may be lent again');
    return this.held.buffer;
  }
  /** A view of the whole slab. Throws as `buffer` does. */
  get bytes(): Uint8Array {
    return new Uint8Array(this.buffer);
  }
  get isReleased(): boolean {
    return this.held === null;
  }

  /** Gives the slab back and detaches its buffer; idempotent. */
  release(): void {
    const { held } = this;
    if (held === null) return;
    held.giveBack();
    this.held = null;
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

export class SlabPool {
  private readonly slabs: Slabs;

  /** Throws FS_ERR_ARG_TYPE, FS_ERR_ARG_RANGE, FS_ERR_OPTION_UNKNOWN, FS_ERR_OUT_OF_MEMORY. */
  constructor(options: SlabPoolOptions) {
    const given = requireRecord(options, 'options');
    rejectUnknown(given, 'options', ['slabBytes', 'slabs', 'zeroOnReturn']);
    const parsed = {
      slabBytes: requireInteger(given.slabBytes, 'options.slabBytes', 1, 2 ** 32),
      slabs: requireInteger(given.slabs, 'options.slabs', 1, 2 ** 24),
      zeroOnReturn: requireBoolean(given.zeroOnReturn ?? true, 'options.zeroOnReturn'),
    };
    const addon = sketchAddon();
    this.slabs = (addon === null ? null : NativeSlabs.open(addon, parsed)) ?? new PlainSlabs(parsed);
  }

  /** A slab; null when all are lent. Zeros, unless `zeroOnReturn: false` leaves what the last holder wrote. */
  tryLend(): SlabLease | null {
    const held = this.slabs.take();
    return held === null ? null : new SlabLease(held);
  }

  /** As `tryLend`; throws FS_ERR_POOL_EXHAUSTED when all are lent. */
  lend(): SlabLease {
    const lease = this.tryLend();
    if (lease !== null) return lease;
    const { slabs } = this.stats;
    throw createError('FS_ERR_POOL_EXHAUSTED', `all ${slabs} slabs of the pool are lent; release one`, {
      details: { slabs },
    });
  }

  get stats(): SlabPoolStats {
    return this.slabs.stats();
  }
}

class NativeSlabs implements Slabs {
  private constructor(
    private readonly addon: NativeAddon,
    private readonly pool: NativePool,
  ) {}

  /** Null where the runtime does not let an addon hand out its memory. */
  static open(addon: NativeAddon, options: Required<SlabPoolOptions>): NativeSlabs | null {
    const pool = callSketch(() => addon.poolOpen(options));
    return canHandOut(addon) ? new NativeSlabs(addon, pool) : null;
  }

  take(): { readonly buffer: ArrayBuffer; giveBack(): void } | null {
    const { addon } = this;
    const slab = callSketch(() => addon.poolLend(this.pool));
    if (slab === null) return null;
    const { buffer, lease } = slab;
    // Moved to another thread it could outlive the pool's memory.
    markAsUntransferable(buffer);
    return { buffer, giveBack: () => callSketch(() => addon.poolReturn(lease, buffer)) };
  }

  stats(): SlabPoolStats {
    return callSketch(() => this.addon.poolStats(this.pool));
  }
}

let handsOut: boolean | undefined;

function canHandOut(addon: NativeAddon): boolean {
  if (handsOut !== undefined) return handsOut;
  const probe = callSketch(() => addon.poolOpen({ slabBytes: 64, slabs: 1, zeroOnReturn: false }));
  try {
    const slab = addon.poolLend(probe);
    if (slab !== null) addon.poolReturn(slab.lease, slab.buffer);
    handsOut = true;
  } catch (error) {
    if ((fromNative(error) as { code?: unknown }).code !== 'FS_ERR_ADDON_UNAVAILABLE') throw fromNative(error);
    handsOut = false;
  }
  return handsOut;
}

/** The same over plain ArrayBuffers: a transfer moves the memory to a new buffer and leaves the old one detached. */
class PlainSlabs implements Slabs {
  private readonly free: ArrayBuffer[] = [];
  /** Buffers that were dropped without a release are made anew: their memory went with them. */
  private readonly dropped = new FinalizationRegistry<object>((token) => {
    if (this.lentNow.delete(token)) this.free.push(new ArrayBuffer(this.options.slabBytes));
  });
  private readonly lentNow = new Set<object>();
  private peak = 0;
  private lent = 0;
  private refused = 0;

  constructor(private readonly options: Required<SlabPoolOptions>) {
    try {
      for (let i = 0; i < options.slabs; i++) this.free.push(new ArrayBuffer(options.slabBytes));
    } catch (cause) {
      throw createError('FS_ERR_OUT_OF_MEMORY', `could not allocate ${options.slabs} slabs`, { cause });
    }
  }

  take(): { readonly buffer: ArrayBuffer; giveBack(): void } | null {
    const buffer = this.free.pop();
    if (buffer === undefined) {
      this.refused++;
      return null;
    }
    const token = {};
    this.lentNow.add(token);
    this.dropped.register(buffer, token, token);
    this.lent++;
    this.peak = Math.max(this.peak, this.lentNow.size);
    const giveBack = (): void => {
      if (!this.lentNow.has(token)) return;
      let memory: ArrayBuffer;
      if (buffer.byteLength === this.options.slabBytes) {
        if (this.options.zeroOnReturn) new Uint8Array(buffer).fill(0);
        memory = structuredClone(buffer, { transfer: [buffer] });
      } else {
        // The holder transferred it away, and with it the memory.
        memory = new ArrayBuffer(this.options.slabBytes);
      }
      this.lentNow.delete(token);
      this.dropped.unregister(token);
      this.free.push(memory);
    };
    return { buffer, giveBack };
  }

  stats(): SlabPoolStats {
    const { slabs, slabBytes } = this.options;
    return { slabs, slabBytes, inUse: this.lentNow.size, peak: this.peak, lent: this.lent, refused: this.refused };
  }
}
