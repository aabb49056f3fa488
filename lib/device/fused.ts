/** Fused multiply-add in float32, as the devices compute it (`cpp/include/flowstate/functors/affine.h`). */

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);
const [LOW, HIGH] = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? ([0, 1] as const) : ([1, 0] as const);

/**
 * x × y + z with one rounding, operands taken as float32. The product is exact in float64 (48 of 53 bits); the sum is
 * rounded there to odd, which a second rounding to 24 bits cannot get wrong (Boldo and Melquiond, "Emulation of FMA and
 * correctly rounded sums", IEEE Trans. Computers 57(4), 2008, section 3); its error comes from 2Sum (Knuth, TAOCP 2,
 * 4.2.2).
 */
export function fusedMultiplyAdd(x: number, y: number, z: number): number {
  const product = Math.fround(x) * Math.fround(y);
  const addend = Math.fround(z);
  const sum = product + addend;
  const back = sum - product;
  const error = product - (sum - back) + (addend - back);
  if (error === 0 || !Number.isFinite(error)) return Math.fround(sum);
  double[0] = sum;
  const low = words[LOW] ?? 0;
  if ((low & 1) === 0) {
    if (error > 0 === sum > 0) {
      words[LOW] = low | 1;
    } else {
      words[LOW] = low - 1;
      if (low === 0) words[HIGH] = (words[HIGH] ?? 0) - 1;
    }
  }
  return Math.fround(double[0] ?? 0);
}
