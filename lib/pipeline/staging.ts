/**
 * Pinned memory between the rows and the device: few leases, used in turn, each as large as a batch has needed so far.
 * One is filled while another is read by the copy engine.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

import type { PlannedCopy } from '../device/column-plan.js';
import type { Device } from '../device/device.js';
import { PinnedBufferPool, type PinnedLease, type PinnedPoolStats } from '../device/pinned-pool.js';

/** Bytes moved before the event loop has a turn; about a millisecond. */
const PIECE = 4 << 20;
/** A bitmap more or less must not need another lease. */
const SLACK = 1.125;
const PAGE = 4096;

export interface FillTurns {
  /** Runs what holds the thread. */
  readonly hold: (run: () => void) => void;
  /** Whether the rest is not wanted any more. */
  readonly isStopped: () => boolean;
}

export class StagingSlot {
  private lease: PinnedLease | null = null;

  constructor(private readonly pool: PinnedBufferPool) {}

  /** Fills the slot with a batch's buffers, laid out as in its block of device memory. */
  async fill(copies: readonly PlannedCopy[], byteLength: number, { hold, isStopped }: FillTurns): Promise<Uint8Array> {
    const bytes = (await this.room(byteLength)).subarray(0, byteLength);
    let moved = 0;
    for (const { offset, source } of copies) {
      const from = new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
      for (let at = 0; at < from.byteLength && !isStopped(); at += PIECE) {
        const piece = from.subarray(at, at + PIECE);
        hold(() => bytes.set(piece, offset + at));
        moved += piece.byteLength;
        if (moved < PIECE) continue;
        moved = 0;
        await nextTurn();
      }
    }
    return bytes;
  }

  private async room(byteLength: number): Promise<Uint8Array> {
    if (this.lease === null || this.lease.byteLength < byteLength) {
      this.free();
      this.lease = await this.pool.lease(Math.max(PAGE, Math.ceil(byteLength * SLACK)));
    }
    return this.lease.bytes;
  }

  free(): void {
    if (this.lease === null) return;
    this.lease.release();
    this.lease = null;
    this.pool.trim();
  }
}

export class Staging {
  private readonly pool: PinnedBufferPool;
  private readonly slots: readonly StagingSlot[];
  private readonly idle: StagingSlot[];
  private returned: (() => void) | null = null;

  /** Throws FS_ERR_CLOSED (the device). */
  constructor(device: Device, slots: number) {
    // Slabs of a page, so that every lease has one of its own size and takes it along when it goes.
    this.pool = new PinnedBufferPool({ device, maxBytes: 2 ** 40, slabBytes: PAGE, whenExhausted: 'error' });
    this.slots = Array.from({ length: slots }, () => new StagingSlot(this.pool));
    this.idle = [...this.slots];
  }

  /** A slot that nobody uses, waited for. One caller at a time. */
  async take(): Promise<StagingSlot> {
    for (;;) {
      const slot = this.idle.pop();
      if (slot !== undefined) return slot;
      await new Promise<void>((resolve) => {
        this.returned = resolve;
      });
    }
  }

  giveBack(slot: StagingSlot): void {
    this.idle.push(slot);
    this.returned?.();
    this.returned = null;
  }

  get stats(): PinnedPoolStats {
    return this.pool.stats;
  }

  /** Once every slot is back. */
  close(): void {
    for (const slot of this.slots) slot.free();
    this.pool.close();
  }
}
