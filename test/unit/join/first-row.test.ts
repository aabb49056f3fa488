/** An overflow names the first row concerned, on every executor and however many threads look for it. */
import {
  makeVector,
  Table,
  TimestampNanosecond,
  TimestampSecond,
  makeData,
  RecordBatch,
  Schema,
  Field,
  Struct,
} from 'apache-arrow';

import { asofJoinSync } from '../../../lib/index.js';
import { loadAddon } from '../../../lib/internal/native.js';

const backends = loadAddon().addon === null ? (['javascript'] as const) : (['native', 'device', 'javascript'] as const);
const ROWS = 300_000;
const FIRST = 70_001;

/** Times 0, 1, 2, … with `bad` at two rows, the first of them FIRST. */
function times(bad: bigint): BigInt64Array {
  const values = BigInt64Array.from({ length: ROWS }, (_, i) => BigInt(i));
  values[FIRST] = bad;
  values[FIRST + 150_000] = bad;
  return values;
}

function oneColumn(type: TimestampSecond | TimestampNanosecond, values: BigInt64Array): Table {
  const fields = [new Field('t', type, true)];
  const schema = new Schema(fields);
  const children = [makeData({ type, length: values.length, data: values })];
  const data = makeData({ type: new Struct(fields), length: values.length, nullCount: 0, children });
  return new Table(schema, [new RecordBatch(schema, data)]);
}

describe.each(backends)('%s executor', (backend) => {
  it.each([1, 2, 3, 4])('a time that does not fit the common unit, %i threads', (threads) => {
    const left = oneColumn(new TimestampSecond(), times(2n ** 62n));
    const right = oneColumn(new TimestampNanosecond(), BigInt64Array.of(0n));
    for (let repeat = 0; repeat < 3; repeat++) {
      expect(() => asofJoinSync(left, right, { on: 't', backend, threads })).toThrow(
        expect.objectContaining({ code: 'FS_ERR_OVERFLOW', details: expect.objectContaining({ row: FIRST }) }),
      );
    }
  });

  it.each([1, 2, 3, 4])('an age that does not fit, %i threads', (threads) => {
    const left = new Table({ t: makeVector(times(2n ** 63n - 1n)) });
    const right = new Table({ t: makeVector(BigInt64Array.of(-2n)) });
    for (let repeat = 0; repeat < 3; repeat++) {
      expect(() => asofJoinSync(left, right, { on: 't', age: 'age', backend, threads })).toThrow(
        expect.objectContaining({ code: 'FS_ERR_OVERFLOW', details: expect.objectContaining({ row: FIRST }) }),
      );
    }
  });
});
