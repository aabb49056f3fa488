/**
 * Doubles as the bits of a tensor's elements, and halves as doubles, exactly as the devices make them
 * (`cpp/include/flowstate/functors/small_float.h`): one rounding, to nearest, ties to even; overflow is infinity,
 * subnormals are kept; every NaN becomes one quiet NaN.
 */
import type { MatrixDType } from './backend.js';

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);
/** Of the platform's 64-bit numbers in 32-bit words. */
export const IS_LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
const [LOW, HIGH] = IS_LITTLE_ENDIAN ? ([0, 1] as const) : ([1, 0] as const);

/** value / 2^shift to the nearest, ties to even; shift from 1 to 31. */
function shiftRounded(value: number, shift: number): number {
  const belowHalf = 2 ** (shift - 1) - 1;
  return (value + belowHalf + ((value >>> shift) & 1)) >>> shift;
}

function narrowed(value: number, exponentBits: number, fractionBits: number): number {
  const drop = 20 - fractionBits;
  const firstNormal = 1 - (2 ** (exponentBits - 1) - 1) + 1023;
  const infinity = (2 ** exponentBits - 1) << fractionBits;
  double[0] = value;
  const upper = ((words[HIGH] ?? 0) | (words[LOW] === 0 ? 0 : 1)) >>> 0;
  const sign = (upper >>> 16) & 0x8000;
  const size = upper & 0x7fffffff;
  const exponent = size >>> 20;
  if (size > 0x7ff00000) return infinity | (1 << (fractionBits - 1));
  if (exponent >= firstNormal) {
    return sign | Math.min(shiftRounded(size - ((firstNormal - 1) << 20), drop), infinity);
  }
  const shift = firstNormal - exponent + drop;
  return shift > 22 ? sign : sign | shiftRounded((size & 0xfffff) | 0x100000, shift);
}

/** The 16 bits of a double as a half. */
export const float16Bits = (value: number): number => narrowed(value, 5, 10);
export const bfloat16Bits = (value: number): number => narrowed(value, 8, 7);

/** The number that a half's bits stand for. */
export function fromFloat16Bits(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Writes doubles into memory as elements of `dtype`: write(i, value). */
export function elementWriter(dtype: MatrixDType, bytes: Uint8Array): (i: number, value: number) => void {
  const { buffer, byteOffset, byteLength } = bytes;
  switch (dtype) {
    case 'float16': {
      const out = new Uint16Array(buffer, byteOffset, byteLength >> 1);
      return (i, value) => void (out[i] = float16Bits(value));
    }
    case 'bfloat16': {
      const out = new Uint16Array(buffer, byteOffset, byteLength >> 1);
      return (i, value) => void (out[i] = bfloat16Bits(value));
    }
    case 'float32': {
      const out = new Float32Array(buffer, byteOffset, byteLength >> 2);
      const bits = new Uint32Array(buffer, byteOffset, byteLength >> 2);
      // Engines keep what NaN they have.
      return (i, value) => void (Number.isNaN(value) ? (bits[i] = 0x7fc00000) : (out[i] = value));
    }
    case 'float64': {
      const out = new Float64Array(buffer, byteOffset, byteLength >> 3);
      const bits = new Uint32Array(buffer, byteOffset, byteLength >> 2);
      return (i, value) => {
        if (!Number.isNaN(value)) {
          out[i] = value;
          return;
        }
        bits[2 * i + LOW] = 0;
        bits[2 * i + HIGH] = 0x7ff80000;
      };
    }
    default:
      return dtype satisfies never;
  }
}
