/** What the suites of OnnxSession share: errors by code, tensors, and a source that says what was taken. */
import { type Device, DeviceTensor, OnnxSession, type OnnxSessionOptions } from '../../lib/index.js';

import { scaleModel } from './onnx-model.js';

export const code = (name: string): Error => expect.objectContaining({ code: `FS_ERR_${name}` });

/** Rows of four that no other seed has. */
export function rows(count: number, seed = 0): Float32Array {
  return Float32Array.from({ length: count * 4 }, (_, i) => seed * 1000 + i);
}

export function features(device: Device, count: number, seed = 0): Promise<DeviceTensor> {
  return DeviceTensor.from(rows(count, seed), { device, shape: [count, 4] });
}

/** What `scaleModel(3, 0.5)` makes of them, computed plainly. */
export function scaled(values: Float32Array): Float32Array {
  return values.map((value) => Math.fround(Math.fround(value * 3) + 0.5));
}

export function scaleSession(device: Device, options: OnnxSessionOptions = {}): Promise<OnnxSession> {
  return OnnxSession.create(scaleModel(3, 0.5), { device, intraOpThreads: 1, ...options });
}
