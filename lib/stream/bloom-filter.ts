/**
 * A split-block Bloom filter in Parquet's layout; the TypeScript face of
 * `cpp/include/flowstate/sketch/bloom_filter.h`, which says what the bits are. Same bytes from both.
 */
import {
  fail,
  rangeError,
  rejectUnknown,
  requireInteger,
  requireOneOf,
  requireRecord,
  typeError,
} from '../internal/validate.js';
import { callSketch, sketchAddon } from './sketch-addon.js';
import { xxh64 } from './xxh64.js';

/** How a value becomes bytes: Parquet's plain encoding of its physical type. `bytes` are strings (UTF-8) and bytes. */
export const BLOOM_TYPES = ['int32', 'int64', 'float', 'double', 'bytes'] as const;
export type BloomType = (typeof BLOOM_TYPES)[number];

/** What the types take, one at a time. */
export type BloomValue = number | bigint | string | Uint8Array;
/** And many: the typed array of the type (either sign), or strings and bytes. */
export type BloomValues =
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array
  | readonly (string | Uint8Array)[];

export interface BloomFilterOptions {
  readonly type: BloomType;
  /** Distinct keys the filter is sized for. */
  readonly expectedKeys: number;
  /** With so many keys in it; between 0 and 1, default 0.01 (about 10.6 bits a key). */
  readonly falsePositiveRate?: number;
}

const BLOCK = 32;
const MOST_BLOCKS = 2 ** 26; // 2 GiB, what a Uint8Array holds everywhere
const SALT = [0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31] as const;
const ARRAYS: Readonly<Record<Exclude<BloomType, 'bytes'>, readonly string[]>> = {
  int32: ['Int32Array', 'Uint32Array'],
  int64: ['BigInt64Array', 'BigUint64Array'],
  float: ['Float32Array'],
  double: ['Float64Array'],
};
const text = new TextEncoder();

/**
 * Says whether a value may have been added: never wrongly "no", wrongly "yes" at the rate it was sized for. Floats
 * are told apart by their bits, as Parquet does, except that a look-up of zero finds either sign.
 */
export class BloomFilter {
  readonly type: BloomType;
  private blocks: Uint8Array;

  /** Throws FS_ERR_ARG_TYPE, FS_ERR_ARG_RANGE, FS_ERR_OPTION_UNKNOWN. */
  constructor(options: BloomFilterOptions) {
    const given = requireRecord(options, 'options');
    rejectUnknown(given, 'options', ['type', 'expectedKeys', 'falsePositiveRate']);
    this.type = requireOneOf(given.type, 'options.type', BLOOM_TYPES);
    const keys = requireInteger(given.expectedKeys, 'options.expectedKeys', 0, Number.MAX_SAFE_INTEGER);
    const rate = given.falsePositiveRate ?? 0.01;
    if (typeof rate !== 'number') throw typeError('options.falsePositiveRate', 'a number', rate);
    if (!(rate > 0 && rate < 1)) throw rangeError('options.falsePositiveRate', 'between 0 and 1', rate);
    this.blocks = new Uint8Array(bloomBlocks(keys, rate) * BLOCK);
  }

  /** The filter itself, as in a Parquet file after the header: its serialised form, not a copy. */
  get bytes(): Uint8Array {
    return this.blocks;
  }

  /** A filter over a copy of such bytes. FS_ERR_LENGTH unless they are a positive multiple of 32. */
  static fromBytes(bytes: Uint8Array, type: BloomType): BloomFilter {
    if (!(ArrayBuffer.isView(bytes) && bytes.BYTES_PER_ELEMENT === 1)) throw typeError('bytes', 'a Uint8Array', bytes);
    if (bytes.length === 0 || bytes.length % BLOCK !== 0 || bytes.length > MOST_BLOCKS * BLOCK) {
      fail('FS_ERR_LENGTH', `a Bloom filter's bytes must be a positive multiple of 32, got ${bytes.length}`);
    }
    const filter = new BloomFilter({ type, expectedKeys: 0 });
    filter.blocks = Uint8Array.from(bytes);
    return filter;
  }

