/** @jest-environment ./test/helpers/tfjs-environment.cjs */
/** Memory shared with a real TensorFlow comes back exactly when both sides have let go of it. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import type { Tensor } from '@tensorflow/tfjs';

import { Device, DeviceTensor, tfjsStats, toTfjs } from '../../lib/index.js';
import { handleOf } from '../../lib/device/native-backend.js';
import { loadAddon } from '../../lib/internal/native.js';
import { forceGc } from '../helpers/gc.js';
import { nodeBackend, onTensorFlow, tf } from '../helpers/tfjs-node.js';
import { ensureBuilt, ROOT } from '../integration/cli/run-cli.js';

const addon = loadAddon().addon!;

/** Until the thread that waits for queued work, and ends devices, has nothing left. */
async function settled(): Promise<void> {
  while (tfjsStats()!.returning > 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

onTensorFlow('memory that TensorFlow holds', () => {
  let device: Device;
  beforeEach(() => {
    device = Device.open('host', { memoryBytes: 1 << 24 });
  });
  afterEach(async () => {
    await settled();
    expect(tfjsStats()).toMatchObject({ lent: 0, waiting: 0, returning: 0 });
    device.close();
  });
  const used = (): number => device.memoryInfo().usedBytes;
  const make = (values: Float32Array): Promise<DeviceTensor> => DeviceTensor.from(values, { device });

  it('stays while the tf.Tensor lives, when the DeviceTensor is released', async () => {
    const source = await make(Float32Array.of(1, 2, 3));
    const shared = await toTfjs(source, { tf });
    source.release();
    expect(used()).toBeGreaterThan(0);
    // The pool does not lend it to others meanwhile.
    using other = await make(Float32Array.of(9, 9, 9));
    expect([...shared.dataSync()]).toEqual([1, 2, 3]);
    const { returned } = tfjsStats()!;
    shared.dispose();
    // The deallocator ran inside dispose().
    expect(tfjsStats()!.returned).toBe(returned + 1);
    other.release();
    expect(used()).toBe(0);
  });

  it('stays while the DeviceTensor lives, when the tf.Tensor is disposed', async () => {
    const source = await make(Float32Array.of(1, 2, 3));
    (await toTfjs(source, { tf })).dispose();
    expect(tfjsStats()!.lent).toBe(0);
    expect(used()).toBeGreaterThan(0);
    expect(await source.toHost()).toEqual(Float32Array.of(1, 2, 3));
    source.release();
    expect(used()).toBe(0);
  });

  it('stays while a tensor lives that TensorFlow made of it without a copy', async () => {
    const source = await make(Float32Array.of(1, 2, 3, 4));
    const shared = await toTfjs(source, { tf });
    const [clone, reshaped] = [shared.clone(), shared.reshape([2, 2])];
    source.release();
    shared.dispose();
    clone.dispose();
    expect(used()).toBeGreaterThan(0);
    expect(await reshaped.array()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    reshaped.dispose();
    expect(used()).toBe(0);
  });

  it('may be shared more than once at a time', async () => {
    const source = await make(Float32Array.of(5));
    const tensors = await Promise.all([1, 2, 3].map(() => toTfjs(source, { tf })));
    expect(tfjsStats()!.lent).toBe(3);
    source.release();
    for (const tensor of tensors) {
      expect(used()).toBeGreaterThan(0);
      expect(tensor.dataSync()[0]).toBe(5);
      tensor.dispose();
    }
    expect(used()).toBe(0);
  });

  it('is not kept by a DeviceTensor that was forgotten', async () => {
    let shared: Tensor | null = null;
    await (async () => {
      shared = await toTfjs(await make(Float32Array.of(6)), { tf });
    })();
    await forceGc(12);
    expect(used()).toBeGreaterThan(0);
    expect(shared!.dataSync()[0]).toBe(6);
    shared!.dispose();
    expect(used()).toBe(0);
  });

  it('outlives the device that was closed', async () => {
    const other = Device.open('host', { memoryBytes: 1 << 20 });
    const source = await DeviceTensor.from(Float32Array.of(4), { device: other });
    const shared = await toTfjs(source, { tf });
    source.release();
    other.close();
    await forceGc(6);
    expect(shared.dataSync()[0]).toBe(4);
    shared.dispose();
  });

  it('comes back when work is still queued on it', async () => {
    const source = await make(new Float32Array(1 << 20));
    const shared = await toTfjs(source, { tf });
    const claims = Array.from({ length: 20 }, () => source.affine(1, 1, true));
    for (const claim of claims) claim.release();
    source.release();
    shared.dispose();
    await settled();
    expect(used()).toBe(0);
  });

  it('does not grow over ten thousand tensors', async () => {
    // 16 MiB of device memory: what was not given back would run out.
    const values = new Float32Array(4096).fill(3);
    const tensorsBefore = tf.memory().numTensors;
    const { slots, returned } = tfjsStats()!;
    const round = async (): Promise<void> => {
      const source = await make(values);
      const shared = await toTfjs(source, { tf });
      source.release();
      if (shared.size !== 4096) throw new Error('wrong size');
      shared.dispose();
    };
    for (let i = 0; i < 1000; i++) await round();
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 9000; i++) await round();
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
    expect(used()).toBe(0);
    expect(device.memoryInfo().pooledBytes).toBeLessThan(1 << 20);
    expect(tfjsStats()).toMatchObject({ returned: returned + 10_000, lent: 0 });
    expect(tfjsStats()!.slots).toBeLessThanOrEqual(Math.max(slots, 1));
    expect(tf.memory().numTensors).toBe(tensorsBefore);
  }, 120_000);

  it('is named by a handle once: a stale one is an error of the operation', async () => {
    const { hostOp, gpuOp } = addon.tfAttach();
    const run = (op: string, numbers: number[], type = 1): unknown => {
      const handle = tf.tensor1d(numbers, 'int32');
      try {
        const { binding } = nodeBackend();
        return nodeBackend().executeSingleOutput(
          op,
          [{ name: 'T', type: binding.TF_ATTR_TYPE, value: type }],
          [handle],
        );
      } finally {
        handle.dispose();
      }
    };
    expect(() => run(hostOp, [0, 0])).toThrow(/no tensor waits under this handle/);
    expect(() => run(hostOp, [2 ** 30, 1])).toThrow(/no tensor waits under this handle/);
    expect(() => run(hostOp, [1, 2, 3])).toThrow(/expected a handle of two int32/);
    // Nothing of ours runs on a device that this TensorFlow does not have.
    expect(() => run(gpuOp, [0, 0])).toThrow();
    const source = await make(Float32Array.of(8));
    const memory = handleOf(source.buffer.memory);
    const { slot, generation } = addon.tfLend(memory, { byteOffset: 0, type: 1, shape: [1] });
    expect(() => run(hostOp, [slot, generation], 3)).toThrow(/another type/);
    const shared = run(hostOp, [slot, generation]) as Tensor;
    expect(shared.dataSync()[0]).toBe(8);
    expect(() => run(hostOp, [slot, generation])).toThrow(/no tensor waits under this handle/);
    expect(addon.tfDrop(slot, generation)).toBe(false);
    shared.dispose();
    source.release();
    expect(used()).toBe(0);
  });

  it('comes back when TensorFlow does not take it', async () => {
    const source = await make(Float32Array.of(8));
    const backend = Object.create(tf.backend()) as object;
    Object.assign(backend, {
      executeSingleOutput: () => {
        throw new Error('not today');
      },
    });
    const broken = { ...tf, backend: () => backend } as unknown as typeof tf;
    await expect(toTfjs(source, { tf: broken })).rejects.toMatchObject({ code: 'FS_ERR_INTERNAL' });
    source.release();
    expect(used()).toBe(0);
  });
});

/** What `node` prints of a script that has tf and flowstate; the exit code is part of it. */
function program(script: string): { status: number | null; lines: string[] } {
  const path = join(globalThis.tfjsNodeFolder, 'node_modules', '@tensorflow', 'tfjs-node');
  const prelude = `
    const util = require('node:util');
    util.isNullOrUndefined ??= (value) => value == null;
    const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
    const tfjs = () => require(${JSON.stringify(path)});
    const { Device, DeviceTensor, toTfjs, tfjsRoute, tfjsStats } = require(${JSON.stringify(join(ROOT, 'dist/cjs/index.js'))});
    const make = (value, device) => DeviceTensor.from(new Float32Array(1000).fill(value), { device });
  `;
  const done = spawnSync(process.execPath, ['-e', `${prelude}(async () => {${script}})();`], {
    encoding: 'utf8',
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3', NODE_PATH: join(globalThis.tfjsNodeFolder, 'node_modules') },
    timeout: 60_000,
  });
  if (done.status !== 0) console.error(done.stderr);
  return { status: done.status, lines: done.stdout.trim().split('\n') };
}

onTensorFlow('a process that shares memory with TensorFlow', () => {
  beforeAll(ensureBuilt);

  it.each(['', 'process.exit(0);'])('ends while tensors live (%s)', (end) => {
    const { status, lines } = program(`
      const tf = tfjs();
      const device = Device.open('host');
      globalThis.kept = [];
      for (let i = 0; i < 10; i++) {
        const source = await make(i, device);
        const shared = await toTfjs(source, { tf });
        if (i % 2 === 0) source.release();
        if (i % 3 === 0) shared.dispose();
        kept.push(shared);
      }
      console.log(tfjsStats().lent);
      ${end}
    `);
    expect({ status, lines }).toEqual({ status: 0, lines: ['6'] });
  });

  it('has workers that end in any order, with and without their tensors disposed', () => {
    const { status, lines } = program(`
      const script = \`
        const { Device, DeviceTensor, toTfjs } = require(\${JSON.stringify(${JSON.stringify(join(ROOT, 'dist/cjs/index.js'))})});
        const { parentPort, workerData } = require('node:worker_threads');
        const tf = require(workerData.path);
        (async () => {
          const device = Device.open('host');
          globalThis.kept = [];
          for (let i = 0; i < 10; i++) {
            const source = await DeviceTensor.from(new Float32Array(1000).fill(i), { device });
            const shared = await toTfjs(source, { tf });
            if (tf.tidy(() => shared.sum().dataSync()[0]) !== 1000 * i) throw new Error('wrong sum');
            if (i % 2 === 0) source.release();
            if (workerData.disposes) shared.dispose();
            kept.push(shared);
          }
          if (workerData.exits) process.exit(0);
        })();
      \`;
      // The first to load the addon and TensorFlow are workers, which end before the main thread begins.
      for (const [disposes, exits] of [[true, false], [false, false], [false, true]]) {
        const path = require.resolve('@tensorflow/tfjs-node');
        const worker = new Worker(script, { eval: true, workerData: { disposes, exits, path } });
        const code = await new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
        console.log(code, tfjsStats().lent);
      }
      const tf = tfjs();
      const source = await make(2, Device.open('host'));
      const shared = await toTfjs(source, { tf });
      console.log(tf.tidy(() => shared.sum().dataSync()[0]), tfjsStats().lent);
      shared.dispose();
      console.log(tfjsStats().lent);
    `);
    expect({ status, lines }).toEqual({ status: 0, lines: ['0 0', '0 0', '0 0', '2000 1', '0'] });
  });
});
