/** `flowstate book replay` in a child process, on real feeds and on faults. */
import { writeFileSync, readFileSync } from 'node:fs';
import { tableFromIPC } from 'apache-arrow';
import { readTable, writeTable } from '../../../lib/index.js';
import { Table, makeVector } from 'apache-arrow';
import { BACKENDS, ensureBuilt, flowstate, temporaryFolder } from '../cli/run-cli.js';
import { describeWith, pathOf } from './data.js';

const folder = temporaryFolder();
beforeAll(ensureBuilt);
afterAll(folder.remove);

describeWith(['messages', 'book'])('flowstate book replay, LOBSTER', () => {
  const feed = ['book', 'replay', '--format', 'lobster', '--messages', pathOf('messages')];

  it.each(['book.parquet', 'book.arrow', 'book.arrows', 'book.csv'])('writes %s', async (name) => {
    const out = folder.path(name);
    const done = await flowstate([
      ...feed,
      ...['--orderbook', pathOf('book'), '--date', '2012-06-21', '--utc-offset', '-04:00', '--levels', '10'],
      ...['--out', out, '--stats'],
    ]);
    expect([done.code, done.code === 0 ? '' : done.stderr]).toEqual([0, '']);
    const table = await readTable(out);
    expect(table.numRows).toBe(999);
    expect(table.getChild('ask_price_1')!.get(0)).toBe(585.94);
    const stats = JSON.parse(done.stderr) as { out: { rows: number }; events: number; messages: number };
    expect(stats).toMatchObject({ out: { rows: 999 }, messages: 999, events: 1019 });
  });

  it('samples at the times of a table, and writes to stdout', async () => {
    const times = folder.path('times.parquet');
    await writeTable(times, new Table({ ts: makeVector(BigInt64Array.of(34_200_100_000_000n, 34_201_000_000_000n)) }));
    const done = await flowstate([...feed, '--sample', `at=${times}:ts`, '--levels', '1', '--out', '-']);
    expect([done.code, done.stderr]).toEqual([0, '']);
    const table = tableFromIPC(done.stdout);
    expect([table.numRows, String(table.schema.fields[0]!.type)]).toEqual([2, 'Duration<NANOSECOND>']);
  });
});

describeWith(['dbn'])('flowstate book replay, DBN', () => {
  it('reads zstd, samples every n-th event, keeps ticks', async () => {
    const out = folder.path('es.arrow');
    const flags = ['--tick-size', '0.25', '--prices', 'ticks', '--sample', 'every=500', '--features', 'levels,orders'];
    const done = await flowstate([
      'book',
      'replay',
      '--format',
      'dbn',
      '--messages',
      pathOf('dbn'),
      ...flags,
      '--out',
      out,
    ]);
    expect([done.code, done.stderr]).toEqual([0, '']);
    const table = tableFromIPC(readFileSync(out));
    expect(table.numRows).toBeGreaterThan(50);
    expect(String(table.getChild('bid_price_1')!.type)).toBe('Int64');
  });
});

(BACKENDS.includes('native') ? describe : describe.skip)('flowstate book replay, faults', () => {
  const bad = folder.path('bad.csv');
  const out = folder.path('never.parquet');
  beforeAll(() => writeFileSync(bad, 'time_ns,kind,side,price,quantity,order_id\n1,add,buy,10,1,1\n2,add,buy,x,1,2\n'));
  const run = (...flags: string[]) => flowstate(['book', 'replay', '--out', out, ...flags]);

  it.each([
    [
      'damaged input, with file, message and byte',
      ['--format', 'events', '--messages', bad],
      /FS_ERR_CORRUPT: .*bad\.csv: message 3 at byte 59: .*price/,
    ],
    ['an unknown format', ['--format', 'fix', '--messages', bad], /FS_ERR_OPTION_UNKNOWN/],
    ['no format', ['--messages', bad], /FS_ERR_ARG_TYPE: expected --format/],
    ['a bad sample rule', ['--format', 'events', '--messages', bad, '--sample', 'x'], /FS_ERR_ARG_TYPE: .*--sample/],
    ['a bad number', ['--format', 'events', '--messages', bad, '--levels', 'ten'], /FS_ERR_ARG_TYPE: .*--levels/],
    [
      'an unknown option',
      ['--format', 'events', '--messages', bad, '--level', '1'],
      /FS_ERR_OPTION_UNKNOWN: .*--level.*did you mean '--levels'.*flowstate book replay/,
    ],
  ])('%s: one line, exit code 2, no output', async (_, flags, message) => {
    const done = await run(...flags);
    expect([done.code, done.stderr.trimEnd().split('\n').length]).toEqual([2, 1]);
    expect(done.stderr).toMatch(message);
    await expect(readTable(out)).rejects.toMatchObject({ code: 'FS_ERR_IO' });
  });

  it('a missing file: exit code 1', async () => {
    const done = await run('--format', 'dbn', '--messages', folder.path('nothing.dbn'));
    expect([done.code, done.stderr]).toEqual([1, expect.stringMatching(/^flowstate: FS_ERR_IO: .*nothing\.dbn/)]);
  });

  it('events from Parquet, as another command writes them', async () => {
    const events = folder.path('events.parquet');
    const table = new Table({
      time_ns: makeVector(BigInt64Array.of(1n, 2n)),
      kind: makeVector(Uint8Array.of(0, 0)),
      side: makeVector(Uint8Array.of(0, 1)),
      price: makeVector(BigInt64Array.of(10n, 12n)),
      quantity: makeVector(BigUint64Array.of(1n, 1n)),
      order_id: makeVector(BigUint64Array.of(1n, 2n)),
    });
    await writeTable(events, table);
    const target = folder.path('rows.arrow');
    const done = await flowstate(['book', 'replay', '--format', 'events', '--messages', events, '--out', target]);
    expect([done.code, done.stderr]).toEqual([0, '']);
    expect(tableFromIPC(readFileSync(target)).getChild('mid')!.get(1)).toBe(11);
  });
});
