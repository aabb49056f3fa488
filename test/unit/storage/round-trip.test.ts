/** What is written is what is read: every type, every format, whole and in batches. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RecordBatch, Table } from 'apache-arrow';
import { loadAddon } from '../../../lib/internal/native.js';
import { readBatches, readInfo, readTable, writeTable, type StorageBackend } from '../../../lib/storage/index.js';
import { everyType, exactColumns, nestedTable, typeNames } from './tables.js';

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'fs-storage-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const file = (name: string): string => join(directory, name);

async function collect(batches: AsyncIterable<RecordBatch>): Promise<RecordBatch[]> {
  const result: RecordBatch[] = [];
  for await (const batch of batches) result.push(batch);
  return result;
}

/** Both engines where the addon is built; the fallback alone elsewhere. */
const ENGINES: readonly StorageBackend[] = loadAddon().addon === null ? ['javascript'] : ['javascript', 'native'];
if (ENGINES.length === 1) console.warn('the native storage engine is not tested: no addon');

describe.each(ENGINES)('with the %s engine', (backend) => {
  test('Parquet keeps every flat type, null and extreme value', async () => {
    const table = everyType();
    const path = file(`every-${backend}.parquet`);
    const written = await writeTable(path, table, { backend });
    expect(written.rows).toBe(table.numRows);
    const read = await readTable(path, { backend });
    expect(typeNames(read)).toEqual(typeNames(table));
    expect(exactColumns(read)).toEqual(exactColumns(table));
  });

  test('Parquet keeps nested columns', async () => {
    const table = nestedTable();
    const path = file(`nested-${backend}.parquet`);
    await writeTable(path, table, { backend });
    const read = await readTable(path, { backend });
    expect(exactColumns(read)).toEqual(exactColumns(table));
  });
});

test.each(['arrow', 'ipc', 'feather', 'arrows'])('Arrow IPC (.%s) keeps every type', async (extension) => {
  for (const table of [everyType(), nestedTable()]) {
    const path = file(`every.${extension}`);
    await writeTable(path, table);
    const read = await readTable(path);
    expect(typeNames(read)).toEqual(typeNames(table));
    expect(exactColumns(read)).toEqual(exactColumns(table));
  }
});

test('CSV keeps what it can express, given the schema', async () => {
  const all = everyType();
  const table = all.select(all.schema.names.filter((name) => !['span', 'blob', 'f32'].includes(String(name))));
  const schema =
    'i8:int8,i16:int16,i32:int32,i64:int64,u8:uint8,u16:uint16,u32:uint32,u64:uint64,f64:float64,flag:bool,day:date,' +
    't_us:time[us],t_ns:time[ns],ts_ms:timestamp[ms],ts_us:timestamp[us],ts_ns:timestamp[ns],' +
    'utc_us:timestamp[us, UTC],utc_ms:timestamp[ms, UTC],utc_ns:timestamp[ns, UTC],dec:decimal(18,3),dec38:decimal(38,10),text:utf8';
  for (const name of ['every.csv', 'every.csv.gz']) {
    const path = file(name);
    await writeTable(path, table);
    const read = await readTable(path, { schema });
    expect(typeNames(read)).toEqual(typeNames(table));
    expect(exactColumns(read)).toEqual(exactColumns(table));
  }
});

test.each(['parquet', 'arrow', 'arrows', 'csv'])('%s: batches in file order make the table', async (extension) => {
  const one = everyType().select(['i64', 'ts_ns', 'utc_ns', 'text']);
  const table = new Table(Array.from({ length: 1000 }, () => one.batches).flat());
  const path = file(`batches.${extension}`);
  await writeTable(path, table, { rowGroupSize: 2048 });
  const stream = readBatches(path, { batchRows: 700, columns: ['utc_ns', 'text'] });
  expect((await stream.schema).names).toEqual(['utc_ns', 'text']);
  const batches = await collect(stream);
  expect(batches.length).toBeGreaterThan(5);
  expect(Math.max(...batches.map((batch) => batch.numRows))).toBeLessThanOrEqual(700);
  expect(exactColumns(new Table(batches))).toEqual(exactColumns(table.select(['utc_ns', 'text'])));
});

test.each(['parquet', 'arrow', 'arrows', 'csv'])(
  '%s: a stream of batches is written as a table is',
  async (extension) => {
    const one = everyType().select(['i64', 'ts_ns', 'text']);
    async function* source(): AsyncGenerator<RecordBatch> {
      for (let i = 0; i < 5; i++) {
        yield* one.batches;
        await Promise.resolve();
      }
    }
    const path = file(`stream.${extension}`);
    expect((await writeTable(path, source())).rows).toBe(25);
    const read = await readTable(path, { schema: 'ts_ns:timestamp[ns]' });
    expect(exactColumns(read)).toEqual(exactColumns(new Table(Array.from({ length: 5 }, () => one.batches).flat())));
  },
);

test.each(['parquet', 'arrow', 'arrows', 'csv'])('%s: no rows keep their columns', async (extension) => {
  const table = everyType().select(['i64', 'utc_ns', 'text']).slice(0, 0);
  const path = file(`empty.${extension}`);
  await writeTable(path, table);
  const read = await readTable(path, { schema: 'i64:int64,utc_ns:timestamp[ns,UTC],text:utf8' });
  expect(read.numRows).toBe(0);
  expect(typeNames(read)).toEqual(typeNames(table));
  expect((await readInfo(path)).schema.names).toEqual(['i64', 'utc_ns', 'text']);
});

test('a time range keeps the rows inside and skips row groups outside', async () => {
  const one = everyType().select(['ts_ns', 'utc_ns', 'i64', 'day']);
  const path = file('range.parquet');
  await writeTable(path, one);
  const min = 1700000000123456790n;
  for (const column of ['ts_ns', 'utc_ns']) {
    const read = await readTable(path, { timeRange: { column, min }, columns: ['i64'] });
    expect(exactColumns(read)).toEqual({ i64: ['-1'] });
  }
  const days = await readTable(path, { timeRange: { column: 'day', min: 19000n, max: 19999n } });
  expect(days.numRows).toBe(1);
});
