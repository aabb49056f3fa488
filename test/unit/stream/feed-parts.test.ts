import fc from 'fast-check';

import { RecentIdentities, SequenceTracker } from '../../../lib/stream/sources/feed/event-tracking.js';
import { parseLossless } from '../../../lib/stream/sources/feed/lossless-json.js';
import { backoffMs } from '../../../lib/stream/sources/feed/timers.js';
import { parseEpoch, parseRfc3339 } from '../../../lib/stream/sources/feed/timestamps.js';
import { runs } from '../../helpers/property.js';

test('long integers become bigint, everything else is as JSON.parse has it', () => {
  const leaf = fc.oneof(
    fc.string(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.constantFrom('1234567890123456789', '"1234567890123456789', '\\"1234567890123456', '\u0001int:12'),
  );
  fc.assert(
    fc.property(
      fc.array(fc.dictionary(fc.string(), leaf)),
      fc.bigInt({ min: 10n ** 15n, max: 10n ** 20n }),
      (value, big) => {
        const text = JSON.stringify(value);
        const plain = JSON.parse(text, (_, each: unknown) =>
          typeof each === 'number' && /^-?\d{16,}$/.test(JSON.stringify(each)) ? BigInt(JSON.stringify(each)) : each,
        ) as unknown;
        expect(parseLossless(`{"a":${text},"t":${big},"u":-${big},"v":[${big}]}`)).toEqual({
          a: plain,
          t: big,
          u: -big,
          v: [big],
        });
      },
    ),
    runs(500),
  );
});

test('numbers with a point or an exponent stay numbers', () => {
  expect(parseLossless('[1.12345678901234567, 1234567890123456.5, 1e1234567890123456, 1234567890123456e-3]')).toEqual([
    1.12345678901234567,
    1234567890123456.5,
    Infinity,
    1234567890123.456,
  ]);
  expect(() => parseLossless('[1234567890123456789')).toThrow(SyntaxError);
});

test('RFC 3339 is exact, and strict', () => {
  expect(parseRfc3339('1970-01-01T00:00:00Z')).toBe(0n);
  expect(parseRfc3339('2021-02-22T15:51:45.335689322Z')).toBe(1614009105335689322n);
  expect(parseRfc3339('2021-02-22T15:51:45.3+05:30')).toBe(1613989305300000000n);
  expect(parseRfc3339('0001-01-01T00:00:00Z')).toBeNull();
  for (const wrong of ['2021-02-29T00:00:00Z', '2021-02-22', '2021-02-22T00:00:00', '2021-02-22T24:00:00Z', '']) {
    expect(parseRfc3339(wrong)).toBeNull();
  }
  fc.assert(
    fc.property(
      fc.date({ min: new Date(0), max: new Date('2200-01-01'), noInvalidDate: true }),
      fc.nat(999_999),
      (date, ns) => {
        const text = `${date.toISOString().slice(0, -1)}${String(ns).padStart(6, '0')}Z`;
        expect(parseRfc3339(text)).toBe(BigInt(date.getTime()) * 1_000_000n + BigInt(ns));
      },
    ),
    runs(300),
  );
});

test('epoch times are whole, safe and within int64', () => {
  expect(parseEpoch(1536036818784, 'ms')).toBe(1536036818784000000n);
  expect(parseEpoch(1536036818784123457n, 'ns')).toBe(1536036818784123457n);
  for (const wrong of [1.5, 2 ** 60, '1', null, NaN]) expect(parseEpoch(wrong, 'ns')).toBeNull();
  expect(parseEpoch(10n ** 13n, 's')).toBeNull();
});

test('delays double up to the largest, less the jitter', () => {
  const options = { initialMs: 100, maxMs: 1000, jitter: 0.5 };
  expect([1, 2, 3, 4, 5, 500].map((attempt) => backoffMs(attempt, options, () => 0))).toEqual([
    100, 200, 400, 800, 1000, 1000,
  ]);
  expect(backoffMs(2, options, () => 0.5)).toBe(150);
});

test('identities are remembered within the window only', () => {
  const recent = new RecentIdentities(2);
  for (const id of ['a', 'b', 'b', 'c']) recent.add(id);
  expect(['a', 'b', 'c'].map((id) => recent.has(id))).toEqual([false, true, true]);
});

test('gaps count the numbers missing; a number that comes back is out of order, not a gap', () => {
  const tracker = new SequenceTracker();
  expect([5n, 6n, 9n, 7n, 10n].map((q) => tracker.see('trades', 'A', q))).toEqual([
    null,
    null,
    { kind: 'trades', symbol: 'A', expected: 7n, received: 9n },
    null,
    null,
  ]);
  expect(tracker.see('quotes', 'A', 100n)).toBeNull();
  expect([tracker.gaps, tracker.missing, tracker.outOfOrder]).toEqual([1, 2n, 1]);
});
