/** Both engines and any number of threads give equal tables; hyparquet, which shares no code, reads the same values. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  Data,
  Float64,
  Int64,
  Table,
  Timestamp,
  TimeUnit,
  Utf8,
  vectorFromArray,
  type RecordBatch,
} from 'apache-arrow';
import { loadAddon } from '../../../lib/internal/native.js';
import { readBatches, readInfo, readTable, writeTable } from '../../../lib/storage/index.js';
import { dictionary, exactColumns, tableFrom, typeNames } from '../../unit/storage/tables.js';

const native = loadAddon().addon !== null;
const whenNative = native ? test : test.skip;
if (!native) console.warn('engines are not compared: no addon');

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'fs-engines-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const file = (name: string): string => join(directory, name);

const ROWS = 30_000;

function trades(): Table {
  const indices = Array.from({ length: ROWS }, (_, i) => i);
  const text = (values: readonly string[]): Data => {
    const data = vectorFromArray(values, new Utf8()).data[0];
    if (data === undefined) throw new Error('no data');
    return data;
  };
  return tableFrom([
    [
      'ts',
      new Data(new Timestamp(TimeUnit.NANOSECOND, 'UTC'), 0, ROWS, 0, [
        undefined,
        BigInt64Array.from(indices, (i) => 1_700_000_000_000_000_000n + BigInt(i) * 1001n),
      ]),
    ],
    // The first appearance of most symbols lies in a later row group than the first.
    [
      'symbol',
      dictionary(indices.map((i) => (i % 11 === 3 ? null : `SYM${Math.floor(i / 700)}-${i % 3} a long tail`))),
    ],
    ['distinct', text(indices.map((i) => `order ${i}`))],
    ['price', new Data(new Float64(), 0, ROWS, 0, [undefined, Float64Array.from(indices, (i) => i / 7)])],
    ['id', new Data(new Int64(), 0, ROWS, 0, [undefined, BigInt64Array.from(indices, (i) => BigInt(i) ** 3n)])],
  ]);
}

function dictionaryOf(table: Table, name: string): unknown[] {
  return table.getChild(name)?.data[0]?.dictionary?.toArray() as unknown[];
}

whenNative('threads and engines give the same columns, codes and dictionaries', async () => {
  const path = file('trades.parquet');
  await writeTable(path, trades(), { rowGroupSize: 2048 });
  expect((await readInfo(path)).rowGroups.length).toBeGreaterThan(10);
  const reference = await readTable(path, { backend: 'javascript', threads: 1 });
  const expected = exactColumns(reference);
  expect(expected).toEqual(exactColumns(trades()));
  for (const threads of [1, 2, 4]) {
    const table = await readTable(path, { backend: 'native', threads });
    expect(typeNames(table)).toEqual(typeNames(reference));
    expect(exactColumns(table)).toEqual(expected);
    expect(JSON.stringify(dictionaryOf(table, 'symbol'))).toBe(JSON.stringify(dictionaryOf(reference, 'symbol')));
    expect(table.getChild('symbol')?.data[0]?.values).toEqual(reference.getChild('symbol')?.data[0]?.values);
  }
});

whenNative('a time range and batches', async () => {
  const path = file('range.parquet');
  await writeTable(path, trades(), { rowGroupSize: 2048 });
  const timeRange = { column: 'ts', min: 1_700_000_000_005_000_000n, max: 1_700_000_000_012_000_000n };
  const tables = await Promise.all(
    (['native', 'javascript'] as const).map((backend) => readTable(path, { backend, timeRange })),
  );
  const [left, right] = tables.map((table) => exactColumns(table));
  expect(left).toEqual(right);
  const inside = exactColumns(trades()).ts?.filter((ts) => {
    const value = BigInt(String(ts));
    return value >= timeRange.min && value <= timeRange.max;
  });
  expect(left?.ts).toEqual(inside);
  for (const backend of ['native', 'javascript'] as const) {
    const batches: RecordBatch[] = [];
    for await (const batch of readBatches(path, { backend, timeRange, batchRows: 3000 })) batches.push(batch);
    expect(exactColumns(new Table(batches))).toEqual(left);
  }
});

whenNative('nearly distinct text comes as plain Utf8 from both engines', async () => {
  const rows = 70_000;
  const path = file('distinct.parquet');
  const values = vectorFromArray(
    Array.from({ length: rows }, (_, i) => (i === 5 ? null : `order ${i}`)),
    new Utf8(),
  ).data[0];
  if (values === undefined) throw new Error('no data');
  await writeTable(path, tableFrom([['order', values]]));
  const tables = await Promise.all((['native', 'javascript'] as const).map((backend) => readTable(path, { backend })));
  for (const table of tables) {
    expect(typeNames(table)).toEqual({ order: 'Utf8' });
    expect(exactColumns(table).order?.slice(0, 7)).toEqual(
      [0, 1, 2, 3, 4, 5, 6].map((i) => (i === 5 ? null : `order ${i}`)),
    );
  }
});

/** hyparquet is an ES module, which Jest cannot load: it runs in a process of its own. */
function hyparquetRows(path: string): Record<string, unknown>[] {
  const script = `
    import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
    import { compressors } from 'hyparquet-compressors';
    const file = await asyncBufferFromFile(process.argv[1]);
    const parsers = { timestampFromNanoseconds: (nanos) => nanos };
    const rows = await parquetReadObjects({ file, compressors, parsers });
    const plain = (key, value) => (typeof value === 'bigint' ? String(value) : value === undefined ? null : value);
    process.stdout.write(JSON.stringify(rows, plain));
  `;
  const options = { cwd: resolve(__dirname, '../../..'), encoding: 'utf8', maxBuffer: 1 << 28 } as const;
  const rows: unknown = JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '-e', script, path], options),
  );
  return rows as Record<string, unknown>[];
}

