/** `flowstate stream` as a process: files that grow, pipes, interruptions. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { appendFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { type RecordBatch, Table, tableFromIPC, tableToIPC } from 'apache-arrow';

import { asofJoin } from '../../../lib/join/asof-join.js';
import { alignStreams } from '../../../lib/join/align-streams.js';
import { readTable } from '../../../lib/storage/index.js';
import { fromArrowStream } from '../../../lib/storage/live/index.js';
import { BIN, ensureBuilt, FALLBACK_NOTICE, flowstate, temporaryFolder } from './run-cli.js';

const folder = temporaryFolder();
beforeAll(ensureBuilt);
afterAll(folder.remove);

let count = 0;
const children = new Set<ChildProcessWithoutNullStreams>();
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
});

/** A file of its own with these lines. */
function fileOf(text: string, extension = 'csv'): string {
  const path = folder.path(`f${count++}.${extension}`);
  writeFileSync(path, text);
  return path;
}

/** Rows as JSON, times as whole numbers of ns. */
function rowsOf(table: Table): unknown[] {
  return table.toArray().map((row) => {
    const json = (row as { toJSON(): Record<string, unknown> }).toJSON();
    return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, value ?? null]));
  });
}

interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly batches: AsyncIterator<RecordBatch>;
  readonly stderr: () => string;
  readonly exit: Promise<number | null>;
}

function start(args: readonly string[]): Running {
  const child = spawn(process.execPath, [BIN, 'stream', ...args], { stdio: 'pipe' });
  children.add(child);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.on('error', () => undefined);
  return {
    child,
    batches: fromArrowStream(child.stdout)[Symbol.asyncIterator](),
    stderr: () => stderr,
    exit: new Promise((resolve) => child.once('close', resolve)),
  };
}

/** Rows from the running command until there are `count`, or all. */
async function take({ batches }: Running, count = Infinity): Promise<unknown[]> {
  const rows: unknown[] = [];
  while (rows.length < count) {
    const { done, value } = await batches.next();
    if (done === true) break;
    rows.push(...rowsOf(new Table([value])));
  }
  return rows;
}

/** Trades and quotes, `disorder` apart from order. */
function market(rows: number): { trades: string; quotes: string } {
  let seed = 7;
  const random = (n: number) => (seed = (seed * 48_271) % 2_147_483_647) % n;
  const symbol = () => ['A', 'B', 'C'][random(3)];
  let trades = 'ts,symbol,price\n';
  let quotes = 'ts,symbol,bid,ask\n';
  for (let i = 0; i < rows; i++) {
    trades += `${1000 + i * 10 - random(40)},${symbol()},${random(1000) / 8}\n`;
    quotes += `${1000 + i * 10 - random(40)},${symbol()},${random(1000) / 8},${random(1000) / 8}\n`;
  }
  return { trades, quotes };
}

test('files as they are: the rows of the join of whole tables, in order of time', async () => {
  const { trades, quotes } = market(3000);
  const [left, right] = [fileOf(trades), fileOf(quotes)];
  const out = folder.path('whole.arrow');
  const args = ['--on', 'ts', '--by', 'symbol', '--tolerance', '50', '--watermark', '40', '--late', 'error'];
  const done = await flowstate(['stream', '--left', left, '--right', right, ...args, '--out', out, '--stats']);
  expect(done).toMatchObject({ code: 0 });
  const [l, r] = [await readTable(left), await readTable(right)];
  const expected = rowsOf(await asofJoin(l, r, { on: 'ts', by: 'symbol', tolerance: 50n }));
  const order = expected.map((row, i) => ({ row, i, ts: (row as { ts: bigint }).ts }));
  order.sort((a, b) => Number(a.ts - b.ts) || a.i - b.i);
  expect(rowsOf(await readTable(out))).toEqual(order.map(({ row }) => row));
  const stats = JSON.parse(done.stderr) as { emitted: string; inputs: Record<string, { rows: number; late: number }> };
  expect(stats).toMatchObject({ emitted: '3000', inputs: { left: { rows: 3000, late: 0 }, right: { rows: 3000 } } });
});

test('several streams, each with its own options', async () => {
  const { trades, quotes } = market(500);
  const left = fileOf(trades);
  const right = fileOf(quotes);
  const rights = [
    '--right',
    `q=${right}?columns=bid&tolerance=30`,
    '--right',
    `f=${right}?columns=ask&direction=forward`,
  ];
  const done = await flowstate([
    'stream',
    '--left',
    left,
    ...rights,
    '--on',
    'ts',
    '--by',
    'symbol',
    '--watermark',
    'left=40,q=40,f=40',
  ]);
  expect(done).toMatchObject({ code: 0, stderr: '' });
  const [l, r] = [await readTable(left), await readTable(right)];
  const streams = {
    q: { table: r, columns: ['bid'], tolerance: 30n },
    f: { table: r, columns: ['ask'], direction: 'forward' as const },
  };
  const { table } = await alignStreams(l, streams, { on: 'ts', by: 'symbol' });
  const expected = rowsOf(table).map((row, i) => ({ row, i, ts: (row as { ts: bigint }).ts }));
  expected.sort((a, b) => Number(a.ts - b.ts) || a.i - b.i);
  expect(rowsOf(tableFromIPC(done.stdout))).toEqual(expected.map(({ row }) => row));
});

