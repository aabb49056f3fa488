/** Element types of tensors, their bytes, and the typed arrays that hold them on the host. */
import { fail, requireOneOf, typeError } from '../internal/validate.js';

export const DTYPES = [
  'float64',
  'float32',
  'float16',
  'bfloat16',
  'int64',
  'int32',
  'int16',
  'int8',
  'uint64',
  'uint32',
  'uint16',
  'uint8',
  'bool',
] as const;
export type DType = (typeof DTYPES)[number];

const ARRAYS = {
  float64: Float64Array,
  float32: Float32Array,
  // Bits of the half: no typed array holds them as numbers on every Node.
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint64: BigUint64Array,
  uint32: Uint32Array,
  uint16: Uint16Array,
  uint8: Uint8Array,
  // One byte each, 0 or 1.
  bool: Uint8Array,
} as const;

/** The typed array of a dtype; halves come as their 16 bits. */
export type HostArray<D extends DType = DType> = InstanceType<(typeof ARRAYS)[D]>;

export function requireDType(value: unknown, where: string): DType {
  return requireOneOf(value, where, DTYPES);
}

export function bytesPerElement(dtype: DType): number {
  return ARRAYS[dtype].BYTES_PER_ELEMENT;
}

/** A typed array of `dtype` over a buffer. */
export function hostArray<D extends DType>(
  dtype: D,
  buffer: ArrayBuffer,
  byteOffset: number,
  length: number,
): HostArray<D> {
  const view: new (buffer: ArrayBuffer, byteOffset: number, length: number) => HostArray<D> = ARRAYS[dtype] as never;
  return new view(buffer, byteOffset, length);
}

/** The dtype a typed array has by itself. Recognised by its tag: another realm's arrays are as good. */
export function dtypeOfArray(array: ArrayBufferView): DType {
  switch (Object.prototype.toString.call(array).slice(8, -1)) {
    case 'Float64Array':
      return 'float64';
    case 'Float32Array':
      return 'float32';
    case 'Float16Array':
      return 'float16';
    case 'BigInt64Array':
      return 'int64';
    case 'Int32Array':
      return 'int32';
    case 'Int16Array':
      return 'int16';
    case 'Int8Array':
      return 'int8';
    case 'BigUint64Array':
      return 'uint64';
    case 'Uint32Array':
      return 'uint32';
    case 'Uint16Array':
      return 'uint16';
    case 'Uint8Array':
    case 'Uint8ClampedArray':
      return 'uint8';
    default:
      throw typeError('data', 'a typed array', array);
  }
}

/** Elements of a shape. Throws FS_ERR_ARG_TYPE and FS_ERR_ARG_RANGE for what is no shape. */
export function elementCount(shape: unknown, where: string): number {
  if (!Array.isArray(shape)) throw typeError(where, 'an array of sizes', shape);
  let count = 1;
  for (const [axis, size] of shape.entries()) {
    if (typeof size !== 'number' || !Number.isInteger(size) || size < 0) {
      fail('FS_ERR_ARG_RANGE', `${where}[${axis}] must be a whole number from 0, got ${String(size)}`, { axis });
    }
    count *= size;
  }
  if (!Number.isSafeInteger(count)) fail('FS_ERR_ARG_RANGE', `${where} has too many elements`, { shape });
  return count;
}

/** Row-major strides in elements. */
export function rowMajorStrides(shape: readonly number[]): readonly number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) {
    strides[axis] = (strides[axis + 1] ?? 1) * Math.max(1, shape[axis + 1] ?? 1);
  }
  return strides;
}
