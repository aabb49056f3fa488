/**
 * The streaming join by example: when a row is final, the twenty defects of the design's predecessor as cases that must
 * come out right (numbers in the test names), and misuse by code.
 */
import type { Table } from 'apache-arrow';

import { asofJoinSync } from '../../../lib/join/asof-join';
import { StreamingAligner } from '../../../lib/stream/streaming-aligner';
import { StreamingJoin } from '../../../lib/stream/streaming-join';
import type { StreamingJoinOptions } from '../../../lib/stream/streaming-options';
import { type Cell, cellsOf, table } from '../../helpers/columns';
import { addon } from '../../helpers/executors';

const backends = addon === null ? (['javascript'] as const) : (['javascript', 'native'] as const);

type Row = readonly [time: bigint, key?: string | null, value?: number | null];

const leftRows = (...rows: Row[]): Table =>
  table({ t: ['ts_ns', rows.map(([t]) => t)], k: ['utf8', rows.map(([, k]) => (k === undefined ? 'A' : k))] });
const rightRows = (...rows: Row[]): Table =>
  table({
    t: ['ts_ns', rows.map(([t]) => t)],
    k: ['utf8', rows.map(([, k]) => (k === undefined ? 'A' : k))],
    v: ['float64', rows.map(([t, , v]) => (v === undefined ? Number(t) : v))],
  });

/** Emitted rows as [time, value]. */
function shown(part: Table): [Cell, Cell][] {
  if (part.schema.fields.length === 0) return [];
  const values = cellsOf(part, 'v');
  return cellsOf(part, 't').map((t, i) => [t as Cell, values[i] as Cell]);
}

