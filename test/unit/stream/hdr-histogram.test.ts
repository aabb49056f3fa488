/** Percentiles against sorted values and hdr-histogram-js; the addon and its twin byte for byte. */
import fc from 'fast-check';
import { build } from 'hdr-histogram-js';

import { HdrHistogram } from '../../../lib/index.js';
import { onBothBackends, withBackend } from '../../helpers/both-backends.js';
import { runs } from '../../helpers/property.js';

const TOP = 2n ** 64n - 1n;
/** Every magnitude, and the ends. */
const anyValue = fc.oneof(
  fc.tuple(fc.bigInt({ min: 0n, max: TOP }), fc.integer({ min: 0, max: 63 })).map(([v, s]) => v >> BigInt(s)),
  fc.constantFrom(0n, 1n, 127n, 128n, 255n, 256n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, TOP - 1n, TOP),
);
const PERCENTILES = [0, 0.1, 25, 50, 90, 99, 99.9, 100];

function exactPercentile(sorted: readonly bigint[], p: number): bigint {
  return sorted[Math.max(1, Math.ceil((p / 100) * sorted.length)) - 1]!;
}
function filled(precision: number, values: readonly bigint[]): HdrHistogram {
  const histogram = new HdrHistogram({ precision });
  histogram.recordAll(BigUint64Array.from(values));
  return histogram;
}

onBothBackends('HdrHistogram', () => {
  it('answers within a bucket of the sorted values', () => {
    fc.assert(
      fc.property(fc.array(anyValue, { minLength: 1 }), fc.integer({ min: 1, max: 14 }), (values, precision) => {
        const histogram = filled(precision, values);
        const sorted = [...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
        expect(histogram.count).toBe(BigInt(values.length));
        expect(histogram.min).toBe(sorted[0]);
        expect(histogram.max).toBe(sorted.at(-1));
        expect(histogram.sum).toBe(values.reduce((sum, value) => sum + value, 0n));
        histogram.percentiles(PERCENTILES).forEach((got, i) => {
          const exact = exactPercentile(sorted, PERCENTILES[i]!);
          expect(got >= exact && got - exact <= exact >> BigInt(precision)).toBe(true);
        });
      }),
      runs(150),
    );
  });

  it('agrees with hdr-histogram-js', () => {
    const theirs = build({
      bitBucketSize: 64,
      lowestDiscernibleValue: 1,
      highestTrackableValue: 1e12,
      numberOfSignificantValueDigits: 3,
    });
    const ours = new HdrHistogram({ precision: 10 });
    let state = 12345;
    for (let i = 0; i < 20000; i++) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      const value = Math.floor(2 ** ((state / 2 ** 32) * 38)) + (state % 1000);
      theirs.recordValue(value);
      ours.record(value);
    }
    expect(Number(ours.count)).toBe(theirs.totalCount);
    for (const p of [0.5, 1, 10, 50, 75, 90, 99, 99.9, 99.99, 100]) {
      // Both within 0.1 %, each in its own buckets, of the same value.
      const [a, b] = [Number(ours.percentile(p)), theirs.getValueAtPercentile(p)];
      expect(Math.abs(a - b) / b).toBeLessThanOrEqual(0.002);
    }
    expect(Math.abs(ours.mean - theirs.mean) / theirs.mean).toBeLessThan(0.002);
  });

  it('takes numbers, bigints and counts to the same effect', () => {
    const one = new HdrHistogram();
    const other = new HdrHistogram();
    for (const value of [0, 1, 300, 2 ** 31, 2 ** 32, 2 ** 40 + 7, Number.MAX_SAFE_INTEGER]) {
      for (let i = 0; i < 3; i++) one.record(value);
      other.record(BigInt(value), 3);
    }
    expect(one.serialise()).toEqual(other.serialise());
    other.record(5, 0);
    expect(one.serialise()).toEqual(other.serialise());
  });

  it('gives the same histogram back from its bytes', () => {
    const histogram = filled(7, [3n, 500n, 500n, TOP]);
    const again = HdrHistogram.deserialise(histogram.serialise());
    expect(again.serialise()).toEqual(histogram.serialise());
    expect(again.percentiles(PERCENTILES)).toEqual(histogram.percentiles(PERCENTILES));
    again.reset();
    expect(again.isEmpty).toBe(true);
    expect(again.serialise()).toEqual(new HdrHistogram().serialise());
  });

  it('merges to what one histogram of everything is', () => {
    const a = [1n, 70000n, TOP];
    const b = [0n, 5n, 5n, TOP, TOP];
    const merged = filled(7, a);
    merged.merge(filled(7, b));
    merged.merge(new HdrHistogram());
    expect(merged.serialise()).toEqual(filled(7, [...a, ...b]).serialise());
    expect(() => merged.merge(new HdrHistogram({ precision: 6 }))).toThrow(
      expect.objectContaining({ code: 'FS_ERR_ARG_RANGE' }),
    );
  });

  it('adds on request what was not measured during a long value', () => {
    const histogram = new HdrHistogram();
    histogram.recordCorrected(100, 25);
    expect(histogram.serialise()).toEqual(filled(7, [100n, 75n, 50n, 25n]).serialise());
  });

  it.each([
    ['cut short', (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 1)],
    ['with something behind', (bytes: Uint8Array) => Uint8Array.of(...bytes, 0)],
    ['of another kind', (bytes: Uint8Array) => bytes.map((byte, i) => (i === 0 ? 0 : byte))],
    ['empty', () => new Uint8Array()],
  ])('refuses bytes %s', (_, damage) => {
    const bytes = damage(filled(7, [1n, 1000n]).serialise());
    expect(() => HdrHistogram.deserialise(bytes)).toThrow(expect.objectContaining({ code: 'FS_ERR_CORRUPT' }));
  });

  it.each([
    [-1, 'FS_ERR_ARG_RANGE'],
    [1.5, 'FS_ERR_ARG_RANGE'],
    [2 ** 53, 'FS_ERR_ARG_RANGE'],
    [-1n, 'FS_ERR_ARG_RANGE'],
    [2n ** 64n, 'FS_ERR_ARG_RANGE'],
    ['7', 'FS_ERR_ARG_TYPE'],
  ])('refuses the value %s', (value, code) => {
    const histogram = new HdrHistogram();
    expect(() => histogram.record(value as number)).toThrow(expect.objectContaining({ code }));
    expect(histogram.isEmpty).toBe(true);
  });

  it('records all or none', () => {
    const histogram = new HdrHistogram();
    expect(() => histogram.recordAll(BigInt64Array.of(1n, -1n))).toThrow(
      expect.objectContaining({ code: 'FS_ERR_ARG_RANGE', details: { index: 1 } }),
    );
    expect(histogram.isEmpty).toBe(true);
    expect(() => histogram.recordAll([1n] as never)).toThrow(expect.objectContaining({ code: 'FS_ERR_ARG_TYPE' }));
    expect(() => histogram.percentile(101)).toThrow(expect.objectContaining({ code: 'FS_ERR_ARG_RANGE' }));
    expect(() => new HdrHistogram({ precision: 15 })).toThrow(expect.objectContaining({ code: 'FS_ERR_ARG_RANGE' }));
  });
});

