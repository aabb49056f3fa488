/**
 * The two engines of the live joins are one: led through the same script of pushes, promises kept and broken, emits of
 * any size, restarts from their own and each other's snapshots, they put out the same rows in the same parts under the
 * same ids, set the same late rows aside, count the same, and refuse the same with the same codes. Both ways of
 * sweeping: as it pays, and at every emit.
 */
import fc from 'fast-check';

import { engineTesting } from '../../lib/stream/engine/create-engine';
import { StreamingAligner } from '../../lib/stream/streaming-aligner';
import { StreamingJoin } from '../../lib/stream/streaming-join';
import type { LatePolicy, StreamingAlignerOptions, StreamingJoinOptions } from '../../lib/stream/streaming-options';
import { boundedDisorder } from '../../lib/stream/watermark/index';
import { addon } from '../helpers/executors';
import { table } from '../helpers/columns';
import { joinCase } from '../helpers/join-cases';
import { type EngineName, type LiveJoin, Lockstep, script } from '../helpers/lockstep';
import { runs } from '../helpers/property';
import { numbered, type Time } from '../helpers/streaming';

const POLICIES: readonly LatePolicy[] = ['drop', 'sideOutput', 'revise', 'error'];

const live = fc.record({
  emit: fc.constantFrom('ordered' as const, 'asFinal' as const),
  late: fc.array(fc.constantFrom(...POLICIES, 'revise' as const, 'sideOutput' as const), {
    minLength: 4,
    maxLength: 4,
  }),
  /** Of the distances between left rows, which is the horizon; null: none. */
  horizon: fc.option(fc.nat(), { freq: 6 }),
  disorder: fc.option(fc.nat(), { freq: 1 }),
  ahead: fc.option(fc.nat(), { freq: 1 }),
  sequence: fc.boolean(),
});
type Live = typeof live extends fc.Arbitrary<infer T> ? T : never;

const shapes = fc.record({
  disorder: fc.constantFrom(0, 0.05, 0.3, 1),
  maxBatch: fc.constantFrom(1, 3, 8, 40),
  honesty: fc.constantFrom(0, 0.5, 0.9, 1),
  sources: fc.constantFrom(1, 1, 3),
  restarts: fc.constantFrom(0, 0.1),
  resets: fc.constantFrom(0, 0, 0.03),
});

/** A distance between two of the times, so that edges are met. */
function distanceOf(times: readonly Time[], which: number): bigint | number {
  const known = times.filter((time): time is bigint | number => time !== null && Math.abs(Number(time)) < Infinity);
  const a = known[which % (known.length + 1)] ?? null;
  const b = known[(which * 7 + 3) % (known.length + 1)] ?? null;
  if (a === null || b === null) return known.some((time) => typeof time === 'number') ? 0.5 : BigInt(which % 5);
  const apart = a > b ? (Number.isNaN(a) || Number.isNaN(b) ? 1 : minus(a, b)) : minus(b, a);
  return typeof apart === 'bigint' && apart > 2n ** 63n - 1n ? 2n ** 63n - 1n : apart;
}

function minus(a: bigint | number, b: bigint | number): bigint | number {
  return typeof a === 'bigint' && typeof b === 'bigint' ? a - b : Number(a) - Number(b);
}

/** `revise` needs one. */
function horizonOf({ late, horizon }: Live, inputs: number): number | null {
  return horizon ?? (late.slice(0, inputs).includes('revise') ? 0 : null);
}

