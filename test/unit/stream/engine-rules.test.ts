/** Decisions of docs/design/streaming.md that the two engines once took differently, one example each. */
import { StreamingJoin } from '../../../lib/stream/streaming-join';
import type { StreamingJoinOptions } from '../../../lib/stream/streaming-options';
import { type Cell, cellsOf, table } from '../../helpers/columns';
import { addon } from '../../helpers/executors';

const backends = addon === null ? (['javascript'] as const) : (['javascript', 'native'] as const);

describe.each(backends)('the %s engine', (backend) => {
  const make = (options: Partial<StreamingJoinOptions> = {}): StreamingJoin =>
    new StreamingJoin({ on: 't', backend, rowId: 'id', op: 'op', ...options });
  const lefts = (...times: readonly (bigint | null)[]) => table({ t: ['int64', times] });
  const rights = (...times: readonly bigint[]) => table({ t: ['int64', times], v: ['int64', times] });
  const rows = (from: ReturnType<StreamingJoin['emit']>, ...columns: string[]): (Cell | object)[][] => {
    const cells = columns.map((column) => cellsOf(from, column));
    return Array.from({ length: from.numRows }, (_, row) => cells.map((column) => column[row]!));
  };

  test('rows that an inner join drops are numbered and take no room of a part', () => {
    const join = make({ how: 'inner', tolerance: 0 });
    join.pushLeft(lefts(null, 1n, 2n, 3n, 4n));
    join.pushRight(rights(2n, 4n));
    join.advanceWatermark(5n);
    expect(rows(join.emit({ maxRows: 1 }), 't', 'id')).toEqual([[2n, 2n]]);
    expect(rows(join.emit({ maxRows: 1 }), 't', 'id')).toEqual([[4n, 4n]]);
    expect(join.counters.emitted).toBe(5n);
  });

  test('revisions come by row id, in parts that end after an insertion', () => {
    const join = make({ late: 'revise', horizon: 10, emit: 'asFinal' });
    join.pushRight(rights(0n));
    join.pushLeft(lefts(5n));
    join.advanceWatermark('right', 6n);
    expect(rows(join.emit(), 't', 'id')).toEqual([[5n, 0n]]);
    join.pushLeft(lefts(3n));
    expect(rows(join.emit(), 't', 'id')).toEqual([[3n, 1n]]);
    join.pushRight(rights(1n));
    expect(rows(join.emit({ maxRows: 1 }), 'id', 'op', 'v')).toEqual([
      [0n, -1n, 0n],
      [0n, 1n, 1n],
    ]);
    expect(rows(join.emit({ maxRows: 3 }), 'id', 'op', 'v')).toEqual([
      [1n, -1n, 0n],
      [1n, 1n, 1n],
    ]);
  });

  test('a right row with a null key is that and not late; a row late by more than the horizon names no rows', () => {
    const join = make({ by: 'k', late: { right: 'sideOutput' }, horizon: 3 });
    const keyed = (column: string, t: bigint, k: string | null) =>
      table({ t: ['int64', [t]], k: ['utf8', [k]], [column]: ['int64', [t]] });
    join.pushLeft(keyed('w', 9n, 'A'));
    join.pushRight(keyed('v', 1n, 'A'));
    join.advanceWatermark(10n);
    expect(rows(join.emit(), 'v')).toEqual([[1n]]);
    for (const [t, k] of [
      [8n, null],
      [6n, 'A'],
      [7n, 'A'],
    ] as const)
      join.pushRight(keyed('v', t, k));
    expect(join.counters.inputs.right).toMatchObject({ nullKey: 1, late: 2 });
    expect(join.takeLate().flatMap(({ affected }) => affected.map((ids) => [...ids]))).toEqual([[], [0n]]);
  });

  test('a key that the right cannot hold waits for nothing', () => {
    const join = make({ by: 'k', direction: 'forward' });
    join.pushLeft(table({ t: ['int64', [1n]], k: ['uint64', [2n ** 64n - 1n]] }));
    join.pushRight(table({ t: ['int64', [1n]], k: ['int64', [-1n]], v: ['int64', [7n]] }));
    join.advanceWatermark(2n);
    expect(rows(join.emit(), 'v')).toEqual([[null]]);
  });

  test('a watermark at the least time promises nothing', () => {
    const join = make({ allowExactMatches: false, emit: 'asFinal' });
    join.pushLeft(table({ t: ['uint64', [0n]] }));
    join.pushRight(table({ t: ['uint64', [0n]], v: ['int64', [1n]] }));
    join.advanceWatermark(0n);
    expect(join.emit().numRows).toBe(0);
    join.advanceWatermark(1n);
    expect(rows(join.emit(), 'v')).toEqual([[null]]);
  });

  test.each(['int8', 'uint32', 'uint64'])('a sequence may be %s', (type) => {
    const join = make({ sequence: { right: 's' } });
    join.pushLeft(lefts(0n));
    join.pushRight(table({ t: ['int64', [0n, 0n, 0n]], v: ['int64', [1n, 2n, 3n]], s: [type, [5n, 9n, 7n]] }));
    expect(rows(join.flush(), 'v')).toEqual([[2n]]);
  });

  test('a sequence that is null or past int64 is refused', () => {
    const refused = (s: bigint | null): string => {
      const join = make({ sequence: { right: 's' } });
      join.pushLeft(lefts(0n));
      try {
        join.pushRight(table({ t: ['int64', [0n]], v: ['int64', [1n]], s: ['uint64', [s]] }));
      } catch (error) {
        return (error as { code: string }).code;
      }
      return 'taken';
    };
    expect([refused(1n), refused(null), refused(2n ** 63n)]).toEqual(['taken', 'FS_ERR_SCHEMA', 'FS_ERR_OVERFLOW']);
  });

  test('a horizon of floats reaches to the difference as a double', () => {
    const join = make({ late: 'revise', horizon: 0.1 });
    const floats = (...times: number[]) => table({ t: ['float64', times], v: ['float64', times] });
    join.pushLeft(table({ t: ['float64', [0.3]] }));
    join.pushRight(floats(0));
    join.advanceWatermark('right', 0.3);
    join.pushRight(floats(0.3 - 0.1, 0.19999999999999996));
    expect(join.counters.inputs.right).toMatchObject({ rows: 2, late: 2, lateBeyondHorizon: 1 });
  });

  test('after a late row behind it, a row that looked ahead waits for the mirror of that one alone', () => {
    const join = make({ direction: 'nearest', late: 'revise', horizon: 100, emit: 'asFinal' });
    join.pushLeft(lefts(10n));
    join.pushRight(rights());
    join.advanceWatermark('right', 12n);
    expect(join.emit().numRows).toBe(0);
    join.pushRight(rights(7n));
    expect(join.emit().numRows).toBe(0);
    join.advanceWatermark('right', 14n);
    expect(rows(join.emit(), 'v')).toEqual([[7n]]);
  });
});
