/**
 * The law of the streaming join: whatever the order of arrival, the batches and the watermarks, as long as promises are
 * kept, the emitted rows are the rows of the join over whole tables, and the oracle's.
 */
import fc from 'fast-check';
import { type Table } from 'apache-arrow';

import { asofJoinSync } from '../../lib/join/asof-join';
import { engineTesting } from '../../lib/stream/engine/create-engine';
import { addon } from '../helpers/executors';
import { cellsOf } from '../helpers/columns';
import { joinCase, type JoinCase } from '../helpers/join-cases';
import { oracle } from '../helpers/oracle';
import { runs } from '../helpers/property';
import { numbered, pick, randomOf, session, type Time } from '../helpers/streaming';
import { StreamingJoin } from '../../lib/stream/streaming-join';
import type { StreamingJoinOptions } from '../../lib/stream/streaming-options';

const backends = addon === null ? (['javascript'] as const) : (['javascript', 'native'] as const);
const enginesSwept = backends.flatMap((backend) => [[backend, false] as const, [backend, true] as const]);

/** Times of the oracle as the API takes watermarks: nanoseconds, or the column's own unit. */
function apiTimes(times: readonly Time[], scale: bigint): Time[] {
  return times.map((time) => (typeof time === 'bigint' ? time * scale : time));
}

const shapes = fc.record({
  disorder: fc.constantFrom(0, 0.05, 0.3, 1),
  maxBatch: fc.constantFrom(1, 3, 8, 40),
  promises: fc.constantFrom(0, 0.2, 0.7, 1),
});

function rowsOf(table: Table, columns: readonly string[]): string[] {
  const cells = columns.map((name) => cellsOf(table, name));
  return Array.from({ length: table.numRows }, (_, row) =>
    JSON.stringify(
      cells.map((column) => column[row]),
      (_, value: unknown) =>
        typeof value === 'bigint'
          ? `${value}n`
          : typeof value === 'number'
            ? `${Object.is(value, -0) ? '-0' : value}`
            : value,
    ),
  );
}

interface Outcome {
  readonly parts: readonly Table[];
  readonly join: StreamingJoin;
}

function play(
  { left, right, oracleLeft, oracleRight, ageScale }: JoinCase,
  options: StreamingJoinOptions,
  seed: number,
  shape: { disorder: number; maxBatch: number; promises: number },
  /** Chance of a restart from a snapshot after a step, on the engine `other`. */
  restarts = 0,
  other: 'javascript' | 'native' = 'javascript',
): Outcome {
  const random = randomOf(seed + 1);
  let join = new StreamingJoin({ ...options, leftSchema: left.schema, schema: right.schema });
  const tables = [left, right];
  const parts: Table[] = [];
  const names = ['left', 'right'] as const;
  const times = [apiTimes(oracleLeft.times, ageScale), apiTimes(oracleRight.times, ageScale)];
  for (const step of session(times, seed, shape)) {
    if (step.kind === 'push') {
      const batch = pick(tables[step.input]!, step.rows);
      if (step.input === 0) join.pushLeft(batch);
      else join.pushRight(batch);
    } else if (step.kind === 'advance') {
      join.advanceWatermark(names[step.input]!, step.time);
    } else {
      parts.push(join.emit());
    }
    if (random() < restarts) {
      const blob = join.snapshot();
      join.close();
      // One that has learnt its schemas from the snapshot.
      join = new StreamingJoin({ ...options, backend: random() < 0.5 ? other : options.backend });
      join.restore(blob);
    }
  }
  parts.push(join.flush());
  return { parts, join };
}

/** The sequences are the numbers of rows, so ties fall as in input order and the oracle judges directly. */
function checkAgainstOracle(
  { oracleLeft, oracleRight, oracleOptions, options }: JoinCase,
  { parts, join }: Outcome,
): void {
  const rows = oracle(oracleLeft, oracleRight, oracleOptions);
  const matched = rows.filter(({ right }) => right >= 0).length;
  const wanted = rows.flatMap(({ right }, l) =>
    options.how === 'inner' && right < 0 ? [] : [[BigInt(l), right < 0 ? null : BigInt(right), right >= 0]],
  );
  const got = parts.flatMap((part) => {
    const [left, right, hit] = ['lseq', 'r.row', 'hit'].map((name) => cellsOf(part, name));
    return left!.map((l, i) => [l, right![i], hit![i]]);
  });
  expect(got.sort((a, b) => Number(a[0]) - Number(b[0]))).toEqual(wanted);
  expect(join.counters.streams.right).toMatchObject({ rows: rows.length, matched });
}