describe.each(backends)('StreamingJoin on the %s engine', (backend) => {
  const make = (options: Partial<StreamingJoinOptions> = {}): StreamingJoin =>
    new StreamingJoin({
      ...{ on: 't', by: 'k', backend, leftSchema: leftRows().schema, schema: rightRows().schema },
      ...options,
    });
  const quote = (join: StreamingJoin, ...rows: Row[]): boolean => join.pushRight(rightRows(...rows));
  const trade = (join: StreamingJoin, ...rows: Row[]): boolean => join.pushLeft(leftRows(...rows));
  const advance = (join: StreamingJoin, time: bigint): [Cell, Cell][] => {
    join.advanceWatermark(time);
    return shown(join.emit());
  };

  describe('when a row is final', () => {
    test('nothing is emitted before the first watermark (1), nor in distances near the ends of int64', () => {
      const join = make({ tolerance: 1_000_000_000n });
      quote(join, [5n]);
      trade(join, [10n], [-(2n ** 63n)], [2n ** 63n - 1n]);
      expect(shown(join.emit())).toEqual([]);
      expect(advance(join, -(2n ** 63n))).toEqual([]);
      expect(advance(join, -(2n ** 63n) + 1n)).toEqual([[-(2n ** 63n), null]]);
      expect(advance(join, 2n ** 63n - 1n)).toEqual([[10n, 5]]);
      expect(shown(join.flush())).toEqual([[2n ** 63n - 1n, null]]);
    });

    test.each(['backward', 'forward', 'nearest'] as const)(
      '%s: a row with a null key holds nothing up',
      (direction) => {
        const join = make({ direction });
        quote(join, [5n], [6n], [12n]);
        trade(join, [5n, null], [6n]);
        expect(advance(join, 5n)).toEqual([]);
        expect(advance(join, 13n)).toEqual([
          [5n, null],
          [6n, 6],
        ]);
      },
    );

    test('an inner join whose first parts are all dropped goes on to the rows behind them', () => {
      const join = make({ how: 'inner' });
      quote(join, [50n]);
      trade(join, ...Array.from({ length: 20 }, (_, i): Row => [BigInt(i)]), [60n]);
      join.advanceWatermark(100n);
      expect(shown(join.emit({ maxRows: 4 }))).toEqual([[60n, 50]]);
    });

    test('backward: only when the watermark has passed the row (2)', () => {
      const join = make();
      quote(join, [5n]);
      trade(join, [10n]);
      expect(advance(join, 10n)).toEqual([]);
      quote(join, [10n]);
      expect(advance(join, 11n)).toEqual([[10n, 10]]);
    });

    test('backward without exact matches: as soon as it has reached the row, in any order of emission', () => {
      const join = make({ allowExactMatches: false, emit: 'asFinal' });
      quote(join, [5n], [10n]);
      trade(join, [10n]);
      join.advanceWatermark('right', 9n);
      expect(shown(join.emit())).toEqual([]);
      join.advanceWatermark('right', 10n);
      expect(shown(join.emit())).toEqual([[10n, 5]]);
    });

    test('a lag lets rows go before the watermark has reached them', () => {
      const join = make({ lag: 3n, emit: 'asFinal' });
      quote(join, [5n], [8n]);
      trade(join, [10n]);
      join.advanceWatermark('right', 7n);
      expect(shown(join.emit())).toEqual([]);
      join.advanceWatermark('right', 8n);
      expect(shown(join.emit())).toEqual([[10n, 5]]);
    });

    test('nearest: not before no nearer row can come (3)', () => {
      const join = make({ direction: 'nearest', emit: 'asFinal' });
      quote(join, [5n]);
      trade(join, [10n], [20n]);
      expect(advance(join, 15n)).toEqual([]);
      quote(join, [15n]);
      // 15 is as far from 10 as 5 is, and a tie goes to the earlier; 20 waits for 25.
      expect(advance(join, 16n)).toEqual([[10n, 5]]);
      expect(advance(join, 25n)).toEqual([]);
      expect(advance(join, 26n)).toEqual([[20n, 15]]);
    });

    test('nearest: a tie goes to the later where asked, which may still come at the watermark', () => {
      const join = make({ direction: 'nearest', nearestTie: 'later', emit: 'asFinal' });
      quote(join, [5n]);
      trade(join, [10n]);
      expect(advance(join, 15n)).toEqual([]);
      quote(join, [15n]);
      expect(advance(join, 16n)).toEqual([[10n, 15]]);
    });

    test('nearest: a row ahead is final once the watermark has passed it', () => {
      const join = make({ direction: 'nearest', emit: 'asFinal' });
      trade(join, [10n]);
      quote(join, [13n]);
      expect(advance(join, 13n)).toEqual([]);
      expect(advance(join, 14n)).toEqual([[10n, 13]]);
    });

    test('forward without a tolerance waits for its match, or the end (4)', () => {
      const join = make({ direction: 'forward' });
      trade(join, [10n], [30n]);
      expect(advance(join, 20n)).toEqual([]);
      quote(join, [25n]);
      expect(advance(join, 25n)).toEqual([]);
      expect(advance(join, 26n)).toEqual([[10n, 25]]);
      expect(shown(join.flush())).toEqual([[30n, null]]);
    });

    test('forward with a tolerance gives up once it has passed', () => {
      const join = make({ direction: 'forward', tolerance: 5n });
      trade(join, [10n]);
      expect(advance(join, 15n)).toEqual([]);
      expect(advance(join, 16n)).toEqual([[10n, null]]);
    });

    test('without exact matches all equal rows are stepped over (5)', () => {
      const join = make({ allowExactMatches: false });
      quote(join, [5n], [10n, 'A', 1], [10n, 'A', 2]);
      trade(join, [10n]);
      expect(advance(join, 11n)).toEqual([[10n, 5]]);
    });

    test('one row dated far ahead holds nothing back (11)', () => {
      const join = make();
      trade(join, [2n ** 62n], [10n], [11n]);
      quote(join, [9n]);
      expect(advance(join, 12n)).toEqual([
        [10n, 9],
        [11n, 9],
      ]);
      expect(join.counters.pendingRows).toBe(1);
    });

    test('a left row without a time or a key is emitted unmatched', () => {
      const join = make();
      quote(join, [5n], [6n, null]);
      join.pushLeft(table({ t: ['ts_ns', [null, 7n]], k: ['utf8', ['A', null]] }));
      expect(shown(join.emit())).toEqual([[null, null]]);
      expect(advance(join, 8n)).toEqual([[7n, null]]);
      expect(join.counters.inputs.right).toMatchObject({ rows: 1, nullKey: 1 });
    });
  });

  describe('state', () => {
    test('the last row of a quiet key is kept (8), what is behind it is not (9)', () => {
      const join = make();
      quote(join, [5n, 'quiet']);
      for (let i = 0n; i < 20_000n; i += 100n) {
        quote(join, ...Array.from({ length: 100 }, (_, k): Row => [10n + i + BigInt(k), 'busy']));
        trade(join, [10n + i, 'busy']);
        advance(join, 10n + i);
      }
      expect(join.counters.inputs.right!.stateRows).toBeLessThan(5_000);
      trade(join, [100_000n, 'quiet']);
      expect(advance(join, 100_001n).at(-1)).toEqual([100_000n, 5]);
    });

    test('new keys for ever, with a tolerance: the state stays flat', () => {
      const join = make({ tolerance: 1_000n });
      const sizes: number[] = [];
      for (let i = 0; i < 120; i++) {
        const at = (k: number): bigint => BigInt(i * 500 + k);
        quote(join, ...Array.from({ length: 500 }, (_, k): Row => [at(k), `key ${i * 500 + k}`]));
        trade(join, ...Array.from({ length: 500 }, (_, k): Row => [at(k), `key ${i * 500 + k}`]));
        join.advanceWatermark(at(499));
        join.emit();
        sizes.push(join.counters.stateBytes);
      }
      expect(Math.max(...sizes.slice(60))).toBeLessThanOrEqual(1.5 * Math.max(...sizes.slice(10, 60)));
      expect(join.counters.inputs.right!.stateRows).toBeLessThan(10_000);
    });

    test('rows far out of order cost no square (10, 12, 13)', () => {
      const join = make();
      const count = 40_000;
      const rows = Array.from({ length: count }, (_, i): Row => [BigInt(count - i)]);
      for (let i = 0; i < count; i += 1000) quote(join, ...rows.slice(i, i + 1000));
      for (let i = 0; i < count; i += 1000) trade(join, ...rows.slice(i, i + 1000));
      const out = advance(join, BigInt(count) + 1n);
      expect(out).toHaveLength(count);
      expect(out.every(([t, v]) => Number(t) === v)).toBe(true);
    });

    test('a push past the cap changes nothing, and is taken after an emit', () => {
      const join = make({ maxStateBytes: 60_000 });
      const rows = Array.from({ length: 100 }, (_, i): Row => [BigInt(i)]);
      let pushed = 0;
      for (;;) {
        try {
          trade(join, ...rows);
          pushed++;
        } catch (error) {
          expect(error).toMatchObject({ code: 'FS_ERR_BACKPRESSURE' });
          break;
        }
        expect(pushed).toBeLessThan(1000);
      }
      expect(join.counters.inputs.left!.rows).toBe(100 * pushed);
      join.advanceWatermark(1000n);
      expect(join.emit().numRows).toBe(100 * pushed);
      trade(join, [1000n]);
      const closing = make({ maxStateBytes: 100, onStateFull: 'error' });
      expect(() => trade(closing, ...rows)).toThrow(expect.objectContaining({ code: 'FS_ERR_BACKPRESSURE' }));
      expect(() => trade(closing, [1n])).toThrow(expect.objectContaining({ code: 'FS_ERR_CLOSED' }));
    });

    test('push answers false above the high-water mark', () => {
      const join = make({ highWaterMark: { rows: 3 } });
      expect(trade(join, [1n], [2n])).toBe(true);
      expect(trade(join, [3n])).toBe(false);
      join.advanceWatermark(10n);
      join.emit();
      expect(trade(join, [11n])).toBe(true);
    });
  });

  describe('values', () => {
    test('nulls stay nulls (14), types stay types (15), also of nested and dictionary columns', () => {
      const left = table({ t: ['ts_us', [10n, 20n]], k: ['dict:int8:utf8', ['A', 'B']], side: ['bool', [true, null]] });
      const right = table({
        t: ['ts_ns', [5_000n, 6_000n]],
        k: ['dict:int16:utf8', ['B', 'A']],
        f: ['float32', [null, 1.5]],
        d: ['dict:uint8:utf8', ['x', 'y']],
        w: ['decimal', [new Uint8Array(16).fill(1), null]],
      });
      const join = new StreamingJoin({ on: 't', by: 'k', backend });
      join.pushLeft(left);
      join.pushRight(right);
      const out = join.flush();
      const expected = asofJoinSync(left, right, { on: 't', by: 'k' });
      for (const { name } of expected.schema.fields) expect(cellsOf(out, name)).toEqual(cellsOf(expected, name));
      expect(out.schema.fields.map(String)).toEqual(expected.schema.fields.map(String));
    });

    test('a stream with a left side only is flushed where the right schema was given (16)', () => {
      const join = make();
      trade(join, [1n], [2n]);
      expect(shown(join.flush())).toEqual([
        [1n, null],
        [2n, null],
      ]);
      const unknown = new StreamingJoin({ on: 't', backend });
      unknown.pushLeft(leftRows([1n]));
      expect(unknown.emit().numRows).toBe(0);
      expect(() => unknown.flush()).toThrow(
        expect.objectContaining({ code: 'FS_ERR_SCHEMA', details: { inputs: ['right'] } }),
      );
      unknown.pushRight(rightRows([0n]));
      expect(unknown.flush().numRows).toBe(1);
    });

    test('ties follow source and sequence, not arrival (17)', () => {
      const right = (v: number, s: bigint): Table =>
        table({ t: ['ts_ns', [5n]], k: ['utf8', ['A']], v: ['float64', [v]], s: ['int64', [s]] });
      const run = (order: readonly number[]): [Cell, Cell][] => {
        const join = make({ schema: right(0, 0n).schema, sequence: { right: 's' }, columns: ['v'] });
        const pushes = [
          () => join.pushRight(right(1, 7n), { source: 0 }),
          () => join.pushRight(right(2, 3n), { source: 1 }),
          () => join.pushRight(right(3, 9n), { source: 0 }),
        ];
        for (const i of order) pushes[i]!();
        trade(join, [5n]);
        return advance(join, 6n);
      };
      for (const order of [
        [0, 1, 2],
        [2, 1, 0],
        [1, 2, 0],
      ]) {
        expect(run(order)).toEqual([[5n, 2]]);
      }
    });

    test('null keys match nothing unless asked (18)', () => {
      for (const [nullKeys, value] of [
        ['distinct', null],
        ['equal', 5],
      ] as const) {
        const join = make({ nullKeys });
        quote(join, [5n, null]);
        trade(join, [10n, null]);
        expect(advance(join, 11n)).toEqual([[10n, value]]);
      }
    });

    test('the caller may reuse its buffers at once', () => {
      const join = make();
      const batch = rightRows([5n]);
      join.pushRight(batch);
      for (const data of batch.batches[0]!.data.children) {
        const { values } = data as { values: ArrayBufferView };
        new Uint8Array(values.buffer, values.byteOffset, values.byteLength).fill(255);
      }
      trade(join, [10n]);
      expect(advance(join, 11n)).toEqual([[10n, 5]]);
    });
  });

  describe('late rows', () => {
    // Whichever engine keeps emitted rows.
    const keeping = { backend: backend === 'native' ? ('auto' as const) : backend };

    test('drop: counted on both sides (6, 7)', () => {
      const join = make();
      quote(join, [5n]);
      trade(join, [10n]);
      expect(advance(join, 20n)).toEqual([[10n, 5]]);
      quote(join, [7n]);
      trade(join, [12n]);
      expect(advance(join, 30n)).toEqual([]);
      expect(join.counters.inputs).toMatchObject({ left: { rows: 1, late: 1 }, right: { rows: 1, late: 1 } });
    });

    test('error: the batch is refused whole', () => {
      const join = make({ late: 'error' });
      join.advanceWatermark(20n);
      expect(() => trade(join, [30n], [19n])).toThrow(
        expect.objectContaining({ code: 'FS_ERR_LATE_ROW', details: expect.objectContaining({ row: 1 }) }),
      );
      expect(join.counters).toMatchObject({ pendingRows: 0, inputs: { left: { rows: 0, late: 0 } } });
    });

    test('sideOutput: with the emitted rows it would have changed', () => {
      const join = make({ ...keeping, late: 'sideOutput', horizon: 100n });
      quote(join, [5n]);
      trade(join, [8n], [10n], [12n]);
      quote(join, [11n]);
      advance(join, 20n);
      quote(join, [9n, 'A', -1], [9n, 'B', -2]);
      trade(join, [13n]);
      const late = join.takeLate();
      expect(late.map(({ input }) => input)).toEqual(['left', 'right']);
      expect(cellsOf(late[0]!.table, 't')).toEqual([13n]);
      expect(cellsOf(late[1]!.table, 'v')).toEqual([-1, -2]);
      expect(late[1]!.affected.map((ids) => [...ids])).toEqual([[1n], []]);
      expect(late[1]!.reasons).toEqual(['late', 'late']);
      expect(join.takeLate()).toEqual([]);
    });

    test('revise: a retraction and an insertion with the row id; beyond the horizon nothing', () => {
      const join = make({ ...keeping, late: 'revise', horizon: 10n, rowId: 'id', op: 'op' });
      quote(join, [5n]);
      trade(join, [8n], [15n]);
      advance(join, 20n);
      quote(join, [12n], [7n]);
      trade(join, [16n]);
      expect(() => join.snapshot()).toThrow(expect.objectContaining({ code: 'FS_ERR_BUSY' }));
      const out = join.emit();
      expect(shown(out)).toEqual([
        [15n, 5],
        [15n, 12],
        [16n, 12],
      ]);
      expect(cellsOf(out, 'op')).toEqual([-1n, 1n, 1n]);
      expect(cellsOf(out, 'id')).toEqual([1n, 1n, 2n]);
      expect(join.counters).toMatchObject({
        revisions: 2,
        inputs: { right: { late: 2, lateBeyondHorizon: 1 }, left: { late: 1 } },
      });
      join.snapshot();
    });

    test('rows dated too far ahead are put aside', () => {
      const join = make({ late: 'sideOutput', maxAhead: '1s', clock: () => 1000 });
      quote(join, [2_000_000_000n], [2_000_000_001n]);
      const [late] = join.takeLate();
      expect(late).toMatchObject({ input: 'right', reasons: ['tooFarAhead'] });
      expect(join.counters.inputs.right).toMatchObject({ rows: 1, tooFarAhead: 1, late: 0 });
    });
  });

  describe('misuse', () => {
    const code = (run: () => unknown): string | undefined => {
      try {
        run();
      } catch (error) {
        return (error as { code?: string }).code;
      }
      return undefined;
    };

    test('options', () => {
      const bad = (options: object): string | undefined => code(() => make(options));
      expect(bad({ unsorted: 'error' })).toBe('FS_ERR_OPTION_UNKNOWN');
      expect(bad({ threads: 2 })).toBe('FS_ERR_OPTION_UNKNOWN');
      expect(bad({ emmit: 'ordered' })).toBe('FS_ERR_OPTION_UNKNOWN');
      expect(bad({ emit: 'sometimes' })).toBe('FS_ERR_OPTION_UNKNOWN');
      expect(bad({ late: 'revise' })).toBe('FS_ERR_ARG_RANGE');
      expect(bad({ late: { middle: 'drop' } })).toBe('FS_ERR_OPTION_UNKNOWN');
      expect(bad({ rowId: 't' })).toBe('FS_ERR_NAME_COLLISION');
      expect(bad({ rowId: 'x', op: 'x' })).toBe('FS_ERR_NAME_COLLISION');
      expect(bad({ horizon: -1 })).toBe('FS_ERR_ARG_RANGE');
      expect(bad({ watermark: '1s' })).toBe('FS_ERR_ARG_TYPE');
      expect(bad({ sequence: 'k' })).toBe('FS_ERR_SCHEMA');
      expect(bad({ sequence: 'nope' })).toBe('FS_ERR_COLUMN_MISSING');
      expect(bad({ lag: 1n, direction: 'forward' })).toBe('FS_ERR_ARG_RANGE');
      expect(bad({ schema: {} })).toBe('FS_ERR_ARG_TYPE');
      expect(code(() => new StreamingJoin({ on: 't', direction: 'sideways' as 'forward' }))).toBe(
        'FS_ERR_OPTION_UNKNOWN',
      );
      expect(code(() => new StreamingAligner({ left: {} }, { on: 't' }))).toBe('FS_ERR_NAME_COLLISION');
      expect(code(() => new StreamingAligner({}, { on: 't' }))).toBe('FS_ERR_ARG_RANGE');
    });

    test('batches', () => {
      const join = make();
      expect(code(() => join.pushLeft(rightRows([1n])))).toBe('FS_ERR_SCHEMA');
      expect(code(() => join.pushLeft([] as never))).toBe('FS_ERR_ARG_TYPE');
      expect(code(() => trade(join) && join.pushLeft(leftRows([1n]), { source: -1 }))).toBe('FS_ERR_ARG_RANGE');
      expect(join.counters.inputs.left!.rows).toBe(0);
    });

    test('watermarks', () => {
      const join = make();
      join.advanceWatermark(10n);
      join.advanceWatermark('left', 5n);
      expect(join.counters.inputs.left!.watermark).toBe(10n);
      expect(code(() => join.advanceWatermark('left', 5n, { regression: 'error' }))).toBe('FS_ERR_WATERMARK_REGRESSED');
      expect(code(() => join.advanceWatermark('middle' as 'left', 5n))).toBe('FS_ERR_OPTION_UNKNOWN');
      expect(code(() => join.advanceWatermark('1s' as never))).toBe('FS_ERR_OPTION_UNKNOWN');
      expect(code(() => join.advanceWatermark('left', '1s' as never))).toBe('FS_ERR_ARG_TYPE');
      expect(code(() => join.advanceWatermark(5))).toBe('FS_ERR_ARG_RANGE');
    });

    test('sequence of calls', () => {
      const join = make();
      trade(join, [1n]);
      join.flush();
      expect(code(() => trade(join, [2n]))).toBe('FS_ERR_CLOSED');
      expect(code(() => join.advanceWatermark(2n))).toBe('FS_ERR_CLOSED');
      expect(join.emit().numRows).toBe(0);
      join.reset();
      trade(join, [2n]);
      expect(join.flush().numRows).toBe(1);
      join.close();
      join.close();
      expect(code(() => join.emit())).toBe('FS_ERR_CLOSED');
    });

    test('snapshots', () => {
      const join = make();
      trade(join, [1n]);
      const blob = join.snapshot();
      expect(code(() => make({ tolerance: 5n }).restore(blob))).toBe('FS_ERR_ARG_RANGE');
      expect(code(() => make().restore(blob.slice(0, 100)))).toBe('FS_ERR_CORRUPT');
      const damaged = blob.slice();
      damaged[damaged.length - 200]! ^= 1;
      expect(code(() => make().restore(damaged))).toBe('FS_ERR_CORRUPT');
      expect(code(() => make().restore('blob' as never))).toBe('FS_ERR_ARG_TYPE');
      const other = make();
      other.restore(blob);
      expect(other.flush().numRows).toBe(1);
      expect(code(() => new StreamingJoin({ on: 't' }).snapshot())).toBe('FS_ERR_SCHEMA');
    });
  });
});
