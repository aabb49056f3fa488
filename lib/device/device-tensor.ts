/** A dense tensor in device memory: dtype, shape, strides, device pointer, and when it is ready. */
import { isArrayBufferView } from 'node:util/types';

import { fail, rangeError, rejectUnknown, requireRecord, requireSignal, typeError } from '../internal/validate.js';
import type { Device } from './device.js';
import { defaultDevice } from './device.js';
import type { DeviceBuffer } from './device-buffer.js';
import {
  bytesPerElement,
  type DType,
  dtypeOfArray,
  elementCount,
  type HostArray,
  hostArray,
  requireDType,
  rowMajorStrides,
} from './dtype.js';

export interface TensorOptions {
  /** Default: the process's default device. */
  readonly device?: Device;
  /** Default: one axis. Its elements are those of the data. */
  readonly shape?: readonly number[];
  /** Default: the typed array's own. `float16` and `bfloat16` take a Uint16Array of bits, `bool` a Uint8Array. */
  readonly dtype?: DType;
  readonly signal?: AbortSignal;
}

const KEYS = ['device', 'shape', 'dtype', 'signal'] as const;

export class DeviceTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Row-major, in elements. */
  readonly strides: readonly number[];
  /** Elements. */
  readonly size: number;
  readonly byteOffset: number;
  readonly byteLength: number;
  private held: DeviceBuffer | null;

  /** @internal Takes over one claim on the buffer. */
  constructor(buffer: DeviceBuffer, dtype: DType, shape: readonly number[], byteOffset = 0) {
    this.dtype = dtype;
    this.shape = Object.freeze([...shape]);
    this.strides = Object.freeze(rowMajorStrides(shape));
    this.size = elementCount(shape, 'shape');
    this.byteOffset = byteOffset;
    this.byteLength = this.size * bytesPerElement(dtype);
    if (byteOffset % bytesPerElement(dtype) !== 0 || byteOffset + this.byteLength > buffer.byteLength) {
      buffer.release();
      fail('FS_ERR_ARG_RANGE', `a ${dtype} tensor of shape [${shape.join(', ')}] does not fit at byte ${byteOffset}`, {
        byteOffset,
        byteLength: this.byteLength,
        available: buffer.byteLength,
      });
    }
    this.held = buffer;
  }

  /**
   * Copies a typed array to the device. Settles when the tensor is ready. The data must not change until then. Throws
   * FS_ERR_ARG_TYPE, FS_ERR_ARG_RANGE (shape and data differ in elements), FS_ERR_OUT_OF_MEMORY, FS_ERR_ABORTED.
   */
  static async from(data: ArrayBufferView, options: TensorOptions = {}): Promise<DeviceTensor> {
    if (!isArrayBufferView(data)) throw typeError('data', 'a typed array', data);
    const given = requireRecord(options, 'options');
    rejectUnknown(given, 'options', KEYS);
    const own = dtypeOfArray(data);
    const dtype = given.dtype === undefined ? own : requireDType(given.dtype, 'options.dtype');
    const elementBytes = bytesPerElement(own);
    if (!holds(own, dtype)) {
      throw rangeError('options.dtype', `${own}, or a type that such an array holds the bits of`, dtype);
    }
    const elements = data.byteLength / elementBytes;
    const shape = options.shape ?? [elements];
    const size = elementCount(shape, 'options.shape');
    if (size !== elements) {
      fail('FS_ERR_ARG_RANGE', `options.shape has ${size} elements, the data ${elements}`, { shape, elements });
    }
    const signal = given.signal === undefined ? null : requireSignal(given.signal, 'options.signal');
    const buffer = (options.device ?? defaultDevice()).allocate(data.byteLength);
    try {
      await buffer.upload(data, 0, signal);
      return new DeviceTensor(buffer, dtype, shape);
    } catch (error) {
      buffer.release();
      throw error;
    }
  }

  /** @internal The block it lies in; throws FS_ERR_CLOSED after release. */
  get buffer(): DeviceBuffer {
    return this.held ?? fail('FS_ERR_CLOSED', 'the tensor was released');
  }
  get device(): Device {
    return this.buffer.device;
  }
  get isReleased(): boolean {
    return this.held === null;
  }
  /** Address of the first element. Throws FS_ERR_CLOSED after release, FS_ERR_ADDON_UNAVAILABLE without the addon. */
  get devicePointer(): bigint {
    return this.buffer.devicePointer + BigInt(this.byteOffset);
  }
  /** False while queued work on it is under way. */
  get isReady(): boolean {
    return this.buffer.isReady;
  }
  /** Settles when the work queued on it is done; rejects with what that work failed with. */
  ready(): Promise<void> {
    return this.buffer.ready();
  }

  /** The same elements in another shape; no copy. Both are to be released. */
  reshape(shape: readonly number[]): DeviceTensor {
    if (elementCount(shape, 'shape') !== this.size) {
      fail('FS_ERR_ARG_RANGE', `expected a shape of ${this.size} elements, got [${shape.join(', ')}]`, { shape });
    }
    return new DeviceTensor(this.buffer.retain(), this.dtype, shape, this.byteOffset);
  }

  /**
   * x × scale + offset, element by element, rounded once, as a new tensor (`inPlace`: this one). Queued on the device;
   * returns at once. float32 only (FS_ERR_ARG_TYPE). Normalising is `affine(1 / std, -mean / std)`.
   */
  affine(scale: number, offset: number, inPlace = false): DeviceTensor {
    if (this.dtype !== 'float32') throw typeError('tensor', 'a float32 tensor', this.dtype);
    if (typeof scale !== 'number' || typeof offset !== 'number') {
      throw typeError('scale and offset', 'numbers', [scale, offset]);
    }
    const { buffer } = this;
    const target = inPlace ? buffer.retain() : buffer.device.allocate(this.byteLength);
    try {
      const to = inPlace ? this.byteOffset : 0;
      target.memory.affine(to, buffer.memory, this.byteOffset, this.size, Math.fround(scale), Math.fround(offset));
    } catch (error) {
      target.release();
      throw error;
    }
    return new DeviceTensor(target, this.dtype, this.shape, inPlace ? this.byteOffset : 0);
  }

  /**
   * The elements on the host, in row-major order; halves as their bits. Waits for queued work. `into` gets them in the
   * place of a new array: of the same dtype, with as many elements; a view of a `PinnedLease` saves the staging. It must
   * not be touched until then. Throws FS_ERR_ARG_TYPE, FS_ERR_ARG_RANGE, FS_ERR_CLOSED, FS_ERR_ABORTED.
   */
  async toHost(options: { readonly signal?: AbortSignal; readonly into?: HostArray } = {}): Promise<HostArray> {
    const { buffer } = this;
    const into = options.into === undefined ? this.newArray() : this.requireTarget(options.into);
    await buffer.download(into, this.byteOffset, options.signal ?? null);
    return into;
  }

  private newArray(): HostArray {
    return hostArray(this.dtype, new ArrayBuffer(this.byteLength), 0, this.size);
  }

  private requireTarget(into: unknown): HostArray {
    const expected = `a typed array of ${this.size} ${this.dtype}`;
    if (!isArrayBufferView(into) || !holds(dtypeOfArray(into), this.dtype)) {
      throw typeError('options.into', expected, into);
    }
    if (into.byteLength !== this.byteLength) throw rangeError('options.into', expected, into);
    return into as HostArray;
  }

  /** Gives the memory back; idempotent. */
  release(): void {
    const { held } = this;
    this.held = null;
    held?.release();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

export function requireTensor(value: unknown, where: string): DeviceTensor {
  if (value instanceof DeviceTensor) return value;
  throw typeError(where, 'a DeviceTensor', value);
}

function holds(array: DType, dtype: DType): boolean {
  if (array === dtype) return true;
  if (array === 'uint16') return dtype === 'float16' || dtype === 'bfloat16';
  return array === 'uint8' && dtype === 'bool';
}
