/** @jest-environment ./test/helpers/tfjs-environment.cjs */
/**
 * GPU memory as tensors of tfjs-node-gpu. It wants CUDA 11's libraries, which few machines with a GPU have, so its absence
 * is a failure only with FLOWSTATE_REQUIRE_TFJS_NODE_GPU=1.
 */
import { GPU, reason as noGpu } from './cuda.js';

import type * as TfjsNode from '@tensorflow/tfjs';

import { Device, DeviceTensor, tfjsRoute, tfjsStats, toTfjs } from '../../lib/index.js';

declare global {
  var tfjsNodeGpu: { tf: typeof TfjsNode | null; reason: string | null };
}

const code = (name: string): Error => expect.objectContaining({ code: `FS_ERR_${name}` });
const reason = noGpu ?? globalThis.tfjsNodeGpu.reason;
if (reason !== null) {
  const isRequired = process.env.FLOWSTATE_REQUIRE_TFJS_NODE_GPU === '1';
  if (!isRequired) console.warn(`the tests of tfjs on a GPU are skipped: ${reason}`);
  test('there is a tfjs-node-gpu, where FLOWSTATE_REQUIRE_TFJS_NODE_GPU=1 demands one', () => {
    expect({ isRequired, reason }).toEqual({ isRequired: false, reason });
  });
}

/** Until the fences behind disposed tensors are passed. */
async function settled(): Promise<void> {
  while (tfjsStats()!.returning > 0) await new Promise((resolve) => setTimeout(resolve, 1));
}

(reason === null ? describe : describe.skip)('toTfjs on a GPU', () => {
  const tf = globalThis.tfjsNodeGpu.tf!;
  let device: Device;
  beforeAll(() => {
    device = Device.open(GPU);
  });
  afterAll(async () => {
    await settled();
    expect(device.memoryInfo().usedBytes).toBe(0);
    device.close();
  });

  it('shares memory: what is written on the device shows in TensorFlow', async () => {
    using source = await DeviceTensor.from(Float32Array.of(1, 2, 3, 4), { device, shape: [2, 2] });
    const shared = await toTfjs(source, { tf });
    expect(tfjsRoute(shared)).toEqual({ kind: 'shared', reason: null });
    expect([...shared.dataSync()]).toEqual([1, 2, 3, 4]);
    using _same = source.affine(10, 0, true);
    await source.ready();
    expect([...shared.dataSync()]).toEqual([10, 20, 30, 40]);
    shared.dispose();
  });

  it('keeps the memory until TensorFlow has disposed of it, and its kernels are done', async () => {
    const source = await DeviceTensor.from(new Float32Array(1 << 20).fill(1), { device, shape: [1024, 1024] });
    const shared = await toTfjs(source, { tf });
    source.release();
    const product = tf.matMul(shared, shared);
    shared.dispose();
    await settled();
    expect(device.memoryInfo().usedBytes).toBe(0);
    // Whoever gets the block now does not disturb the product.
    using next = await DeviceTensor.from(new Float32Array(1 << 20).fill(7), { device });
    expect([...new Set(product.dataSync())]).toEqual([1024]);
    product.dispose();
    expect((await next.toHost())[0]).toBe(7);
  });

  it('computes as with a copy of the values', async () => {
    const values = Float32Array.from({ length: 12 }, (_, i) => Math.fround(Math.sin(i)));
    using source = await DeviceTensor.from(values, { device, shape: [4, 3] });
    const shared = await toTfjs(source, { tf });
    const plain = tf.tensor2d(values, [4, 3]);
    const of = (x: TfjsNode.Tensor): number[] => [...tf.tidy(() => x.square().sum(1)).dataSync()];
    expect(of(shared)).toEqual(of(plain));
    tf.dispose([shared, plain]);
  });

  it('refuses what TensorFlow would copy', async () => {
    using numbers = await DeviceTensor.from(Int32Array.of(1), { device });
    await expect(toTfjs(numbers, { tf })).rejects.toThrow(code('WOULD_COPY'));
    const host = Device.open('host');
    using elsewhere = await DeviceTensor.from(Float32Array.of(1), { device: host });
    await expect(toTfjs(elsewhere, { tf })).rejects.toThrow(code('WOULD_COPY'));
    elsewhere.release();
    host.close();
    const block = device.allocate(1024);
    using inside = new DeviceTensor(block, 'float32', [4], 64);
    await expect(toTfjs(inside, { tf })).rejects.toThrow(code('WOULD_COPY'));
  });

  it('does not grow over a thousand tensors', async () => {
    const { slots } = tfjsStats()!;
    for (let i = 0; i < 1000; i++) {
      using source = await DeviceTensor.from(new Float32Array(4096).fill(i), { device });
      (await toTfjs(source, { tf })).dispose();
    }
    await settled();
    expect(tfjsStats()!.lent).toBe(0);
    expect(tfjsStats()!.slots).toBeLessThanOrEqual(Math.max(1, slots));
  });
});
