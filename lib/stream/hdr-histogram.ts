/**
 * A histogram of whole numbers from 0 to 2^64 - 1 with a bounded relative error; the TypeScript face of
 * `cpp/include/flowstate/sketch/hdr_histogram.h`, which has the layout. Same bytes from both.
 */
import { fail, requireInteger, requireRecord, rejectUnknown, typeError, rangeError } from '../internal/validate.js';
import { decodeHistogram, encodeHistogram } from './histogram-bytes.js';
import { callSketch, sketchAddon } from './sketch-addon.js';

export interface HdrHistogramOptions {
  /** Bits: a bucket is at most 2^-precision of its values wide. 1 to 14; default 7 (0.78 %, 58 KB). */
  readonly precision?: number;
}

const MIN = 0;
const MAX = 1;
const SUM_LOW = 2;
const SUM_HIGH = 3;
const COUNTS = 4;
const WORD = 2 ** 32;
const NOTHING = 2n ** 64n - 1n;

/**
 * Records values (nanoseconds, as a rule) and answers percentiles. Numbers must be safe integers; bigints go up to
 * 2^64 - 1. A percentile is the highest value of its bucket, cut to the exact minimum and maximum: never below the
 * true one, and above it by less than the precision. One thread; `serialise` and `merge` join what several recorded.
 */
export class HdrHistogram {
  readonly precision: number;
  private readonly words: BigUint64Array;
  /** The same memory in 32-bit halves: an increment without making a bigint. */
  private readonly halves: Uint32Array;

  /** Throws FS_ERR_ARG_RANGE, FS_ERR_ARG_TYPE, FS_ERR_OPTION_UNKNOWN. */
  constructor(options: HdrHistogramOptions = {}) {
    const given = requireRecord(options, 'options');
    rejectUnknown(given, 'options', ['precision']);
    this.precision = requireInteger(given.precision ?? 7, 'options.precision', 1, 14);
    this.words = new BigUint64Array(COUNTS + ((65 - this.precision) << this.precision));
    this.halves = new Uint32Array(this.words.buffer);
    this.words[MIN] = NOTHING;
  }

  /** Throws FS_ERR_CORRUPT for bytes that `serialise` cannot have made. */
  static deserialise(bytes: Uint8Array): HdrHistogram {
    if (!(ArrayBuffer.isView(bytes) && bytes.BYTES_PER_ELEMENT === 1)) throw typeError('bytes', 'a Uint8Array', bytes);
    const addon = sketchAddon();
    const { precision, words } =
      addon === null ? decodeHistogram(bytes) : callSketch(() => addon.histogramDeserialise(bytes));
    const histogram = new HdrHistogram({ precision });
    histogram.words.set(new BigUint64Array(words));
    return histogram;
  }

  record(value: number | bigint, count: number | bigint = 1): void {
    if (typeof value === 'number' && count === 1) {
      if (!(Number.isSafeInteger(value) && value >= 0)) throw wrongValue(value, 'value');
      this.recordNumber(value);
      return;
    }
    const exact = toWord(value, 'value');
    const times = toWord(count, 'count');
    if (times === 0n) return;
    const { words } = this;
    const at = COUNTS + this.indexOf(exact);
    words[at] = words[at]! + times;
    this.addSum(exact * times);
    if (exact < words[MIN]!) words[MIN] = exact;
    if (exact > words[MAX]!) words[MAX] = exact;
  }

  /** All or, where one is negative, none (FS_ERR_ARG_RANGE with `details.index`). */
  recordAll(values: BigUint64Array | BigInt64Array): void {
    if (!(values instanceof BigUint64Array) && !(values instanceof BigInt64Array)) {
      const kind = Object.prototype.toString.call(values);
      if (kind !== '[object BigUint64Array]' && kind !== '[object BigInt64Array]') {
        throw typeError('values', 'a BigUint64Array or BigInt64Array', values);
      }
    }
    if (Object.prototype.toString.call(values) === '[object BigInt64Array]') {
      for (let i = 0; i < values.length; i++) {
        if (values[i]! < 0n) {
          fail('FS_ERR_ARG_RANGE', `values[${i}] must not be negative, got ${values[i]}n`, { index: i });
        }
      }
    }
    const addon = sketchAddon();
    if (addon !== null) callSketch(() => addon.histogramRecord(this.precision, this.words, values));
    else for (const value of values) this.record(value);
  }

  /**
   * As `record`, and for a value larger than `interval` also those that were not measured while it lasted: value -
   * interval, value - 2 interval, … down to interval (coordinated omission). 0 corrects nothing.
   */
  recordCorrected(value: number | bigint, interval: number | bigint): void {
    const exact = toWord(value, 'value');
    const step = toWord(interval, 'interval');
    this.record(exact);
    if (step === 0n) return;
    for (let missed = exact - step; missed >= step; missed -= step) this.record(missed);
  }

  get count(): bigint {
    let total = 0n;
    for (let i = COUNTS; i < this.words.length; i++) total += this.words[i]!;
    return total;
  }
  /** Exact; 0n when empty. So is `max`. */
  get min(): bigint {
    return this.isEmpty ? 0n : this.words[MIN]!;
  }
  get max(): bigint {
    return this.words[MAX]!;
  }
  get isEmpty(): boolean {
    return this.words[MIN]! > this.words[MAX]!;
  }
  /** Exact, up to 2^128. */
  get sum(): bigint {
    return (this.words[SUM_HIGH]! << 64n) | this.words[SUM_LOW]!;
  }
  /** Of the exact sum; 0 when empty. */
  get mean(): number {
    return this.isEmpty ? 0 : Number(this.sum) / Number(this.count);
  }

