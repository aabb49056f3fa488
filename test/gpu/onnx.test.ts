/**
 * ONNX sessions on a GPU: the rules of the suites below, and what a GPU without the provider's libraries says.
 * @jest-environment ./test/helpers/onnx-environment.cjs
 */
import { describeOnGpu, GPU } from './cuda.js';
import { whyNoProvider } from './onnx.js';

import '../unit/tensor/onnx/onnx-session.test.js';
import '../unit/tensor/onnx/predict.test.js';
import '../unit/tensor/onnx/queue.test.js';
import '../unit/tensor/onnx/refusals.test.js';

import { Device, DeviceTensor, OnnxSession } from '../../lib/index.js';
import { scaleModel } from '../helpers/onnx-model.js';
import { code, features } from '../helpers/onnx-sessions.js';

describeOnGpu('ONNX on a CUDA device', () => {
  let device: Device;
  beforeAll(() => {
    device = Device.open(GPU);
  });
  afterAll(() => {
    expect(device.memoryInfo().usedBytes).toBe(0);
    device.close();
  });

  (whyNoProvider === null ? it.skip : it)('names the library that is missing', async () => {
    await expect(OnnxSession.create(scaleModel(1, 1), { device })).rejects.toThrow(code('DEPENDENCY_MISSING'));
  });

  it('refuses to copy device tensors for the CPU provider, and says so', async () => {
    using session = await OnnxSession.create(scaleModel(1, 1), { device, executionProviders: ['cpu'] });
    using x = await features(device, 4);
    await expect(session.run({ x })).rejects.toThrow(code('WOULD_COPY'));
    using y = new DeviceTensor(device.allocate(64), 'float32', [4, 4]);
    const cpu = { type: 'float32', dims: [4, 4], data: new Float32Array(16), location: 'cpu' };
    await expect(session.run({ x: cpu }, { outputs: { y } })).rejects.toThrow(code('WOULD_COPY'));
    const { y: there } = await session.run({ x: cpu });
    expect(there!.data).toEqual(new Float32Array(16).fill(1));
  });
});
