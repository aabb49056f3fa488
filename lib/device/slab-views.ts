/**
 * Views of pinned slabs that can never show recycled memory.
 *
 * A slab is one ArrayBuffer (a collector that sees thousands of external ones spends seconds on them), and a single
 * view of it cannot be taken back. So pages that come back are parked until no lease of their slab is left; then its
 * buffer is detached, which gives every old view length 0, and only then do the pages return to the pool, for a new
 * buffer. A new buffer costs a hint to the collector, so that waits until half of the slab is parked, or until the
 * pool has nothing else. One lease that is kept for long keeps its slab.
 */
import type { NativeMappedSlab, NativePinned, NativePinnedLease } from '../internal/native-device.js';

/** Slabs with more parked leases than this are recycled however small these are. */
const MOST_PARKED = 4096;

export interface SlabAccess {
  map(slab: number): NativeMappedSlab;
  /** Detaches the slab's buffer. */
  unmap(slab: NativeMappedSlab): void;
  giveBack(lease: NativePinnedLease): void;
}

interface MappedSlab extends NativeMappedSlab {
  live: number;
  parked: NativePinnedLease[];
  parkedBytes: number;
}

export class SlabViews {
  private readonly slabs = new Map<number, MappedSlab>();
  /** Leases alive, and bytes that are parked. */
  leases = 0;
  parkedBytes = 0;

  constructor(private readonly access: SlabAccess) {}

  /** The view of a lease just lent; `release` is idempotent. Gives the lease back where the slab cannot be mapped. */
  view(lent: NativePinned, bytes: number): { readonly view: Uint8Array; release(): void } {
    const slab = this.slabs.get(lent.slab) ?? this.map(lent);
    slab.live++;
    this.leases++;
    let isHeld = true;
    return {
      view: new Uint8Array(slab.buffer, lent.offset, bytes),
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        slab.live--;
        this.leases--;
        slab.parked.push(lent.lease);
        slab.parkedBytes += lent.bytes;
        this.parkedBytes += lent.bytes;
        const isUsedUp = slab.parkedBytes * 2 >= slab.buffer.byteLength || slab.parked.length > MOST_PARKED;
        if (slab.live === 0 && isUsedUp) this.recycleSlab(lent.slab, slab);
      },
    };
  }

  /** Returns the pages of every slab without leases to the pool; how many slabs these were. */
  recycle(): number {
    let recycled = 0;
    for (const [id, slab] of this.slabs) {
      if (slab.live > 0) continue;
      this.recycleSlab(id, slab);
      recycled++;
    }
    return recycled;
  }

  private map(lent: NativePinned): MappedSlab {
    try {
      const slab = { ...this.access.map(lent.slab), live: 0, parked: [], parkedBytes: 0 };
      this.slabs.set(lent.slab, slab);
      return slab;
    } catch (error) {
      this.access.giveBack(lent.lease);
      throw error;
    }
  }

  private recycleSlab(id: number, slab: MappedSlab): void {
    this.slabs.delete(id);
    this.parkedBytes -= slab.parkedBytes;
    this.access.unmap(slab);
    for (const lease of slab.parked) this.access.giveBack(lease);
  }
}
