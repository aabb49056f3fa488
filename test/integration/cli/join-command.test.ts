/** `flowstate join` end to end: formats, options, several streams, statistics, standard output. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tableFromIPC, TimeUnit } from 'apache-arrow';
import { int64, QUOTES_CSV, tableOf, timestamps, TRADES_CSV, writeArrow } from './fixtures.js';
import { BIN, ensureBuilt, flowstate, runProgram, temporaryFolder } from './run-cli.js';

beforeAll(ensureBuilt);

const folder = temporaryFolder();
const join = (...args: string[]): ReturnType<typeof flowstate> => flowstate(['join', ...args], { cwd: folder.dir });
const SIDES = ['--left', 't.csv', '--right', 'q.csv', '--on', 'ts', '--by', 'symbol'];

beforeAll(() => {
  writeFileSync(folder.path('t.csv'), TRADES_CSV);
  writeFileSync(folder.path('q.csv'), QUOTES_CSV);
  writeFileSync(folder.path('bars.csv'), 'ts,close\n0,7\n25,8\n');
  writeFileSync(folder.path('named.csv'), 'time,sym,bid\n9,A,1\n');
});
afterAll(folder.remove);

async function rowsOf(...args: string[]): Promise<unknown[]> {
  const done = await join(...args, '--out', '-');
  expect(done).toMatchObject({ code: 0, stderr: '' });
  return tableFromIPC(done.stdout)
    .toArray()
    .map((row: { toJSON(): unknown }) => row.toJSON());
}

test('takes the latest right row per key, and keeps every left row', async () => {
  expect(await rowsOf(...SIDES)).toEqual([
    { ts: 10n, symbol: 'A', price: 1.5, bid: 1.26, ask: 1.76 },
    { ts: 20n, symbol: 'B', price: 2.5, bid: 2.25, ask: 2.75 },
    { ts: 30n, symbol: 'A', price: 3.5, bid: 1.26, ask: 1.76 },
    { ts: 40n, symbol: 'C', price: 4.5, bid: null, ask: null },
  ]);
});

test.each<[string, string[], unknown[]]>([
  ['--no-exact', ['--no-exact'], [1.26, null, 1.26, null]],
  ['--tolerance', ['--tolerance', '1'], [1.26, 2.25, null, null]],
  ['--direction forward', ['--direction', 'forward'], [3.25, 2.25, 3.25, null]],
  ['--direction nearest', ['--direction', 'nearest'], [1.26, 2.25, 3.25, null]],
  ['--how inner', ['--how', 'inner'], [1.26, 2.25, 1.26]],
  ['--lag', ['--lag', '2'], [1.25, null, 1.26, null]],
  ['--backend javascript', ['--backend', 'javascript'], [1.26, 2.25, 1.26, null]],
  ['--backend device', ['--backend', 'device'], [1.26, 2.25, 1.26, null]],
  ['--backend device --stream', ['--backend', 'device', '--stream'], [1.26, 2.25, 1.26, null]],
  ['--threads', ['--threads', '1'], [1.26, 2.25, 1.26, null]],
  ['--columns', ['--columns', 'bid'], [1.26, 2.25, 1.26, null]],
])('%s', async (_name, flags, bids) => {
  const rows = (await rowsOf(...SIDES, ...flags)) as { bid: number | null; ask?: number }[];
  expect(rows.map((row) => row.bid)).toEqual(bids);
  if (flags[0] === '--columns') expect(rows[0]).not.toHaveProperty('ask');
});

test('extra columns, suffix and prefix', async () => {
  const [first] = await rowsOf(...SIDES, '--right-time', 'qt', '--age', 'age', '--matched', 'hit', '--prefix', 'q_');
  expect(first).toEqual({ ts: 10n, symbol: 'A', price: 1.5, q_bid: 1.26, q_ask: 1.76, qt: 9n, age: 1n, hit: true });
  const [second] = await rowsOf(...SIDES, '--columns', 'symbol,bid', '--suffix', '_quote');
  expect(second).toEqual({ ts: 10n, symbol: 'A', price: 1.5, symbol_quote: 'A', bid: 1.26 });
});

test('names that differ between the sides', async () => {
  const sides = [
    '--left',
    't.csv',
    '--right',
    'named.csv',
    '--on',
    'left=ts,right=time',
    '--by',
    'left=symbol,right=sym',
  ];
  expect(await rowsOf(...sides, '--how', 'inner')).toEqual([
    { ts: 10n, symbol: 'A', price: 1.5, bid: 1n },
    { ts: 30n, symbol: 'A', price: 3.5, bid: 1n },
  ]);
});

test('several streams, each with options of its own', async () => {
  const rows = await rowsOf(
    ...['--left', 't.csv', '--on', 'ts', '--right', 'quote=q.csv?by=symbol&tolerance=1&columns=bid'],
    ...['--right', 'bar=bars.csv?prefix=b_&no-exact&matched=has_bar'],
  );
  expect(rows).toEqual([
    { ts: 10n, symbol: 'A', price: 1.5, quote_bid: 1.26, b_close: 7n, has_bar: true },
    { ts: 20n, symbol: 'B', price: 2.5, quote_bid: 2.25, b_close: 7n, has_bar: true },
    { ts: 30n, symbol: 'A', price: 3.5, quote_bid: null, b_close: 8n, has_bar: true },
    { ts: 40n, symbol: 'C', price: 4.5, quote_bid: null, b_close: 8n, has_bar: true },
  ]);
});

test('every format goes in and out, and says the same', async () => {
  const expected = (await join(...SIDES, '--out', '-')).stdout;
  const answer = JSON.stringify(tableFromIPC(expected).toArray().map(String));
  for (const extension of ['parquet', 'arrow', 'ipc', 'arrows', 'csv']) {
    // A stage that adds nothing is the way from CSV to the format.
    for (const name of ['t', 'q']) {
      const copy = [
        '--left',
        `${name}.csv`,
        '--right',
        'bars.csv',
        '--on',
        'ts',
        '--columns',
        'close',
        '--prefix',
        `x_`,
      ];
      expect(await join(...copy, '--out', `${name}-in.${extension}`)).toMatchObject({ code: 0 });
    }
    const sides = [
      `t-in.${extension}`,
      '--right',
      `q-in.${extension}`,
      '--on',
      'ts',
      '--by',
      'symbol',
      '--columns',
      'bid,ask',
    ];
    expect(await join('--left', ...sides, '--out', `out.${extension}`)).toMatchObject({ code: 0, stderr: '' });
    const back = await join(
      '--left',
      `out.${extension}`,
      '--right',
      'bars.csv',
      '--on',
      'ts',
      '--prefix',
      'y_',
      '--out',
      '-',
    );
    const rows = tableFromIPC(back.stdout).select(['ts', 'symbol', 'price', 'bid', 'ask']).toArray().map(String);
    expect([extension, JSON.stringify(rows)]).toEqual([extension, answer]);
  }
  expect(readdirSync(folder.dir).filter((name) => /tmp|part/.test(name))).toEqual([]);
});

test('--stats prints one line of JSON with what the matcher counted', async () => {
  const done = await join(...SIDES, '--tolerance', '1', '--out', 'stats.csv', '--stats');
  expect(done.code).toBe(0);
  expect(done.stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(JSON.parse(done.stderr)).toMatchObject({
    left: { path: 't.csv', rows: 4 },
    right: [{ name: 'right', path: 'q.csv', rows: 4 }],
    out: { path: 'stats.csv', rows: 4, bytes: readFileSync(folder.path('stats.csv')).length },
    executor: expect.stringMatching(/^(native|javascript)$/),
    streams: { right: { rows: 4, matched: 2, unmatched: 2, noCandidate: 1, toleranceExceeded: 1, matchRate: 0.5 } },
    ms: { read: expect.any(Number), join: expect.any(Number), write: expect.any(Number), total: expect.any(Number) },
  });
});

test('--explain prints the plan and its phases', async () => {
  const done = await join(...SIDES, '--out', 'explain.csv', '--explain');
  expect(done.code).toBe(0);
  expect(done.stderr).toMatch(/^executor (native|javascript): /);
  expect(done.stderr).toMatch(/^right: plan \w+$/m);
});

test('CSV times: an epoch unit, and ISO 8601 with nine decimals, without a float between', async () => {
  writeFileSync(folder.path('iso.csv'), 'ts,v\n2024-01-01T00:00:00.123456789,1\n2024-01-01T00:00:00.123456790,2\n');
  writeFileSync(folder.path('epoch.csv'), 'ts,w\n1704067200123456789,1\n1704067200123456790,2\n');
  const rows = await join(
    '--left',
    'iso.csv',
    '--right',
    'epoch.csv',
    '--on',
    'ts',
    '--time-unit',
    'right=ns',
    '--age',
    'age',
    '--out',
    '-',
  );
  expect(rows).toMatchObject({ code: 0, stderr: '' });
  expect([...tableFromIPC(rows.stdout).getChild('age')!]).toEqual([0n, 0n]);
});

test('zero rows on either side, and keys that are all null', async () => {
  writeFileSync(folder.path('none.csv'), 'ts,symbol,price\n');
  writeArrow(folder.path('none.arrow'), tableOf({ ts: int64([]), bid: int64([]) }));
  writeFileSync(folder.path('nulls.csv'), 'ts,symbol,bid\n1,,5\n2,,6\n');
  const left = await join(
    '--left',
    'none.csv',
    '--right',
    'bars.csv',
    '--on',
    'ts',
    '--schema',
    'ts:int64',
    '--out',
    '-',
  );
  expect(left.stderr).toBe('');
  expect(tableFromIPC(left.stdout).numRows).toBe(0);
  const right = (await rowsOf('--left', 't.csv', '--right', 'none.arrow', '--on', 'ts')) as { bid: unknown }[];
  expect(right.map((row) => row.bid)).toEqual([null, null, null, null]);
  const keys = ['--left', 't.csv', '--right', 'nulls.csv', '--on', 'ts', '--by', 'symbol', '--schema', 'symbol:utf8'];
  expect(((await rowsOf(...keys)) as { bid: unknown }[]).map((row) => row.bid)).toEqual([null, null, null, null]);
});

test('only needed columns are read: a column of a type that cannot be joined does no harm', async () => {
  writeArrow(
    folder.path('wide.arrow'),
    tableOf({ ts: int64([9n]), bid: int64([4n]), other: timestamps([1n], TimeUnit.SECOND) }),
  );
  const rows = await rowsOf('--left', 't.csv', '--right', 'wide.arrow', '--on', 'ts', '--columns', 'bid');
  expect(rows[0]).toEqual({ ts: 10n, symbol: 'A', price: 1.5, bid: 4n });
});

test('a reader that leaves early is no error', async () => {
  const big = tableOf({ ts: int64(Array.from({ length: 400_000 }, (_, i) => BigInt(i))) });
  writeArrow(folder.path('big.arrow'), big);
  const script = `"${process.execPath}" "${BIN}" join --left big.arrow --right bars.csv --on ts --out - | head -c 100 | wc -c; echo "\${PIPESTATUS[0]}"`;
  const done = await runProgram('bash', ['-c', script], { cwd: folder.dir });
  expect(done.stderr).toBe('');
  expect(done.stdout.toString().split(/\s+/).filter(Boolean)).toEqual(['100', '0']);
});

test('a reader that leaves before the help is out is no error', async () => {
  const script = `"${process.execPath}" "${BIN}" join --help | true`;
  const done = await runProgram('bash', ['-c', script], { cwd: folder.dir });
  expect(done.stderr).toBe('');
});
