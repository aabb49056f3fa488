/**
 * A worker_thread may end while its joins run. Teardown must cancel them, wait, and leave the process alive. The
 * deadline is generous: it exists to turn a deadlock into a failure, not to measure.
 */
import { Worker } from 'node:worker_threads';
import { loadAddon } from '../../lib/internal/native.js';

const { addon, path, reason } = loadAddon();
const withAddon = addon ? describe : describe.skip;
if (!addon) console.warn(`worker tests skipped: ${reason}`);

/** Plain JavaScript over the raw addon: a worker cannot load TypeScript, and the binding is what is under test. */
const script = `
const { parentPort, workerData } = require('node:worker_threads');
const addon = require(workerData.path);
const rows = workerData.rows;
const times = new BigInt64Array(rows);
for (let i = 0; i < rows; i++) times[i] = BigInt(i);
const values = new Float64Array(rows).fill(1);
const chunk = (data) => ({ length: rows, bitOffset: 0, values: data, offsets: null, validity: null, dictionary: -1 });
const column = (name, type, data) => ({ name, type, indexType: 2, width: 8, chunks: [chunk(data)], dictionaries: [] });
const side = { time: { column: column('t', 3, times), scale: 1n, unit: 'ns' }, keys: [] };
const request = {
  leftRows: rows, leftSides: [side], leftPayload: [], threads: 0, explain: false,
  streams: [{ leftSide: 0, right: side, knownAt: null, payload: [column('v', 10, values)], direction: 2, allowExact: true,
    ties: 0, nearestTie: 0, tolerance: null, lag: 0n, inner: false, nullKeysEqual: false, unsorted: 0, plan: 0,
    wantIndices: true, wantMatched: false, wantAge: true, ageScale: 1n }],
};
const running = [];
for (let i = 0; i < workerData.joins; i++) running.push(addon.join(request).promise);
if (workerData.wait) Promise.all(running).then((results) => parentPort.postMessage(results.length));
else { parentPort.postMessage('started'); if (workerData.exit) process.exit(0); }
`;

function start(data: Record<string, unknown>): Worker {
  return new Worker(script, { eval: true, workerData: { path, ...data } });
}

function exited(worker: Worker): Promise<number> {
  return new Promise((resolve, reject) => {
    worker.once('exit', resolve);
    worker.once('error', reject);
  });
}

withAddon('worker_threads', () => {
  it('joins in several workers at once', async () => {
    const workers = Array.from({ length: 3 }, () => start({ rows: 200_000, joins: 4, wait: true }));
    const codes = await Promise.all(
      workers.map(async (worker) => {
        const done = exited(worker);
        const count = await new Promise((resolve) => worker.once('message', resolve));
        expect(count).toBe(4);
        return done;
      }),
    );
    expect(codes).toEqual([0, 0, 0]);
  });

  it('survives terminate() while joins run', async () => {
    for (let i = 0; i < 8; i++) {
      const worker = start({ rows: 1_000_000, joins: 6 });
      const done = exited(worker);
      await new Promise((resolve) => worker.once('message', resolve));
      await worker.terminate();
      await done;
    }
  });

  it('survives process.exit() in a worker while joins run', async () => {
    for (let i = 0; i < 4; i++) expect(await exited(start({ rows: 1_000_000, joins: 6, exit: true }))).toBe(0);
  });
});
