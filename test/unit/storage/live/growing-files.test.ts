import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecordBatch } from 'apache-arrow';

import { fromCsvStream } from '../../../../lib/storage/live/csv-stream.js';
import { followFile } from '../../../../lib/storage/live/follow-file.js';
import { openLive } from '../../../../lib/storage/live/live-source.js';

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'flowstate-live-'));
  path = join(dir, 'growing.csv');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

async function* blocks(...texts: (string | number)[]): AsyncGenerator<Buffer> {
  for (const text of texts) {
    if (typeof text === 'number') await new Promise((resolve) => setTimeout(resolve, text).unref());
    else yield Buffer.from(text);
  }
}

async function all(source: AsyncIterable<RecordBatch>): Promise<RecordBatch[]> {
  const batches: RecordBatch[] = [];
  for await (const batch of source) batches.push(batch);
  return batches;
}

const jsonOf = (batches: readonly RecordBatch[]) =>
  batches.flatMap((batch) => batch.toArray().map((row) => Object.values(row.toJSON() as object)));

describe('followFile', () => {
  test('gives what is appended, and ends where it is told to', async () => {
    writeFileSync(path, 'one ');
    const until = new AbortController();
    const follow = followFile(path, { pollMs: 20, until: until.signal });
    expect(String((await follow.next()).value)).toBe('one ');
    const next = follow.next();
    appendFileSync(path, 'two');
    expect(String((await next).value)).toBe('two');
    appendFileSync(path, 'three');
    until.abort();
    expect(String((await follow.next()).value)).toBe('three');
    expect((await follow.next()).done).toBe(true);
  });

  test('a file that is cut or replaced is an error that says which', async () => {
    writeFileSync(path, 'abcdef');
    const cut = followFile(path, { pollMs: 20 });
    await cut.next();
    truncateSync(path, 2);
    await expect(cut.next()).rejects.toMatchObject({
      code: 'FS_ERR_CORRUPT',
      details: { reason: 'truncated', position: 6 },
    });
    const rotated = followFile(path, { pollMs: 20 });
    await rotated.next();
    renameSync(path, `${path}.1`);
    writeFileSync(path, 'new file');
    await expect(rotated.next()).rejects.toMatchObject({ code: 'FS_ERR_CORRUPT', details: { reason: 'replaced' } });
    const removed = followFile(path, { pollMs: 20 });
    await removed.next();
    rmSync(path);
    await expect(removed.next()).rejects.toMatchObject({ code: 'FS_ERR_CORRUPT', details: { reason: 'replaced' } });
  });

  test('what is appended to a file just before it is moved away is still given', async () => {
    writeFileSync(path, 'a');
    const follow = followFile(path, { pollMs: 20 });
    await follow.next();
    appendFileSync(path, 'b');
    renameSync(path, `${path}.1`);
    expect(String((await follow.next()).value)).toBe('b');
    await expect(follow.next()).rejects.toMatchObject({ details: { reason: 'replaced' } });
  });

  test('an abort ends the wait; a missing file is FS_ERR_IO', async () => {
    writeFileSync(path, '');
    const controller = new AbortController();
    const waiting = followFile(path, { pollMs: 60_000, signal: controller.signal }).next();
    setTimeout(() => controller.abort(), 10);
    await expect(waiting).rejects.toMatchObject({ code: 'FS_ERR_ABORTED' });
    await expect(followFile(join(dir, 'none')).next()).rejects.toMatchObject({
      code: 'FS_ERR_IO',
      details: { errno: 'ENOENT' },
    });
  });
});

test('leaving a followed file ends the wait for more of it', async () => {
  writeFileSync(path, 't\n1\n');
  const source = openLive(path, { follow: true, pollMs: 60_000 });
  expect((await source.next()).value!.numRows).toBe(1);
  const waiting = source.next();
  await source.return();
  expect((await waiting).done).toBe(true);
});

describe('fromCsvStream', () => {
  test('lines and fields may be cut anywhere; only whole lines are rows', async () => {
    const source = blocks('t,sy', 'm\n1', ',a\n2,', '"b ""x', '""\n', ' y"\n3', ',c');
    expect(jsonOf(await all(fromCsvStream(source, { name: 'x' })))).toEqual([
      [1n, 'a'],
      [2n, 'b "x"\n y'],
      [3n, 'c'],
    ]);
  });

  test('rows are given when the source pauses, and types hold from then on', async () => {
    const source = fromCsvStream(blocks('t,p\n1,2\n', 40, '2,3\n', 40, '3,1.5\n'), { name: 'x', maxDelayMs: 5 });
    expect(jsonOf([(await source.next()).value!])).toEqual([[1n, 2n]]);
    expect(jsonOf([(await source.next()).value!])).toEqual([[2n, 3n]]);
    await expect(source.next()).rejects.toMatchObject({ code: 'FS_ERR_CORRUPT', details: { line: 4, column: 'p' } });
  });

  test('types may be given', async () => {
    const source = fromCsvStream(blocks('t,p\n1,2\n', 20, '2,1.5\n'), {
      name: 'x',
      schema: 'p:float64',
      timeUnit: 'ns',
      timeColumns: ['t'],
    });
    const batches = await all(source);
    expect(jsonOf(batches).map(([, p]) => p)).toEqual([2, 1.5]);
    expect(String(batches[0]!.schema.fields[0]!.type)).toMatch(/^Timestamp/);
  });

  test('an input without rows gives a batch without rows, so that its columns are known', async () => {
    expect((await all(fromCsvStream(blocks('t,p\n'), { name: 'x' }))).map(({ numRows }) => numRows)).toEqual([0]);
    const quiet = fromCsvStream(blocks('t,p\n', 50, '1,2\n'), { name: 'x', schema: 't:int64,p:int64' });
    expect((await quiet.next()).value!.numRows).toBe(0);
    expect((await quiet.next()).value!.numRows).toBe(1);
    await expect(all(fromCsvStream(blocks(), { name: 'x' }))).rejects.toMatchObject({ code: 'FS_ERR_CORRUPT' });
  });

  test('a reader that leaves while the source is silent does not wait for it', async () => {
    const source = fromCsvStream(blocks('t\n1\n', 2 ** 30), { name: 'x' });
    for await (const batch of source) {
      expect(batch.numRows).toBe(1);
      break;
    }
  });

  test('batches have at most so many rows', async () => {
    const text = Array.from({ length: 25 }, (_, i) => `${i}\n`).join('');
    const batches = await all(fromCsvStream(blocks('t\n', text), { name: 'x', batchRows: 10 }));
    expect(batches.map(({ numRows }) => numRows)).toEqual([10, 10, 5]);
    expect(jsonOf(batches).flat()).toEqual(Array.from({ length: 25 }, (_, i) => BigInt(i)));
  });
});
