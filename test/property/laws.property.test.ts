/** Laws that need no oracle: no row from the future, no dependence on order, batches, slices or encodings. */
import fc from 'fast-check';
import type { Table } from 'apache-arrow';

import { asofJoinSync, type AsofJoinOptions } from '../../lib/index';
import { type Cell, cellsOf, type Layout, makeTable, typeNamed } from '../helpers/columns';
import { addon } from '../helpers/executors';
import { runs } from '../helpers/property';

const backends = addon === null ? (['javascript'] as const) : (['javascript', 'native', 'device'] as const);

interface Row {
  readonly time: bigint | null;
  readonly key: number | null;
}

const row: fc.Arbitrary<Row> = fc.record({
  time: fc.option(fc.bigInt({ min: 0n, max: 12n }), { freq: 9 }),
  key: fc.option(fc.integer({ min: 0, max: 3 }), { freq: 9 }),
});
const side = fc.array(row, { maxLength: 30 });
const matching = fc.record({
  direction: fc.constantFrom('backward' as const, 'forward' as const, 'nearest' as const),
  allowExactMatches: fc.boolean(),
  ties: fc.constantFrom('auto' as const, 'last' as const, 'first' as const),
  nullKeys: fc.constantFrom('distinct' as const, 'equal' as const),
  tolerance: fc.option(fc.bigInt({ min: 0n, max: 4n }), { nil: undefined }),
});

type Encoding = 'int64' | 'int8' | 'utf8' | 'dict:int8:utf8' | 'dict:int16:int64' | 'largeutf8';

function keyCell(key: number | null, encoding: Encoding): Cell {
  if (key === null) return null;
  return encoding.includes('utf8') ? `key number ${key}` : BigInt(key);
}

function tableOf(rows: readonly Row[], encoding: Encoding = 'int64', layout?: Layout): Table {
  return makeTable(
    [
      { name: 'time', type: typeNamed('ts_ns'), cells: rows.map(({ time }) => time) },
      { name: 'key', type: typeNamed(encoding), cells: rows.map(({ key }) => keyCell(key, encoding)) },
      { name: 'id', type: typeNamed('int32'), cells: rows.map((_, i) => BigInt(i)) },
    ],
    layout,
  );
}

/** Right row number of each left row, null for none. */
function matches(left: Table, right: Table, options: Partial<AsofJoinOptions>): unknown[] {
  return cellsOf(asofJoinSync(left, right, { on: 'time', by: 'key', columns: ['id'], ...options }), 'id_right');
}

