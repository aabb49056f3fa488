/** Every call of the device may fail while tables are joined: a typed error, nothing left behind, and the next join goes on. */
import { asofJoin, asofJoinSync, Device, DeviceJoinIndex, toDevice } from '../../../../lib/index.js';
import { NativeFault } from '../../../../lib/internal/native-device.js';
import { loadAddon } from '../../../../lib/internal/native.js';
import { cellsOf, table } from '../../../helpers/columns.js';

const { addon, reason } = loadAddon();
if (!addon) console.warn(`the addon's tests are skipped: ${reason}`);

const EXPECTED = {
  allocate: 'FS_ERR_OUT_OF_MEMORY',
  create: 'FS_ERR_CUDA',
  copy: 'FS_ERR_CUDA',
  copyLater: 'FS_ERR_CUDA',
  kernel: 'FS_ERR_CUDA',
} as const;

(addon ? describe : describe.skip)('a join of device tables whose device fails', () => {
  const rows = Array.from({ length: 40 }, (_, i) => i);
  const trades = table({
    t: ['ts_us', rows.map((i) => (i % 9 === 8 ? null : BigInt((i * 7) % 40)))],
    sym: ['dict:int8:utf8', rows.map((i) => `S${i % 3}`)],
    lot: ['int16', rows.map((i) => BigInt(i % 2))],
  });
  const quotes = table({
    t: ['ts_ns', rows.map((i) => BigInt(i * 1000))],
    sym: ['dict:int16:utf8', rows.map((i) => `S${(i * 5) % 4}`)],
    lot: ['int32', rows.map((i) => BigInt(i % 2))],
    bid: ['float64', rows.map((i) => (i % 5 === 0 ? null : i / 2))],
    text: ['utf8', rows.map((i) => 'x'.repeat(i % 4))],
  });
  const options = { on: 't', by: ['sym', 'lot'], how: 'inner', unsorted: 'sort', lag: '1us', age: 'age' } as const;
  const expected = asofJoinSync(trades, quotes, options);

  it.each(Object.keys(EXPECTED) as (keyof typeof EXPECTED)[])('%s, at every call', async (kind) => {
    const device = Device.open('host', { memoryBytes: 2 ** 27 });
    const left = await toDevice(trades, { device });
    const right = await toDevice(quotes, { device });
    const before = device.memoryInfo().usedBytes;
    let nth = 0;
    for (let failed = true; failed; nth++) {
      failed = false;
      // Memory that the pool keeps is no allocation, and one that fails is tried again after a trim.
      device.trim();
      device.backend.arm(NativeFault[kind], nth, kind === 'allocate' ? 2 : 1);
      try {
        using index = await DeviceJoinIndex.build(right, { on: 't', by: ['sym', 'lot'], lag: '1us' });
        using out = await asofJoin(left, index, options);
        await out.toHost();
      } catch (error) {
        failed = true;
        expect(error).toMatchObject({ code: EXPECTED[kind] });
      }
      device.backend.arm(NativeFault[kind], 0, 0);
      expect(device.memoryInfo().usedBytes).toBe(before);
      expect(nth).toBeLessThan(2000);
    }
    expect(nth).toBeGreaterThan(kind === 'create' ? 1 : 5);
    using out = await asofJoin(left, right, options);
    expect(cellsOf(await out.toHost(), 'bid')).toEqual(cellsOf(expected, 'bid'));
    left.release();
    right.release();
    out.release();
    expect(device.memoryInfo().usedBytes).toBe(0);
    device.close();
  });

  it('keeps no memory over many joins', async () => {
    using device = Device.open('host', { memoryBytes: 2 ** 27 });
    using left = await toDevice(trades, { device });
    using right = await toDevice(quotes, { device });
    using index = await DeviceJoinIndex.build(right, { on: 't', by: ['sym', 'lot'] });
    const join = async (): Promise<void> => {
      using once = await asofJoin(left, right, options);
      using twice = await asofJoin(left, index, {});
      expect(once.numRows).toBeLessThan(twice.numRows);
    };
    for (let i = 0; i < 5; i++) await join();
    const { usedBytes, pooledBytes } = device.memoryInfo();
    for (let i = 0; i < 60; i++) await join();
    expect(device.memoryInfo().usedBytes).toBe(usedBytes);
    expect(device.memoryInfo().pooledBytes).toBe(pooledBytes);
  });

  it('runs beside others on the same tables and the same index', async () => {
    using device = Device.open('host', { memoryBytes: 2 ** 27 });
    const left = await toDevice(trades, { device });
    const right = await toDevice(quotes, { device });
    const index = await DeviceJoinIndex.build(right, { on: 't', by: ['sym', 'lot'], lag: '1us' });
    const running = Array.from({ length: 12 }, (_, i) => asofJoin(left, i % 2 === 0 ? index : right, options));
    left.release();
    right.release();
    index.release();
    for (const out of await Promise.all(running)) {
      const back = await out.toHost();
      for (const { name } of expected.schema.fields) expect(cellsOf(back, name)).toEqual(cellsOf(expected, name));
      out.release();
    }
    expect(device.memoryInfo().usedBytes).toBe(0);
  });

  it('stops at its signal, and keeps nothing', async () => {
    using device = Device.open('host', { memoryBytes: 2 ** 29 });
    const many = 200_000;
    const big = table({
      t: ['int64', Array.from({ length: many }, (_, i) => BigInt((i * 7919) % many))],
      k: ['int64', Array.from({ length: many }, (_, i) => BigInt(i % 1000))],
    });
    using left = await toDevice(big, { device });
    const before = device.memoryInfo().usedBytes;
    const controller = new AbortController();
    const running = asofJoin(left, left, { on: 't', by: 'k', rightTime: 'at', signal: controller.signal });
    controller.abort();
    await expect(running).rejects.toMatchObject({ code: 'FS_ERR_ABORTED' });
    expect(device.memoryInfo().usedBytes).toBe(before);
  });
});
