/**
 * Late rows and several streams: a changelog, applied, is the join over all rows that were taken; N streams in one pass
 * are `alignStreams`.
 */
import fc from 'fast-check';
import { type Table } from 'apache-arrow';

import { alignStreamsSync } from '../../lib/join/align-streams';
import { asofJoinSync } from '../../lib/join/asof-join';
import { engineTesting } from '../../lib/stream/engine/create-engine';
import { StreamingAligner } from '../../lib/stream/streaming-aligner';
import { StreamingJoin } from '../../lib/stream/streaming-join';
import { type Cell, cellsOf, table } from '../helpers/columns';
import { addon } from '../helpers/executors';
import { oracle, type OracleRow, type OracleSide } from '../helpers/oracle';
import { runs } from '../helpers/property';
import { numbered, pick, randomOf, session } from '../helpers/streaming';

const backends = addon === null ? (['javascript'] as const) : (['javascript', 'native'] as const);
const enginesSwept = backends.flatMap((backend) => [[backend, false] as const, [backend, true] as const]);

const side = fc.array(
  fc.record({
    t: fc.oneof(
      { weight: 9, arbitrary: fc.bigInt({ min: 0n, max: 30n }) },
      { weight: 1, arbitrary: fc.constant(null) },
    ),
    k: fc.constantFrom('A', 'A', 'B', null),
    v: fc.option(fc.integer({ min: 0, max: 99 }), { freq: 6 }),
  }),
  { minLength: 1, maxLength: 30, size: 'max' },
);
type Rows = { readonly t: bigint | null; readonly k: string | null; readonly v: number | null }[];

function tableOf(rows: Rows, value: string): Table {
  return numbered(
    table({
      t: ['int64', rows.map(({ t }) => t)],
      k: ['utf8', rows.map(({ k }) => k)],
      [value]: ['int32', rows.map(({ v }) => (v === null ? null : BigInt(v)))],
    }),
    `${value}_seq`,
  );
}

const match = fc.record({
  direction: fc.constantFrom('backward' as const, 'forward' as const, 'nearest' as const),
  tolerance: fc.constantFrom(undefined, 0n, 2n, 9n),
  allowExactMatches: fc.boolean(),
  ties: fc.constantFrom('auto' as const, 'last' as const, 'first' as const),
  nearestTie: fc.constantFrom('earlier' as const, 'later' as const),
  nullKeys: fc.constantFrom('distinct' as const, 'equal' as const),
  how: fc.constantFrom('left' as const, 'inner' as const),
});
type Match = typeof match extends fc.Arbitrary<infer T> ? T : never;

/** What each left row is joined with, by numbers of rows: the oracle's answer in one stream. */
function answerOf(left: Rows, right: Rows, own: Match): OracleRow[] {
  const sideOf = (rows: Rows): OracleSide => ({
    times: rows.map(({ t }) => t),
    keys: rows.map(({ k }) => (k === null ? (own.nullKeys === 'equal' ? 'null' : null) : `=${k}`)),
  });
  const { direction, allowExactMatches: allowExact, ties, nearestTie, tolerance = null } = own;
  return oracle(sideOf(left), sideOf(right), { direction, allowExact, ties, nearestTie, tolerance, lag: 0n });
}

/** Rows of the result by numbers: the left's, and each right's or null. */
function wantedOf(left: Rows, answers: readonly OracleRow[][], matching: readonly Match[]): string[] {
  return left.flatMap((_, l) => {
    const rights = answers.map((answer) => answer[l]!.right);
    if (rights.some((right, s) => right < 0 && matching[s]!.how === 'inner')) return [];
    return [[l, ...rights.map((right) => (right < 0 ? null : right))].join()];
  });
}

function numbersOf(from: Table, names: readonly string[]): string[] {
  return lines(from, names).map((line) => line.join());
}

function lines(from: Table, names: readonly string[]): Cell[][] {
  const columns = names.map((name) => cellsOf(from, name));
  return Array.from({ length: from.numRows }, (_, row) => columns.map((column) => column[row] as Cell));
}

