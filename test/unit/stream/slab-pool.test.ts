/** Leases: counted, detached, zeroed, and returned when they are forgotten. */
import { SlabPool } from '../../../lib/index.js';
import { onBothBackends } from '../../helpers/both-backends.js';
import { forceGc } from '../../helpers/gc.js';

onBothBackends('SlabPool', (backend) => {
  it('lends each slab once, and refuses when none is left', () => {
    const pool = new SlabPool({ slabBytes: 100, slabs: 3 });
    const leases = [pool.lend(), pool.lend(), pool.lend()];
    expect(new Set(leases.map((lease) => lease.buffer)).size).toBe(3);
    leases.forEach((lease, i) => lease.bytes.fill(i + 1));
    leases.forEach((lease, i) => expect(lease.bytes.every((byte) => byte === i + 1)).toBe(true));
    expect(leases[0]!.buffer.byteLength).toBe(100);
    expect(pool.tryLend()).toBeNull();
    expect(() => pool.lend()).toThrow(expect.objectContaining({ code: 'FS_ERR_POOL_EXHAUSTED' }));
    leases[1]!.release();
    leases[1]!.release();
    expect(pool.stats).toEqual({ slabs: 3, slabBytes: 100, inUse: 2, peak: 3, lent: 3, refused: 2 });
    expect(pool.tryLend()).not.toBeNull();
    expect(pool.tryLend()).toBeNull();
  });

  it('leaves no view of a slab that was given back', () => {
    const pool = new SlabPool({ slabBytes: 64, slabs: 1 });
    const lease = pool.lend();
    const { buffer, bytes } = lease;
    const wide = new Float64Array(buffer);
    bytes.fill(7);
    lease.release();
    expect(lease.isReleased).toBe(true);
    expect([buffer.byteLength, bytes.length, wide.length]).toEqual([0, 0, 0]);
    expect(() => lease.buffer).toThrow(expect.objectContaining({ code: 'FS_ERR_CLOSED' }));
    expect(() => lease.bytes).toThrow(expect.objectContaining({ code: 'FS_ERR_CLOSED' }));
    const next = pool.lend();
    next.bytes[0] = 1;
    bytes[0] = 99;
    expect(bytes[0]).toBeUndefined();
    expect(next.bytes[0]).toBe(1);
  });

  it.each([
    [true, 0],
    [false, 7],
  ])('zeroOnReturn %s: the next holder finds %d', (zeroOnReturn, found) => {
    const pool = new SlabPool({ slabBytes: 1000, slabs: 1, zeroOnReturn });
    const first = pool.lend();
    expect(first.bytes.every((byte) => byte === 0)).toBe(true);
    first.bytes.fill(7);
    first.release();
    expect(pool.lend().bytes.every((byte) => byte === found)).toBe(true);
  });

  it('gives back at the end of a scope', () => {
    const pool = new SlabPool({ slabBytes: 8, slabs: 1 });
    const lease = pool.lend();
    lease[Symbol.dispose]();
    expect(pool.stats.inUse).toBe(0);
  });

  it('takes a forgotten slab back when it is collected', async () => {
    const pool = new SlabPool({ slabBytes: 4096, slabs: 4 });
    const forget = (): void => {
      for (let i = 0; i < 4; i++) pool.lend().bytes.fill(1);
    };
    forget();
    for (let i = 0; i < 20 && pool.stats.inUse > 0; i++) await forceGc();
    expect(pool.stats.inUse).toBe(0);
    for (let i = 0; i < 4; i++) expect(pool.lend().bytes.every((byte) => byte === 0)).toBe(true);
    expect(pool.tryLend()).toBeNull();
  });

  it('lends and returns for long without losing a slab or its memory', async () => {
    const pool = new SlabPool({ slabBytes: 1 << 16, slabs: 2 });
    for (let i = 0; i < 3000; i++) {
      const lease = pool.lend();
      const { bytes } = lease;
      expect(bytes[i % bytes.length]).toBe(0);
      bytes[i % bytes.length] = 1;
      lease.release();
      if (i % 500 === 0) await forceGc(1);
    }
    expect(pool.stats.inUse).toBe(0);
    expect(pool.stats.peak).toBe(1);
  });

  it('a slab outlives its pool', async () => {
    const lease = (() => new SlabPool({ slabBytes: 128, slabs: 1 }).lend())();
    await forceGc();
    lease.bytes.fill(5);
    expect(lease.bytes.every((byte) => byte === 5)).toBe(true);
    lease.release();
  });

  it('keeps count when a holder moves the buffer elsewhere', () => {
    const pool = new SlabPool({ slabBytes: 64, slabs: 1 });
    const lease = pool.lend();
    try {
      structuredClone(lease.buffer, { transfer: [lease.buffer] });
    } catch {
      // The addon's memory cannot be moved; newer Nodes say so, older ones copy it.
    }
    if (backend === 'native') expect(lease.buffer.byteLength).toBe(64);
    lease.release();
    expect(pool.lend().buffer.byteLength).toBe(64);
  });

  it.each([
    [{ slabBytes: 0, slabs: 1 }, 'FS_ERR_ARG_RANGE'],
    [{ slabBytes: 1, slabs: 0 }, 'FS_ERR_ARG_RANGE'],
    [{ slabBytes: 1.5, slabs: 1 }, 'FS_ERR_ARG_RANGE'],
    [{ slabBytes: 1, slabs: 1, zeroOnReturn: 1 }, 'FS_ERR_ARG_TYPE'],
    [{ slabBytes: 1, slabs: 1, zero: true }, 'FS_ERR_OPTION_UNKNOWN'],
    [undefined, 'FS_ERR_ARG_TYPE'],
  ])('refuses %j', (options, code) => {
    expect(() => new SlabPool(options as never)).toThrow(expect.objectContaining({ code }));
  });
});
