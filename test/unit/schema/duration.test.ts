/** Durations: exact, bounded, with errors that say where. */
import fc from 'fast-check';

import { formatDuration, parseDuration } from '../../../lib/schema/duration';
import { runs } from '../../helpers/property';

test.each([
  ['250us', 250_000n],
  ['5s', 5_000_000_000n],
  ['1h30m', 5_400_000_000_000n],
  ['1h 30min', 5_400_000_000_000n],
  ['2d', 172_800_000_000_000n],
  ['100ns', 100n],
  ['1w', 604_800_000_000_000n],
  ['0ns', 0n],
  ['1.5s', 1_500_000_000n],
  ['0.25us', 250n],
  ['3µs', 3_000n],
  [' 7ms ', 7_000_000n],
  ['9223372036854775807ns', 2n ** 63n - 1n],
  [42n, 42n],
  [0n, 0n],
])('%p is %p ns', (value, ns) => {
  expect(parseDuration(value, 'tolerance')).toBe(ns);
});

test.each([
  [5, 'FS_ERR_ARG_TYPE'],
  [null, 'FS_ERR_ARG_TYPE'],
  [{}, 'FS_ERR_ARG_TYPE'],
  ['', 'FS_ERR_ARG_RANGE'],
  ['5', 'FS_ERR_ARG_RANGE'],
  ['s', 'FS_ERR_ARG_RANGE'],
  ['5 parsecs', 'FS_ERR_ARG_RANGE'],
  ['1mo', 'FS_ERR_ARG_RANGE'],
  ['5s5s', 'FS_ERR_ARG_RANGE'],
  ['-5s', 'FS_ERR_ARG_RANGE'],
  [-1n, 'FS_ERR_ARG_RANGE'],
  ['0.5ns', 'FS_ERR_ARG_RANGE'],
  ['1e3s', 'FS_ERR_ARG_RANGE'],
  ['5s trailing', 'FS_ERR_ARG_RANGE'],
  ['9223372036854775808ns', 'FS_ERR_ARG_RANGE'],
  [2n ** 63n, 'FS_ERR_ARG_RANGE'],
])('%p is refused with %s', (value, code) => {
  expect(() => parseDuration(value, 'tolerance')).toThrow(expect.objectContaining({ code }));
  expect(() => parseDuration(value, 'tolerance')).toThrow(/^tolerance must/);
});

test('what formatDuration writes parseDuration reads', () => {
  expect(formatDuration(5_400_000_000_000n)).toBe('1h30m');
  expect(formatDuration(250_000n)).toBe('250us');
  expect(formatDuration(0n)).toBe('0ns');
  expect(formatDuration(-5_000_000_000n)).toBe('-5s');
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (ns) => {
      expect(parseDuration(formatDuration(ns), 'x')).toBe(ns);
    }),
    runs(500),
  );
});
