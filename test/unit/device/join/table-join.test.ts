/** Joins of device tables: what is shared, what is refused, what is left behind. Rows: test/property/device-join. */
import type { Table } from 'apache-arrow';

import {
  alignStreams,
  alignStreamsSync,
  asofJoin,
  type AsofJoinOptions,
  asofJoinSync,
  type Device,
  DeviceJoinIndex,
  toDevice,
} from '../../../../lib/index.js';
import { cellsOf, table } from '../../../helpers/columns.js';
import { onDevices } from '../../../helpers/devices.js';

const code = (name: string): Error => expect.objectContaining({ code: `FS_ERR_${name}` });

const trades = table({
  t: ['ts_ns', [10n, 20n, 30n, 40n, null]],
  sym: ['int32', [1n, 2n, 1n, 3n, 1n]],
  size: ['int64', [5n, 6n, 7n, 8n, 9n]],
});
const quotes = table({
  t: ['ts_ns', [5n, 15n, 25n, 30n]],
  sym: ['int32', [1n, 2n, 1n, 2n]],
  bid: ['float64', [1.5, null, 3.5, 4.5]],
});

function expectSame(actual: Table, expected: Table): void {
  expect(actual.schema.toString()).toBe(expected.schema.toString());
  expect(actual.numRows).toBe(expected.numRows);
  for (const { name } of expected.schema.fields) expect(cellsOf(actual, name)).toEqual(cellsOf(expected, name));
}

