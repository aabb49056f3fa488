/** Result memory is given back: many joins, forced collections, and the addon's own count of live bytes. */
import { Field, Float64, RecordBatch, Schema, Struct, Table, TimestampNanosecond, makeData } from 'apache-arrow';
import { asofJoin, asofJoinSync } from '../../lib/index.js';
import { loadAddon } from '../../lib/internal/native.js';
import { forceGc } from '../helpers/gc.js';

const { addon, reason } = loadAddon();
const withAddon = addon ? describe : describe.skip;
if (!addon) console.warn(`leak tests skipped: ${reason}`);

const ROWS = 100_000;

function makeTable(name: string): Table {
  const times = new BigInt64Array(ROWS);
  const values = new Float64Array(ROWS);
  for (let i = 0; i < ROWS; i++) {
    times[i] = BigInt(i * 10);
    values[i] = i;
  }
  const fields = [new Field('ts', new TimestampNanosecond()), new Field(name, new Float64())];
  const schema = new Schema(fields);
  const children = [
    makeData({ type: new TimestampNanosecond(), length: ROWS, data: times }),
    makeData({ type: new Float64(), length: ROWS, data: values }),
  ];
  return new Table(schema, [
    new RecordBatch(schema, makeData({ type: new Struct(fields), length: ROWS, nullCount: 0, children })),
  ]);
}

withAddon('memory of results', () => {
  const left = makeTable('price');
  const right = makeTable('bid');

  it('returns every byte once the tables are unreachable', async () => {
    await forceGc();
    const before = addon!.bufferStats().liveBytes;
    let held: Table | undefined = await asofJoin(left, right, { on: 'ts', backend: 'native', age: 'age' });
    expect(addon!.bufferStats().liveBytes).toBeGreaterThan(before);
    for (let i = 0; i < 50; i++) {
      held =
        i % 2 === 0
          ? asofJoinSync(left, right, { on: 'ts', backend: 'native' })
          : await asofJoin(left, right, { on: 'ts', backend: 'native' });
    }
    expect(held.numRows).toBe(ROWS);
    held = undefined;
    await forceGc();
    expect(addon!.bufferStats().liveBytes).toBe(before);
  });

  it('keeps a result alive while only one of its columns is reachable', async () => {
    const column = (await asofJoin(left, right, { on: 'ts', backend: 'native' })).getChild('bid')!;
    await forceGc();
    for (let i = 0; i < 5; i++) await asofJoin(left, right, { on: 'ts', backend: 'native' });
    expect(column.get(ROWS - 1)).toBe(ROWS - 1);
    expect(column.get(12_345)).toBe(12_345);
  });

  it('gives everything back when a join fails or is aborted', async () => {
    await forceGc();
    const before = addon!.bufferStats().liveBytes;
    for (let i = 0; i < 20; i++) {
      const controller = new AbortController();
      const running = asofJoin(left, right, { on: 'ts', backend: 'native', signal: controller.signal });
      controller.abort();
      await expect(running).rejects.toMatchObject({ code: 'FS_ERR_ABORTED' });
    }
    await forceGc();
    expect(addon!.bufferStats().liveBytes).toBe(before);
  });
});
