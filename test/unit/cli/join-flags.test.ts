import { writeFileSync } from 'node:fs';
import {
  parseOn,
  parseRight,
  parseRights,
  parseSides,
  parseTolerance,
  splitList,
} from '../../../lib/cli/join-flags.js';
import { neededColumns, sideOptions } from '../../../lib/cli/join-options.js';
import { temporaryFolder } from '../../integration/cli/run-cli.js';

test.each([
  ['a', ['a']],
  ['a,b', ['a', 'b']],
  ['a\\,b,c', ['a,b', 'c']],
])('the list %s', (text, expected) => {
  expect(splitList(text)).toEqual(expected);
});

test.each([
  ['symbol', 'symbol'],
  ['symbol,venue', ['symbol', 'venue']],
  ['left=sym,right=symbol', { left: ['sym'], right: ['symbol'] }],
  ['left=a,right=b,venue', { left: ['a', 'venue'], right: ['b', 'venue'] }],
  ['left=a,left=b,right=c,right=d', { left: ['a', 'b'], right: ['c', 'd'] }],
])('the sides %s', (text, expected) => {
  expect(parseSides(text)).toEqual(expected);
});

test('--on names one column a side', () => {
  expect(parseOn('ts')).toBe('ts');
  expect(parseOn('left=ts,right=time')).toEqual({ left: 'ts', right: 'time' });
  for (const text of ['a,b', 'left=a', 'left=a,right=b,right=c']) {
    expect(() => parseOn(text)).toThrow(expect.objectContaining({ code: 'FS_ERR_ARG_TYPE' }));
  }
});

test.each([
  ['5s', '5s'],
  ['0', 0n],
  ['9223372036854775807', 9223372036854775807n],
  ['-3', -3n],
  ['0.5', 0.5],
  ['1e3', 1000],
  ['soon', 'soon'],
])('the tolerance %s', (text, expected) => {
  expect(parseTolerance(text)).toBe(expected);
});

describe('--right', () => {
  test.each([
    ['quotes.parquet', { name: null, path: 'quotes.parquet', flags: {} }],
    ['quote=quotes.parquet', { name: 'quote', path: 'quotes.parquet', flags: {} }],
    [
      'quote=q.parquet?tolerance=5s&columns=bid,ask&no-exact&right-time=t',
      {
        name: 'quote',
        path: 'q.parquet',
        flags: { tolerance: '5s', columns: 'bid,ask', exact: false, rightTime: 't' },
      },
    ],
    ['q.csv?prefix=a%26b', { name: null, path: 'q.csv', flags: { prefix: 'a&b' } }],
    ['q?.csv', { name: null, path: 'q?.csv', flags: {} }],
    ['q=/data/day=3/q.csv', { name: 'q', path: '/data/day=3/q.csv', flags: {} }],
  ])('%s', (text, expected) => {
    expect(parseRight(text)).toEqual(expected);
  });

  test('what names an existing file is a path, whatever it contains', () => {
    const folder = temporaryFolder();
    try {
      const path = folder.path('date=3?a=b.csv');
      writeFileSync(path, '');
      expect(parseRight(path)).toEqual({ name: null, path, flags: {} });
    } finally {
      folder.remove();
    }
  });

  test.each([
    ['q=q.csv?tolerence=5s', 'FS_ERR_OPTION_UNKNOWN', /tolerance/],
    ['q=q.csv?prefix=a&tolerance', 'FS_ERR_ARG_TYPE', /value after tolerance/],
  ])('%s is refused', (text, code, message) => {
    expect(() => parseRight(text)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  });

  test('several need distinct names', () => {
    expect(parseRights(['a.csv'])).toHaveLength(1);
    expect(parseRights(['a=a.csv', 'b=a.csv']).map((right) => right.name)).toEqual(['a', 'b']);
    expect(() => parseRights(['a=a.csv', 'b.csv'])).toThrow(expect.objectContaining({ code: 'FS_ERR_ARG_TYPE' }));
    expect(() => parseRights(['a=a.csv', 'a=b.csv'])).toThrow(
      expect.objectContaining({ code: 'FS_ERR_NAME_COLLISION' }),
    );
  });
});

test('flags become the options of the library; those of a stream win', () => {
  const shared = { on: 'ts', by: 'symbol', tolerance: '5s', exact: true, nearestTie: 'later' };
  expect(sideOptions(shared, { tolerance: '1s', exact: false, columns: 'bid' })).toMatchObject({
    on: 'ts',
    by: 'symbol',
    tolerance: '1s',
    allowExactMatches: false,
    nearestTie: 'later',
    columns: ['bid'],
  });
  expect(() => sideOptions({ ...shared, direction: 'backwards' })).toThrow(
    expect.objectContaining({ code: 'FS_ERR_OPTION_UNKNOWN', message: expect.stringMatching(/--direction.*backward/) }),
  );
  expect(() => sideOptions({})).toThrow(expect.objectContaining({ code: 'FS_ERR_ARG_TYPE' }));
});

test('only the columns that a join needs are read', () => {
  const flags = { on: 'left=ts,right=time', by: 'left=s,right=symbol', columns: 'bid,symbol', knownAt: 'known' };
  expect(neededColumns(sideOptions(flags))).toEqual(['time', 'symbol', 'bid', 'known']);
  expect(neededColumns(sideOptions({ on: 'ts' }))).toBeUndefined();
});
