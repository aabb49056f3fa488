/** @jest-environment ./test/helpers/tfjs-environment.cjs */
/** A DeviceTensor and the `tf.Tensor` of it are one memory, on a real TensorFlow. */
import { join } from 'node:path';

import type { Tensor } from '@tensorflow/tfjs';

import { Device, DeviceTensor, tfjsRoute, tfjsStats, toTfjs } from '../../lib/index.js';
import { loadTfjs, nodeBackendOf } from '../../lib/tensor/tfjs/module.js';
import { isSavedModel } from '../../lib/tensor/tfjs/obstacles.js';
import { withBackend } from '../helpers/both-backends.js';
import { nodeBackend, onTensorFlow, tf } from '../helpers/tfjs-node.js';

const code = (name: string): Error => expect.objectContaining({ code: `FS_ERR_${name}` });

/** TensorFlow's own operation that adds to rows of its input in place, and gives the same memory out. */
function addInPlace(target: Tensor, row: number, values: Tensor): Tensor {
  const { binding } = nodeBackend() as unknown as { binding: { TF_ATTR_TYPE: number; TF_FLOAT: number } };
  const at = tf.tensor1d([row], 'int32');
  const type = [{ name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT }];
  const out = nodeBackend().executeSingleOutput('InplaceAdd', type, [target, at, values]);
  at.dispose();
  return out as Tensor;
}