/** The options of live data. `times` are the left's, in the unit of the API. */
function liveOptions(names: readonly string[], times: readonly Time[], chosen: Live, sources: number): object {
  const late = Object.fromEntries(names.map((name, i) => [name, chosen.late[i]!]));
  const horizon = horizonOf(chosen, names.length);
  return {
    emit: chosen.emit,
    late,
    rowId: 'id',
    op: 'op',
    clock: () => 0,
    sources,
    ...(horizon === null ? {} : { horizon: distanceOf(times, horizon) }),
    ...(chosen.disorder === null ? {} : { watermark: boundedDisorder(distanceOf(times, chosen.disorder)) }),
    ...(chosen.ahead === null ? {} : { maxAhead: distanceOf(times, chosen.ahead), aheadOf: 'newest' }),
    ...(chosen.sequence ? { sequence: Object.fromEntries(names.map((name, i) => [name, `seq${i}`])) } : {}),
  };
}

const retains = (chosen: Live, inputs: number): boolean =>
  horizonOf(chosen, inputs) !== null &&
  chosen.late.slice(1, inputs).some((policy) => policy === 'revise' || policy === 'sideOutput');

function joinOf(options: StreamingJoinOptions, engine: EngineName): LiveJoin {
  const join = new StreamingJoin({ ...options, backend: engine });
  const names = ['left', 'right'] as const;
  return {
    push: (input, batch, source) => join[input === 0 ? 'pushLeft' : 'pushRight'](batch, { source }),
    advance: (input, time, source) => join.advanceWatermark(names[input]!, time, source === null ? {} : { source }),
    emit: (maxRows) => join.emit(maxRows === Infinity ? {} : { maxRows }),
    flush: () => join.flush(),
    takeLate: () => join.takeLate(),
    snapshot: () => join.snapshot(),
    restore: (blob) => join.restore(blob),
    reset: () => join.reset(),
    close: () => join.close(),
    counters: () => join.counters,
  };
}

const TYPES = ['int64', 'uint64', 'float64', 'ts_ns'] as const;

const side = fc.array(
  fc.record({
    t: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 30 }) }, { weight: 1, arbitrary: fc.constant(null) }),
    k: fc.constantFrom('A', 'A', 'B', null),
    v: fc.option(fc.integer({ min: 0, max: 99 }), { freq: 6 }),
  }),
  { minLength: 0, maxLength: 30, size: 'max' },
);
type Rows = { readonly t: number | null; readonly k: string | null; readonly v: number | null }[];

const match = fc.record({
  direction: fc.constantFrom('backward' as const, 'forward' as const, 'nearest' as const),
  tolerance: fc.constantFrom(undefined, 0, 2, 9),
  lag: fc.constantFrom(undefined, undefined, 1, 4),
  allowExactMatches: fc.boolean(),
  ties: fc.constantFrom('auto' as const, 'last' as const, 'first' as const),
  nearestTie: fc.constantFrom('earlier' as const, 'later' as const),
  nullKeys: fc.constantFrom('distinct' as const, 'equal' as const),
  how: fc.constantFrom('left' as const, 'left' as const, 'inner' as const),
});
type Match = typeof match extends fc.Arbitrary<infer T> ? T : never;

const NAMES = ['left', 'x', 'y', 'z'] as const;

function tableOf(rows: Rows, i: number, type: (typeof TYPES)[number]): ReturnType<typeof numbered> {
  const float = type === 'float64';
  return numbered(
    table({
      t: [type, rows.map(({ t }) => (t === null ? null : float ? t / 2 : BigInt(t)))],
      k: ['utf8', rows.map(({ k }) => k)],
      [`v${i}`]: ['int32', rows.map(({ v }) => (v === null ? null : BigInt(v)))],
    }),
    `seq${i}`,
  );
}

function streamOf({ direction, tolerance, lag, ...own }: Match, name: string, float: boolean): object {
  const distance = (value: number): number | bigint => (float ? value / 2 : BigInt(value));
  return {
    ...own,
    direction,
    age: `${name}_age`,
    ...(tolerance === undefined ? {} : { tolerance: distance(tolerance) }),
    ...(lag === undefined || direction === 'forward' ? {} : { lag: distance(lag) }),
  };
}