describe.each(backends)('%s', (backend) => {
  test('rows of the future change nothing', () => {
    fc.assert(
      fc.property(side, side, side, matching, (left, right, future, options) => {
        const last = left.reduce((max, { time }) => (time !== null && time > max ? time : max), -1n);
        const later = future.map(({ time, key }) => ({ time: (time ?? 0n) + last + 1n, key }));
        const run = (rows: readonly Row[]) =>
          matches(tableOf(left), tableOf(rows), { ...options, direction: 'backward', backend });
        expect(run([...right, ...later])).toEqual(run(right));
      }),
      runs(300),
    );
  });

  test('rows not yet known change nothing, in any direction', () => {
    fc.assert(
      fc.property(side, side, side, matching, (left, right, unknown, options) => {
        const last = left.reduce((max, { time }) => (time !== null && time > max ? time : max), -1n);
        const run = (rows: readonly (Row & { known: bigint })[]) => {
          const table = makeTable([
            { name: 'time', type: typeNamed('ts_ns'), cells: rows.map(({ time }) => time) },
            { name: 'key', type: typeNamed('int64'), cells: rows.map(({ key }) => keyCell(key, 'int64')) },
            { name: 'known', type: typeNamed('ts_ns'), cells: rows.map(({ known }) => known) },
            { name: 'id', type: typeNamed('int32'), cells: rows.map((_, i) => BigInt(i)) },
          ]);
          return matches(tableOf(left), table, { ...options, knownAt: 'known', backend });
        };
        const known = right.map((entry, i) => ({ ...entry, known: BigInt(i % 10) }));
        const later = unknown.map((entry) => ({ ...entry, known: last + 1n }));
        expect(run([...known, ...later])).toEqual(run(known));
      }),
      runs(200),
    );
  });

  test('permuting the left permutes the result', () => {
    fc.assert(
      fc.property(side, side, matching, fc.infiniteStream(fc.nat()), (left, right, options, random) => {
        const order = left.map((_, i) => i);
        order.forEach((_, i) => {
          const j = i + (random.next().value % (order.length - i));
          [order[i], order[j]] = [order[j]!, order[i]!];
        });
        const plain = matches(tableOf(left), tableOf(right), { ...options, backend });
        const permuted = order.map((i) => left[i]!);
        expect(matches(tableOf(permuted), tableOf(right), { ...options, backend })).toEqual(order.map((i) => plain[i]));
      }),
      runs(300),
    );
  });

  test('permuting right rows of distinct times changes no match', () => {
    fc.assert(
      fc.property(side, side, matching, (left, right, options) => {
        const distinct = right.filter(
          (entry, i) => right.findIndex(({ time, key }) => time === entry.time && key === entry.key) === i,
        );
        const reversed = [...distinct].reverse();
        const forwards = matches(tableOf(left), tableOf(distinct), { ...options, backend });
        const backwards = matches(tableOf(left), tableOf(reversed), { ...options, backend });
        expect(backwards.map((id) => (id === null ? null : BigInt(distinct.length) - 1n - BigInt(String(id))))).toEqual(
          forwards,
        );
      }),
      runs(300),
    );
  });

  test('batches and slices change nothing', () => {
    const layout = fc.record({
      batches: fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 6 }),
      hidden: fc.integer({ min: 0, max: 9 }),
    });
    fc.assert(
      fc.property(side, side, layout, layout, matching, (left, right, leftLayout, rightLayout, options) => {
        const plain = matches(tableOf(left), tableOf(right), { ...options, backend });
        const cut = matches(tableOf(left, 'utf8', leftLayout), tableOf(right, 'utf8', rightLayout), {
          ...options,
          backend,
        });
        expect(cut).toEqual(plain);
      }),
      runs(300),
    );
  });

  test('the encoding of keys changes nothing', () => {
    const numbers: readonly Encoding[] = ['int8', 'dict:int16:int64'];
    const strings: readonly Encoding[] = ['utf8', 'largeutf8', 'dict:int8:utf8'];
    fc.assert(
      fc.property(side, side, matching, (left, right, options) => {
        const plain = matches(tableOf(left), tableOf(right), { ...options, backend });
        for (const family of [numbers, strings]) {
          for (const [i, encoding] of family.entries()) {
            const other = family[(i + 1) % family.length]!;
            expect(matches(tableOf(left, encoding), tableOf(right, other), { ...options, backend })).toEqual(plain);
          }
        }
      }),
      runs(150),
    );
  });

  test("unsorted: 'error' names the first row that is out of order, per key, left side first", () => {
    fc.assert(
      fc.property(side, side, fc.boolean(), fc.boolean(), (left, right, keyed, nullsEqual) => {
        const offender = (rows: readonly Row[]): { row: number; previousRow: number } | null => {
          for (const [i, { time, key }] of rows.entries()) {
            if (time === null || (keyed && key === null && !nullsEqual)) continue;
            for (let p = i - 1; p >= 0; p--) {
              const previous = rows[p]!;
              if (previous.time === null || (keyed && previous.key !== key)) continue;
              if (keyed || previous.time !== null) {
                if (previous.time > time) return { row: i, previousRow: p };
                break;
              }
            }
          }
          return null;
        };
        const run = () =>
          asofJoinSync(tableOf(left), tableOf(right), {
            on: 'time',
            by: keyed ? 'key' : [],
            nullKeys: nullsEqual ? 'equal' : 'distinct',
            unsorted: 'error',
            backend,
          });
        const onLeft = offender(left);
        const expected = onLeft === null ? offender(right) : onLeft;
        if (expected === null) {
          expect(run().numRows).toBe(left.length);
          return;
        }
        expect(run).toThrow(
          expect.objectContaining({
            code: 'FS_ERR_UNSORTED',
            details: expect.objectContaining({ side: onLeft === null ? 'right' : 'left', ...expected }),
          }),
        );
      }),
      runs(500),
    );
  });
});
