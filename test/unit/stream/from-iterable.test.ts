import {
  Bool,
  DateDay,
  Dictionary,
  Field,
  Float64,
  Int32,
  Int64,
  Int8,
  type RecordBatch,
  Schema,
  tableFromArrays,
  TimestampNanosecond,
  Uint64,
  Utf8,
} from 'apache-arrow';

import { fromIterable } from '../../../lib/stream/sources/from-iterable.js';

const schema = new Schema([
  new Field('t', new TimestampNanosecond('UTC'), false),
  new Field('s', new Dictionary(new Utf8(), new Int32()), true),
  new Field('p', new Float64(), true),
  new Field('n', new Int8(), true),
  new Field('u', new Uint64(), true),
  new Field('b', new Bool(), true),
  new Field('x', new Utf8(), true),
  new Field('d', new DateDay(), true),
]);

async function all(source: AsyncIterable<RecordBatch>): Promise<RecordBatch[]> {
  const batches: RecordBatch[] = [];
  for await (const batch of source) batches.push(batch);
  return batches;
}

test('plain rows become columns, exactly', async () => {
  const rows = [
    { t: 1614009104208123457n, s: 'A', p: 1.5, n: -128, u: 2n ** 64n - 1n, b: true, x: 'é', d: new Date(86_400_000) },
    { t: 2, s: null, u: 3 },
    { t: 3n, s: 'A', p: NaN, n: 5, b: false, x: '', extra: 1 },
  ];
  const [batch] = await all(fromIterable(rows, { schema }));
  expect(batch!.numRows).toBe(3);
  expect(batch!.getChildAt(0)!.data[0]!.values).toEqual(BigInt64Array.from([1614009104208123457n, 2n, 3n]));
  const column = (name: string) => [...batch!.getChild(name)!];
  expect(column('s')).toEqual(['A', null, 'A']);
  expect(column('p')).toEqual([1.5, null, NaN]);
  expect(column('n')).toEqual([-128, null, 5]);
  expect(column('u')).toEqual([2n ** 64n - 1n, 3n, null]);
  expect(column('b')).toEqual([true, null, false]);
  expect(column('x')).toEqual(['é', null, '']);
  expect(batch!.getChild('d')!.nullCount).toBe(2);
});

test('batches and tables pass through, in order with rows around them', async () => {
  const table = tableFromArrays({ v: BigInt64Array.of(7n, 8n) });
  async function* source() {
    yield [{ v: 1 }, { v: 2n }];
    await Promise.resolve();
    yield table;
    yield { v: 3 };
    yield table.batches[0]!;
  }
  const batches = await all(fromIterable(source(), { schema: new Schema([new Field('v', new Int64(), true)]) }));
  expect(batches.flatMap((batch) => [...batch.getChildAt(0)!])).toEqual([1n, 2n, 7n, 8n, 3n, 7n, 8n]);
});

test('rows wait for their batch no longer than they may', async () => {
  let go = (): void => undefined;
  const gate = new Promise<void>((resolve) => (go = resolve));
  async function* source() {
    yield { v: 1 };
    await gate;
    yield { v: 2 };
  }
  const v = new Schema([new Field('v', new Int64(), true)]);
  const batches = fromIterable(source(), { schema: v, maxDelayMs: 5 });
  expect((await batches.next()).value!.numRows).toBe(1);
  go();
  expect((await batches.next()).value!.numRows).toBe(1);
  expect((await batches.next()).done).toBe(true);
});

test('a row that does not fit is named', async () => {
  const fails = async (row: object, code: string, details: object) =>
    expect(all(fromIterable([{ t: 1 }, row as never], { schema }))).rejects.toMatchObject({ code, details });
  await fails({ t: 'x' }, 'FS_ERR_SCHEMA', { row: 1 });
  await fails({ t: 1.5 }, 'FS_ERR_SCHEMA', { row: 1 });
  await fails({ t: 2n ** 63n }, 'FS_ERR_OVERFLOW', { row: 1 });
  await fails({ t: 1, n: 128 }, 'FS_ERR_OVERFLOW', { row: 1 });
  await fails({ t: 1, u: -1n }, 'FS_ERR_OVERFLOW', { row: 1 });
  await fails({ t: 1, s: 5 }, 'FS_ERR_SCHEMA', { row: 1 });
  await expect(all(fromIterable([{ v: 1 }]))).rejects.toMatchObject({ code: 'FS_ERR_SCHEMA' });
  await expect(all(fromIterable(5 as never))).rejects.toMatchObject({ code: 'FS_ERR_ARG_TYPE' });
});

test('the source is closed on an abort, an early end and an error; its errors come after its rows', async () => {
  let closed = 0;
  async function* endless() {
    try {
      for (let v = 0; ; v++) {
        yield { v };
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    } finally {
      closed++;
    }
  }
  const v = new Schema([new Field('v', new Int64(), true)]);
  const controller = new AbortController();
  const aborted = all(fromIterable(endless(), { schema: v, signal: controller.signal }));
  setTimeout(() => controller.abort(), 10);
  await expect(aborted).rejects.toMatchObject({ code: 'FS_ERR_ABORTED' });
  for await (const _ of fromIterable(endless(), { schema: v })) break;
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(closed).toBe(2);
  async function* failing() {
    yield { v: 1 };
    await Promise.resolve();
    throw new Error('gone');
  }
  const rows: number[] = [];
  const reading = (async () => {
    for await (const batch of fromIterable(failing(), { schema: v })) rows.push(batch.numRows);
  })();
  await expect(reading).rejects.toThrow('gone');
  expect(rows).toEqual([1]);
});
