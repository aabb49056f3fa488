/**
 * ONNX sessions over time and across threads: memory stays flat, and a worker may end while its runs are under way.
 * @jest-environment ./test/helpers/onnx-environment.cjs
 */
import { Worker } from 'node:worker_threads';

import { Device, type DeviceTensor, OnnxSession } from '../../lib/index.js';
import { loadAddon, onnxruntimeLibrary } from '../../lib/internal/native.js';
import { onBothBackends } from '../helpers/both-backends.js';
import { forceGc } from '../helpers/gc.js';
import { powerModel, scaleModel } from '../helpers/onnx-model.js';
import { features, rows, scaled, scaleSession } from '../helpers/onnx-sessions.js';

const { addon, path, reason } = loadAddon();
const withAddon = addon ? describe : describe.skip;
if (!addon) console.warn(`ONNX teardown tests skipped: ${reason}`);

onBothBackends('ten thousand runs', () => {
  it('take no more memory than the first thousand', async () => {
    const device = Device.open('host', { memoryBytes: 1 << 26 });
    const session = await scaleSession(device, { queueDepth: 4 });
    const x = await features(device, 500);
    const expected = scaled(rows(500));
    async function runs(count: number): Promise<void> {
      for (let done = 0; done < count; done += 50) {
        const results = await Promise.all(Array.from({ length: 50 }, () => session.run({ x })));
        if (done % 1000 === 0) expect(await results[49]!.y!.toHost()).toEqual(expected);
        for (const { y } of results) y!.release();
      }
      await forceGc(3);
    }
    await runs(1000);
    const before = { rss: process.memoryUsage().rss, ...device.memoryInfo() };
    await runs(10_000);
    const after = { rss: process.memoryUsage().rss, ...device.memoryInfo() };
    expect(session.stats).toMatchObject({ runs: 11_000, inFlight: 0, waiting: 0 });
    expect(after.usedBytes).toBe(before.usedBytes);
    expect(after.pooledBytes).toBe(before.pooledBytes);
    expect(after.allocations - before.allocations).toBe(10_000);
    // A leaked output alone would be 80 MB; what V8 keeps about is not ours to bound closer.
    expect(after.rss - before.rss).toBeLessThan(32 * 2 ** 20);
    session.close();
    x.release();
    device.close();
  }, 120_000);

  it('of sessions that are opened and closed leave nothing', async () => {
    const device = Device.open('host', { memoryBytes: 1 << 26 });
    const x = await features(device, 10);
    const model = scaleModel(3, 0.5);
    async function sessions(count: number): Promise<void> {
      for (let i = 0; i < count; i++) {
        using session = await OnnxSession.create(model, { device, intraOpThreads: 1 });
        const { y } = await session.run({ x });
        y!.release();
      }
      await forceGc(3);
    }
    await sessions(50);
    const before = process.memoryUsage().rss;
    await sessions(300);
    expect(process.memoryUsage().rss - before).toBeLessThan(48 * 2 ** 20);
    x.release();
    expect(device.memoryInfo().usedBytes).toBe(0);
    device.close();
  }, 120_000);
});

withAddon('a session', () => {
  it('that is forgotten while it runs finishes its runs', async () => {
    const device = Device.open('host', { memoryBytes: 1 << 26 });
    const x = await features(device, 1000);
    const outputs: Readonly<Record<string, DeviceTensor>>[] = [];
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        const session = await scaleSession(device);
        outputs.push(await session.run({ x }));
      }),
    );
    await forceGc();
    for (const { y } of outputs) {
      expect(await y!.toHost()).toEqual(scaled(rows(1000)));
      y!.release();
    }
    x.release();
    expect(device.memoryInfo().usedBytes).toBe(0);
    device.close();
  });

  const script = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { createRequire } = require('node:module');
  createRequire(workerData.path)(workerData.package);
  const addon = createRequire(workerData.path)(workerData.path);
  const size = 192;
  async function open() {
    const device = addon.deviceOpen({ ordinal: -1, memoryBytes: 1 << 28, streams: 2, chunkBytes: 1 << 16, stagingThreads: 2 });
    const session = await addon.onnxOpen(device, {
      library: workerData.library, logLevel: 4, model: workerData.model, providers: [], intraOpThreads: 1, optimization: 99,
    }).promise;
    const value = () => ({
      index: 0, type: 1, shape: [size, size], memory: addon.deviceAllocate(device, size * size * 4), offset: 0,
      bytes: size * size * 4, host: null,
    });
    const input = value();
    await addon.deviceUpload(device, [{ memory: input.memory, offset: 0, host: new Float32Array(size * size) }]).promise;
    return { device, session, run: () => addon.onnxRun(session, { inputs: [input], outputs: [value()] }).promise };
  }
  (async () => {
    const opened = [await open(), await open()];
    await opened[0].run();
    for (const { run } of opened) for (let i = 0; i < 4; i++) run().catch(() => undefined);
    addon.onnxClose(opened[1].session);
    addon.onnxOpen(opened[0].device, {
      library: workerData.library, logLevel: 4, model: workerData.model, providers: [], intraOpThreads: 1, optimization: 99,
    }).promise.catch(() => undefined);
    globalThis.kept = opened;
    parentPort.postMessage('ready');
    if (workerData.exit) process.exit(0);
    setInterval(() => undefined, 1000);
  })();
  `;

  it.each([true, false])('of a worker that ends meanwhile does no harm (by itself: %s)', async (exit) => {
    for (let i = 0; i < 4; i++) {
      const worker = new Worker(script, {
        eval: true,
        workerData: {
          path,
          exit,
          package: require.resolve('onnxruntime-node'),
          library: onnxruntimeLibrary(),
          model: powerModel(192, 60),
        },
      });
      const exited = new Promise<number>((resolve, reject) => {
        worker.once('exit', resolve);
        worker.once('error', reject);
      });
      await new Promise((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
      if (!exit) await worker.terminate();
      expect(await exited).toBe(exit ? 0 : 1);
    }
    // The library of this thread goes on.
    const device = Device.open('host');
    using session = await scaleSession(device);
    using x = await features(device, 2);
    const { y } = await session.run({ x });
    expect(await y!.toHost()).toEqual(scaled(rows(2)));
    y!.release();
    device.close();
  });
});