test('files that grow: rows come when they are final, and the rest on Ctrl-C, which ends well', async () => {
  const left = fileOf('ts,x\n');
  const right = fileOf('ts,v\n10,1\n');
  const schema = ['--schema', 'ts:int64,x:int64,v:int64'];
  const running = start(['--left', left, '--right', right, '--on', 'ts', '--watermark', '2', '--follow', ...schema]);
  appendFileSync(left, '11,1\n12,2\n20,3\n');
  appendFileSync(right, '12,2\n15,3\n');
  // Both inputs have got to 15 - 2.
  expect(await take(running, 2)).toEqual([
    { ts: 11n, x: 1n, v: 1n },
    { ts: 12n, x: 2n, v: 2n },
  ]);
  appendFileSync(right, '19,4\n25,5\n');
  appendFileSync(left, '2');
  appendFileSync(left, '4,4\n');
  expect(await take(running, 1)).toEqual([{ ts: 20n, x: 3n, v: 4n }]);
  running.child.kill('SIGINT');
  expect(await take(running)).toEqual([{ ts: 24n, x: 4n, v: 4n }]);
  expect(await running.exit).toBe(0);
});

test('a quiet input holds nothing back after --idle', async () => {
  const left = fileOf('ts,x\n1,1\n5,2\n9,3\n');
  const right = fileOf('ts,v\n1,1\n');
  const running = start([
    '--left',
    left,
    '--right',
    right,
    '--on',
    'ts',
    '--watermark',
    'monotone',
    '--follow',
    '--idle',
    // Long enough for the first rows to be there on a busy machine: idle before them, they would come late.
    '2s',
    '--all-idle',
    'release',
  ]);
  expect(await take(running, 3)).toHaveLength(3);
  running.child.kill('SIGTERM');
  expect(await take(running)).toEqual([]);
  expect(await running.exit).toBe(0);
});

test.each(['csv', 'arrows'])('standard input as %s, output into a file', async (format) => {
  const { trades, quotes } = market(200);
  const left = fileOf(trades);
  const out = folder.path(`piped-${format}.parquet`);
  const running = start([
    '--left',
    '-',
    '--right',
    fileOf(quotes),
    '--on',
    'ts',
    '--by',
    'symbol',
    '--watermark',
    '40',
    '--out',
    out,
  ]);
  running.child.stdin.end(format === 'csv' ? trades : tableToIPC(await readTable(left), 'stream'));
  expect(await running.exit).toBe(0);
  expect((await readTable(out)).numRows).toBe(200);
});

test('an interruption of a pipe writes what has come, and says 130', async () => {
  const running = start([
    '--left',
    '-',
    '--right',
    fileOf('ts,v\n1,1\n'),
    '--on',
    'ts',
    '--watermark',
    '100',
    '--schema',
    'ts:int64',
  ]);
  running.child.stdin.write('ts,x\n1,1\n2,2\n');
  // The metrics of nothing: it has started once it says something, and it says nothing; so it is given time to read.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  running.child.kill('SIGINT');
  expect(await take(running)).toHaveLength(2);
  expect(await running.exit).toBe(130);
});

test('late rows are revised, with the number of the row and what becomes of it', async () => {
  const left = fileOf('ts,x\n10,1\n30,2\n');
  const running = start([
    '--left',
    left,
    '--right',
    '-',
    '--on',
    'ts',
    '--watermark',
    'monotone',
    '--late',
    'revise',
    '--horizon',
    '100',
    '--row-id',
    'id',
    '--op',
    'op',
    '--follow',
    '--schema',
    'ts:int64,v:int64',
  ]);
  running.child.stdin.write('ts,v\n5,1\n29,2\n');
  expect(await take(running, 1)).toEqual([{ ts: 10n, x: 1n, v: 1n, id: 0n, op: 1 }]);
  running.child.stdin.write('8,3\n');
  expect(await take(running, 2)).toEqual([
    { ts: 10n, x: 1n, v: 1n, id: 0n, op: -1 },
    { ts: 10n, x: 1n, v: 3n, id: 0n, op: 1 },
  ]);
});