onDevices('a join of device tables', ({ open }) => {
  let device: Device;
  beforeAll(() => {
    device = open({ memoryBytes: 2 ** 28 });
  });
  afterEach(() => expect(device.memoryInfo().usedBytes).toBe(0));
  afterAll(() => device.close());

  it('gives the rows of the host, in device memory', async () => {
    using left = await toDevice(trades, { device });
    using right = await toDevice(quotes, { device });
    for (const how of ['left', 'inner'] as const) {
      const options: AsofJoinOptions = { on: 't', by: 'sym', how, rightTime: 'at', age: 'age', matched: 'hit' };
      using out = await asofJoin(left, right, options);
      expect(out.device).toBe(device);
      expectSame(await out.toHost(), asofJoinSync(trades, quotes, options));
    }
  });

  it('shares the left columns, and keeps them when its inputs are released', async () => {
    const left = await toDevice(trades, { device });
    const right = await toDevice(quotes, { device });
    using out = await asofJoin(left, right, { on: 't', by: 'sym' });
    expect(out.column('size').plan.values?.byteOffset).toBe(left.column('size').plan.values?.byteOffset);
    expect(out.blocks[out.column('size').plan.values!.block]).toBe(left.blocks[0]);
    left.release();
    right.release();
    expectSame(await out.toHost(), asofJoinSync(trades, quotes, { on: 't', by: 'sym' }));
  });

  it('finishes when its inputs are released while it runs', async () => {
    const left = await toDevice(trades, { device });
    const right = await toDevice(quotes, { device });
    const running = asofJoin(left, right, { on: 't', by: 'sym' });
    left.release();
    right.release();
    using out = await running;
    expectSame(await out.toHost(), asofJoinSync(trades, quotes, { on: 't', by: 'sym' }));
  });

  it('shares the dictionaries of the right', async () => {
    const rights = table({ t: ['ts_ns', [5n, 15n, 25n]], venue: ['dict:int8:utf8', ['X', null, 'Y']] });
    using left = await toDevice(trades, { device });
    const right = await toDevice(rights, { device });
    using out = await asofJoin(left, right, { on: 't' });
    right.release();
    expectSame(await out.toHost(), asofJoinSync(trades, rights, { on: 't' }));
  });

  it('reports statistics, counted by the matcher', async () => {
    using left = await toDevice(trades, { device });
    using right = await toDevice(quotes, { device });
    const options = { on: 't', by: 'sym', tolerance: '4ns', stats: true } as const;
    const { table: out, stats } = await asofJoin(left, right, options);
    out.release();
    expect(stats).toEqual(asofJoinSync(trades, quotes, options).stats);
  });

  it('explains itself: plans, steps, and the floor that the device sets', async () => {
    using left = await toDevice(trades, { device });
    using right = await toDevice(quotes, { device });
    const { table: out, explain } = await asofJoin(left, right, { on: 't', by: 'sym', explain: true });
    out.release();
    const { plans, phases, deviceBytes, copyBytesPerSecond, floorNs } = explain!;
    expect(plans).toHaveLength(1);
    expect(phases.length).toBeGreaterThan(0);
    expect(deviceBytes).toBe(phases.reduce((sum, { bytes }) => sum + bytes, 0));
    if (device.info.backend === 'javascript') {
      expect({ plans, copyBytesPerSecond, floorNs }).toEqual({
        plans: ['javascript'],
        copyBytesPerSecond: null,
        floorNs: null,
      });
      return;
    }
    expect(plans[0]).toMatch(/^device (merge|probe)$/);
    // Both sides' times and codes are read at least once by the matching alone.
    expect(deviceBytes).toBeGreaterThan(12 * trades.numRows);
    expect(floorNs).toBeCloseTo((deviceBytes / copyBytesPerSecond!) * 1e9, -1);
    const aligned = await alignStreams(left, { q: { table: right } }, { on: 't', by: 'sym', explain: true });
    aligned.table.release();
    expect(aligned.explain?.plans).toHaveLength(1);
  });

  it('joins a result again', async () => {
    using left = await toDevice(trades, { device });
    using right = await toDevice(quotes, { device });
    using once = await asofJoin(left, right, { on: 't', by: 'sym' });
    using twice = await asofJoin(once, right, { on: 't', by: 'sym', suffix: '_again' });
    const host = asofJoinSync(trades, quotes, { on: 't', by: 'sym' });
    expectSame(await twice.toHost(), asofJoinSync(host, quotes, { on: 't', by: 'sym', suffix: '_again' }));
  });

  it('uses an index for several left sides and options', async () => {
    const right = await toDevice(quotes, { device });
    using index = await DeviceJoinIndex.build(right, { on: 't', by: 'sym' });
    right.release();
    const micros = table({ t: ['ts_us', [0n, 1n, null]], sym: ['int64', [1n, 2n, 1n]] });
    for (const host of [trades, micros]) {
      using left = await toDevice(host, { device });
      for (const options of [
        {},
        { direction: 'nearest' },
        { lag: '3ns' },
        { how: 'inner', unsorted: 'error' },
      ] as const) {
        using out = await asofJoin(left, index, options);
        expectSame(await out.toHost(), asofJoinSync(host, quotes, { on: 't', by: 'sym', ...options }));
      }
    }
  });

  it('aligns several streams, some of them indexed', async () => {
    const bars = table({ t: ['ts_s', [0n]], close: ['float32', [7.5]] });
    using left = await toDevice(trades, { device });
    using right = await toDevice(quotes, { device });
    using barTable = await toDevice(bars, { device });
    using barIndex = await DeviceJoinIndex.build(barTable, { on: 't', by: [] });
    const options = { on: 't', by: 'sym' } as const;
    const { table: out, stats } = await alignStreams(
      left,
      { quote: { table: right, columns: ['bid'], tolerance: '5ns' }, bar: { table: barIndex, matched: 'hasBar' } },
      options,
    );
    const expected = alignStreamsSync(
      trades,
      { quote: { table: quotes, columns: ['bid'], tolerance: '5ns' }, bar: { table: bars, by: [], matched: 'hasBar' } },
      options,
    );
    expectSame(await out.toHost(), expected.table);
    expect(stats).toEqual(expected.stats);
    out.release();
  });

  it('names the first row out of order, as the host does', async () => {
    const falling = table({
      t: ['ts_ns', [1n, 9n, 2n, 8n, 3n, 7n]],
      sym: ['int32', [1n, 2n, 1n, 3n, 4n, 3n]],
    });
    using left = await toDevice(falling, { device });
    using right = await toDevice(quotes, { device });
    const options = { on: 't', by: 'sym', unsorted: 'error' } as const;
    const expected = expect.objectContaining({
      code: 'FS_ERR_UNSORTED',
      details: { side: 'left', row: 5, previousRow: 3 },
    });
    expect(() => asofJoinSync(falling, quotes, options)).toThrow(expected);
    await expect(asofJoin(left, right, options)).rejects.toThrow(expected);
    await expect(asofJoin(right, left, options)).rejects.toThrow(
      expect.objectContaining({ details: { side: 'right', row: 5, previousRow: 3 } }),
    );
  });

  it('refuses a host table beside one on a device', async () => {
    using left = await toDevice(trades, { device });
    using right = await toDevice(quotes, { device });
    const onHost = quotes as unknown as typeof right;
    await expect(asofJoin(left, onHost, { on: 't' })).rejects.toThrow(code('ARG_TYPE'));
    await expect(asofJoin(trades as unknown as typeof left, right, { on: 't' })).rejects.toThrow(code('ARG_TYPE'));
    await expect(alignStreams(left, { q: { table: onHost } }, { on: 't' })).rejects.toThrow(code('ARG_TYPE'));
    await expect(asofJoin(left, right, { on: 't', backend: 'native' })).rejects.toThrow(code('ARG_RANGE'));
  });

  it('refuses tables of two devices', async () => {
    using other = open({ memoryBytes: 2 ** 24 });
    using left = await toDevice(trades, { device });
    using right = await toDevice(quotes, { device: other });
    await expect(asofJoin(left, right, { on: 't' })).rejects.toThrow(code('ARG_RANGE'));
  });

  it('checks options as joins of host tables do, and keeps nothing', async () => {
    using left = await toDevice(trades, { device });
    using right = await toDevice(quotes, { device });
    const before = device.memoryInfo().usedBytes;
    await expect(asofJoin(left, right, { on: 'x' })).rejects.toThrow(code('COLUMN_MISSING'));
    await expect(asofJoin(left, right, { on: 't', tolerance: 5 })).rejects.toThrow(code('ARG_TYPE'));
    await expect(asofJoin(left, right, { on: 't', nope: 1 } as object)).rejects.toThrow(code('OPTION_UNKNOWN'));
    await expect(asofJoin(left, right, { on: 't', by: { left: 'sym', right: 'bid' } })).rejects.toThrow(code('SCHEMA'));
    await expect(asofJoin(left, right, { on: 't', signal: AbortSignal.abort() })).rejects.toThrow(code('ABORTED'));
    await expect(DeviceJoinIndex.build(right, { on: 'bidd' })).rejects.toThrow(code('COLUMN_MISSING'));
    expect(device.memoryInfo().usedBytes).toBe(before);
  });

  it('refuses what was released', async () => {
    using left = await toDevice(trades, { device });
    const right = await toDevice(quotes, { device });
    const index = await DeviceJoinIndex.build(right, { on: 't' });
    right.release();
    await expect(asofJoin(left, right, { on: 't' })).rejects.toThrow(code('CLOSED'));
    index.release();
    index.release();
    expect(index.isReleased).toBe(true);
    await expect(asofJoin(left, index, {})).rejects.toThrow(code('CLOSED'));
  });
});
