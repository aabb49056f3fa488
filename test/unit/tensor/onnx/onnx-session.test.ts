/**
 * Runs of models: values, memory, shapes, types, order.
 * @jest-environment ./test/helpers/onnx-environment.cjs
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';

import { type Device, DeviceTensor, type DType, type HostArray, OnnxSession } from '../../../../lib/index.js';
import { onDevices } from '../../../helpers/devices.js';
import { encodeDense, encodeModel, scaleModel } from '../../../helpers/onnx-model.js';
import { features, rows, scaled, scaleSession } from '../../../helpers/onnx-sessions.js';

onDevices('OnnxSession', ({ open, backend }) => {
  let device: Device;
  let session: OnnxSession;
  beforeAll(async () => {
    device = open();
    session = await scaleSession(device);
  });
  afterAll(() => {
    session.close();
    expect(device.memoryInfo().usedBytes).toBe(0);
    device.close();
  });

  it('says what the model takes and gives, and which way it runs', () => {
    expect(session).toMatchObject({
      device,
      route: backend === 'native' ? 'io-binding' : 'onnxruntime-node',
      runtimeVersion: expect.stringMatching(/^1\.\d+\.\d+/),
      inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 4] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 4] }],
      queueDepth: 2,
      isClosed: false,
    });
  });

  it('runs over tensors of the device, of any number of rows', async () => {
    for (const count of [1, 7, 1000, 0]) {
      const x = await features(device, count);
      const { y } = await session.run({ x });
      expect(y).toMatchObject({ dtype: 'float32', shape: [count, 4], isReady: true });
      expect(await y!.toHost()).toEqual(scaled(rows(count)));
      x.release();
      y!.release();
    }
  });

  it('copies nothing between host and device', async () => {
    const x = await features(device, 100);
    const before = device.transferStats();
    const { y } = await session.run({ x });
    expect(device.transferStats()).toEqual(before);
    x.release();
    y!.release();
  });

  it('writes into the tensors it is given, and sees what changed in its inputs', async () => {
    const x = await features(device, 3);
    const y = device.allocate(2 * 48);
    // Not at the beginning of its block: an address that only pointer identity can hit.
    const target = new DeviceTensor(y, 'float32', [3, 4], 48);
    for (let round = 0; round < 3; round++) {
      const values = rows(3, round);
      await x.buffer.upload(values);
      const result = await session.run({ x }, { outputs: { y: target } });
      expect(result).toEqual({ y: target });
      expect(result.y).toBe(target);
      expect(await target.toHost()).toEqual(scaled(values));
    }
    x.release();
    target.release();
  });

  it('reads a tensor that lies inside a block', async () => {
    const block = device.allocate(300 * 4);
    await block.upload(rows(75));
    const x = new DeviceTensor(block, 'float32', [2, 4], 160);
    const { y } = await session.run({ x });
    expect(await y!.toHost()).toEqual(scaled(rows(75).subarray(40, 48)));
    x.release();
    y!.release();
  });

  it('comes after the work that is queued on its inputs', async () => {
    const big = 40_000;
    const x = await features(device, big);
    for (let step = 0; step < 10; step++) x.affine(1, 1, true).release();
    const { y } = await session.run({ x });
    const out = (await y!.toHost()) as Float32Array;
    const expected = scaled(rows(big).map((value) => value + 10));
    expect(Buffer.compare(Buffer.from(out.buffer), Buffer.from(expected.buffer))).toBe(0);
    x.release();
    y!.release();
  });

  it('takes and gives Tensors of onnxruntime-common for CPU data', async () => {
    const x = new ort.Tensor('float32', rows(5), [5, 4]);
    const { y } = await session.run({ x });
    expect(y).toBeInstanceOf(ort.Tensor);
    expect(y).toMatchObject({ type: 'float32', dims: [5, 4], location: 'cpu' });
    expect(y!.data).toEqual(scaled(rows(5)));
    const target = new ort.Tensor('float32', new Float32Array(20), [5, 4]);
    expect((await session.run({ x }, { outputs: { y: target } })).y).toBe(target);
    expect(target.data).toEqual(scaled(rows(5)));
    const there = new DeviceTensor(device.allocate(80), 'float32', [5, 4]);
    await session.run({ x }, { outputs: { y: there } });
    expect(await there.toHost()).toEqual(scaled(rows(5)));
    there.release();
  });

  it('carries every dtype that a tensor can have', async () => {
    const types: readonly (readonly [DType, HostArray])[] = [
      ['float64', Float64Array.of(1.5, -2)],
      ['float16', Uint16Array.of(0x3c00, 0xc000)],
      ['int64', BigInt64Array.of(-5n, 2n ** 62n)],
      ['int32', Int32Array.of(-5, 7)],
      ['int16', Int16Array.of(-5, 7)],
      ['int8', Int8Array.of(-5, 7)],
      ['uint64', BigUint64Array.of(5n, 2n ** 63n)],
      ['uint32', Uint32Array.of(5, 2 ** 31)],
      ['uint16', Uint16Array.of(5, 65535)],
      ['uint8', Uint8Array.of(5, 255)],
      ['bool', Uint8Array.of(1, 0)],
    ];
    for (const [dtype, data] of types) {
      const value = { dtype, shape: ['n'] };
      const model = encodeModel({
        inputs: [{ name: 'x', ...value }],
        outputs: [{ name: 'y', ...value }],
        nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
      });
      using identity = await OnnxSession.create(model, { device });
      using x = await DeviceTensor.from(data, { device, dtype });
      const { y } = await identity.run({ x });
      expect(y!.dtype).toBe(dtype);
      expect(await y!.toHost()).toEqual(data);
      y!.release();
    }
  });

  it('runs models of several inputs and outputs, and only the outputs that are wanted', async () => {
    const model = encodeModel({
      inputs: [
        { name: 'a', dtype: 'float32', shape: ['n', 'k'] },
        { name: 'b', dtype: 'float32', shape: ['k', 'm'] },
      ],
      outputs: [
        { name: 'product', dtype: 'float32', shape: ['n', 'm'] },
        { name: 'whole', dtype: 'int64', shape: ['n', 'm'] },
      ],
      nodes: [
        { op: 'MatMul', inputs: ['a', 'b'], outputs: ['product'] },
        { op: 'Cast', inputs: ['product'], outputs: ['whole'], attributes: { to: 7 } },
      ],
    });
    using two = await OnnxSession.create(model, { device });
    using a = await DeviceTensor.from(Float32Array.of(1, 2, 3, 4, 5, 6), { device, shape: [2, 3] });
    using b = await DeviceTensor.from(Float32Array.of(1, 0.5, 1), { device, shape: [3, 1] });
    const both = await two.run({ a, b });
    expect(await both.product!.toHost()).toEqual(Float32Array.of(5, 12.5));
    expect(await both.whole!.toHost()).toEqual(BigInt64Array.of(5n, 12n));
    const one = await two.run({ b, a }, { outputs: ['whole'] });
    expect(Object.keys(one)).toEqual(['whole']);
    for (const tensor of [...Object.values(both), ...Object.values(one)]) tensor.release();
  });

  it('loads models from files, and from bytes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'flowstate-onnx-'));
    const path = join(folder, 'dense.onnx');
    const layers = [
      { weights: [1, -1, 0.5, 2, 0, 1], bias: [0, 1], units: 2, activation: 'relu' },
      { weights: [2, -3], bias: [0.25], units: 1 },
    ] as const;
    writeFileSync(path, encodeDense(layers));
    using dense = await OnnxSession.create(path, { device, graphOptimization: 'disabled' });
    using x = await DeviceTensor.from(Float32Array.of(1, 2, 3, -1, 0, 4), { device, shape: [2, 3] });
    const { y } = await dense.run({ x });
    const expected = [
      [1, 2, 3],
      [-1, 0, 4],
    ].map(([a = 0, b = 0, c = 0]) => {
      const hidden = [Math.max(0, a + 0.5 * b), Math.max(0, 1 - a + 2 * b + c)] as const;
      return 2 * hidden[0] - 3 * hidden[1] + 0.25;
    });
    expect(await y!.toHost()).toEqual(Float32Array.from(expected));
    y!.release();
    rmSync(folder, { recursive: true });
  });

  it('keeps what it runs on, released or not', async () => {
    const x = await features(device, 1000);
    const running = session.run({ x });
    x.release();
    const { y } = await running;
    expect(await y!.toHost()).toEqual(scaled(rows(1000)));
    y!.release();
  });

  it('runs on the default device with the default options', async () => {
    using own = await OnnxSession.create(scaleModel(1, 0));
    expect(own.device.backend.info.backend).toBe(backend);
    own.device.close();
  });
});