test('metrics are served while it runs', async () => {
  const left = fileOf('ts,x\n10,1\n30,2\n');
  const right = fileOf('ts,v\n10,1\n40,2\n');
  const running = start([
    '--left',
    left,
    '--right',
    right,
    '--on',
    'ts',
    '--watermark',
    'monotone',
    '--follow',
    '--metrics-port',
    '0',
  ]);
  await take(running, 1);
  const port = /127\.0\.0\.1:(\d+)/.exec(running.stderr())![1]!;
  const text = await new Promise<string>((resolve, reject) => {
    get(`http://127.0.0.1:${port}/metrics`, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => (body += part));
      response.on('end', () => resolve(body));
    }).on('error', reject);
  });
  expect(text).toContain('flowstate_stream_rows_total{input="left"} 2\n');
  expect(text).toMatch(/^flowstate_stream_emitted_rows_total 1$/m);
  expect(text).toMatch(/^flowstate_stream_seal_delay_seconds_count 1$/m);
  // The batch ends at 30, which is not out yet.
  expect(text).toMatch(/^flowstate_stream_end_to_end_seconds_count 0$/m);
});

test('a reader that leaves ends the command quietly', async () => {
  const { trades, quotes } = market(20_000);
  const running = start([
    '--left',
    fileOf(trades),
    '--right',
    fileOf(quotes),
    '--on',
    'ts',
    '--by',
    'symbol',
    '--watermark',
    '40',
  ]);
  await take(running, 1);
  running.child.stdout.destroy();
  expect(await running.exit).toBe(0);
  expect(running.stderr().replace(FALLBACK_NOTICE, '')).toBe('');
});

describe('failures are one line and an exit code', () => {
  const good = (): string[] => ['--left', fileOf('ts,x\n1,1\n'), '--right', fileOf('ts,v\n1,1\n'), '--on', 'ts'];

  test.each<[string, (args: string[]) => string[], string, number]>([
    ['no watermark', (args) => args, 'FS_ERR_ARG_TYPE', 2],
    ['a watermark that is none', (args) => [...args, '--watermark', 'soon'], 'FS_ERR_ARG_RANGE', 2],
    ['a watermark of no input', (args) => [...args, '--watermark', 'quote=1s'], 'FS_ERR_OPTION_UNKNOWN', 2],
    ['an unknown policy', (args) => [...args, '--watermark', '1', '--late', 'later'], 'FS_ERR_OPTION_UNKNOWN', 2],
    [
      'a format that cannot grow',
      (args) => ['--left', 'x.parquet', ...args.slice(2), '--watermark', '1', '--follow'],
      'FS_ERR_ARG_RANGE',
      2,
    ],
    [
      'stdin twice',
      (args) => ['--left', '-', '--right', '-', ...args.slice(4), '--watermark', '1'],
      'FS_ERR_ARG_RANGE',
      2,
    ],
    ['a missing file', (args) => ['--left', 'none.csv', ...args.slice(2), '--watermark', '1'], 'FS_ERR_IO', 1],
    ['a missing column', (args) => [...args.slice(0, 5), 'when', '--watermark', '1'], 'FS_ERR_COLUMN_MISSING', 2],
  ])('%s', async (_, argsOf, code, exit) => {
    const out = folder.path('failed.arrow');
    const done = await flowstate(['stream', ...argsOf(good()), '--out', out]);
    expect(done.stderr).toMatch(new RegExp(`^flowstate: ${code}: [^\\n]+\\n$`));
    expect(done.code).toBe(exit);
    expect(readdirSync(folder.dir)).not.toContain('failed.arrow');
  });

  test('a file that is replaced while it is followed', async () => {
    const left = fileOf('ts,x\n1,1\n');
    const running = start([
      '--left',
      left,
      '--right',
      fileOf('ts,v\n1,1\n3,3\n'),
      '--on',
      'ts',
      '--watermark',
      '1',
      '--follow',
    ]);
    appendFileSync(left, '4,2\n');
    await take(running, 1);
    const rest = take(running);
    rest.catch(() => undefined);
    renameSync(left, `${left}.old`);
    writeFileSync(left, 'ts,x\n9,9\n');
    expect(await running.exit).toBe(2);
    expect(running.stderr().replace(FALLBACK_NOTICE, '')).toMatch(
      /^flowstate: FS_ERR_CORRUPT: [^\n]*replaced[^\n]*\n$/,
    );
    // What was written is a stream without its end.
    await expect(rest).rejects.toMatchObject({ code: 'FS_ERR_CORRUPT' });
  });

  test('a late row, where it is an error', async () => {
    const left = fileOf('ts,x\n1,1\n5,2\n');
    const right = fileOf('ts,v\n1,1\n9,9\n');
    const args = ['--left', left, '--right', right, '--on', 'ts', '--watermark', 'monotone', '--late', 'error'];
    const running = start([...args, '--follow']);
    await take(running, 1);
    const rest = take(running);
    rest.catch(() => undefined);
    appendFileSync(left, '4,2\n');
    expect(await running.exit).toBe(2);
    expect(running.stderr().replace(FALLBACK_NOTICE, '')).toMatch(/^flowstate: FS_ERR_LATE_ROW: [^\n]+\n$/);
    await expect(rest).rejects.toMatchObject({ code: 'FS_ERR_CORRUPT' });
  });
});
