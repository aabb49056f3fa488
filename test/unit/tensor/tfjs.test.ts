/** `toTfjs` with plain TensorFlow.js, which copies and says so; what it refuses; and how it finds its package. */
import { Device, DeviceTensor, tfjsRoute, tfjsStats, toTfjs } from '../../../lib/index.js';
import { loadTfjs, requireWorkingNode, type Tfjs } from '../../../lib/tensor/tfjs/module.js';
import { obstacleOf, type TensorPlace } from '../../../lib/tensor/tfjs/obstacles.js';
import { onDevices } from '../../helpers/devices.js';

import * as tf from '@tensorflow/tfjs';

// No banner that advertises tfjs-node.
tf.enableProdMode();

const code = (name: string): Error => expect.objectContaining({ code: `FS_ERR_${name}` });

it('says once per process that it copies, and only where nobody asked for it', async () => {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  const device = Device.open('host');
  using source = await DeviceTensor.from(Float32Array.of(1), { device });
  (await toTfjs(source, { tf, copy: 'allow' })).dispose();
  expect(warn).not.toHaveBeenCalled();
  for (let i = 0; i < 3; i++) (await toTfjs(source, { tf })).dispose();
  expect(warn.mock.calls).toEqual([
    [expect.stringContaining('toTfjs copies'), expect.objectContaining({ code: 'FS_WARN_TFJS_COPY' })],
  ]);
  warn.mockRestore();
  device.close();
});

onDevices('toTfjs with plain TensorFlow.js', ({ open }) => {
  let device: Device;
  let tensorsBefore: number;
  beforeEach(() => {
    device = open();
    tensorsBefore = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(device.memoryInfo().usedBytes).toBe(0);
    expect(tf.memory().numTensors).toBe(tensorsBefore);
    device.close();
  });

  it.each([
    ['float32', Float32Array.of(1.5, -2, Infinity, 0)],
    ['int32', Int32Array.of(1, -2, 2 ** 31 - 1, 0)],
    ['bool', Uint8Array.of(1, 0, 1, 1)],
  ] as const)('copies %s into a real tensor, and says so', async (dtype, values) => {
    using source = await DeviceTensor.from(values, { device, dtype, shape: [2, 2] });
    const copy = await toTfjs(source, { tf, copy: 'allow' });
    expect(copy).toBeInstanceOf(tf.Tensor);
    expect(copy).toMatchObject({ dtype, shape: [2, 2] });
    expect([...copy.dataSync()]).toEqual([...values]);
    expect(tfjsRoute(copy)).toEqual({ kind: 'copied', reason: expect.stringContaining("backend 'cpu'") });
    source.release();
    expect([...copy.dataSync()]).toEqual([...values]);
    const clone = copy.clone();
    expect(tfjsRoute(clone)).toBeNull();
    tf.dispose([copy, clone]);
  });

  it('takes a copy that later writes do not reach, after the work that is queued', async () => {
    using source = await DeviceTensor.from(new Float32Array(1 << 16).fill(1), { device });
    const claims = [1, 2, 3].map(() => source.affine(2, 0, true));
    const copy = await toTfjs(source, { tf, copy: 'allow' });
    claims.push(source.affine(0, 0, true));
    await source.ready();
    expect(copy.dataSync()[65_535]).toBe(8);
    copy.dispose();
    for (const claim of claims) claim.release();
  });

  it('refuses to copy where that is asked for', async () => {
    using source = await DeviceTensor.from(Float32Array.of(1), { device });
    await expect(toTfjs(source, { tf, copy: 'refuse' })).rejects.toThrow(code('WOULD_COPY'));
  });

  it('finds the package that is installed', async () => {
    using source = await DeviceTensor.from(Float32Array.of(3, 4), { device });
    const copy = await toTfjs<typeof tf>(source, { copy: 'allow' });
    expect(copy).toBeInstanceOf(tf.Tensor);
    expect([...copy.dataSync()]).toEqual([3, 4]);
    copy.dispose();
  });

  it.each([
    Float64Array.of(1),
    BigInt64Array.of(1n),
    BigUint64Array.of(1n),
    Int16Array.of(1),
    Int8Array.of(1),
    Uint32Array.of(1),
    Uint16Array.of(1),
    Uint8Array.of(1),
  ])('refuses the dtype of %#', async (values) => {
    using source = await DeviceTensor.from(values, { device });
    await expect(toTfjs(source, { tf, copy: 'allow' })).rejects.toThrow(code('ARG_TYPE'));
  });

  it.each(['float16', 'bfloat16'] as const)('refuses %s', async (dtype) => {
    using source = await DeviceTensor.from(Uint16Array.of(1), { device, dtype });
    await expect(toTfjs(source, { tf, copy: 'allow' })).rejects.toThrow(code('ARG_TYPE'));
  });

  it('refuses shapes, tensors and options that make no sense', async () => {
    using source = await DeviceTensor.from(Float32Array.of(1), { device });
    using deep = source.reshape([1, 1, 1, 1, 1, 1, 1]);
    await expect(toTfjs(deep, { tf, copy: 'allow' })).rejects.toThrow(code('ARG_RANGE'));
    await expect(toTfjs({} as DeviceTensor, { tf })).rejects.toThrow(code('ARG_TYPE'));
    await expect(toTfjs(source, { tf: {} as Tfjs })).rejects.toThrow(code('ARG_TYPE'));
    await expect(toTfjs(source, { tf, copy: 'never' as 'refuse' })).rejects.toThrow(code('OPTION_UNKNOWN'));
    await expect(toTfjs(source, { tf, share: true } as object)).rejects.toThrow(code('OPTION_UNKNOWN'));
    await expect(toTfjs(source, 3 as unknown as object)).rejects.toThrow(code('ARG_TYPE'));
    source.release();
    await expect(toTfjs(source, { tf })).rejects.toThrow(code('CLOSED'));
  });
});

