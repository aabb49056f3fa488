import { PassThrough, Readable } from 'node:stream';
import {
  Dictionary,
  Field,
  Int32,
  Int64,
  type RecordBatch,
  Schema,
  Table,
  tableFromIPC,
  tableToIPC,
  Utf8,
} from 'apache-arrow';
import fc from 'fast-check';

import { checkMessage, RECORD_BATCH } from '../../../../lib/storage/arrow-metadata.js';
import { fromArrowStream } from '../../../../lib/storage/live/arrow-stream.js';
import { BatchBuilder } from '../../../../lib/stream/sources/column-builder.js';
import { runs } from '../../../helpers/property.js';

const schema = new Schema([
  new Field('t', new Int64(), false),
  new Field('s', new Utf8(), true),
  new Field('d', new Dictionary(new Utf8(), new Int32(), 77), true),
]);

function sample(batches: number): { bytes: Uint8Array; table: Table } {
  const parts = Array.from({ length: batches }, (_, b) => {
    const builder = new BatchBuilder(schema);
    builder.push({ t: b * 10, s: `a${b}`, d: 'x' });
    builder.push({ t: b * 10 + 1, s: null, d: `y${b}` });
    return builder.take();
  });
  const table = new Table(schema, parts);
  return { bytes: tableToIPC(table, 'stream'), table };
}

async function all(source: AsyncIterable<RecordBatch>): Promise<RecordBatch[]> {
  const batches: RecordBatch[] = [];
  for await (const batch of source) batches.push(batch);
  return batches;
}

const rowsOf = (batches: readonly RecordBatch[]) => batches.flatMap((batch) => batch.toArray().map(String));

/** Pieces of the bytes, cut where `cuts` say. */
function* pieces(bytes: Uint8Array, cuts: readonly number[]): Generator<Uint8Array> {
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let from = 0;
  for (const to of ends) {
    yield bytes.subarray(from, to);
    from = to;
  }
}

test('gives the same batches however the bytes are cut', async () => {
  const { bytes } = sample(3);
  const expected = rowsOf(tableFromIPC(bytes).batches);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 30 }), async (cuts) => {
      expect(rowsOf(await all(fromArrowStream(Readable.from(pieces(bytes, cuts)))))).toEqual(expected);
    }),
    runs(60),
  );
});

test('a stream cut anywhere gives the whole batches before, then FS_ERR_CORRUPT with the position', async () => {
  const { bytes } = sample(3);
  const expected = rowsOf(tableFromIPC(bytes).batches);
  for (let cut = 0; cut < bytes.length; cut += 13) {
    const got: RecordBatch[] = [];
    let error: unknown = null;
    try {
      for await (const batch of fromArrowStream([bytes.subarray(0, cut)])) got.push(batch);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: 'FS_ERR_CORRUPT' });
    const { position } = (error as { details: { position: number } }).details;
    expect(position).toBeLessThanOrEqual(cut);
    expect(rowsOf(got)).toEqual(expected.slice(0, got.length * 2));
  }
});

test('damage anywhere is an error or the batches, never a hang', async () => {
  const { bytes } = sample(2);
  await fc.assert(
    fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
      const damaged = bytes.slice();
      damaged[at] = damaged[at]! ^ mask;
      const outcome = await all(fromArrowStream([damaged])).then(
        (batches) => batches.length,
        (error: { code?: string }) => error.code,
      );
      expect([0, 1, 2, 'FS_ERR_CORRUPT', 'FS_ERR_SCHEMA']).toContain(outcome);
    }),
    runs(150),
  );
});

/** Where the messages of a stream end. */
function messageEnds(bytes: Uint8Array): { end: number; isBatch: boolean }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const ends: { end: number; isBatch: boolean }[] = [];
  for (let at = 0; view.getInt32(at + 4, true) !== 0;) {
    const length = view.getInt32(at + 4, true);
    const { kind, bodyLength } = checkMessage(bytes.subarray(at + 8, at + 8 + length));
    at += 8 + length + bodyLength;
    ends.push({ end: at, isBatch: kind === RECORD_BATCH });
  }
  return ends;
}

test('a batch is given as soon as its last byte is there', async () => {
  const { bytes } = sample(2);
  const ends = messageEnds(bytes).flatMap(({ end, isBatch }) => (isBatch ? [end] : []));
  const pipe = new PassThrough();
  const source = fromArrowStream(pipe)[Symbol.asyncIterator]();
  const first = source.next();
  pipe.write(bytes.subarray(0, ends[0]));
  expect((await first).value!.numRows).toBe(2);
  const second = source.next();
  pipe.write(bytes.subarray(ends[0], ends[1]));
  expect((await second).value!.numRows).toBe(2);
  const end = source.next();
  pipe.end(bytes.subarray(ends[1]));
  expect((await end).done).toBe(true);
});

test('the source is closed when the reader leaves, and its failures pass through', async () => {
  const { bytes } = sample(3);
  const stream = Readable.from(pieces(bytes, [100, 900]));
  for await (const batch of fromArrowStream(stream)) {
    expect(batch.numRows).toBe(2);
    break;
  }
  expect(stream.destroyed).toBe(true);
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, 40);
    await Promise.resolve();
    throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO', syscall: 'read' });
  }
  await expect(all(fromArrowStream(failing()))).rejects.toMatchObject({ code: 'FS_ERR_IO' });
  await expect(all(fromArrowStream(Readable.from(['text'])))).rejects.toMatchObject({ code: 'FS_ERR_CORRUPT' });
  const controller = new AbortController();
  controller.abort();
  await expect(all(fromArrowStream([bytes], { signal: controller.signal }))).rejects.toMatchObject({
    code: 'FS_ERR_ABORTED',
  });
});