function alignerOf(streams: Record<string, object>, options: StreamingAlignerOptions, engine: EngineName): LiveJoin {
  const join = new StreamingAligner<string>(streams, { ...options, backend: engine });
  return {
    push: (input, batch, source) => join.push(NAMES[input]!, batch, { source }),
    advance: (input, time, source) => join.advanceWatermark(NAMES[input]!, time, source === null ? {} : { source }),
    emit: (maxRows) => join.emit(maxRows === Infinity ? {} : { maxRows }),
    flush: () => join.flush(),
    takeLate: () => join.takeLate(),
    snapshot: () => join.snapshot(),
    restore: (blob) => join.restore(blob),
    reset: () => join.reset(),
    close: () => join.close(),
    counters: () => join.counters,
  };
}

const onBoth = addon === null ? test.skip : test;

describe.each([false, true])('the engines in lockstep, swept at every emit: %s', (swept) => {
  beforeAll(() => (engineTesting.sweepEachEmit = swept));
  afterAll(() => (engineTesting.sweepEachEmit = false));

  const oneRight = (count: number, capped?: EngineName): number => {
    let refused = 0;
    fc.assert(
      fc.property(joinCase, live, fc.integer(), shapes, fc.nat(), (base, chosen, seed, shape, bytes) => {
        const tables = [numbered(base.left, 'seq0'), numbered(base.right, 'seq1')];
        const times = [base.oracleLeft.times, base.oracleRight.times].map((side) =>
          side.map((time) => (typeof time === 'bigint' ? time * base.ageScale : time)),
        );
        const options = {
          ...base.options,
          ...liveOptions(['left', 'right'], times[0]!, chosen, shape.sources),
          ...{ leftSchema: tables[0]!.schema, schema: tables[1]!.schema },
        } as StreamingJoinOptions;
        const cap = { maxStateBytes: 500 + (bytes % 8000) };
        const make = (engine: EngineName): LiveJoin =>
          joinOf(engine === capped ? { ...options, ...cap } : options, engine);
        const lockstep = new Lockstep({ make, tables, swept, retains: retains(chosen, 2), capped });
        for (const step of script(times, seed, shape)) lockstep.step(step);
        lockstep.close();
        refused += lockstep.refused;
      }),
      runs(count),
    );
    return refused;
  };

  onBoth('one right side: every type of time, key and payload, every option', () => void oneRight(100));

  onBoth.each(['native', 'javascript'] as const)(
    'a batch that is refused for want of room changes nothing, %s',
    (capped) => {
      expect(oneRight(20, capped)).toBeGreaterThan(0);
    },
  );

  onBoth('three right sides, each with its own rules and policy', () => {
    fc.assert(
      fc.property(
        fc.array(side, { minLength: 4, maxLength: 4 }),
        fc.array(match, { minLength: 3, maxLength: 3 }),
        fc.constantFrom(...TYPES),
        live,
        fc.integer(),
        shapes,
        (sides, matching, type, chosen, seed, shape) => {
          const float = type === 'float64';
          const tables = sides.map((rows, i) => tableOf(rows, i, type));
          const times = sides.map((rows) => rows.map(({ t }) => (t === null ? null : float ? t / 2 : BigInt(t))));
          const streams = Object.fromEntries(
            matching.map((own, i) => [
              NAMES[i + 1]!,
              { ...streamOf(own, NAMES[i + 1]!, float), schema: tables[i + 1]!.schema },
            ]),
          );
          const options = {
            ...{ on: 't', by: 'k', leftSchema: tables[0]!.schema },
            ...liveOptions(NAMES, times[0]!, chosen, shape.sources),
          } as StreamingAlignerOptions;
          const lockstep = new Lockstep({
            make: (engine) => alignerOf(streams, options, engine),
            tables,
            swept,
            retains: retains(chosen, 4),
          });
          for (const step of script(times, seed, shape)) lockstep.step(step);
          lockstep.close();
        },
      ),
      runs(70),
    );
  });
});