describe('where TensorFlow would copy', () => {
  const onHost: TensorPlace = { deviceId: 'host', address: 4096n, byteOffset: 0, isEmpty: false, dtype: 'float32' };
  const onGpu: TensorPlace = { ...onHost, deviceId: 'cuda:0' };
  const savedModel = { sessionId: 0, signature: {}, backend: {} };

  it.each<[string, TensorPlace, boolean, unknown, string | null]>([
    ['host memory for the CPU', onHost, false, undefined, null],
    ['int32 for the CPU', { ...onHost, dtype: 'int32' }, false, undefined, null],
    ['host memory at 64 bytes', { ...onHost, address: 4160n }, false, undefined, null],
    ['host memory at 32 bytes', { ...onHost, address: 4128n }, false, undefined, 'refused'],
    ['no bytes at 32 bytes', { ...onHost, address: 4128n, isEmpty: true }, false, undefined, null],
    ['a SavedModel on the CPU', onHost, false, savedModel, null],
    ['host memory for a GPU', onHost, true, undefined, 'refused'],
    ["the JavaScript device's memory", { ...onHost, address: null }, false, undefined, 'refused'],
    ['GPU memory for the GPU', onGpu, true, undefined, null],
    ['GPU memory for the CPU', onGpu, false, undefined, 'refused'],
    ['memory of another GPU', { ...onGpu, deviceId: 'cuda:1' }, true, undefined, 'refused'],
    ['GPU memory at 64 bytes', { ...onGpu, address: 4160n }, true, undefined, 'refused'],
    ['int32 on a GPU', { ...onGpu, dtype: 'int32' }, true, undefined, 'refused'],
    ['bool on a GPU', { ...onGpu, dtype: 'bool' }, true, undefined, null],
    ['a SavedModel on a GPU', onGpu, true, savedModel, 'refused'],
    ['another model on a GPU', onGpu, true, { layers: [] }, null],
  ])('%s', (_, place, isUsingGpu, model, expected) => {
    const reason = obstacleOf(place, isUsingGpu, model);
    expect(reason === null ? null : 'refused').toBe(expected);
  });
});

describe('the TensorFlow.js package', () => {
  const missing = (name: string): Error =>
    Object.assign(new Error(`Cannot find package '${name}'`), { code: 'ERR_MODULE_NOT_FOUND' });
  const only =
    (installed: Readonly<Record<string, unknown>>, asked: string[] = []) =>
    (name: string): Promise<unknown> => {
      asked.push(name);
      const found = installed[name];
      if (found instanceof Error) return Promise.reject(found);
      return found === undefined ? Promise.reject(missing(name)) : Promise.resolve(found);
    };

  it('is the native one with a GPU, then the native one, then the plain one', async () => {
    const asked: string[] = [];
    expect((await loadTfjs(only({ '@tensorflow/tfjs': tf }, asked))).tensor).toBe(tf.tensor);
    expect(asked).toEqual(['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node', '@tensorflow/tfjs']);
    const gpu = { ...tf };
    expect(await loadTfjs(only({ '@tensorflow/tfjs': tf, '@tensorflow/tfjs-node-gpu': { default: gpu } }))).toBe(gpu);
  });

  it('is named where none is installed', async () => {
    await expect(loadTfjs(only({}))).rejects.toThrow(code('DEPENDENCY_MISSING'));
  });

  it('that is installed and does not load is not passed over', async () => {
    const broken = new Error('libcudart.so.11.0: cannot open shared object file\nmore');
    const loading = loadTfjs(only({ '@tensorflow/tfjs-node-gpu': broken, '@tensorflow/tfjs': tf }));
    await expect(loading).rejects.toMatchObject({
      code: 'FS_ERR_DEPENDENCY_MISSING',
      cause: broken,
      details: { package: '@tensorflow/tfjs-node-gpu' },
    });
    await expect(loading).rejects.toThrow(/libcudart/);
  });

  it.each([
    ['4.22.0', {}, false],
    ['4.21.0', {}, false],
    ['4.22.0', { isNullOrUndefined: () => true }, true],
    ['4.22.1', {}, true],
    ['5.0.0', {}, true],
    [undefined, {}, true],
  ])('tfjs-node %s with util %j runs: %s', (version, util, runs) => {
    const module = { ...tf, version: { 'tfjs-node': version } } as unknown as Tfjs;
    const check = (): void => requireWorkingNode(module, util, 'v24.1.0');
    if (runs) expect(check).not.toThrow();
    else expect(check).toThrow(code('DEPENDENCY_MISSING'));
  });
});

it('tfjsStats counts tensors of the whole process', () => {
  const stats = tfjsStats();
  if (stats !== null) expect(stats).toMatchObject({ lent: 0, waiting: 0, returning: 0 });
});
