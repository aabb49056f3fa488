/**
 * Dictionary values and nested rows that nothing uses any more are let go: what a live join keeps beside its engine
 * stays flat, whatever comes, and what went out before stays as it was.
 */
import {
  type DataType,
  Dictionary,
  Field,
  Float64,
  Int32,
  Int64,
  Int8,
  List,
  Struct,
  Table,
  tableFromIPC,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';

import { StreamingJoin } from '../../../lib/stream/streaming-join';
import type { StreamingJoinOptions } from '../../../lib/stream/streaming-options';
import { cellsOf } from '../../helpers/columns';
import { addon } from '../../helpers/executors';
import { randomOf } from '../../helpers/streaming';

const backends = addon === null ? (['javascript'] as const) : (['javascript', 'native'] as const);

const nested = new Struct([
  new Field('id', new Utf8()),
  new Field('levels', new List(new Field('item', new Float64()))),
]);
let dictionaryIds = 1000;
const words = (index: Int8 | Int32): DataType => new Dictionary(new Utf8(), index, dictionaryIds++);

type Row = readonly [time: number, id: number];
const word = (id: number): string => `value ${id}`;
const nest = (id: number): unknown => ({ id: word(id), levels: [id, -id] });

/** Rows whose payload says which they are. `prefix` keeps the sides' names apart. */
function rows(prefix: string, type: DataType, all: readonly Row[]): Table {
  const payload = all.map(([, id]) => (type instanceof Struct ? nest(id) : word(id)));
  return new Table({
    t: vectorFromArray(
      all.map(([time]) => BigInt(time)),
      new Int64(),
    ),
    [prefix]: vectorFromArray(payload, type),
  });
}

/** Payloads as their words. */
function shown(part: Table, name: string): (string | null)[] {
  const column = part.getChild(name);
  return Array.from({ length: part.numRows }, (_, row) => {
    const value: unknown = column?.get(row);
    if (value === null || value === undefined) return null;
    if (typeof value === 'string') return value;
    const { id, levels } = (value as { toJSON(): { id: string; levels: Iterable<number> } }).toJSON();
    const [up, down] = [...levels];
    return up === -down! ? `${id}` : 'torn';
  });
}

describe.each(backends)('what is stored beside the %s engine', (backend) => {
  const make = (type: DataType, options: Partial<StreamingJoinOptions> = {}): StreamingJoin =>
    new StreamingJoin({
      ...{ on: 't', backend, tolerance: 100n },
      ...{ leftSchema: rows('a', type, [[0, 0]]).schema, schema: rows('b', type, [[0, 0]]).schema },
      ...options,
    });
  const types: [string, () => DataType][] = [
    ['dictionary', () => words(new Int32())],
    ['nested', () => nested],
  ];

  test.each(types)('%s: new values for ever take no more room than the rows held', (_, typeOf) => {
    const type = typeOf();
    const join = make(type);
    const kept: { part: Table; a: readonly (string | null)[]; b: readonly (string | null)[] }[] = [];
    const sizes: number[] = [];
    const each = 100;
    for (let batch = 0; batch < 70; batch++) {
      const own = Array.from({ length: each }, (__, k): Row => [batch * each + k, batch * each + k]);
      join.pushRight(rows('b', type, own));
      join.pushLeft(rows('a', type, own));
      join.advanceWatermark(BigInt(batch * each + each - 20));
      const part = join.emit();
      const times = cellsOf(part, 't').map((time) => word(Number(time)));
      const [a, b] = [shown(part, 'a'), shown(part, 'b')];
      expect([a, b]).toEqual([times, times]);
      kept.push({ part, a, b });
      const { left, right } = join.counters.inputs;
      sizes.push(left!.storedValues + right!.storedValues);
      expect(part.getChild('b')!.data[0]!.dictionary?.length ?? 0).toBeLessThan(4_000);
    }
    expect(Math.max(...sizes)).toBeGreaterThan(0);
    // 14,000 values came; what is held goes up and down between sweeps.
    expect(Math.max(...sizes)).toBeLessThan(5_000);
    for (const { part, a, b } of kept) expect([shown(part, 'a'), shown(part, 'b')]).toEqual([a, b]);
    expect(shown(join.flush(), 'a')).toHaveLength(20);
  });

  test.each(types)('%s: rows of the side output and of old keys outlive sweeps, snapshots too', (_, typeOf) => {
    const type = typeOf();
    let join = make(type, { tolerance: undefined as never, late: 'sideOutput' });
    join.pushRight(rows('b', type, [[1_000, 7]]));
    join.pushLeft(rows('a', type, [[2_000, 8]]));
    join.advanceWatermark('left', 2_000n);
    join.pushLeft(rows('a', type, [[3, 9]]));
    // The right's watermark stands: 8 waits, and 7 with it, while later rows come and go from the left's late ones.
    for (let batch = 0; batch < 60; batch++) {
      join.pushLeft(
        rows(
          'a',
          type,
          Array.from({ length: 100 }, (__, k): Row => [4, 1_000 + batch * 100 + k]),
        ),
      );
      if (batch % 2 === 1) join.takeLate();
      join.emit();
      if (batch === 31) {
        const blob = join.snapshot();
        join.close();
        join = make(type, { tolerance: undefined as never, late: 'sideOutput' });
        join.restore(blob);
      }
    }
    expect(join.counters.inputs.left!.storedValues).toBeLessThan(3_000);
    join.pushLeft(rows('a', type, [[5, 77]]));
    const late = join.takeLate().flatMap(({ table }) => shown(table, 'a'));
    expect(late).toEqual(['value 77']);
    const part = join.flush();
    expect([shown(part, 'a'), shown(part, 'b')]).toEqual([['value 8'], ['value 7']]);
  });

  test.each(types)('%s: what waits in the side output is right after sweeps', (_, typeOf) => {
    const type = typeOf();
    const join = make(type, { late: 'sideOutput' });
    join.advanceWatermark('left', 50n);
    join.pushLeft(rows('a', type, [[3, 1], [4, 2]])); // prettier-ignore
    let next = 100;
    for (let batch = 0; batch < 40; batch++, next += 100) {
      const own = Array.from({ length: 100 }, (__, k): Row => [next + k, next + k]);
      join.pushLeft(rows('a', type, own));
      join.advanceWatermark(BigInt(next + 100));
      join.emit();
    }
    join.pushLeft(rows('a', type, [[3, 3]]));
    expect(join.counters.inputs.left!.storedValues).toBeLessThan(3_000);
    expect(join.takeLate().flatMap(({ table }) => shown(table, 'a'))).toEqual(['value 1', 'value 2', 'value 3']);
    expect(join.takeLate()).toEqual([]);
  });

  test.each(types)('%s: revisions take back and repeat the right values', (_, typeOf) => {
    const type = typeOf();
    const join = make(type, { late: 'revise', horizon: 400n, rowId: 'id', op: 'op' });
    const random = randomOf(11);
    const state = new Map<string, string>();
    let next = 0;
    const rights = new Map<number, number>();
    for (let batch = 0; batch < 80; batch++, next += 100) {
      const own = Array.from({ length: 100 }, (__, k): Row => [next + k, next + k]);
      const some = own.filter(() => random() < 0.5).map(([time]): Row => [time, 1_000_000 + time]);
      // Late ones, within the horizon.
      if (batch > 3) {
        for (let i = 0; i < 10; i++) {
          const time = next - 1 - Math.floor(random() * 300);
          if (!rights.has(time)) some.push([time, 2_000_000 + time]);
        }
      }
      const unique = [...new Map(some.map((row) => [row[0], row])).values()];
      for (const [time, id] of unique) rights.set(time, id);
      join.pushRight(rows('b', type, unique));
      join.pushLeft(rows('a', type, own));
      join.advanceWatermark(BigInt(next + 100));
      const part = join.emit();
      const [ids, ops, a, b] = [cellsOf(part, 'id'), cellsOf(part, 'op'), shown(part, 'a'), shown(part, 'b')];
      ids.forEach((id, i) => {
        const text = `${a[i]} / ${b[i]}`;
        if (Number(ops[i]) === 1) {
          expect(state.has(String(id))).toBe(false);
          state.set(String(id), text);
        } else {
          expect(state.get(String(id))).toBe(text);
          state.delete(String(id));
        }
      });
    }
    const expected = Array.from({ length: next }, (__, time) => {
      let match: string | null = null;
      for (let at = time; at >= Math.max(0, time - 100) && match === null; at--) {
        if (rights.has(at)) match = word(rights.get(at)!);
      }
      return `${word(time)} / ${match}`;
    });
    expect([...state.values()].sort()).toEqual(expected.sort());
    expect(join.counters.inputs.left!.storedValues).toBeLessThan(4_500);
  });

  test('a dictionary of int8 codes may have more values over its life than codes', () => {
    const type = words(new Int8());
    const join = make(type, { schema: rows('b', nested, [[0, 0]]).schema });
    for (let batch = 0; batch < 40; batch++) {
      const own = Array.from({ length: 30 }, (_, k): Row => [batch * 30 + k, batch * 30 + k]);
      join.pushRight(rows('b', nested, own));
      join.pushLeft(rows('a', type, own));
      join.advanceWatermark(BigInt(batch * 30 + 30));
      const part = join.emit();
      const times = cellsOf(part, 't').map((time) => word(Number(time)));
      expect([shown(part, 'a'), shown(part, 'b')]).toEqual([times, times]);
    }
    // More at once than there are codes is refused, and nothing has changed.
    for (let batch = 0; batch < 4; batch++) {
      join.pushLeft(
        rows(
          'a',
          type,
          Array.from({ length: 30 }, (_, k): Row => [5_000 + batch * 30 + k, batch * 30 + k]),
        ),
      );
    }
    const more = rows(
      'a',
      type,
      Array.from({ length: 30 }, (_, k): Row => [6_000 + k, 9_000 + k]),
    );
    expect(() => join.pushLeft(more)).toThrow(expect.objectContaining({ code: 'FS_ERR_LENGTH' }));
    expect(shown(join.flush(), 'a')).toEqual(Array.from({ length: 120 }, (_, k) => word(k)));
  });

  test('parts written one after the other as an Arrow stream read back as they were', () => {
    const type = words(new Int32());
    const join = make(type);
    const parts: Table[] = [];
    const random = randomOf(5);
    for (let batch = 0; batch < 70; batch++) {
      // Some values come back after they have been let go.
      const id = (): number => (random() < 0.2 ? Math.floor(random() * 500) : batch * 40 + Math.floor(random() * 40));
      const own = Array.from({ length: 40 }, (__, k): Row => [batch * 40 + k, id()]);
      join.pushRight(rows('b', type, own));
      join.pushLeft(rows('a', type, own));
      join.advanceWatermark(BigInt(batch * 40 + 40));
      const part = join.emit();
      expect(shown(part, 'b')).toEqual(own.map(([, value]) => word(value)));
      const dictionary = [...part.getChild('b')!.data[0]!.dictionary!];
      expect(new Set(dictionary).size).toBe(dictionary.length);
      parts.push(part);
    }
    const all = new Table(parts.flatMap(({ batches }) => batches));
    const back = tableFromIPC(tableToIPC(all, 'stream'));
    expect(shown(back, 'b')).toEqual(parts.flatMap((part) => shown(part, 'b')));
  });

  test('a dictionary that every batch shares is learnt once', () => {
    const type = words(new Int32());
    const shared = vectorFromArray(
      Array.from({ length: 5_000 }, (_, k) => word(k)),
      type,
    );
    const table = new Table({
      t: vectorFromArray(
        Array.from({ length: 5_000 }, (_, k) => BigInt(k)),
        new Int64(),
      ),
      b: shared,
    });
    const join = make(type);
    for (let start = 0; start < 5_000; start += 50) {
      join.pushRight(table.slice(start, start + 50));
      join.pushLeft(rows('a', type, [[start, start]]));
      join.advanceWatermark(BigInt(start + 50));
      const part = join.emit();
      expect(shown(part, 'b')).toEqual([word(start)]);
    }
    expect(join.counters.inputs.right!.storedValues).toBe(5_000);
  });
});