  /** 0n when empty. FS_ERR_ARG_RANGE unless 0 <= p <= 100. */
  percentile(p: number): bigint {
    return this.percentiles([p])[0]!;
  }

  /** One pass for all of them, in any order. */
  percentiles(ps: readonly number[]): bigint[] {
    ps.forEach((p, i) => {
      if (typeof p !== 'number') throw typeError(`ps[${i}]`, 'a number', p);
      if (!(p >= 0 && p <= 100)) throw rangeError(`ps[${i}]`, 'from 0 to 100', p);
    });
    const addon = sketchAddon();
    if (addon !== null) {
      const wanted = Float64Array.from(ps);
      return [...new BigUint64Array(callSketch(() => addon.histogramPercentiles(this.precision, this.words, wanted)))];
    }
    return this.percentilesHere(ps);
  }

  /** Adds what the other holds. FS_ERR_ARG_RANGE where the precisions differ. */
  merge(other: HdrHistogram): void {
    if (!(other instanceof HdrHistogram)) throw typeError('other', 'an HdrHistogram', other);
    if (other.precision !== this.precision) {
      throw rangeError('other.precision', `${this.precision} as this histogram's`, other.precision);
    }
    for (let i = COUNTS; i < this.words.length; i++) {
      if (other.words[i] !== 0n) this.words[i] = this.words[i]! + other.words[i]!;
    }
    this.addSum(other.sum);
    if (other.words[MIN]! < this.words[MIN]!) this.words[MIN] = other.words[MIN]!;
    if (other.words[MAX]! > this.words[MAX]!) this.words[MAX] = other.words[MAX]!;
  }

  reset(): void {
    this.words.fill(0n);
    this.words[MIN] = NOTHING;
  }

  /** The form is in `cpp/include/flowstate/sketch/hdr_histogram.h`; equal histograms have equal bytes. */
  serialise(): Uint8Array {
    const addon = sketchAddon();
    if (addon !== null) return new Uint8Array(callSketch(() => addon.histogramSerialise(this.precision, this.words)));
    return encodeHistogram(this.precision, this.words);
  }

  private recordNumber(value: number): void {
    const { halves, precision } = this;
    const high = Math.floor(value / WORD);
    const low = value >>> 0;
    let index: number;
    if (high === 0) {
      const shift = 31 - Math.clz32(low | (1 << precision)) - precision;
      index = (shift << precision) + (low >>> shift);
    } else {
      const shift = 63 - Math.clz32(high) - precision;
      index = (shift << precision) + Math.floor(value / 2 ** shift);
    }
    add(halves, 2 * (COUNTS + index), 1, 0);
    if (add(halves, 2 * SUM_LOW, low, high)) add(halves, 2 * SUM_HIGH, 1, 0);
    // Beyond 2^53 the numbers on the right are rounded, and still far above any safe integer.
    if (value < halves[2 * MIN + 1]! * WORD + halves[2 * MIN]!) {
      halves[2 * MIN] = low;
      halves[2 * MIN + 1] = high;
    }
    if (value > halves[2 * MAX + 1]! * WORD + halves[2 * MAX]!) {
      halves[2 * MAX] = low;
      halves[2 * MAX + 1] = high;
    }
  }

  private indexOf(value: bigint): number {
    const high = Number(value >> 32n);
    const low = Number(value & 0xffffffffn);
    const top = high === 0 ? 31 - Math.clz32(low | (1 << this.precision)) : 63 - Math.clz32(high);
    const shift = top - this.precision;
    return (shift << this.precision) + Number(value >> BigInt(shift));
  }

  private addSum(value: bigint): void {
    const sum = this.sum + value;
    this.words[SUM_LOW] = sum & NOTHING;
    this.words[SUM_HIGH] = (sum >> 64n) & NOTHING;
  }

  private percentilesHere(ps: readonly number[]): bigint[] {
    const total = this.count;
    const results = ps.map(() => 0n);
    if (total === 0n) return results;
    const order = ps.map((_, i) => i).sort((a, b) => ps[a]! - ps[b]!);
    let index = 0;
    let seen = this.words[COUNTS]!;
    for (const i of order) {
      const rank = Math.ceil((ps[i]! / 100) * Number(total));
      const wanted = rank >= Number(total) ? total : BigInt(Math.max(1, rank));
      while (seen < wanted) seen += this.words[COUNTS + ++index]!;
      const shift = Math.max(0, (index >> this.precision) - 1);
      const highest = (BigInt(index - (shift << this.precision) + 1) << BigInt(shift)) - 1n;
      const most = highest < this.words[MAX]! ? highest : this.words[MAX]!;
      results[i] = most > this.words[MIN]! ? most : this.words[MIN]!;
    }
    return results;
  }
}

/** Adds (low, high) to the 64-bit word at `at`; true: it went past 2^64. */
function add(halves: Uint32Array, at: number, low: number, high: number): boolean {
  const sum = halves[at]! + low;
  halves[at] = sum;
  const upper = halves[at + 1]! + high + (sum >= WORD ? 1 : 0);
  halves[at + 1] = upper;
  return upper >= WORD;
}

function wrongValue(value: unknown, where: string): Error {
  return typeof value === 'number' || typeof value === 'bigint'
    ? rangeError(where, 'a whole number from 0 to 2^64 - 1 (a bigint above 2^53)', value)
    : typeError(where, 'a number or bigint', value);
}

function toWord(value: number | bigint, where: string): bigint {
  const exact = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof exact !== 'bigint' || exact < 0n || exact > NOTHING) throw wrongValue(value, where);
  return exact;
}
