/** Distributions of times, as the metrics need them. */
import { HdrHistogram } from '../hdr-histogram.js';

/** What the metrics record into. Values are nanoseconds. */
export interface Histogram {
  record(value: number): void;
  /** `p` from 0 to 100. 0 where nothing was recorded. */
  percentile(p: number): number;
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
}

/** Bounds per doubling: a percentile is at most 9 % above the value it stands for. */
const STEPS = 8;
const DOUBLINGS = 63;
const BOUNDS = Float64Array.from({ length: STEPS * DOUBLINGS }, (_, i) => 2 ** (i / STEPS));

/** Exponential buckets from 1 ns to 292 years in 4 KiB. Recording is a binary search. */
export class BucketHistogram implements Histogram {
  readonly #counts = new Float64Array(BOUNDS.length);
  count = 0;
  min = 0;
  max = 0;
  #sum = 0;

  /** Negative and unordered values count as 0. */
  record(value: number): void {
    const kept = value > 0 ? value : 0;
    const at = bucketOf(kept);
    this.#counts[at] = this.#counts[at]! + 1;
    this.min = this.count === 0 ? kept : Math.min(this.min, kept);
    this.max = Math.max(this.max, kept);
    this.count++;
    this.#sum += kept;
  }

  get mean(): number {
    return this.count === 0 ? 0 : this.#sum / this.count;
  }

  percentile(p: number): number {
    const rank = Math.max(1, Math.ceil((Math.min(100, Math.max(0, p)) / 100) * this.count));
    let below = 0;
    for (let i = 0; i < BOUNDS.length; i++) {
      below += this.#counts[i]!;
      if (below >= rank) return Math.min(this.max, Math.max(this.min, BOUNDS[i]!));
    }
    return this.max;
  }
}

/** The first bucket whose bound is not below the value. */
function bucketOf(value: number): number {
  let low = 0;
  let high = BOUNDS.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (BOUNDS[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** An `HdrHistogram` of times: percentiles are at most 0.8 % above the value they stand for. 58 KB. */
export class HdrTimes implements Histogram {
  readonly #times = new HdrHistogram();

  /** Negative and unordered values count as 0, parts of a nanosecond are rounded. */
  record(value: number): void {
    this.#times.record(value > 0 ? Math.min(Math.round(value), Number.MAX_SAFE_INTEGER) : 0);
  }

  percentile(p: number): number {
    return Number(this.#times.percentile(p));
  }

  get count(): number {
    return Number(this.#times.count);
  }

  get min(): number {
    return Number(this.#times.min);
  }

  get max(): number {
    return Number(this.#times.max);
  }

  get mean(): number {
    return this.#times.mean;
  }
}
