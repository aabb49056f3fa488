/** Bad input gives a typed error that says where, and loses nothing. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Data, Float64, type RecordBatch } from 'apache-arrow';
import { cleanupTempFiles, readBatches, readTable, writeTable } from '../../../lib/storage/index.js';
import { everyType, exactColumns, tableFrom, typeNames } from './tables.js';

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'fs-errors-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const file = (name: string): string => join(directory, name);

function text(name: string, content: string): string {
  writeFileSync(file(name), content);
  return file(name);
}

const FORMATS = ['parquet', 'arrow', 'arrows', 'csv'] as const;

describe.each(FORMATS)('%s', (extension) => {
  test('a missing file, a directory and an empty file', async () => {
    await expect(readTable(file(`no.${extension}`))).rejects.toMatchObject({
      code: 'FS_ERR_IO',
      details: { errno: 'ENOENT', path: file(`no.${extension}`) },
    });
    mkdirSync(file(`folder.${extension}`));
    await expect(readTable(file(`folder.${extension}`))).rejects.toMatchObject({
      code: 'FS_ERR_IO',
      details: { errno: 'EISDIR' },
    });
    await expect(readTable(text(`zero.${extension}`, ''))).rejects.toMatchObject({ code: 'FS_ERR_CORRUPT' });
  });

  test('a column that is not there names the nearest', async () => {
    const path = file(`columns.${extension}`);
    await writeTable(path, everyType().select(['i64', 'text']));
    await expect(readTable(path, { columns: ['texd'] })).rejects.toMatchObject({
      code: 'FS_ERR_COLUMN_MISSING',
      details: { column: 'texd', nearest: 'text' },
    });
    const stream = readBatches(path, { columns: ['texd'] });
    await expect(stream.schema).rejects.toMatchObject({ code: 'FS_ERR_COLUMN_MISSING' });
  });

  test('a failing source leaves the old file and nothing else', async () => {
    const path = file(`kept.${extension}`);
    const table = everyType().select(['i64', 'text']);
    await writeTable(path, table);
    const before = readFileSync(path);
    async function* broken(): AsyncGenerator<RecordBatch> {
      yield* table.batches;
      await Promise.resolve();
      throw new RangeError('the source broke');
    }
    await expect(writeTable(path, broken())).rejects.toThrow('the source broke');
    const abort = new AbortController();
    async function* aborted(): AsyncGenerator<RecordBatch> {
      yield* table.batches;
      await Promise.resolve();
      abort.abort();
      yield* table.batches;
    }
    await expect(writeTable(path, aborted(), { signal: abort.signal })).rejects.toMatchObject({
      code: 'FS_ERR_ABORTED',
    });
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(readdirSync(directory).filter((name) => name.includes('.tmp'))).toEqual([]);
  });

  test('batches of another schema are refused', async () => {
    const table = everyType();
    async function* mixed(): AsyncGenerator<RecordBatch> {
      yield* table.select(['i64']).batches;
      await Promise.resolve();
      yield* table.select(['i32']).batches;
    }
    await expect(writeTable(file(`mixed.${extension}`), mixed())).rejects.toMatchObject({ code: 'FS_ERR_SCHEMA' });
    expect(existsSync(file(`mixed.${extension}`))).toBe(false);
  });

  test('a folder that is not there', async () => {
    const path = join(directory, 'nowhere', `x.${extension}`);
    await expect(writeTable(path, everyType().select(['i64']))).rejects.toMatchObject({
      code: 'FS_ERR_IO',
      details: { errno: 'ENOENT', path },
    });
  });

  test('an aborted read', async () => {
    const path = file(`aborted.${extension}`);
    await writeTable(path, everyType().select(['i64']));
    const signal = AbortSignal.abort();
    await expect(readTable(path, { signal })).rejects.toMatchObject({ code: 'FS_ERR_ABORTED' });
  });
});

test.each(['parquet', 'arrow', 'arrows', 'csv.gz'])('%s: cut short anywhere', async (extension) => {
  const whole = file(`whole.${extension}`);
  await writeTable(whole, everyType().select(['i64', 'utc_ns', 'text']));
  const bytes = readFileSync(whole);
  for (const share of [0.1, 0.5, 0.9, 0.999]) {
    const path = file(`cut.${extension}`);
    writeFileSync(path, bytes);
    truncateSync(path, Math.floor(bytes.length * share));
    await expect(readTable(path)).rejects.toMatchObject({ code: 'FS_ERR_CORRUPT', details: { path } });
  }
});

test('a full disk is FS_ERR_IO with ENOSPC, and the old file stays', async () => {
  const mount = file('small');
  mkdirSync(mount);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', mount], { stdio: 'ignore' });
  } catch {
    console.warn('skipped: mounting a small file system needs root');
    return;
  }
  try {
    const one = everyType().select(['i64', 'ts_ns', 'f64']);
    async function* endless(): AsyncGenerator<RecordBatch> {
      for (let i = 0; i < 4000; i++) {
        const batch = one.batches[0];
        if (batch !== undefined) yield batch;
        await Promise.resolve();
      }
    }
    for (const extension of ['arrow', 'arrows', 'csv']) {
      const path = join(mount, `full.${extension}`);
      writeFileSync(path, 'old');
      await expect(writeTable(path, endless())).rejects.toMatchObject({
        code: 'FS_ERR_IO',
        details: { errno: 'ENOSPC', path },
      });
      expect(readFileSync(path, 'utf8')).toBe('old');
    }
    writeFileSync(join(mount, 'ballast'), Buffer.alloc(200_000));
    const noise = noiseTable(60_000);
    for (const backend of ['javascript', 'auto'] as const) {
      const path = join(mount, 'full.parquet');
      await expect(writeTable(path, noise, { backend })).rejects.toMatchObject({
        code: 'FS_ERR_IO',
        details: { errno: 'ENOSPC' },
      });
      expect(existsSync(path)).toBe(false);
    }
  } finally {
    execFileSync('umount', ['-l', mount]);
  }
});

test('cleanupTempFiles removes what is being written', async () => {
  const path = file('interrupted.arrow');
  const table = everyType().select(['i64']);
  let removed = 0;
  async function* source(): AsyncGenerator<RecordBatch> {
    yield* table.batches;
    await Promise.resolve();
    removed = cleanupTempFiles();
  }
  await expect(writeTable(path, source())).rejects.toMatchObject({ code: 'FS_ERR_IO' });
  expect(removed).toBe(1);
  expect(existsSync(path)).toBe(false);
});

test('an extension that is not known', async () => {
  await expect(readTable('x.xlsx')).rejects.toMatchObject({ code: 'FS_ERR_ARG_RANGE' });
  await expect(writeTable('x.xlsx', everyType())).rejects.toMatchObject({ code: 'FS_ERR_ARG_RANGE' });
});

describe('CSV', () => {
  const bad = (name: string, content: string, options: object, line: number): void => {
    test(name, async () => {
      const error: unknown = await readTable(text('bad.csv', content), options).catch((each: unknown) => each);
      expect(error).toMatchObject({ details: { path: file('bad.csv'), line } });
      expect(['FS_ERR_CORRUPT', 'FS_ERR_OVERFLOW']).toContain((error as { code: string }).code);
    });
  };
  bad('too few fields', 'a,b\n1,2\n3\n', {}, 3);
  bad('too many fields, after a line break inside quotes', 'a,b\n1,"x\ny"\n3,4,5\n', {}, 4);
  bad('a quote left open', 'a,b\n1,2\n3,"4\n5,6\n', {}, 3);
  bad('a quote in the middle', 'a,b\n1,2"3\n', {}, 2);
  bad('a decimal where integers are promised', 'a\n1\n1.5\n', { schema: 'a:int64' }, 3);
  bad('an integer beyond its type', 'a\n127\n128\n', { schema: 'a:int8' }, 3);
  bad('a month that is none', 'a\n2024-13-01T00:00:00\n', { schema: 'a:timestamp[ns]' }, 2);
  bad('more decimals than the unit', 'a\n2024-01-01T00:00:00.000000001\n', { schema: 'a:timestamp[us]' }, 2);
  bad('ten decimals', 'a\n2024-01-01T00:00:00.1234567891\n', { schema: 'a:timestamp[ns]' }, 2);
  bad('a year beyond nanoseconds', 'a\n1600-01-01T00:00:00\n', { schema: 'a:timestamp[ns]' }, 2);
  bad('a zone in a naive column', 'a\n2024-01-01T00:00:00Z\n', { schema: 'a:timestamp[ns]' }, 2);
  bad('epoch seconds beyond nanoseconds', 'a\n99999999999\n', { schema: 'a:timestamp[ns]', timeUnit: 's' }, 2);

  test('types are the narrowest that hold every row', async () => {
    const path = text(
      'types.csv',
      '\ufeffsym,id,big,px,at,utc,day,n,empty,code\r\n' +
        'T,1,18446744073709551615,1,2024-01-01T00:00:00.123456789,2024-01-01 00:00:00+01:00,2024-02-29,1,,007\r\n' +
        'F,-2,1,1.5,2024-01-01,2024-01-01T00:00:00Z,1969-12-31,99999999999999999999,,8\r\n',
    );
    const table = await readTable(path);
    expect(typeNames(table, true)).toEqual({
      sym: 'Utf8',
      id: 'Int64',
      big: 'Uint64',
      px: 'Float64',
      at: 'Timestamp<NANOSECOND>',
      utc: 'Timestamp<NANOSECOND, UTC>',
      day: 'Date32<DAY>',
      n: 'Utf8',
      empty: 'Utf8',
      code: 'Utf8',
    });
    expect(exactColumns(table)).toMatchObject({
      sym: ['T', 'F'],
      big: ['18446744073709551615', '1'],
      at: ['1704067200123456789', '1704067200000000000'],
      utc: ['1704063600000000000', '1704067200000000000'],
      day: ['19782', '-1'],
      n: ['1', '99999999999999999999'],
      empty: [null, null],
    });
  });

  test('a type that only a late row reveals', async () => {
    const lines = Array.from({ length: 20_001 }, (_, i) => (i === 20_000 ? '1.5' : String(i)));
    const table = await readTable(text('late.csv', `a\n${lines.join('\n')}\n`));
    expect(typeNames(table)).toEqual({ a: 'Float64' });
    expect(table.get(20_000)?.a).toBe(1.5);
  });

  test('epoch integers stay exact in every unit', async () => {
    const path = text('epoch.csv', 'a,b\n1700000000123456789,1\n');
    const table = await readTable(path, { timeUnit: 'ns', timeColumns: ['a'] });
    expect(typeNames(table)).toMatchObject({ a: 'Timestamp<NANOSECOND>', b: 'Int64' });
    expect(exactColumns(table).a).toEqual(['1700000000123456789']);
    const scaled = await readTable(text('ms.csv', 'a\n1700000000123\n'), {
      schema: 'a:timestamp[ns, UTC]',
      timeUnit: 'ms',
    });
    expect(exactColumns(scaled).a).toEqual(['1700000000123000000']);
  });

  test('a schema that is not understood, or names what is not there', async () => {
    const path = text('schema.csv', 'a\n1\n');
    await expect(readTable(path, { schema: 'a:int65' })).rejects.toMatchObject({ code: 'FS_ERR_ARG_RANGE' });
    await expect(readTable(path, { schema: 'b:int64' })).rejects.toMatchObject({ code: 'FS_ERR_COLUMN_MISSING' });
  });
});

function noiseTable(rows: number): ReturnType<typeof everyType> {
  const values = new Float64Array(rows);
  let state = 1;
  for (let i = 0; i < rows; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = state * 1.000000123 + i / 7;
  }
  return tableFrom([['noise', new Data(new Float64(), 0, rows, 0, [undefined, values])]]);
}
