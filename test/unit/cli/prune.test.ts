/** Which right row groups a join may leave unread: never one that could hold a match. */
import { type Table, TimeUnit } from 'apache-arrow';
import type { SideOptions } from '../../../lib/cli/join-options.js';
import { extremes, neededTimes as needed, statedExtremes } from '../../../lib/cli/prune.js';
import type { FileInfo, TimeRange } from '../../../lib/storage/types.js';
import { int64, tableOf, timestamps } from '../../integration/cli/fixtures.js';

const left = tableOf({ ts: timestamps([5_500_000n, 2_000_001n], TimeUnit.NANOSECOND) });
const right = tableOf({ ts: timestamps([0n], TimeUnit.MILLISECOND) });

/** A Parquet file in ms whose row groups span the given times. */
function file(groups: readonly (readonly [bigint, bigint])[], schema = right.schema): FileInfo {
  const rowGroups = groups.map(([min, max]) => ({ rows: 1, statistics: { ts: { min, max, nullCount: 0 } } }));
  return { format: 'parquet', schema, rows: groups.length, bytes: 1, rowGroups };
}

const neededTimes = (table: Table, info: FileInfo, options: SideOptions): TimeRange | undefined =>
  needed(table.schema, extremes(table, 'ts'), info, options);

const on: SideOptions = { on: 'ts' };
const SPREAD = file([
  [0n, 1n],
  [3n, 5n],
  [6n, 9n],
]);

test('looking back, nothing after the last left row is needed; the bound is rounded to whole right units', () => {
  expect(neededTimes(left, SPREAD, on)).toEqual({ column: 'ts', max: 5n });
});

test('looking ahead, nothing before the first left row is needed; the bound is rounded up', () => {
  expect(neededTimes(left, SPREAD, { ...on, direction: 'forward' })).toEqual({ column: 'ts', min: 3n });
});

test('times before the epoch round outwards too', () => {
  const early = tableOf({ ts: timestamps([-1n], TimeUnit.NANOSECOND) });
  const groups = file([
    [-5n, -1n],
    [0n, 0n],
  ]);
  expect(neededTimes(early, groups, on)).toEqual({ column: 'ts', max: -1n });
  expect(neededTimes(early, groups, { ...on, direction: 'forward' })).toEqual({ column: 'ts', min: 0n });
});

test.each<[string, FileInfo, SideOptions]>([
  ['nearest looks both ways', SPREAD, { ...on, direction: 'nearest' }],
  ["'error' must see every row", SPREAD, { ...on, unsorted: 'error' }],
  ['no row group falls away', file([[0n, 9n]]), on],
  ['another format has no row groups to spare', { ...SPREAD, format: 'csv' }, on],
  ["plain integers against timestamps are the join's error", file([[9n, 9n]], tableOf({ ts: int64([0n]) }).schema), on],
  ["a missing column is the join's error", SPREAD, { on: { left: 'ts', right: 'time' } }],
])('all is read: %s', (_name, info, options) => {
  expect(neededTimes(left, info, options)).toBeUndefined();
});

test('a tolerance does not prune: it would turn "too far" into "nothing there"', () => {
  expect(
    neededTimes(
      left,
      file([
        [0n, 1n],
        [4n, 5n],
      ]),
      { ...on, tolerance: '1ms' },
    ),
  ).toBeUndefined();
});

test('a left side without times needs everything', () => {
  expect(neededTimes(tableOf({ ts: timestamps([], TimeUnit.NANOSECOND) }), SPREAD, on)).toBeUndefined();
});

test('statistics tell the times of a file where every row group with times states them', () => {
  expect(statedExtremes(SPREAD, 'ts')).toEqual({ min: 0n, max: 9n });
  const nulls = { rows: 4, statistics: { ts: { min: null, max: null, nullCount: 4 } } };
  expect(statedExtremes({ ...SPREAD, rowGroups: [...SPREAD.rowGroups, nulls] }, 'ts')).toEqual({ min: 0n, max: 9n });
  const silent = { rows: 4, statistics: { ts: { min: null, max: null, nullCount: 0 } } };
  expect(statedExtremes({ ...SPREAD, rowGroups: [...SPREAD.rowGroups, silent] }, 'ts')).toBeNull();
  expect(statedExtremes({ ...SPREAD, rowGroups: [{ rows: 4, statistics: {} }] }, 'ts')).toBeNull();
  expect(statedExtremes({ ...SPREAD, rowGroups: [] }, 'ts')).toBeNull();
  expect(statedExtremes(SPREAD, 'other')).toBeNull();
});
