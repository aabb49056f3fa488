/** Joins of device tables at the edges of tiles and blocks, with skewed keys and times at the ends of int64. */
import { Field, Int32, Int64, makeData, RecordBatch, Schema, Struct, Table } from 'apache-arrow';

import { asofJoin, type AsofJoinOptions, asofJoinSync, type Device, toDevice } from '../../lib/index';
import { onDevices } from '../helpers/devices';
import { bitsOf } from '../helpers/table-bits';

/** A linear congruential generator: the same rows on every run. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

interface Shape {
  readonly rows: number;
  readonly keys: number;
  readonly isSkewed: boolean;
  readonly order: 'time' | 'key' | 'none';
  readonly hasExtremes: boolean;
}

function sideOf({ rows, keys, isSkewed, order, hasExtremes }: Shape, seed: number, payload: string): Table {
  const next = generator(seed);
  const drawn = Array.from({ length: rows }, () => {
    const near = BigInt(next(Math.max(2, rows >> 1)));
    const at = hasExtremes ? next(6) : 5;
    const time = at === 0 ? -(2n ** 63n) + near : at === 1 ? 2n ** 63n - 1n - near : near;
    // Most rows of one key where skewed; every third number is a key of one side only.
    const key = isSkewed && next(10) !== 0 ? 3 : 3 * next(keys) + (next(40) === 0 ? 1 : 0);
    return { time, key };
  });
  const byTime = (a: { time: bigint }, b: { time: bigint }): number => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0);
  if (order === 'time') drawn.sort(byTime);
  if (order === 'key') drawn.sort((a, b) => a.key - b.key || byTime(a, b));
  const schema = new Schema([
    new Field('t', new Int64()),
    new Field('k', new Int32()),
    new Field(payload, new Int32(), true),
  ]);
  const children = [
    makeData({ type: new Int64(), data: BigInt64Array.from(drawn, ({ time }) => time) }),
    makeData({ type: new Int32(), data: Int32Array.from(drawn, ({ key }) => key) }),
    makeData({ type: new Int32(), data: Int32Array.from(drawn, (_, i) => i) }),
  ];
  const struct = makeData({ type: new Struct(schema.fields), length: rows, children });
  return new Table(schema, [new RecordBatch(schema, struct)]);
}

const SIZES = [0, 1, 255, 256, 257, 1023, 1024, 1025, 2047, 2048, 2049, 4097];
const OPTIONS: readonly AsofJoinOptions[] = [
  { on: 't', by: 'k' },
  { on: 't', by: 'k', direction: 'nearest', tolerance: 3 },
  { on: 't', by: 'k', direction: 'forward', allowExactMatches: false, how: 'inner' },
  { on: 't', direction: 'nearest', ties: 'first', nearestTie: 'later' },
  { on: 't', by: 'k', lag: 2, matched: 'hit' },
];

onDevices('joins of device tables around the edges of tiles', ({ open, backend }) => {
  let device: Device;
  beforeAll(() => {
    device = open({ memoryBytes: 2 ** 29 });
  });
  afterAll(() => {
    expect(device.memoryInfo().usedBytes).toBe(0);
    device.close();
  });

  it.each(SIZES)('%i rows on the left', async (rows) => {
    for (const [s, rights] of SIZES.entries()) {
      if ((s + SIZES.indexOf(rows)) % 2 === 1) continue;
      const keys = s % 3 === 0 ? 1 : s % 3 === 1 ? 7 : 3000;
      const order = (['time', 'key', 'none'] as const)[(s + rows) % 3]!;
      const shape = { keys, isSkewed: s % 2 === 0, order, hasExtremes: s % 4 === 1 };
      const left = sideOf({ ...shape, rows }, 11 + s, 'l');
      const right = sideOf({ ...shape, rows: rights }, 97 + s, 'r');
      const options = OPTIONS[(s + rows) % OPTIONS.length]!;
      const expected = asofJoinSync(left, right, { ...options, backend, stats: true });
      using onLeft = await toDevice(left, { device });
      using onRight = await toDevice(right, { device });
      for (const plan of ['merge', 'probe'] as const) {
        const { table, stats } = await asofJoin(onLeft, onRight, { ...options, plan, stats: true });
        using out = table;
        expect(stats).toEqual(expected.stats);
        expect(bitsOf(await out.toHost())).toEqual(bitsOf(expected.table));
      }
    }
  });
});
