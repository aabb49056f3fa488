/** Bytes of a histogram: the twin of `HdrHistogram::serialise` and `deserialise` in `cpp/src/sketch/hdr_histogram.cc`. */
import { fail } from '../internal/validate.js';
import type { NativeHistogram } from '../internal/native-sketch.js';

const MAGIC = [0x46, 0x53, 0x48, 0x31]; // FSH1
const HEADER = 44;
const COUNTS = 4;
const NOTHING = 2n ** 64n - 1n;

export function encodeHistogram(precision: number, words: BigUint64Array): Uint8Array {
  const out = [...MAGIC, precision, 0, 0, 0];
  const fixed = (value: bigint, bytes: number): void => {
    for (let i = 0; i < bytes; i++) out.push(Number((value >> BigInt(8 * i)) & 0xffn));
  };
  const leb = (value: bigint): void => {
    for (; value >= 0x80n; value >>= 7n) out.push(Number(value & 0x7fn) | 0x80);
    out.push(Number(value));
  };
  for (let i = 0; i < COUNTS; i++) fixed(words[i]!, 8);
  const filled: number[] = [];
  for (let i = COUNTS; i < words.length; i++) if (words[i] !== 0n) filled.push(i - COUNTS);
  fixed(BigInt(filled.length), 4);
  let next = 0;
  for (const index of filled) {
    leb(BigInt(index - next));
    leb(words[COUNTS + index]!);
    next = index + 1;
  }
  return Uint8Array.from(out);
}

function corrupt(what: string): never {
  return fail('FS_ERR_CORRUPT', `not a serialised histogram: ${what}`);
}

/** Throws FS_ERR_CORRUPT. */
export function decodeHistogram(bytes: Uint8Array): NativeHistogram {
  if (bytes.length < HEADER) corrupt('it is cut short');
  if (MAGIC.some((letter, i) => bytes[i] !== letter)) corrupt('it does not begin with FSH1');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const precision = view.getUint32(4, true);
  if (precision < 1 || precision > 14) corrupt('its precision is not 1 to 14');
  const buckets = (65 - precision) << precision;
  const words = new BigUint64Array(COUNTS + buckets);
  for (let i = 0; i < COUNTS; i++) words[i] = view.getBigUint64(8 + 8 * i, true);
  const filled = view.getUint32(40, true);
  if (filled > buckets) corrupt('it has more buckets than its precision');
  let at = HEADER;
  const leb = (): bigint => {
    let value = 0n;
    for (let shift = 0; shift < 70; shift += 7) {
      if (at === bytes.length) corrupt('it is cut short');
      const byte = bytes[at++]!;
      if (shift === 63 && byte > 1) break;
      value |= BigInt(byte & 0x7f) << BigInt(shift);
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) corrupt('a number has leading zeros');
        return value;
      }
    }
    return corrupt('a number has more than 64 bits');
  };
  let next = 0;
  let first = 0;
  let total = 0n;
  for (let i = 0; i < filled; i++) {
    const skipped = leb();
    if (skipped >= BigInt(buckets - next)) corrupt('a bucket lies outside its precision');
    next += Number(skipped);
    const count = leb();
    if (count === 0n) corrupt('a filled bucket is empty');
    total += count;
    if (total > NOTHING >> 1n) corrupt('it counts more than 2^63 values');
    words[COUNTS + next] = count;
    if (i === 0) first = next;
    next++;
  }
  if (at !== bytes.length) corrupt('something follows its end');
  const inBucket = (value: bigint, index: number): boolean => {
    const shift = Math.max(0, (index >> precision) - 1);
    return value >> BigInt(shift) === BigInt(index - (shift << precision));
  };
  const agrees =
    filled === 0
      ? words[0] === NOTHING && words[1] === 0n && words[2] === 0n && words[3] === 0n
      : words[0]! <= words[1]! && inBucket(words[0]!, first) && inBucket(words[1]!, next - 1);
  if (!agrees) corrupt('its least or greatest value is in no bucket');
  return { precision, words: words.buffer };
}
