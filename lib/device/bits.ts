/** Bitmaps end to end, a byte at a time where that is possible. */

/**
 * Writes bits [from, from + count) of `bits` (ones where there are none) to [at, at + count) of `out`, whose bits there
 * are zeros. O(count / 8).
 */
export function appendBits(out: Uint8Array, at: number, bits: Uint8Array | null, from: number, count: number): void {
  const end = at + count;
  const isSet = (bit: number): boolean => bits === null || (((bits[bit >> 3] ?? 0) >> (bit & 7)) & 1) === 1;
  let to = at;
  for (; to < end && (to & 7) !== 0; to++) if (isSet(from + to - at)) out[to >> 3]! |= 1 << (to & 7);
  const bytes = (end - to) >> 3;
  if (bytes > 0) {
    const first = to >> 3;
    const source = from + to - at;
    if (bits === null) out.fill(255, first, first + bytes);
    else if ((source & 7) === 0) out.set(bits.subarray(source >> 3, (source >> 3) + bytes), first);
    else copyShifted(out.subarray(first, first + bytes), bits, source);
    to += 8 * bytes;
  }
  for (; to < end; to++) if (isSet(from + to - at)) out[to >> 3]! |= 1 << (to & 7);
}

function copyShifted(out: Uint8Array, bits: Uint8Array, from: number): void {
  const shift = from & 7;
  const start = from >> 3;
  for (let i = 0; i < out.length; i++) {
    out[i] = ((bits[start + i] ?? 0) >> shift) | ((bits[start + i + 1] ?? 0) << (8 - shift));
  }
}
