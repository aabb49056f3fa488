/** A worker_thread may end while devices copy, streams compute and pinned views live: in any order, without harm. */
import { Worker } from 'node:worker_threads';

import { Device, DeviceTensor } from '../../lib/index.js';
import { loadAddon } from '../../lib/internal/native.js';
import { forceGc } from '../helpers/gc.js';

const { addon, path, reason } = loadAddon();
const withAddon = addon ? describe : describe.skip;
if (!addon) console.warn(`device teardown tests skipped: ${reason}`);

const script = `
const { parentPort, workerData } = require('node:worker_threads');
const addon = require(workerData.path);
const kept = [];
for (let i = 0; i < 6; i++) {
  const device = addon.deviceOpen({ ordinal: -1, memoryBytes: 1 << 28, streams: 2, chunkBytes: 1 << 16, stagingThreads: 2 });
  const pool = addon.pinnedOpen(device, { slabBytes: 1 << 20, capBytes: 1 << 22, onReturn: 1 });
  const lent = addon.pinnedTryLend(pool, 100000);
  const slab = addon.pinnedSlab(pool, lent.slab);
  new Uint8Array(slab.buffer).fill(1);
  const memory = addon.deviceAllocate(device, 8 << 20);
  const host = new Uint8Array(8 << 20);
  const copies = [{ memory, offset: 0, host }];
  for (let k = 0; k < 4; k++) addon.deviceUpload(device, copies).promise.catch(() => undefined);
  const other = addon.deviceAllocate(device, 4 << 20);
  for (let k = 0; k < 20; k++) addon.memoryAffine(other, 0, other, 0, 1 << 20, 1.5, 1);
  addon.memoryReady(other).promise.catch(() => undefined);
  if (i % 2 === 0) kept.push(device, pool, lent, slab, memory);
  if (i % 3 === 0) addon.deviceClose(device);
  if (i === 4) addon.memoryRelease(memory);
}
globalThis.kept = kept;
parentPort.postMessage('ready');
if (workerData.exit) process.exit(0);
setInterval(() => undefined, 1000);
`;

withAddon('a worker that uses devices', () => {
  it.each([true, false])('ends without harm (by itself: %s)', async (exit) => {
    for (let i = 0; i < 5; i++) {
      const worker = new Worker(script, { eval: true, workerData: { path, exit } });
      const exited = new Promise<number>((resolve, reject) => {
        worker.once('exit', resolve);
        worker.once('error', reject);
      });
      await new Promise((resolve) => worker.once('message', resolve));
      if (!exit) await worker.terminate();
      expect(await exited).toBe(exit ? 0 : 1);
    }
  });
});

withAddon('device memory', () => {
  it('comes back when its tensor is forgotten', async () => {
    const device = Device.open('host', { memoryBytes: 1 << 24 });
    await (async () => {
      for (let i = 0; i < 8; i++) await DeviceTensor.from(new Float32Array(1000), { device });
    })();
    await forceGc(12);
    expect(device.memoryInfo().usedBytes).toBe(0);
    device.close();
  });

  it('released while it is copied is freed after the copy', async () => {
    const device = Device.open('host', { memoryBytes: 1 << 26 });
    const buffer = device.allocate(1 << 24);
    const copying = buffer.upload(new Uint8Array(1 << 24).fill(5));
    buffer.release();
    expect(device.memoryInfo().usedBytes).toBeGreaterThan(0);
    expect(await copying).toMatchObject({ bytes: 1 << 24 });
    expect(device.memoryInfo().usedBytes).toBe(0);
    device.close();
  });

  it('does not grow over many uploads, computations and downloads', async () => {
    const device = Device.open('host', { memoryBytes: 1 << 24 });
    const values = new Float32Array(20_000).fill(2);
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 400; i++) {
      using tensor = await DeviceTensor.from(values, { device });
      using scaled = tensor.affine(3, 1);
      expect((await scaled.toHost())[19_999]).toBe(7);
    }
    const { pooledBytes, usedBytes, poolHits } = device.memoryInfo();
    expect(usedBytes).toBe(0);
    expect(pooledBytes).toBeLessThan(1 << 20);
    expect(poolHits).toBeGreaterThan(700);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20);
    device.close();
  });
});