test('hyparquet reads what was written', async () => {
  const path = file('second-opinion.parquet');
  const table = trades().slice(0, 5000);
  for (const backend of native ? (['native', 'javascript'] as const) : (['javascript'] as const)) {
    await writeTable(path, table, { backend });
    const objects = hyparquetRows(path);
    const expected = exactColumns(table);
    expect(objects.map((row) => row.ts)).toEqual(expected.ts);
    expect(objects.map((row) => row.symbol)).toEqual(expected.symbol);
    expect(objects.map((row) => row.id)).toEqual(expected.id);
    expect(objects.map((row) => row.price)).toEqual(expected.price);
  }
});

const DATA = resolve(__dirname, '../../../../shared/data');
const whenData = existsSync(DATA) ? test : test.skip;
if (!existsSync(DATA)) console.warn('skipped: real data (../shared/data) is not here');

whenData('real Parquet files, by both engines', async () => {
  for (const name of ['btcusdt-trades.parquet', 'btcusdt-quotes.parquet']) {
    const path = join(DATA, name);
    const slow = await readTable(path, { backend: 'javascript' });
    expect(slow.numRows).toBe((await readInfo(path)).rows);
    expect(slow.numRows).toBeGreaterThan(0);
    if (native) expect(exactColumns(await readTable(path, { backend: 'native' }))).toEqual(exactColumns(slow));
  }
});

whenData('real CSV: exact nanoseconds, and every row', async () => {
  const table = await readTable(join(DATA, 'spot_BTC_ETH_trades.csv.gz'), {
    timeUnit: 'ns',
    timeColumns: ['local_ts_ns'],
  });
  expect(table.numRows).toBe(15_863);
  expect(typeNames(table, true)).toMatchObject({
    local_ts_ns: 'Timestamp<NANOSECOND>',
    symbol: 'Utf8',
    price: 'Float64',
  });
  expect(exactColumns(table.slice(0, 1)).local_ts_ns).toEqual(['1723161254087896568']);
});
