/** How batches and outputs cross into the engine and back: what is shared, what is copied, and what a first batch fixes. */
import { Field, Int8, type Table } from 'apache-arrow';

import { asofJoinSync } from '../../../lib/join/asof-join';
import { StreamingJoin } from '../../../lib/stream/streaming-join';
import { type Cell, cellsOf, table } from '../../helpers/columns';
import { addon } from '../../helpers/executors';

const backends = addon === null ? (['javascript'] as const) : (['javascript', 'native'] as const);
const NAMES = ['t', 'k', 'on', 'text', 'v'];

function times(rows: number, step: bigint): readonly [string, readonly Cell[]] {
  return ['ts_ns', Array.from({ length: rows }, (_, i) => BigInt(i) * step)];
}

function leftRows(rows: number): Table {
  return table({
    t: times(rows, 10n),
    k: ['dict:int32:utf8', Array.from({ length: rows }, (_, i) => `K${i % 7}`)],
    on: ['bool', Array.from({ length: rows }, (_, i) => (i % 5 === 0 ? null : i % 3 === 0))],
    text: ['utf8', Array.from({ length: rows }, (_, i) => (i % 11 === 0 ? null : 'x'.repeat(i % 4)))],
  });
}

function rightRows(rows: number): Table {
  return table({
    t: times(rows, 25n),
    k: ['dict:int32:utf8', Array.from({ length: rows }, (_, i) => `K${i % 9}`)],
    v: ['float64', Array.from({ length: rows }, (_, i) => (i % 6 === 0 ? null : i / 4))],
  });
}

function expectSame(got: Table, wanted: Table): void {
  for (const name of NAMES) expect(cellsOf(got, name)).toEqual(cellsOf(wanted, name));
}

/** Every buffer under a table's columns. */
function buffersOf(part: Table): ArrayBufferLike[] {
  return part.batches.flatMap(({ data }) =>
    data.children.flatMap(({ values, valueOffsets, nullBitmap }) =>
      [values, valueOffsets, nullBitmap].flatMap((view: ArrayBufferView | undefined) =>
        view === undefined || view.byteLength === 0 ? [] : [view.buffer],
      ),
    ),
  );
}

describe.each(backends)('what crosses into the %s engine', (backend) => {
  const make = (): StreamingJoin => new StreamingJoin({ on: 't', by: 'k', backend });

  test.each([
    ['few rows', 50],
    ['rows of more than a mebibyte', 60_000],
  ])('an output of %s is what asofJoin gives', (_, rows) => {
    const [left, right] = [leftRows(rows), rightRows(rows)];
    const join = make();
    join.pushLeft(left);
    join.pushRight(right);
    expectSame(join.flush(), asofJoinSync(left, right, { on: 't', by: 'k' }));
    join.close();
  });

  test('slices keep their bit offsets, and an empty first batch fixes nothing that the next is not', () => {
    const [left, right] = [leftRows(60), rightRows(60)];
    const join = make();
    for (const [from, to] of [
      [0, 0],
      [0, 3],
      [3, 14],
      [14, 60],
    ] as const) {
      join.pushLeft(left.slice(from, to));
      join.pushRight(right.slice(from, to));
    }
    expectSame(join.flush(), asofJoinSync(left, right, { on: 't', by: 'k' }));
    join.close();
  });

  test('a batch that is refused leaves counts and the next batch as they were', () => {
    const join = new StreamingJoin({ on: 't', by: 'k', backend, maxStateBytes: 200_000 });
    join.pushRight(rightRows(10));
    join.pushLeft(leftRows(10));
    const before = join.counters;
    expect(() => join.pushLeft(leftRows(20_000))).toThrow(expect.objectContaining({ code: 'FS_ERR_BACKPRESSURE' }));
    // Refused at the cap, it has made what is stored anew, which may lie otherwise afterwards.
    expect({ ...join.counters, stateBytes: 0 }).toEqual({ ...before, stateBytes: 0 });
    join.close();
  });

  test('outputs have one schema, which assigning to does not change', () => {
    const join = make();
    join.pushRight(rightRows(30));
    join.pushLeft(leftRows(30));
    join.advanceWatermark(100n);
    const first = join.emit();
    const more = first.schema.assign(new Field('more', new Int8()));
    expect(more.names).toEqual([...first.schema.names, 'more']);
    const other = first.schema.assign(more);
    expect(other.names).toEqual(more.names);
    const rest = join.flush();
    expect(rest.schema.names).toEqual([...NAMES.slice(0, 4), 'v']);
    expect(first.concat(rest).numRows).toBe(30);
    join.close();
  });
});

(addon === null ? describe.skip : describe)('the native engine', () => {
  test('puts the columns of a small output into one ArrayBuffer, of its own', () => {
    const join = new StreamingJoin({ on: 't', by: 'k', backend: 'native' });
    join.pushRight(rightRows(30));
    join.pushLeft(leftRows(30));
    join.advanceWatermark(100n);
    const first = buffersOf(join.emit());
    const rest = buffersOf(join.flush());
    expect(first.length).toBeGreaterThan(4);
    expect(new Set(first).size).toBe(1);
    expect(new Set([...first, ...rest]).size).toBe(2);
    join.close();
  });
});