onTensorFlow('toTfjs', () => {
  let device: Device;
  let tensorsBefore: number;
  beforeEach(() => {
    device = Device.open('host', { memoryBytes: 1 << 28 });
    tensorsBefore = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(device.memoryInfo().usedBytes).toBe(0);
    expect(tfjsStats()).toMatchObject({ lent: 0, waiting: 0 });
    expect(tf.memory().numTensors).toBe(tensorsBefore);
    device.close();
  });

  const make = (values: Float32Array, shape?: number[]): Promise<DeviceTensor> =>
    DeviceTensor.from(values, { device, shape });

  it('gives a real tf.Tensor of the same shape, dtype and values', async () => {
    using source = await make(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
    const shared = await toTfjs(source, { tf });
    expect(shared).toBeInstanceOf(tf.Tensor);
    expect(shared).toMatchObject({ shape: [2, 3], dtype: 'float32', rank: 2, size: 6, isDisposed: false });
    expect(await shared.array()).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(tfjsRoute(shared)).toEqual({ kind: 'shared', reason: null });
    expect(tf.memory().numTensors).toBe(tensorsBefore + 1);
    shared.dispose();
  });

  it('shows in TensorFlow what is written on the device', async () => {
    using source = await make(Float32Array.of(1, 2, 3));
    const shared = await toTfjs(source, { tf });
    using _same = source.affine(10, 1, true);
    await source.ready();
    expect([...shared.dataSync()]).toEqual([11, 21, 31]);
    await source.buffer.upload(Float32Array.of(7, 8));
    expect([...shared.dataSync()]).toEqual([7, 8, 31]);
    shared.dispose();
  });

  it('shows on the device what TensorFlow writes', async () => {
    using source = await make(Float32Array.of(1, 2, 3, 4), [2, 2]);
    const shared = await toTfjs(source, { tf });
    const added = tf.tensor2d([[100, 200]]);
    const written = addInPlace(shared, 1, added);
    expect(await source.toHost()).toEqual(Float32Array.of(1, 2, 103, 204));
    // The result is the same memory once more, which all three keep.
    tf.dispose([shared, added]);
    source.release();
    expect(device.memoryInfo().usedBytes).toBeGreaterThan(0);
    expect([...written.dataSync()]).toEqual([1, 2, 103, 204]);
    written.dispose();
  });

  it.each([
    ['int32', Int32Array.of(1, -2, 2 ** 31 - 1)],
    ['bool', Uint8Array.of(1, 0, 1)],
  ] as const)('shares %s', async (dtype, values) => {
    using source = await DeviceTensor.from(values, { device, dtype });
    const shared = await toTfjs(source, { tf });
    expect(shared.dtype).toBe(dtype);
    expect([...shared.dataSync()]).toEqual([...values]);
    expect(tfjsRoute(shared)?.kind).toBe('shared');
    shared.dispose();
  });

  it.each([[[]], [[0, 3]], [[1]], [[2, 1, 3, 1, 1, 2]]])('shares the shape %j', async (shape: number[]) => {
    const size = shape.reduce((product, axis) => product * axis, 1);
    const values = Float32Array.from({ length: size }, (_, i) => i + 1);
    using source = await make(values, shape);
    const shared = await toTfjs(source, { tf });
    expect(shared.shape).toEqual(shape);
    expect([...shared.dataSync()]).toEqual([...values]);
    shared.dispose();
  });

  it('waits for the work that is queued on the tensor', async () => {
    using source = await make(new Float32Array(1 << 20).fill(1));
    const claims = Array.from({ length: 30 }, () => source.affine(1, 1, true));
    const shared = await toTfjs(source, { tf });
    const [first, last] = [shared.slice(0, 1), shared.slice((1 << 20) - 1, 1)];
    expect([first.dataSync()[0], last.dataSync()[0]]).toEqual([31, 31]);
    tf.dispose([shared, first, last]);
    for (const claim of claims) claim.release();
  });

  it('shares a part of a block that begins at a multiple of 64 bytes, and no other', async () => {
    const block = device.allocate(1024);
    await block.upload(Float32Array.from({ length: 256 }, (_, i) => i));
    using aligned = new DeviceTensor(block.retain(), 'float32', [4], 64);
    using other = new DeviceTensor(block.retain(), 'float32', [4], 32);
    block.release();
    const shared = await toTfjs(aligned, { tf });
    expect([...shared.dataSync()]).toEqual([16, 17, 18, 19]);
    await expect(toTfjs(other, { tf })).rejects.toThrow(code('WOULD_COPY'));
    const copied = await toTfjs(other, { tf, copy: 'allow' });
    expect([...copied.dataSync()]).toEqual([8, 9, 10, 11]);
    expect(tfjsRoute(copied)).toEqual({ kind: 'copied', reason: expect.stringContaining('64') });
    tf.dispose([shared, copied]);
  });

  it('computes with it as with any other', async () => {
    const values = Float32Array.from({ length: 12 }, (_, i) => Math.fround(Math.sin(i)));
    using source = await make(values, [4, 3]);
    const shared = await toTfjs(source, { tf });
    const plain = tf.tensor2d(values, [4, 3]);
    tf.tidy(() => {
      const weights = tf.tensor2d([0.5, -1, 2, 0.25, 1, -0.5], [3, 2]);
      const of = (x: Tensor): number[] =>
        [tf.matMul(x as typeof plain, weights), x.transpose(), x.relu(), tf.concat([x, x]), x.mean(0)].flatMap((y) => [
          ...y.dataSync(),
        ]);
      expect(of(shared)).toEqual(of(plain));
    });
    tf.dispose([shared, plain]);
  });

  it('predicts and trains exactly as with a copy of the values', async () => {
    const rows = 32;
    const values = Float32Array.from({ length: rows * 4 }, (_, i) => Math.fround(Math.cos(i * 1.7)));
    const targets = Float32Array.from({ length: rows }, (_, i) => Math.fround(values[i * 4]! * 2 - values[i * 4 + 3]!));
    using features = await make(values, [rows, 4]);
    using labels = await make(targets, [rows, 1]);
    const trained = async (x: Tensor, y: Tensor): Promise<{ losses: unknown[]; predicted: number[] }> => {
      const model = tf.sequential();
      const seeded = (seed: number): ReturnType<typeof tf.initializers.glorotUniform> =>
        tf.initializers.glorotUniform({ seed });
      model.add(tf.layers.dense({ units: 8, activation: 'tanh', inputShape: [4], kernelInitializer: seeded(1) }));
      model.add(tf.layers.dense({ units: 1, kernelInitializer: seeded(2) }));
      const optimizer = tf.train.sgd(0.1);
      model.compile({ optimizer, loss: 'meanSquaredError' });
      const losses: unknown[] = [];
      for (let step = 0; step < 20; step++) losses.push(await model.trainOnBatch(x, y));
      const prediction = model.predict(x) as Tensor;
      const predicted = [...prediction.dataSync()];
      prediction.dispose();
      model.dispose();
      optimizer.dispose();
      return { losses, predicted };
    };
    const [x, y] = [await toTfjs(features, { tf }), await toTfjs(labels, { tf })];
    const [xCopy, yCopy] = [tf.tensor2d(values, [rows, 4]), tf.tensor2d(targets, [rows, 1])];
    const shared = await trained(x, y);
    expect(shared).toEqual(await trained(xCopy, yCopy));
    expect(Number(shared.losses.at(-1))).toBeLessThan(Number(shared.losses[0]) / 4);
    // Training wrote into its own variables, not into our memory.
    expect(await features.toHost()).toEqual(values);
    tf.dispose([x, y, xCopy, yCopy]);
  });

  it('finds tfjs-node by itself, before plain tfjs', async () => {
    const found = await loadTfjs((name) => {
      const missing = Object.assign(new Error(name), { code: 'MODULE_NOT_FOUND' });
      return name === '@tensorflow/tfjs-node' ? Promise.resolve({ default: tf }) : Promise.reject(missing);
    });
    expect(found).toBe(tf);
    expect(nodeBackendOf(found)).toBe(tf.backend());
  });

  it('refuses what it cannot share, or copies where that is allowed', async () => {
    const javascript = withBackend('javascript', () => Device.open('host'));
    using source = await DeviceTensor.from(Float32Array.of(1, 2), { device: javascript });
    await expect(toTfjs(source, { tf })).rejects.toThrow(code('WOULD_COPY'));
    await expect(toTfjs(source, { tf, copy: 'refuse' })).rejects.toThrow(code('WOULD_COPY'));
    const copied = await toTfjs(source, { tf, copy: 'allow' });
    expect([...copied.dataSync()]).toEqual([1, 2]);
    expect(tfjsRoute(copied)?.kind).toBe('copied');
    copied.dispose();
    javascript.close();
    using wide = await DeviceTensor.from(Float64Array.of(1), { device });
    await expect(toTfjs(wide, { tf, copy: 'allow' })).rejects.toThrow(code('ARG_TYPE'));
  });

  it('refuses memory that a copy is being written into', async () => {
    const source = await make(new Float32Array(1 << 20));
    const writing = source.buffer.upload(new Float32Array(1 << 20).fill(1));
    await expect(toTfjs(source, { tf })).rejects.toThrow(code('BUSY'));
    await writing;
    (await toTfjs(source, { tf })).dispose();
    source.release();
  });

  it('knows a SavedModel from others', () => {
    const path = join(globalThis.tfjsNodeFolder, 'node_modules/@tensorflow/tfjs-node/dist/saved_model.js');
    const { TFSavedModel } = jest.requireActual<{ TFSavedModel: new (...facts: unknown[]) => object }>(path);
    expect(isSavedModel(new TFSavedModel(0, 0, { inputs: {}, outputs: {} }, tf.backend()))).toBe(true);
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    expect(isSavedModel(model)).toBe(false);
    model.dispose();
  });
});