it('the addon and its twin write the same bytes and give the same answers', () => {
  fc.assert(
    fc.property(fc.array(anyValue), fc.integer({ min: 1, max: 14 }), (values, precision) => {
      const on = (backend: 'native' | 'javascript') =>
        withBackend(backend, () => {
          const histogram = filled(precision, values);
          return { bytes: histogram.serialise(), percentiles: histogram.percentiles(PERCENTILES) };
        });
      const native = on('native');
      const twin = on('javascript');
      expect(native).toEqual(twin);
      withBackend('native', () => expect(HdrHistogram.deserialise(twin.bytes).serialise()).toEqual(twin.bytes));
      withBackend('javascript', () => expect(HdrHistogram.deserialise(native.bytes).serialise()).toEqual(native.bytes));
    }),
    runs(100),
  );
});

it('one changed byte is refused, or means the same, to both', () => {
  const bytes = filled(7, [3n, 500n, 500n, 90000n, 2n ** 40n]).serialise();
  const read = (backend: 'native' | 'javascript', from: Uint8Array): unknown =>
    withBackend(backend, () => {
      try {
        return HdrHistogram.deserialise(from).serialise();
      } catch (error) {
        return (error as { code?: string }).code;
      }
    });
  for (let i = 0; i < bytes.length; i++) {
    for (let bit = 0; bit < 8; bit++) {
      const changed = Uint8Array.from(bytes);
      changed[i]! ^= 1 << bit;
      const result = read('native', changed);
      expect(read('javascript', changed)).toEqual(result);
      expect(result === 'FS_ERR_CORRUPT' || Buffer.compare(result as Uint8Array, changed) === 0).toBe(true);
    }
  }
});
