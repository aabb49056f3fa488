/**
 * Inputs large enough for parallel parts, partitions and every threshold between plans: the executors against each
 * other bit for bit, and a sample of rows against the oracle.
 */
import fc from 'fast-check';
import type { Table } from 'apache-arrow';

import type { AsofJoinOptions } from '../../lib/index';
import { parseAsofJoin } from '../../lib/join/parse-options';
import { buildRequest } from '../../lib/join/request';
import { type Cell, makeTable, typeNamed } from '../helpers/columns';
import { attempt, device, javascript, native, resultText, variant, VARIANTS } from '../helpers/executors';
import { oracle, type OracleSide } from '../helpers/oracle';
import { runs } from '../helpers/property';

const hostDevice = device();

/** Numbers in [0, 1) from a 32-bit seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const shapes = fc.record({
  seed: fc.nat(),
  leftRows: fc.constantFrom(10, 3_000, 20_000, 70_000),
  rightRows: fc.constantFrom(10, 3_000, 20_000, 70_000),
  /** Distinct times: few make long runs of ties. */
  times: fc.constantFrom(50, 5_000, 1_000_000),
  keys: fc.constantFrom(0, 1, 7, 1_000, 50_000),
  keyType: fc.constantFrom('int32', 'utf8', 'dict:int32:utf8', 'int64'),
  skew: fc.boolean(),
  leftSorted: fc.boolean(),
  rightSorted: fc.boolean(),
  nulls: fc.boolean(),
  batches: fc.boolean(),
});
const choices = fc.record({
  direction: fc.constantFrom('backward' as const, 'forward' as const, 'nearest' as const),
  allowExactMatches: fc.boolean(),
  ties: fc.constantFrom('auto' as const, 'last' as const, 'first' as const),
  nearestTie: fc.constantFrom('earlier' as const, 'later' as const),
  tolerance: fc.option(fc.constantFrom(0n, 3n, 1_000n), { nil: undefined }),
  lag: fc.option(fc.constantFrom(1n, 500n), { nil: undefined }),
  knownAt: fc.boolean(),
  how: fc.constantFrom('left' as const, 'inner' as const),
  nullKeys: fc.constantFrom('distinct' as const, 'equal' as const),
});
type Shape = typeof shapes extends fc.Arbitrary<infer T> ? T : never;

function sideOf(shape: Shape, rows: number, sorted: boolean, next: () => number) {
  const times = Array.from({ length: rows }, () => BigInt(Math.floor(next() * shape.times)));
  if (sorted) times.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const timeCells = times.map((time): bigint | null => (shape.nulls && next() < 0.02 ? null : time));
  const known = times.map((time) => time + BigInt(Math.floor(next() * 40)) - 10n);
  const keys = times.map(() => {
    const u = next();
    return shape.nulls && u < 0.02 ? null : Math.floor((shape.skew ? u * u * u * u : u) * Math.max(shape.keys, 1));
  });
  return { times: timeCells, keys, known };
}

function tableOf(shape: Shape, side: ReturnType<typeof sideOf>): Table {
  const rows = side.times.length;
  const keyCells = side.keys.map((key): Cell => {
    if (key === null) return null;
    return shape.keyType.includes('utf8') ? `S${key}` : BigInt(key);
  });
  const layout = { batches: [Math.floor(rows / 3), 0, Math.floor(rows / 2)], hidden: 5 };
  return makeTable(
    [
      { name: 'time', type: typeNamed('int64'), cells: side.times },
      { name: 'key', type: typeNamed(shape.keyType), cells: keyCells },
      { name: 'known', type: typeNamed('int64'), cells: side.known },
      { name: 'text', type: typeNamed('utf8'), cells: side.times.map((_, i) => (i % 11 === 0 ? null : `t${i % 97}`)) },
      { name: 'flag', type: typeNamed('bool'), cells: side.times.map((_, i) => (i % 7 === 0 ? null : i % 3 === 0)) },
      { name: 'half', type: typeNamed('int16'), cells: side.times.map((_, i) => BigInt(i % 30_000)) },
    ],
    shape.batches ? layout : undefined,
  );
}

(native === null ? test.skip : test)(
  'native plans and threads, and the device, give the JavaScript result, and that the oracle',
  () => {
    fc.assert(
      fc.property(shapes, choices, (shape, { knownAt, lag, ...choice }) => {
        const next = random(shape.seed);
        const left = sideOf(shape, shape.leftRows, shape.leftSorted, next);
        const right = sideOf(shape, shape.rightRows, shape.rightSorted, next);
        const usedLag = choice.direction === 'forward' ? undefined : lag;
        const options: AsofJoinOptions = {
          on: 'time',
          by: shape.keys === 0 ? [] : 'key',
          ...choice,
          ...(usedLag === undefined ? {} : { lag: usedLag }),
          ...(knownAt ? { knownAt: 'known' } : {}),
          columns: ['text', 'flag', 'half', 'time'],
          age: 'age',
          matched: 'hit',
        };
        const { request: plain } = buildRequest(parseAsofJoin(tableOf(shape, left), tableOf(shape, right), options));
        const request = { ...plain, streams: plain.streams.map((stream) => ({ ...stream, wantIndices: true })) };
        const reference = javascript.runSync(request);
        const expected = resultText(request, reference);
        for (const { plan, threads } of VARIANTS) {
          const actual = attempt(() => native!.runSync(variant(request, plan, threads)));
          expect({ plan, threads, result: resultText(request, actual) }).toEqual({ plan, threads, result: expected });
        }
        const onDevice = attempt(() => hostDevice!.runSync(request));
        expect({ device: resultText(request, onDevice) }).toEqual({ device: expected });
        const nullsEqual = choice.nullKeys === 'equal';
        const keyText = (key: number | null) =>
          shape.keys === 0 ? '' : key === null ? (nullsEqual ? 'null' : null) : `${key}`;
        const sample = Array.from({ length: 12 }, () => Math.floor(next() * shape.leftRows));
        const oracleRight: OracleSide = {
          times: right.times,
          keys: right.keys.map(keyText),
          ...(knownAt ? { known: right.known } : {}),
        };
        const rows = oracle(
          { times: sample.map((l) => left.times[l] ?? null), keys: sample.map((l) => keyText(left.keys[l] ?? null)) },
          oracleRight,
          { ...choice, allowExact: choice.allowExactMatches, tolerance: choice.tolerance ?? null, lag: usedLag ?? 0n },
        );
        const indices = new Int32Array(reference.streams[0]!.indices!);
        const selection = reference.selection === null ? null : new Int32Array(reference.selection);
        rows.forEach((row, i) => {
          const l = sample[i]!;
          const at = selection === null ? l : selection.indexOf(l);
          expect({ l, right: at < 0 ? -1 : indices[at] }).toEqual({ l, right: row.right });
        });
      }),
      runs(14),
    );
  },
);
