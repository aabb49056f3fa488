/**
 * What OnnxSession refuses: by code, and before anything has changed.
 * @jest-environment ./test/helpers/onnx-environment.cjs
 */
import * as ort from 'onnxruntime-node';

import { type Device, DeviceTensor, OnnxSession, type OnnxSessionOptions } from '../../../../lib/index.js';
import { onDevices } from '../../../helpers/devices.js';
import { encodeModel, scaleModel } from '../../../helpers/onnx-model.js';
import { code, features, scaleSession } from '../../../helpers/onnx-sessions.js';

onDevices('OnnxSession refuses', ({ open, isHost, backend }) => {
  let device: Device;
  let session: OnnxSession;
  let x: DeviceTensor;
  beforeAll(async () => {
    device = open();
    session = await scaleSession(device);
    x = await features(device, 2);
  });
  afterAll(() => {
    x.release();
    session.close();
    expect(device.memoryInfo().usedBytes).toBe(0);
    device.close();
  });

  it.each<[string, unknown, string]>([
    ['a name it does not know', { provider: ['cpu'] }, 'OPTION_UNKNOWN'],
    ['a device that is none', { device: 'host' }, 'ARG_TYPE'],
    ['providers that are no list', { executionProviders: 'cpu' }, 'ARG_TYPE'],
    ['no providers', { executionProviders: [] }, 'ARG_RANGE'],
    ['a provider twice', { executionProviders: ['cpu', { name: 'cpu' }] }, 'ARG_RANGE'],
    ['another provider', { executionProviders: ['webgpu'] }, 'OPTION_UNKNOWN'],
    ['options of the CPU provider', { executionProviders: [{ name: 'cpu', arena: 1 }] }, 'OPTION_UNKNOWN'],
    ['a stream of the caller', { executionProviders: [{ name: 'cuda', user_compute_stream: 5 }] }, 'ARG_RANGE'],
    ['a setting that is an object', { executionProviders: [{ name: 'cuda', gpu_mem_limit: {} }] }, 'ARG_TYPE'],
    ['no depth', { queueDepth: 0 }, 'ARG_RANGE'],
    ['too much depth', { queueDepth: 5 }, 'ARG_RANGE'],
    ['threads by name', { intraOpThreads: 'all' }, 'ARG_TYPE'],
    ['a level that is none', { graphOptimization: 'most' }, 'OPTION_UNKNOWN'],
    ['a signal that is none', { signal: true }, 'ARG_TYPE'],
  ])('the option: %s', async (_, options, expected) => {
    await expect(OnnxSession.create(scaleModel(1, 1), { device, ...(options as OnnxSessionOptions) })).rejects.toThrow(
      code(expected),
    );
  });

  it('models that are none', async () => {
    const create = (model: unknown): Promise<OnnxSession> => OnnxSession.create(model as string, { device });
    await expect(create(7)).rejects.toThrow(code('ARG_TYPE'));
    await expect(create('')).rejects.toThrow(code('ARG_RANGE'));
    await expect(create('/no/such/model.onnx')).rejects.toThrow(code('IO'));
    await expect(create(new Uint8Array(50).fill(255))).rejects.toThrow(code('CORRUPT'));
    const unknown = encodeModel({
      inputs: [{ name: 'x', dtype: 'float32', shape: [1] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: [1] }],
      nodes: [{ op: 'NoSuchOperator', inputs: ['x'], outputs: ['y'] }],
    });
    await expect(create(unknown)).rejects.toThrow(code('ONNX'));
    await expect(create(unknown)).rejects.toThrow(/NoSuchOperator/);
  });

  it('a load that was aborted', async () => {
    await expect(OnnxSession.create(scaleModel(1, 1), { device, signal: AbortSignal.abort() })).rejects.toThrow(
      code('ABORTED'),
    );
    const controller = new AbortController();
    const loading = OnnxSession.create(scaleModel(1, 1), { device, signal: controller.signal });
    controller.abort();
    await expect(loading).rejects.toThrow(code('ABORTED'));
  });

  it('names that the model has not, and inputs that are missing', async () => {
    await expect(session.run({ xx: x } as never)).rejects.toThrow(code('OPTION_UNKNOWN'));
    await expect(session.run({})).rejects.toThrow(code('ARG_TYPE'));
    await expect(session.run({ x: undefined } as never)).rejects.toThrow(code('ARG_TYPE'));
    await expect(session.run([x] as never)).rejects.toThrow(code('ARG_TYPE'));
    await expect(session.run({ x }, { outputs: ['z'] })).rejects.toThrow(code('OPTION_UNKNOWN'));
    await expect(session.run({ x }, { outputs: ['y', 'y'] })).rejects.toThrow(code('ARG_RANGE'));
    await expect(session.run({ x }, { outputs: [] })).rejects.toThrow(code('ARG_RANGE'));
    await expect(session.run({ x }, { outputs: 'y' as never })).rejects.toThrow(code('ARG_TYPE'));
    await expect(session.run({ x }, { output: ['y'] } as never)).rejects.toThrow(code('OPTION_UNKNOWN'));
  });

  it('shapes that do not fit, naming the axis', async () => {
    const narrow = x.reshape([4, 2]);
    await expect(session.run({ x: narrow })).rejects.toThrow(
      expect.objectContaining({
        code: 'FS_ERR_ARG_RANGE',
        details: expect.objectContaining({ where: 'feeds.x', axis: 1, expected: 4, received: 2 }) as unknown,
      }),
    );
    const flat = x.reshape([8]);
    await expect(session.run({ x: flat })).rejects.toThrow(code('ARG_RANGE'));
    // The output's batch is the input's.
    const three = await features(device, 3);
    await expect(session.run({ x }, { outputs: { y: three } })).rejects.toThrow(
      expect.objectContaining({
        code: 'FS_ERR_ARG_RANGE',
        details: expect.objectContaining({ axis: 0, expected: 2, received: 3 }) as unknown,
      }),
    );
    for (const tensor of [narrow, flat, three]) tensor.release();
    const short = { type: 'float32', dims: [2, 4], data: new Float32Array(7), location: 'cpu' };
    await expect(session.run({ x: short })).rejects.toThrow(code('ARG_RANGE'));
  });

  it('types that do not fit', async () => {
    const doubles = await DeviceTensor.from(new Float64Array(8), { device, shape: [2, 4] });
    await expect(session.run({ x: doubles })).rejects.toThrow(
      expect.objectContaining({
        code: 'FS_ERR_ARG_TYPE',
        details: expect.objectContaining({ expected: 'float32', received: 'float64' }) as unknown,
      }),
    );
    await expect(session.run({ x }, { outputs: { y: doubles } })).rejects.toThrow(code('ARG_TYPE'));
    doubles.release();
    await expect(session.run({ x: new ort.Tensor('int32', new Int32Array(8), [2, 4]) })).rejects.toThrow(
      code('ARG_TYPE'),
    );
    const elsewhere = { type: 'float32', dims: [2, 4], data: new Float32Array(8), location: 'gpu-buffer' };
    await expect(session.run({ x: elsewhere })).rejects.toThrow(code('ARG_RANGE'));
    await expect(session.run({ x: new Float32Array(8) as never })).rejects.toThrow(code('ARG_TYPE'));
  });

  it('values that are no tensors of numbers', async () => {
    const model = encodeModel({
      inputs: [{ name: 'x', dtype: 'float32', shape: ['n'] }],
      outputs: [{ name: 'text', dtype: 'string', shape: ['n'] }],
      nodes: [{ op: 'Cast', inputs: ['x'], outputs: ['text'], attributes: { to: 8 } }],
    });
    using texts = await OnnxSession.create(model, { device });
    expect(texts.outputs).toEqual([{ name: 'text', dtype: 'string', shape: ['n'] }]);
    using one = await DeviceTensor.from(Float32Array.of(1), { device });
    await expect(texts.run({ x: one })).rejects.toThrow(code('SCHEMA'));
  });

  it('to guess the shape of an output, and says what to pass', async () => {
    const found = encodeModel({
      inputs: [{ name: 'x', dtype: 'float32', shape: ['n'] }],
      outputs: [{ name: 'y', dtype: 'int64', shape: [1, 'found'] }],
      nodes: [{ op: 'NonZero', inputs: ['x'], outputs: ['y'] }],
    });
    const anything = encodeModel({
      inputs: [{ name: 'x', dtype: 'float32', shape: [null] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: [null] }],
      nodes: [{ op: 'Neg', inputs: ['x'], outputs: ['y'] }],
    });
    const values = await DeviceTensor.from(Float32Array.of(0, 7, 0, 9), { device });
    for (const [model, target, expected] of [
      [found, new DeviceTensor(device.allocate(16), 'int64', [1, 2]), BigInt64Array.of(1n, 3n)],
      [anything, new DeviceTensor(device.allocate(16), 'float32', [4]), Float32Array.of(-0, -7, -0, -9)],
    ] as const) {
      using open = await OnnxSession.create(model, { device });
      const refused = open.run({ x: values });
      await expect(refused).rejects.toThrow(code('ARG_TYPE'));
      await expect(refused).rejects.toThrow(/options\.outputs\.y/);
      await open.run({ x: values }, { outputs: { y: target } });
      expect(await target.toHost()).toEqual(expected);
      target.release();
    }
    values.release();
  });

  it('what only ONNX Runtime can find wrong, in its own words', async () => {
    const model = encodeModel({
      inputs: [{ name: 'x', dtype: 'float32', shape: ['n'] }],
      outputs: [{ name: 'y', dtype: 'int64', shape: [1, 'found'] }],
      nodes: [{ op: 'NonZero', inputs: ['x'], outputs: ['y'] }],
    });
    using open = await OnnxSession.create(model, { device });
    using values = await DeviceTensor.from(Float32Array.of(0, 7, 0, 9), { device });
    using wrong = new DeviceTensor(device.allocate(24), 'int64', [1, 3]);
    const refused = open.run({ x: values }, { outputs: { y: wrong } });
    await expect(refused).rejects.toThrow(code('ONNX'));
    await expect(refused).rejects.toThrow(/ONNX Runtime: .*NonZero/s);
  });

  it('tensors of another device', async () => {
    const other = open();
    const foreign = await features(other, 2);
    await expect(session.run({ x: foreign })).rejects.toThrow(code('ARG_RANGE'));
    await expect(session.run({ x }, { outputs: { y: foreign } })).rejects.toThrow(code('ARG_RANGE'));
    foreign.release();
    other.close();
  });

  it('what was released or closed', async () => {
    const gone = await features(device, 2);
    gone.release();
    await expect(session.run({ x: gone })).rejects.toThrow(code('CLOSED'));
    const closed = await scaleSession(device);
    closed.close();
    closed.close();
    expect(closed.isClosed).toBe(true);
    expect(closed.stats).toMatchObject({ runs: 0, inFlight: 0, peakRunning: 0 });
    await expect(closed.run({ x })).rejects.toThrow(code('CLOSED'));
    expect(() => closed.predict([x])).toThrow(code('CLOSED'));
    const other = open();
    const orphan = await scaleSession(other);
    const tensor = await features(other, 2);
    other.close();
    await expect(orphan.run({ x: tensor })).rejects.toThrow(code('CLOSED'));
    await expect(OnnxSession.create(scaleModel(1, 1), { device: other })).rejects.toThrow(code('CLOSED'));
    orphan.close();
    tensor.release();
  });

  (isHost ? it : it.skip)('the CUDA provider on the host', async () => {
    await expect(OnnxSession.create(scaleModel(1, 1), { device, executionProviders: ['cuda', 'cpu'] })).rejects.toThrow(
      code('ARG_RANGE'),
    );
  });

  (backend === 'native' ? it : it.skip)('memory that is in use, and memory that overlaps', async () => {
    const block = device.allocate(64);
    await block.upload(new Float32Array(16));
    const [a, b, c] = [0, 32, 16].map((at) => new DeviceTensor(block.retain(), 'float32', [2, 4], at));
    await session.run({ x: a! }, { outputs: { y: b! } });
    await expect(session.run({ x: a! }, { outputs: { y: c! } })).rejects.toThrow(code('ARG_RANGE'));
    await expect(session.run({ x: a! }, { outputs: { y: a! } })).rejects.toThrow(code('ARG_RANGE'));
    const copying = block.upload(new Float32Array(16));
    await expect(session.run({ x: a! })).rejects.toThrow(code('BUSY'));
    await copying;
    for (const tensor of [a, b, c, block]) tensor!.release();
  });
});
