/**
 * A result that no machine can hold is a typed error, and the process goes on. 2^20 rows of 2^28 bytes are more than
 * the address space, so nothing depends on how much memory this machine has or how it overcommits.
 */
import { Field, FixedSizeBinary, Float64, Int64, makeData, RecordBatch, Schema, Struct, Table } from 'apache-arrow';

import { asofJoin, asofJoinSync } from '../../lib/index.js';
import { loadAddon } from '../../lib/internal/native.js';
import { forceGc } from '../helpers/gc.js';

const { addon } = loadAddon();
const backends = addon === null ? (['javascript'] as const) : (['native', 'javascript'] as const);

const ROWS = 2 ** 20;
const WIDTH = 2 ** 28;

function tableOf(columns: Record<string, ReturnType<typeof makeData>>): Table {
  const fields = Object.entries(columns).map(([name, data]) => new Field(name, data.type, true));
  const schema = new Schema(fields);
  const children = Object.values(columns);
  const length = children[0]!.length;
  const data = makeData({ type: new Struct(fields), length, nullCount: 0, children });
  return new Table(schema, [new RecordBatch(schema, data)]);
}

const left = tableOf({ t: makeData({ type: new Int64(), length: ROWS, data: new BigInt64Array(ROWS).fill(5n) }) });
const one = makeData({ type: new Int64(), length: 1, data: BigInt64Array.of(1n) });
const small = tableOf({ t: one, v: makeData({ type: new Float64(), length: 1, data: Float64Array.of(7) }) });

describe.each(backends)('memory that cannot be had, %s executor', (backend) => {
  it('is FS_ERR_OUT_OF_MEMORY, gives everything back, and leaves the library working', async () => {
    // Zeroed lazily by the allocator: its pages are never touched.
    const wide = tableOf({
      t: one,
      v: makeData({ type: new FixedSizeBinary(WIDTH), length: 1, data: new Uint8Array(WIDTH) }),
    });
    await forceGc();
    const before = addon?.bufferStats().liveBytes;
    const failure = { name: 'ResourceError', code: 'FS_ERR_OUT_OF_MEMORY' };
    await expect(asofJoin(left, wide, { on: 't', backend })).rejects.toMatchObject(failure);
    expect(() => asofJoinSync(left, wide, { on: 't', backend })).toThrow(expect.objectContaining(failure));
    await forceGc();
    expect(addon?.bufferStats().liveBytes).toBe(before);
    const joined = await asofJoin(left, small, { on: 't', backend });
    expect(joined.getChild('v')?.get(ROWS - 1)).toBe(7);
  });
});
