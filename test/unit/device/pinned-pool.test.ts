/** Pinned leases: the cap, the queue, views that end with their lease, forgotten leases. */
import fc from 'fast-check';
import { Float32, TimestampNanosecond } from 'apache-arrow';

import { type Device, PinnedBufferPool, type PinnedLease } from '../../../lib/index.js';
import { onDevices } from '../../helpers/devices.js';
import { forceGc } from '../../helpers/gc.js';
import { runs } from '../../helpers/property.js';

const PAGE = 4096;
const code = (name: string): Error => expect.objectContaining({ code: `FS_ERR_${name}` });

onDevices('PinnedBufferPool', ({ backend, open: openDevice }) => {
  let device: Device;
  beforeAll(() => {
    device = openDevice();
  });
  afterAll(() => device.close());

  const open = (options = {}): PinnedBufferPool => new PinnedBufferPool({ device, ...options });

  it('lends memory that nobody else has, zeros at first', async () => {
    const pool = open({ maxBytes: 64 * PAGE, slabBytes: 16 * PAGE });
    const leases = [await pool.lease(100), await pool.lease(PAGE), await pool.lease(5000)];
    for (const lease of leases) expect(lease.bytes.every((byte) => byte === 0)).toBe(true);
    leases.forEach((lease, i) => lease.bytes.fill(i + 1));
    leases.forEach((lease, i) => expect(lease.bytes.every((byte) => byte === i + 1)).toBe(true));
    expect(leases.map((lease) => lease.byteLength)).toEqual([100, PAGE, 5000]);
    expect(pool.stats).toMatchObject({ leases: 3, waiting: 0, refused: 0 });
    for (const lease of leases) lease.release();
    expect(pool.stats).toMatchObject({ leases: 0, lentBytes: 0 });
    expect(pool.trim()).toBeGreaterThan(0);
    expect(pool.stats).toMatchObject({ heldBytes: 0, slabs: 0, parkedBytes: 0 });
  });

  it('leaves no view of memory that is lent again', async () => {
    const pool = open({ maxBytes: PAGE, slabBytes: PAGE });
    const lease = await pool.lease(PAGE);
    const { bytes } = lease;
    const floats = lease.array('float32');
    const vector = lease.vector(new TimestampNanosecond(), 3);
    bytes.fill(7);
    expect(vector.length).toBe(3);
    lease.release();
    lease.release();
    expect(() => lease.bytes).toThrow(code('CLOSED'));
    expect(() => lease.array('int8')).toThrow(code('CLOSED'));
    const next = await pool.lease(PAGE);
    expect([bytes.length, floats.length]).toEqual([0, 0]);
    next.bytes[0] = 1;
    bytes[0] = 99;
    expect(next.bytes[0]).toBe(1);
    next.release();
  });

  it('gives typed and Arrow views over the lease itself', async () => {
    const pool = open({ maxBytes: 8 * PAGE });
    const lease = await pool.lease(40);
    lease.array('float32').set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const vector = lease.vector(new Float32(), 4);
    expect(vector.toArray()).toEqual(Float32Array.of(1, 2, 3, 4));
    lease.array('float32')[0] = 42;
    expect(vector.get(0)).toBe(42);
    expect(lease.array('float64')).toHaveLength(5);
    expect(() => lease.array('float64', 6)).toThrow(code('ARG_RANGE'));
    expect(() => lease.vector(new Float32(), 11)).toThrow(code('ARG_RANGE'));
    lease.release();
  });

  it('waits its turn, and a large request is not overtaken', async () => {
    const pool = open({ maxBytes: 4 * PAGE, slabBytes: PAGE });
    const held = [0, 1, 2, 3].map(() => pool.tryLease(PAGE)!);
    const order: string[] = [];
    const large = pool.lease(4 * PAGE).then((lease) => (order.push('large'), lease));
    const small = pool.lease(PAGE).then((lease) => (order.push('small'), lease));
    expect(pool.stats).toMatchObject({ waiting: 2, waits: 2 });
    held[0]!.release();
    expect(pool.tryLease(PAGE)).toBeNull();
    await new Promise((resolve) => setImmediate(resolve));
    expect(order).toEqual([]);
    for (const lease of held) lease.release();
    (await large).release();
    (await small).release();
    expect(order).toEqual(['large', 'small']);
    expect(pool.stats).toMatchObject({ waiting: 0, lentBytes: 0, refused: 1 });
  });

  it('stops waiting when it is aborted or the pool is closed', async () => {
    const pool = open({ maxBytes: PAGE, slabBytes: PAGE });
    const held = pool.tryLease(PAGE)!;
    const stop = new AbortController();
    const aborted = pool.lease(PAGE, { signal: stop.signal });
    const closed = pool.lease(PAGE);
    stop.abort();
    await expect(aborted).rejects.toThrow(code('ABORTED'));
    pool.close();
    pool.close();
    await expect(closed).rejects.toThrow(code('CLOSED'));
    await expect(pool.lease(1)).rejects.toThrow(code('CLOSED'));
    held.bytes.fill(3);
    expect(held.bytes[PAGE - 1]).toBe(3);
    held.release();
  });

  it('refuses instead of waiting where it is told to', async () => {
    const pool = open({ maxBytes: PAGE, slabBytes: PAGE, whenExhausted: 'error' });
    const held = await pool.lease(1);
    await expect(pool.lease(1)).rejects.toThrow(code('POOL_EXHAUSTED'));
    held.release();
    (await pool.lease(1)).release();
    expect(pool.stats.refused).toBe(1);
  });

  it.each([
    [true, 0],
    [false, 7],
  ])('zeroOnReturn %s: the next holder finds %d', async (zeroOnReturn, found) => {
    const pool = open({ maxBytes: PAGE, slabBytes: PAGE, zeroOnReturn });
    const first = await pool.lease(PAGE);
    first.bytes.fill(7);
    first.release();
    expect((await pool.lease(PAGE)).bytes.every((byte) => byte === found)).toBe(true);
  });

  it('takes a forgotten lease back when it is collected', async () => {
    const pool = open({ maxBytes: PAGE, slabBytes: PAGE });
    (() => void pool.tryLease(10))();
    expect(pool.tryLease(10)).toBeNull();
    const waiting = pool.lease(10);
    await forceGc(12);
    (await waiting).release();
    expect(pool.stats.lentBytes).toBe(0);
  });

  it('says what is wrong with its options and calls', async () => {
    expect(() => open({ maxBytes: 1 })).toThrow(code('ARG_RANGE'));
    expect(() => open({ slabBytes: 5000 })).toThrow(code('ARG_RANGE'));
    expect(() => open({ maxBytes: PAGE, slabBytes: 2 * PAGE })).toThrow(code('ARG_RANGE'));
    expect(() => open({ slabSize: 4096 })).toThrow(code('OPTION_UNKNOWN'));
    expect(() => open({ whenExhausted: 'maybe' })).toThrow(code('OPTION_UNKNOWN'));
    expect(() => new PinnedBufferPool({ device: {} as Device })).toThrow(code('ARG_TYPE'));
    const pool = open({ maxBytes: 2 * PAGE });
    expect(() => pool.tryLease(3 * PAGE)).toThrow(code('ARG_RANGE'));
    await expect(pool.lease(-1)).rejects.toThrow(code('ARG_RANGE'));
    await expect(pool.lease(1, { signal: 5 as unknown as AbortSignal })).rejects.toThrow(code('ARG_TYPE'));
  });

  it('holds to a model over random lends and releases', async () => {
    const sizes = fc.oneof(fc.integer({ min: 0, max: 6 * PAGE }), fc.constantFrom(PAGE, PAGE + 1, 4 * PAGE));
    const commands = fc.array(
      fc.oneof(
        fc.record({ do: fc.constant('lend' as const), bytes: sizes }),
        fc.record({ do: fc.constant('release' as const), which: fc.nat() }),
        fc.record({ do: fc.constant('trim' as const) }),
      ),
      { maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(commands, fc.constantFrom(1, 4, 16), (list, slabPages) => {
        const maxBytes = 16 * PAGE;
        const pool = open({ maxBytes, slabBytes: slabPages * PAGE });
        const live: { readonly lease: PinnedLease; readonly mark: number }[] = [];
        const old: { readonly view: Uint8Array }[] = [];
        let mark = 0;
        for (const command of list) {
          if (command.do === 'lend') {
            const lease = pool.tryLease(command.bytes);
            if (lease !== null) {
              mark = (mark % 250) + 1;
              lease.bytes.fill(mark);
              live.push({ lease, mark });
            }
          } else if (command.do === 'release' && live.length > 0) {
            const [gone] = live.splice(command.which % live.length, 1);
            old.push({ view: gone!.lease.bytes });
            gone!.lease.release();
          } else if (command.do === 'trim') {
            pool.trim();
          }
          // What others do never shows in a lease, and an old view writes into none.
          for (const { view } of old) if (view.length > 0) view.fill(255);
          for (const { lease, mark: own } of live) expect(lease.bytes.every((byte) => byte === own)).toBe(true);
          const { lentBytes, heldBytes, leases, peakHeldBytes } = pool.stats;
          expect(leases).toBe(live.length);
          expect(lentBytes).toBeLessThanOrEqual(heldBytes);
          expect(heldBytes).toBeLessThanOrEqual(maxBytes);
          expect(peakHeldBytes).toBeGreaterThanOrEqual(heldBytes);
        }
        for (const { lease } of live) lease.release();
        // Nothing is lost: the whole cap can be lent again.
        const all = pool.tryLease(maxBytes);
        expect(all).not.toBeNull();
        all!.release();
        pool.close();
        return Promise.resolve();
      }),
      runs(backend === 'native' ? 150 : 60),
    );
  });
});