describe.each(enginesSwept)('on the %s engine, swept at every emit: %s', (backend, swept) => {
  beforeAll(() => (engineTesting.sweepEachEmit = swept));
  afterAll(() => (engineTesting.sweepEachEmit = false));

  test.each(['ordered', 'asFinal'] as const)('a changelog is the join over all rows, %s', (emit) => {
    fc.assert(
      fc.property(side, side, match, fc.integer(), fc.constantFrom(1, 4, 15), (l, r, matching, seed, maxBatch) => {
        const left = tableOf(l, 'a');
        const right = tableOf(r, 'b');
        const options = {
          on: 't',
          by: 'k',
          ...matching,
          backend,
          matched: 'hit',
        } as const;
        const join = new StreamingJoin({
          ...options,
          ...{ emit, late: 'revise', horizon: 1000, rowId: 'id', op: 'op' },
          ...{ sequence: { left: 'a_seq', right: 'b_seq' }, leftSchema: left.schema, schema: right.schema },
        });
        const random = randomOf(seed);
        const parts: Table[] = [];
        for (const step of session([l.map(({ t }) => t), r.map(({ t }) => t)], seed, {
          disorder: 1,
          maxBatch,
          promises: 0,
        })) {
          if (step.kind !== 'push') continue;
          const batch = pick([left, right][step.input]!, step.rows);
          if (step.input === 0) join.pushLeft(batch);
          else join.pushRight(batch);
          // Promises that are not kept.
          if (random() < 0.5)
            join.advanceWatermark(random() < 0.5 ? 'left' : 'right', BigInt(Math.floor(random() * 32)));
          if (random() < 0.5) parts.push(join.emit());
        }
        parts.push(join.flush());
        const names = asofJoinSync(left, right, options).schema.fields.map(({ name }) => name);
        const live = new Map<bigint, string>();
        const joined = new Map<bigint, string>();
        const text = (cells: readonly Cell[]): string => cells.map((cell) => `${cell as string}`).join(',');
        for (const part of parts) {
          const ids = cellsOf(part, 'id') as bigint[];
          const ops = cellsOf(part, 'op') as bigint[];
          const numbers = numbersOf(part, ['a_seq', 'b_seq']);
          lines(part, names).forEach((line, i) => {
            if (ops[i] === -1n) {
              // What is taken back is what stands.
              expect(live.get(ids[i]!)).toBe(text(line));
              live.delete(ids[i]!);
              joined.delete(ids[i]!);
            } else {
              joined.set(ids[i]!, numbers[i]!);
              expect(live.has(ids[i]!)).toBe(false);
              live.set(ids[i]!, text(line));
            }
          });
        }
        const expected = lines(asofJoinSync(left, right, options), names).map(text);
        expect([...live.values()].sort()).toEqual(expected.sort());
        expect([...joined.values()].sort()).toEqual(wantedOf(l, [answerOf(l, r, matching)], [matching]).sort());
        expect(join.counters.inputs.left!.lateBeyondHorizon).toBe(0);
      }),
      runs(125),
    );
  });

  test.each(['ordered', 'asFinal'] as const)('several streams are alignStreams, %s', (emit) => {
    fc.assert(
      fc.property(
        fc.array(side, { minLength: 4, maxLength: 4 }),
        fc.array(match, { minLength: 3, maxLength: 3 }),
        fc.integer(),
        fc.record({
          disorder: fc.constantFrom(0, 0.2, 1),
          maxBatch: fc.constantFrom(1, 5, 20),
          promises: fc.constantFrom(0.3, 1),
        }),
        (sides, matching, seed, shape) => {
          const names = ['left', 'x', 'y', 'z'];
          const tables = sides.map((rows, i) => tableOf(rows, names[i]!));
          const streams = Object.fromEntries(
            matching.map((own, i) => [names[i + 1]!, { ...own, age: `${names[i + 1]}_age` }]),
          );
          const sequence = Object.fromEntries(names.map((name) => [name, `${name}_seq`]));
          const aligner = new StreamingAligner(
            Object.fromEntries(
              Object.entries(streams).map(([name, own], i) => [name, { ...own, schema: tables[i + 1]!.schema }]),
            ),
            { on: 't', by: 'k', backend, emit, sequence, leftSchema: tables[0]!.schema },
          );
          const parts: Table[] = [];
          for (const step of session(
            sides.map((rows) => rows.map(({ t }) => t)),
            seed,
            shape,
          )) {
            if (step.kind === 'push') aligner.push(names[step.input]!, pick(tables[step.input]!, step.rows));
            else if (step.kind === 'advance') aligner.advanceWatermark(names[step.input]!, step.time);
            else parts.push(aligner.emit());
          }
          parts.push(aligner.flush());
          const expected = alignStreamsSync(
            tables[0]!,
            Object.fromEntries(
              Object.entries(streams).map(([name, own], i) => [name, { ...own, table: tables[i + 1]! }]),
            ),
            { on: 't', by: 'k', backend: 'javascript' },
          );
          const columns = expected.table.schema.fields.map(({ name }) => name);
          const key = columns.indexOf('left_seq');
          const ordered = (rows: Cell[][]): Cell[][] =>
            rows.sort((a, b) => Number((a[key] as bigint) - (b[key] as bigint)));
          expect(ordered(parts.flatMap((part) => lines(part, columns)))).toEqual(
            ordered(lines(expected.table, columns)),
          );
          const answers = matching.map((own, s) => answerOf(sides[0]!, sides[s + 1]!, own));
          const numbers = parts.flatMap((part) => numbersOf(part, ['left_seq', 'x_x_seq', 'y_y_seq', 'z_z_seq']));
          expect(numbers.sort()).toEqual(wantedOf(sides[0]!, answers, matching).sort());
        },
      ),
      runs(75),
    );
  });
});