  add(value: BloomValue): void {
    this.addAll(this.arrayOf(value));
  }

  has(value: BloomValue): boolean {
    return this.hasAll(this.arrayOf(value))[0] === 1;
  }

  addAll(values: BloomValues): void {
    const addon = sketchAddon();
    const { bytes } = this;
    if (this.type === 'bytes') {
      const packed = pack(values);
      if (addon !== null) callSketch(() => addon.bloomAddBytes(bytes, packed.data, packed.offsets));
      else for (const hash of hashesOfPacked(packed)) this.set(hash);
      return;
    }
    const plain = this.requireArray(values);
    const width = plain.BYTES_PER_ELEMENT;
    if (addon !== null) callSketch(() => addon.bloomAdd(bytes, width, plain));
    else for (const hash of hashesOfPlain(plain)) this.set(hash);
  }

  /** One byte per value: 1 where it may have been added. */
  hasAll(values: BloomValues): Uint8Array {
    const addon = sketchAddon();
    const { bytes } = this;
    if (this.type === 'bytes') {
      const packed = pack(values);
      if (addon !== null)
        return new Uint8Array(callSketch(() => addon.bloomContainsBytes(bytes, packed.data, packed.offsets)));
      return Uint8Array.from(hashesOfPacked(packed), (hash) => this.test(hash));
    }
    const plain = this.requireArray(values);
    const width = plain.BYTES_PER_ELEMENT;
    const found =
      addon === null
        ? Uint8Array.from(hashesOfPlain(plain), (hash) => this.test(hash))
        : new Uint8Array(callSketch(() => addon.bloomContains(bytes, width, plain)));
    if (this.type === 'float' || this.type === 'double') this.findOtherZero(plain, found);
    return found;
  }

  /** Union. FS_ERR_LENGTH where the sizes differ, FS_ERR_ARG_RANGE where the types do. */
  merge(other: BloomFilter): void {
    if (!(other instanceof BloomFilter)) throw typeError('other', 'a BloomFilter', other);
    if (other.type !== this.type) throw rangeError('other.type', `'${this.type}' as this filter's`, other.type);
    if (other.bytes.length !== this.bytes.length) {
      fail(
        'FS_ERR_LENGTH',
        `Bloom filters of ${this.bytes.length} and ${other.bytes.length} bytes cannot be merged; size them alike`,
      );
    }
    for (let i = 0; i < this.bytes.length; i++) this.bytes[i]! |= other.bytes[i]!;
  }

  private arrayOf(value: BloomValue): BloomValues {
    switch (this.type) {
      case 'int32':
        return Int32Array.of(wholeNumber(value, -(2 ** 31), 2 ** 32 - 1));
      case 'int64': {
        const exact = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
        if (typeof exact !== 'bigint') throw typeError('value', 'a bigint or a safe integer', value);
        if (exact < -(2n ** 63n) || exact >= 2n ** 64n) throw rangeError('value', '64 bits wide', value);
        return BigInt64Array.of(BigInt.asIntN(64, exact));
      }
      case 'float':
      case 'double':
        if (typeof value !== 'number') throw typeError('value', 'a number', value);
        return this.type === 'float' ? Float32Array.of(value) : Float64Array.of(value);
      case 'bytes': {
        const one: unknown = [value]; // pack() checks what it is
        return one as BloomValues;
      }
      default:
        return this.type satisfies never;
    }
  }

  private requireArray(values: BloomValues): Exclude<BloomValues, readonly unknown[]> {
    const wanted = ARRAYS[this.type as Exclude<BloomType, 'bytes'>];
    const kind = Object.prototype.toString.call(values).slice(8, -1);
    if (!wanted.includes(kind)) throw typeError('values', `of type ${wanted.join(' or ')}`, values);
    return values as Exclude<BloomValues, readonly unknown[]>;
  }

  private findOtherZero(values: ArrayBufferView & ArrayLike<number | bigint>, found: Uint8Array): void {
    for (let i = 0; i < found.length; i++) {
      const value = values[i];
      if (value !== 0 || found[i] === 1) continue;
      const other = Object.is(value, -0) ? 0 : -0;
      const [hash] = hashesOfPlain(this.type === 'float' ? Float32Array.of(other) : Float64Array.of(other));
      found[i] = this.test(hash!);
    }
  }

