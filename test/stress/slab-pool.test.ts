/** A worker_thread may end while it holds slabs: their finalizers then run during teardown, in any order. */
import { Worker } from 'node:worker_threads';

import { loadAddon } from '../../lib/internal/native.js';

const { addon, path, reason } = loadAddon();
const withAddon = addon ? describe : describe.skip;
if (!addon) console.warn(`slab tests skipped: ${reason}`);

const script = `
const { parentPort, workerData } = require('node:worker_threads');
const addon = require(workerData.path);
const kept = [];
for (let i = 0; i < 20; i++) {
  const pool = addon.poolOpen({ slabBytes: 1 << 16, slabs: 8, zeroOnReturn: true });
  const slabs = Array.from({ length: 8 }, () => addon.poolLend(pool));
  for (const { buffer } of slabs) new Uint8Array(buffer).fill(1);
  addon.poolReturn(slabs[0].lease, slabs[0].buffer);
  if (i % 2 === 0) kept.push(slabs);
  if (i % 3 === 0) kept.push(pool);
}
globalThis.kept = kept;
parentPort.postMessage('ready');
if (workerData.exit) process.exit(0);
setInterval(() => undefined, 1000);
`;

withAddon('a worker that holds slabs', () => {
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
