/** A damaged Parquet file is reported with the row group and column that cannot be read, whoever reads it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeVector, Table, vectorFromArray } from 'apache-arrow';
import { readInputs } from '../../../lib/cli/join-inputs.js';
import { readBatches, readTable, writeTable } from '../../../lib/storage/index.js';
import { readParquetFooter } from '../../../lib/storage/parquet-footer.js';
import { BACKENDS } from '../../integration/cli/run-cli.js';

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'fs-damage-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const file = (name: string): string => join(directory, name);

const ROWS = 20_000;
const GROUP = 2048;

/** Rows in ten row groups; `ts` is the row number. */
function rows(count = ROWS): Table {
  const numbers = Array.from({ length: count }, (_, row) => row);
  return new Table({
    ts: makeVector(BigInt64Array.from(numbers, BigInt)),
    symbol: vectorFromArray(numbers.map((row) => `S${row % 37}`)),
    price: makeVector(Float64Array.from(numbers, (row) => Math.sin(row))),
  });
}

/** A copy of `source` with 0xff over most of one column chunk's pages. */
async function damaged(source: string, name: string, rowGroup: number, column: number): Promise<string> {
  const chunk = (await readParquetFooter(source)).rowGroups[rowGroup]!.columns[column]!;
  const bytes = readFileSync(source);
  bytes.fill(0xff, chunk.start + Math.min(40, chunk.length >> 1), chunk.start + chunk.length);
  writeFileSync(file(name), bytes);
  return file(name);
}

async function drain(path: string, backend: string): Promise<void> {
  for await (const batch of readBatches(path, { backend: backend as 'native', batchRows: 4096 })) void batch;
}

describe.each(BACKENDS)('%s', (backend) => {
  const whole = (): string => file('whole.parquet');
  beforeAll(() => writeTable(whole(), rows(), { rowGroupSize: GROUP }));

  test.each([
    [0, 0, 'ts'],
    [4, 2, 'price'],
    [7, 1, 'symbol'],
    [9, 2, 'price'],
  ])('row group %i, column %i', async (rowGroup, index, column) => {
    const path = await damaged(whole(), `${backend}-${rowGroup}.parquet`, rowGroup, index);
    const expected = { code: 'FS_ERR_CORRUPT', details: { path, rowGroup, column } };
    await expect(readTable(path, { backend: backend as 'native' })).rejects.toMatchObject(expected);
    await expect(drain(path, backend)).rejects.toMatchObject(expected);
    await expect(readTable(path, { backend: backend as 'native' })).rejects.toThrow(path);
    const others = ['ts', 'symbol', 'price'].filter((name) => name !== column);
    expect((await readTable(path, { backend: backend as 'native', columns: others })).numRows).toBe(ROWS);
  });

  test('of two, the first is named', async () => {
    const one = await damaged(whole(), `${backend}-one.parquet`, 6, 0);
    const path = await damaged(one, `${backend}-two.parquet`, 3, 2);
    await expect(readTable(path, { backend: backend as 'native' })).rejects.toMatchObject({
      details: { path, rowGroup: 3, column: 'price' },
    });
  });
});

test('a left file whose statistics are wrong is an error, never a missing right row', async () => {
  const left = file('left.parquet');
  const right = file('right.parquet');
  await writeTable(left, rows(10_000));
  await writeTable(right, rows(), { rowGroupSize: GROUP });
  const read = () => readInputs({ path: left, read: {} }, [{ path: right, read: {}, options: { on: 'ts' } }]);
  // Row groups after the left's last row are not read.
  const [, [pruned]] = await read();
  expect(pruned!.numRows).toBe(10_000);

  const bytes = readFileSync(left);
  const { start } = await readParquetFooter(left);
  const max = Buffer.alloc(8);
  max.writeBigInt64LE(9999n);
  const lie = Buffer.alloc(8);
  lie.writeBigInt64LE(99n);
  let found = 0;
  for (let at = bytes.indexOf(max, start); at >= 0; at = bytes.indexOf(max, at + 1), found++) lie.copy(bytes, at);
  expect(found).toBeGreaterThan(0);
  writeFileSync(left, bytes);
  await expect(read()).rejects.toMatchObject({ code: 'FS_ERR_CORRUPT', details: { path: left, column: 'ts' } });
});

test('when both inputs fail, the error is the left one, whichever fails first', async () => {
  const good = file('good.parquet');
  await writeTable(good, rows(), { rowGroupSize: GROUP });
  const left = await damaged(good, 'both.parquet', 9, 2);
  const read = readInputs({ path: left, read: {} }, [
    { path: good, read: { columns: ['absent'] }, options: { on: 'ts' } },
  ]);
  await expect(read).rejects.toMatchObject({ code: 'FS_ERR_CORRUPT', details: { path: left } });
});