function check(
  base: JoinCase,
  emit: 'ordered' | 'asFinal',
  seed: number,
  shape: Parameters<typeof play>[3],
  backend: 'javascript' | 'native',
): void {
  const left = numbered(base.left, 'lseq');
  const right = numbered(base.right, 'rseq');
  const join = { ...base, left, right };
  const options = {
    ...base.options,
    backend,
    emit,
    rowId: 'id',
    sequence: { left: 'lseq', right: 'rseq' },
  } as StreamingJoinOptions;
  let expected;
  try {
    expected = asofJoinSync(left, right, { ...base.options, backend: 'javascript', stats: true });
  } catch (error) {
    expect(() => play(join, options, seed, shape)).toThrow(
      expect.objectContaining({ code: (error as { code: string }).code }),
    );
    return;
  }
  const played = play(join, options, seed, shape);
  checkAgainstOracle(base, played);
  const { parts, join: live } = played;
  const columns = expected.table.schema.fields.map((field) => field.name);
  const lseq = columns.indexOf('lseq');
  const byRow = (rows: string[]): string[] =>
    rows.sort((a, b) => {
      const x = BigInt((JSON.parse(a) as string[])[lseq]!.slice(0, -1));
      const y = BigInt((JSON.parse(b) as string[])[lseq]!.slice(0, -1));
      return x < y ? -1 : 1;
    });
  expect(byRow(parts.flatMap((part) => rowsOf(part, columns)))).toEqual(byRow(rowsOf(expected.table, columns)));
  for (const part of parts) {
    expect(part.schema.fields.map((field) => `${field}`)).toEqual([
      ...expected.table.schema.fields.map((field) => `${field}`),
      'id: Int64',
    ]);
  }
  const { rows, matched, unmatched } = expected.stats;
  expect(live.counters.streams.right).toMatchObject({ rows, matched, unmatched });
  const ids = parts.flatMap((part) => cellsOf(part, 'id') as bigint[]);
  expect(ids).toEqual([...ids].sort((a, b) => (a < b ? -1 : 1)));
  if (emit === 'ordered') {
    const place = parts.flatMap((part) => cellsOf(part, 'lseq') as bigint[]);
    const times = place.map((row) => base.oracleLeft.times[Number(row)]!);
    const order = place.filter((_, i) => times[i] !== null);
    const sorted = [...order].sort((a, b) => {
      const x = base.oracleLeft.times[Number(a)]!;
      const y = base.oracleLeft.times[Number(b)]!;
      return x < y ? -1 : x > y ? 1 : Number(a - b);
    });
    expect(order).toEqual(sorted);
  }
  live.close();
}

describe.each(enginesSwept)('StreamingJoin on the %s engine, swept at every emit: %s', (backend, swept) => {
  beforeAll(() => (engineTesting.sweepEachEmit = swept));
  afterAll(() => (engineTesting.sweepEachEmit = false));

  test.each(['ordered', 'asFinal'] as const)('emits the rows of the join over whole tables, %s', (emit) => {
    fc.assert(
      fc.property(joinCase, fc.integer(), shapes, (join, seed, shape) => check(join, emit, seed, shape, backend)),
      runs(150),
    );
  });

  test.each(['ordered', 'asFinal'] as const)('goes on from a snapshot as if nothing had happened, %s', (emit) => {
    fc.assert(
      fc.property(joinCase, fc.integer(), shapes, (base, seed, shape) => {
        const left = numbered(base.left, 'lseq');
        const right = numbered(base.right, 'rseq');
        const options = {
          ...base.options,
          ...{ backend, emit, rowId: 'id', sequence: { left: 'lseq', right: 'rseq' } },
        } as StreamingJoinOptions;
        const whole = (restarts: number): string | string[][] => {
          try {
            const { parts } = play({ ...base, left, right }, options, seed, shape, restarts, backend);
            return parts.map((part) =>
              rowsOf(
                part,
                part.schema.fields.map((field) => field.name),
              ),
            );
          } catch (error) {
            const { code } = error as { code?: string };
            if (code === undefined) throw error;
            return code;
          }
        };
        expect(whole(0.3)).toEqual(whole(0));
      }),
      runs(30),
    );
  });
});