  /** Where the hash's block begins. */
  private blockOf(hash: bigint): number {
    return Number(((hash >> 32n) * BigInt(this.bytes.length / BLOCK)) >> 32n) * BLOCK;
  }

  private set(hash: bigint): void {
    const block = this.blockOf(hash);
    const key = Number(hash & 0xffffffffn);
    for (let word = 0; word < 8; word++) {
      const bit = Math.imul(key, SALT[word]!) >>> 27;
      this.bytes[block + 4 * word + (bit >> 3)]! |= 1 << (bit & 7);
    }
  }

  private test(hash: bigint): 0 | 1 {
    const block = this.blockOf(hash);
    const key = Number(hash & 0xffffffffn);
    for (let word = 0; word < 8; word++) {
      const bit = Math.imul(key, SALT[word]!) >>> 27;
      if ((this.bytes[block + 4 * word + (bit >> 3)]! & (1 << (bit & 7))) === 0) return 0;
    }
    return 1;
  }
}

function wholeNumber(value: BloomValue, least: number, most: number): number {
  return requireInteger(value, 'value', least, most);
}

interface Packed {
  readonly data: Uint8Array;
  readonly offsets: Int32Array;
}

function pack(values: BloomValues): Packed {
  if (!Array.isArray(values)) throw typeError('values', 'an array of strings or Uint8Arrays', values);
  const parts = values.map((value: unknown, i) => {
    if (typeof value === 'string') return text.encode(value);
    if (ArrayBuffer.isView(value) && (value as Uint8Array).BYTES_PER_ELEMENT === 1) return value as Uint8Array;
    throw typeError(`values[${i}]`, 'a string or a Uint8Array', value);
  });
  const offsets = new Int32Array(parts.length + 1);
  let end = 0;
  parts.forEach((part, i) => {
    end += part.length;
    if (end > 2 ** 31 - 1) fail('FS_ERR_ARG_RANGE', 'values must have at most 2 GiB in all; add them in parts');
    offsets[i + 1] = end;
  });
  const data = new Uint8Array(end);
  parts.forEach((part, i) => data.set(part, offsets[i]));
  return { data, offsets };
}

function* hashesOfPacked({ data, offsets }: Packed): Generator<bigint> {
  for (let i = 0; i + 1 < offsets.length; i++) yield xxh64(data.subarray(offsets[i], offsets[i + 1]));
}

function* hashesOfPlain(values: ArrayBufferView & { BYTES_PER_ELEMENT: number; length: number }): Generator<bigint> {
  const width = values.BYTES_PER_ELEMENT;
  for (let i = 0; i < values.length; i++) {
    yield xxh64(new Uint8Array(values.buffer, values.byteOffset + i * width, width));
  }
}

/** Expected rate with so many keys on a block: the twin of `bloom::false_positive_rate`. */
function rateOf(load: number): number {
  if (!(load > 0)) return 0;
  const spread = 12 * Math.sqrt(load) + 12;
  const from = Math.max(0, Math.floor(load - spread));
  let logFactorial = 0;
  for (let k = 2; k <= from; k++) logFactorial += Math.log(k);
  let rate = 0;
  for (let k = from; k <= load + spread; k++) {
    if (k > from) logFactorial += Math.log(k);
    rate += Math.exp(k * Math.log(load) - load - logFactorial) * (1 - (31 / 32) ** k) ** 8;
  }
  return Math.min(rate, 1);
}

/** The least number of blocks whose rate is at most `rate`. */
function bloomBlocks(keys: number, rate: number): number {
  let low = Math.max(1, Math.floor(keys / 2048));
  let high = MOST_BLOCKS;
  if (low > high || rateOf(keys / high) > rate) {
    fail('FS_ERR_ARG_RANGE', `a Bloom filter for ${keys} keys at a rate of ${rate} would have more than 2 GiB`);
  }
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    if (rateOf(keys / middle) <= rate) high = middle;
    else low = middle + 1;
  }
  return low;
}
