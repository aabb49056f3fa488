/** Fused multiply-add in float32 against exact arithmetic on the bits. */
import fc from 'fast-check';

import { fusedMultiplyAdd } from '../../../lib/device/fused.js';
import { runs } from '../../helpers/property.js';

/** A finite float32 as integer × 2^-149. */
function exact(value: number): bigint {
  let digits = Math.abs(value);
  let scale = 0n;
  while (digits !== Math.floor(digits)) {
    digits *= 2;
    scale++;
  }
  const whole = (BigInt(digits) << 149n) >> scale;
  return value < 0 ? -whole : whole;
}

/** value × 2^-298, rounded to float32, ties to even. */
function rounded(value: bigint): number {
  const magnitude = value < 0n ? -value : value;
  const bits = magnitude.toString(2).length;
  // Below 2^-126 the spacing stays 2^-149, which is bit 149 of the number.
  const drop = BigInt(Math.max(bits - 24, 149));
  const kept = magnitude >> drop;
  const rest = magnitude & ((1n << drop) - 1n);
  const half = 1n << (drop - 1n);
  const up = rest > half || (rest === half && (kept & 1n) === 1n);
  let result = Number(kept + (up ? 1n : 0n));
  for (let exponent = Number(drop) - 298; exponent !== 0; exponent += exponent > 0 ? -1 : 1) {
    result = exponent > 0 ? result * 2 : result / 2;
  }
  const float = result > 3.4028234663852886e38 ? Infinity : result;
  return value < 0n ? -float : float;
}

const floats = fc.oneof(
  fc.float({ noNaN: true, noDefaultInfinity: true }),
  fc.float({ noNaN: true, min: Math.fround(-4), max: 4 }),
  fc.constantFrom(1.1754943508222875e-38, 1.401298464324817e-45, 3.4028234663852886e38, 1 + 2 ** -23, 0.5),
);

it('rounds once', () => {
  fc.assert(
    fc.property(floats, floats, floats, (x, y, z) => {
      const expected = rounded(exact(x) * exact(y) + (exact(z) << 149n));
      const got = fusedMultiplyAdd(x, y, z);
      if (expected === 0) expect(Math.abs(got)).toBe(0);
      else expect(got).toBe(expected);
    }),
    runs(20_000),
  );
});

it('differs from rounding twice where that is wrong', () => {
  // x² = 1 + 2^-11 + 2^-24: half a unit above, and the addend tips it.
  const x = 1 + 2 ** -12;
  expect(fusedMultiplyAdd(x, x, 2 ** -60)).toBe(1 + 2 ** -11 + 2 ** -23);
  expect(Math.fround(x * x + 2 ** -60)).toBe(1 + 2 ** -11);
});

it('passes infinities and NaN on', () => {
  expect(fusedMultiplyAdd(Infinity, 1, 1)).toBe(Infinity);
  expect(fusedMultiplyAdd(Infinity, 0, 1)).toBeNaN();
  expect(fusedMultiplyAdd(1, 1, -Infinity)).toBe(-Infinity);
  expect(fusedMultiplyAdd(NaN, 1, 1)).toBeNaN();
  expect(fusedMultiplyAdd(3e38, 3, 0)).toBe(Infinity);
});
