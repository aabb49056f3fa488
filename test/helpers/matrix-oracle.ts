/** What a feature matrix must hold, from plain cells: halves by a search among all of them, nothing of the library's. */
import type { Cell } from './columns.js';

export type Dtype = 'float64' | 'float32' | 'float16' | 'bfloat16';

/** The values of every half from 0 up, by their bits; infinity's place has the power of two that would come next. */
function halves(exponentBits: number, fractionBits: number): Float64Array {
  const infinity = (2 ** exponentBits - 1) * 2 ** fractionBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  return Float64Array.from({ length: infinity + 1 }, (_, bits) => {
    const exponent = Math.floor(bits / 2 ** fractionBits);
    const fraction = (bits % 2 ** fractionBits) / 2 ** fractionBits;
    return exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias);
  });
}

export const HALVES = {
  float16: { values: halves(5, 10), nan: 0x7e00 },
  bfloat16: { values: halves(8, 7), nan: 0x7fc0 },
} as const;

/** The bits of the nearest half; of two that are as near, the even one's. */
export function halfBits(dtype: keyof typeof HALVES, value: number): number {
  const { values, nan } = HALVES[dtype];
  if (Number.isNaN(value)) return nan;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  let low = 0;
  let high = values.length - 1;
  if (size >= values[high]!) return sign | high;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (values[middle]! <= size) low = middle;
    else high = middle;
  }
  const between = (values[low]! + values[high]!) / 2;
  return sign | (size > between || (size === between && high % 2 === 0) ? high : low);
}

/** The bytes of doubles as elements, every NaN the quiet one. */
export function elementBytes(dtype: Dtype, elements: readonly number[]): Buffer {
  switch (dtype) {
    case 'float64': {
      const quiet = Buffer.from(Float64Array.of(NaN).buffer);
      const out = Buffer.from(Float64Array.from(elements).buffer);
      elements.forEach((value, i) => Number.isNaN(value) && quiet.copy(out, 8 * i));
      return out;
    }
    case 'float32': {
      const out = Uint32Array.from(new Uint32Array(Float32Array.from(elements).buffer));
      elements.forEach((value, i) => Number.isNaN(value) && (out[i] = 0x7fc00000));
      return Buffer.from(out.buffer);
    }
    default:
      return Buffer.from(Uint16Array.from(elements, (value) => halfBits(dtype, value)).buffer);
  }
}

/** The double that a cell becomes before it is rounded. */
export function element(cell: Cell, mean: number | bigint, scale: number): number {
  const value = typeof cell === 'boolean' ? BigInt(cell) : (cell as bigint | number);
  if (typeof value === 'bigint' && typeof mean === 'bigint') return Number(value - mean) * scale;
  return (Number(value) - Number(mean)) * scale;
}
