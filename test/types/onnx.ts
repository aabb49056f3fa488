/** Types of ONNX sessions: what must compile, and what must not. */
import type { Tensor } from 'onnxruntime-common';
import {
  type Device,
  type DeviceTensor,
  OnnxSession,
  type OnnxSessionOptions,
  type OnnxStats,
  type OnnxTensor,
  type OnnxValueInfo,
} from 'flowstate';

declare const device: Device;
declare const tensor: DeviceTensor;
declare const cpu: Tensor;

const options: OnnxSessionOptions = {
  device,
  executionProviders: ['cpu', { name: 'cuda', gpu_mem_limit: 2 ** 30, library: 'x.so' }],
  queueDepth: 4,
  graphOptimization: 'basic',
};

interface Batch {
  readonly features: DeviceTensor;
  readonly rows: number;
}
declare const batches: AsyncIterable<Batch>;

export async function use(): Promise<void> {
  using session: OnnxSession = await OnnxSession.create('model.onnx', options);
  const inputs: readonly OnnxValueInfo[] = session.inputs;
  const route: 'io-binding' | 'onnxruntime-node' = session.route;
  const stats: OnnxStats = session.stats;
  const there: Readonly<Record<string, DeviceTensor>> = await session.run({ x: tensor });
  const here: Readonly<Record<string, OnnxTensor>> = await session.run({ x: cpu }, { outputs: ['y'] });
  const given: Readonly<Record<string, DeviceTensor>> = await session.run({ x: cpu }, { outputs: { y: tensor } });
  for await (const { batch, outputs } of session.predict(batches, { depth: 2 })) {
    const rows: number = batch.rows;
    const y: DeviceTensor | undefined = outputs.y;
    void [rows, y];
  }
  for await (const { outputs } of session.predict(['a', 'b'], { feeds: () => ({ x: tensor }) })) {
    const y: DeviceTensor | undefined = outputs.y;
    void y;
  }
  // @ts-expect-error: text is no batch without `feeds`
  session.predict(['a', 'b']);
  // @ts-expect-error: a typed array is no tensor
  await session.run({ x: new Float32Array(4) });
  // @ts-expect-error: a tensor of the device is none of onnxruntime-common
  const mixed: Readonly<Record<string, OnnxTensor>> = await session.run({ x: tensor });
  // @ts-expect-error: no such provider
  await OnnxSession.create('model.onnx', { executionProviders: ['webgpu'] });
  // @ts-expect-error: a model is a path or bytes
  await OnnxSession.create(5);
  void [inputs, route, stats, there, here, given, mixed];
}
