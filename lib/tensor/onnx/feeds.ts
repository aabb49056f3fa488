/** Feeds and outputs of a run, checked against the model before anything is bound. */
import { isArrayBufferView } from 'node:util/types';

import type { Device } from '../../device/device.js';
import { DeviceTensor } from '../../device/device-tensor.js';
import { bytesPerElement, type DType, DTYPES, elementCount } from '../../device/dtype.js';
import { fail, isRecord, rangeError, requireRecord, typeError } from '../../internal/validate.js';
import { didYouMean } from '../../internal/suggest.js';
import { NamedSizes } from './shapes.js';
import type { BoundValue, OnnxTensor, OnnxValueInfo } from './types.js';

/** A run as it was asked for. */
export interface RunPlan {
  readonly inputs: readonly BoundValue[];
  /** What the caller gave memory for, and what is to be allocated. */
  readonly outputs: readonly (BoundValue | OutputToMake)[];
  /** Outputs that have to be made are made on the device. */
  readonly onDevice: boolean;
  /** The outputs that the caller gave. */
  readonly given: Readonly<Record<string, DeviceTensor | OnnxTensor>>;
}

export interface OutputToMake {
  readonly index: number;
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly value: null;
}

export interface Signature {
  readonly device: Device;
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
}

/** Throws FS_ERR_ARG_TYPE, FS_ERR_ARG_RANGE, FS_ERR_OPTION_UNKNOWN, FS_ERR_CLOSED. */
export function planRun(model: Signature, feeds: unknown, wanted: unknown): RunPlan {
  const given = requireRecord(feeds, 'feeds');
  rejectNames(Object.keys(given), 'feeds', model.inputs, 'input');
  const sizes = new NamedSizes();
  const inputs = model.inputs.map((info, index) =>
    bind(model.device, info, index, given[info.name], `feeds.${info.name}`, sizes),
  );
  const names = namesOf(model, wanted);
  const targets = isRecord(wanted) ? wanted : {};
  const outputs = names.map((name) => {
    const index = model.outputs.findIndex((info) => info.name === name);
    const info = model.outputs[index]!;
    const where = `options.outputs.${name}`;
    if (name in targets) return bind(model.device, info, index, targets[name], where, sizes);
    return { index, name, dtype: requireTensor(info, where), shape: sizes.shapeOf(info), value: null };
  });
  return {
    inputs,
    outputs,
    onDevice: inputs.every(({ value }) => value instanceof DeviceTensor),
    given: targets as Readonly<Record<string, DeviceTensor | OnnxTensor>>,
  };
}

function namesOf(model: Signature, wanted: unknown): readonly string[] {
  if (wanted === undefined) return model.outputs.map(({ name }) => name);
  if (!Array.isArray(wanted) && !isRecord(wanted)) {
    throw typeError('options.outputs', 'an array of names, or an object of tensors by name', wanted);
  }
  const names: readonly unknown[] = Array.isArray(wanted) ? wanted : Object.keys(wanted);
  const strings = names.map((name, i) => {
    if (typeof name !== 'string') throw typeError(`options.outputs[${i}]`, 'a name', name);
    return name;
  });
  rejectNames(strings, 'options.outputs', model.outputs, 'output');
  if (strings.length === 0) throw rangeError('options.outputs', 'at least one output', wanted);
  if (new Set(strings).size !== strings.length) throw rangeError('options.outputs', 'each output once', wanted);
  return strings;
}

function rejectNames(names: readonly string[], where: string, known: readonly OnnxValueInfo[], role: string): void {
  const all = known.map(({ name }) => name);
  const unknown = names.find((name) => !all.includes(name));
  if (unknown === undefined) return;
  fail(
    'FS_ERR_OPTION_UNKNOWN',
    `${where}: the model has no ${role} '${unknown}'${didYouMean(unknown, all)}; it has ${all.join(', ') || 'none'}`,
    { where, received: unknown, known: all },
  );
}

function bind(
  device: Device,
  info: OnnxValueInfo,
  index: number,
  given: unknown,
  where: string,
  sizes: NamedSizes,
): BoundValue {
  const dtype = requireTensor(info, where);
  if (given instanceof DeviceTensor) {
    // Throws FS_ERR_CLOSED where it was released.
    const { buffer } = given;
    if (buffer.device !== device) {
      fail(
        'FS_ERR_ARG_RANGE',
        `${where} must lie on the session's device (${device.id}), and lies on ` +
          (buffer.device.id === device.id ? `another Device of ${device.id}` : buffer.device.id),
        { where, expected: device.id, received: buffer.device.id },
      );
    }
    requireType(dtype, given.dtype, where);
    sizes.match(info, given.shape, where);
    return { index, name: info.name, dtype, shape: given.shape, value: given };
  }
  const { type, dims, data } = requireOnnxTensor(given, where);
  requireType(dtype, type, where);
  sizes.match(info, dims, where);
  if (!isArrayBufferView(data)) throw typeError(`${where}.data`, 'a typed array', data);
  const bytes = elementCount(dims, `${where}.dims`) * bytesPerElement(dtype);
  if (data.byteLength !== bytes) throw rangeError(`${where}.data`, `of ${bytes} bytes`, data.byteLength);
  return { index, name: info.name, dtype, shape: dims, value: data };
}

function requireTensor(info: OnnxValueInfo, where: string): DType {
  const dtype = DTYPES.find((known) => known === info.dtype);
  if (dtype !== undefined) return dtype;
  return fail('FS_ERR_SCHEMA', `${where}: the model's '${info.name}' is no tensor of numbers (${info.dtype})`, {
    where,
    dtype: info.dtype,
  });
}

function requireType(expected: DType, received: string, where: string): void {
  if (expected === received) return;
  fail('FS_ERR_ARG_TYPE', `${where} must be of dtype ${expected}, as the model says, got ${received}`, {
    where,
    expected,
    received,
  });
}

function requireOnnxTensor(value: unknown, where: string): OnnxTensor {
  if (!isRecord(value) || typeof value.type !== 'string' || !Array.isArray(value.dims)) {
    throw typeError(where, 'a DeviceTensor, or a Tensor of onnxruntime-common', value);
  }
  const tensor = value as unknown as OnnxTensor;
  // `data` of one that lies elsewhere throws.
  if (tensor.location !== 'cpu') throw rangeError(`${where}.location`, "'cpu'", tensor.location);
  return tensor;
}
