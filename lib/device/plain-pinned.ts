/**
 * The pinned pool's twin without the addon: ordinary ArrayBuffers, one a lease, kept for reuse by size. A buffer that
 * comes back is transferred, which leaves the old one detached: no old view shows new data.
 */
import { createError } from '../errors/from-native.js';
import type { PinnedPiece, PinnedSource, PinnedSourceOptions, PinnedStats } from './backend.js';

const PAGE = 4096;

/** Powers of two and their 1.5-fold from a page up; whole pages beyond `largest`. */
export function sizeClass(bytes: number, largest: number): number {
  if (bytes > largest) return Math.ceil(bytes / PAGE) * PAGE;
  let size = PAGE;
  for (;;) {
    if (bytes <= size) return size;
    if (size > PAGE && bytes <= size * 1.5) return Math.min(size * 1.5, largest);
    size *= 2;
  }
}

export class PlainPinned implements PinnedSource {
  private readonly free = new Map<number, ArrayBuffer[]>();
  private readonly counts = {
    hits: 0,
    misses: 0,
    leases: 0,
    lentBytes: 0,
    peakLentBytes: 0,
    heldBytes: 0,
    peakHeldBytes: 0,
  };

  constructor(private readonly options: PinnedSourceOptions) {}

  tryTake(bytes: number): PinnedPiece | null {
    const size = sizeClass(bytes, this.options.slabBytes);
    const kept = this.free.get(size)?.pop();
    const buffer = kept ?? this.allocate(size);
    if (buffer === null) return null;
    const { counts } = this;
    if (kept === undefined) counts.misses++;
    else counts.hits++;
    counts.leases++;
    counts.lentBytes += size;
    counts.peakLentBytes = Math.max(counts.peakLentBytes, counts.lentBytes);
    let isHeld = true;
    return {
      view: new Uint8Array(buffer, 0, bytes),
      isPageLocked: false,
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        this.giveBack(size, buffer);
      },
    };
  }

  private allocate(size: number): ArrayBuffer | null {
    const { counts, options } = this;
    if (counts.heldBytes + size > options.maxBytes) this.trim();
    if (counts.heldBytes + size > options.maxBytes) return null;
    let buffer: ArrayBuffer;
    try {
      buffer = new ArrayBuffer(size);
    } catch (cause) {
      throw createError('FS_ERR_OUT_OF_MEMORY', `could not allocate ${size} bytes`, {
        cause,
        details: { bytes: size },
      });
    }
    counts.heldBytes += size;
    counts.peakHeldBytes = Math.max(counts.peakHeldBytes, counts.heldBytes);
    return buffer;
  }

  private giveBack(size: number, buffer: ArrayBuffer): void {
    const { counts } = this;
    counts.leases--;
    counts.lentBytes -= size;
    if (buffer.byteLength !== size) {
      // Its holder transferred it away, and with it the memory.
      counts.heldBytes -= size;
      return;
    }
    if (this.options.zeroOnReturn) new Uint8Array(buffer).fill(0);
    const memory = structuredClone(buffer, { transfer: [buffer] });
    const list = this.free.get(size);
    if (list === undefined) this.free.set(size, [memory]);
    else list.push(memory);
  }

  stats(): PinnedStats {
    let slabs = this.counts.leases;
    for (const list of this.free.values()) slabs += list.length;
    return { ...this.counts, slabs, parkedBytes: 0 };
  }

  trim(): number {
    let bytes = 0;
    for (const [size, list] of this.free) bytes += size * list.length;
    this.free.clear();
    this.counts.heldBytes -= bytes;
    return bytes;
  }

  close(): void {
    this.trim();
  }
}
