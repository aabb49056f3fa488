/** Workers that end while a market is being simulated, and simulations that are given up: nothing crashes, nothing stays. */
import { join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';

import { loadAddon } from '../../lib/internal/native.js';
import { parseSimulateOptions } from '../../lib/orderbook/simulate-options.js';
import { simulateMarketBatches } from '../../lib/orderbook/simulate.js';
import { forceGc } from '../helpers/gc.js';

const { addon, path } = loadAddon();
const LOADER = join(resolve(__dirname, '..', '..'), 'native', 'load.cjs');

(addon === null ? describe.skip : describe)('the simulator', () => {
  it('survives workers that end in the middle of a batch', async () => {
    const { request } = parseSimulateOptions({ symbols: 20, duration: '100h' });
    const code = `
      const { workerData, parentPort } = require('node:worker_threads');
      const { addon } = require(workerData.loader).load();
      const simulation = addon.simulateOpen(workerData.request);
      addon.simulateNext(simulation, 10000000).promise.catch(() => {});
      parentPort.postMessage('running');`;
    expect(path).not.toBeNull();
    for (let round = 0; round < 4; round++) {
      const worker = new Worker(code, { eval: true, workerData: { loader: LOADER, request } });
      const failed = new Promise<never>((_, reject) => worker.once('error', reject));
      await Promise.race([new Promise((done) => worker.once('message', done)), failed]);
      await new Promise((done) => setTimeout(done, 5 * round));
      await worker.terminate();
    }
  });

  it('gives back the memory of simulations that nobody finishes', async () => {
    const used = async (): Promise<number> => {
      for (let i = 0; i < 20; i++) {
        for await (const batch of simulateMarketBatches({ symbols: 50, duration: '1h', batchSize: 20_000 })) {
          expect(batch.events.numRows).toBeGreaterThan(0);
          break;
        }
      }
      await forceGc();
      addon!.trimBuffers();
      return process.memoryUsage().rss;
    };
    await used();
    await used();
    const before = await used();
    await used();
    await used();
    // 20 rounds hold some 120 MB of books and columns; a leak of them would show as several times this.
    expect((await used()) - before).toBeLessThan(100 * 2 ** 20);
  });
});
