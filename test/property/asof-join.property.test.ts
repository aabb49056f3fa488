/** All options crossed, every executor, against the quadratic oracle and against each other. */
import fc from 'fast-check';
import type { Table } from 'apache-arrow';

import { asofJoinSync } from '../../lib/index';
import { parseAsofJoin } from '../../lib/join/parse-options';
import { buildRequest } from '../../lib/join/request';
import { cellsOf } from '../helpers/columns';
import {
  addon,
  attempt,
  device,
  javascript,
  native,
  reason,
  resultText,
  variant,
  VARIANTS,
} from '../helpers/executors';
import { type JoinCase, joinCase } from '../helpers/join-cases';
import { oracle, type OracleRow } from '../helpers/oracle';
import { runs } from '../helpers/property';

if (addon === null) console.warn(`native executor not tested: ${reason}`);
const backends = addon === null ? (['javascript'] as const) : (['javascript', 'native', 'device'] as const);

const hostDevice = device();

const INT64_MAX = 2n ** 63n - 1n;

/** Age cells by the rules, or null where one does not fit int64. */
function expectedAges(
  { oracleLeft, oracleRight, ageScale, floats }: JoinCase,
  rows: readonly OracleRow[],
  kept: readonly number[],
) {
  const ages = kept.map((l) => {
    const { right } = rows[l]!;
    if (right < 0) return null;
    const t = oracleLeft.times[l]!;
    const r = oracleRight.times[right]!;
    if (floats) return t === r ? 0 : Number(t) - Number(r);
    return (BigInt(t) - BigInt(r)) * ageScale;
  });
  return ages.some((age) => typeof age === 'bigint' && (age > INT64_MAX || age < -INT64_MAX - 1n)) ? null : ages;
}

function checkAgainstOracle(join: JoinCase, backend: (typeof backends)[number]): void {
  const rows = oracle(join.oracleLeft, join.oracleRight, join.oracleOptions);
  const kept = rows.flatMap((row, l) => (join.options.how === 'inner' && row.right < 0 ? [] : [l]));
  const ages = expectedAges(join, rows, kept);
  if (join.options.age !== undefined && ages === null) {
    expect(() => asofJoinSync(join.left, join.right, { ...join.options, backend })).toThrow(
      expect.objectContaining({ code: 'FS_ERR_OVERFLOW' }),
    );
    return;
  }
  const { table, stats } = asofJoinSync(join.left, join.right, { ...join.options, backend, stats: true });
  const pick = (from: Table, name: string): unknown[] => {
    const cells = cellsOf(from, name);
    return kept.map((l) => (rows[l]!.right < 0 ? null : cells[rows[l]!.right]));
  };
  expect(cellsOf(table, 'r.row')).toEqual(pick(join.right, 'row'));
  expect(cellsOf(table, 'r.payload')).toEqual(pick(join.right, 'payload'));
  expect(cellsOf(table, 'at')).toEqual(pick(join.right, 'time'));
  expect(cellsOf(table, 'r.time')).toEqual(pick(join.right, 'time'));
  expect(cellsOf(table, 'hit')).toEqual(kept.map((l) => rows[l]!.right >= 0));
  if (join.options.age !== undefined) expect(cellsOf(table, 'age')).toEqual(ages);
  for (const { name } of join.left.schema.fields) {
    const cells = cellsOf(join.left, name);
    expect(cellsOf(table, name)).toEqual(kept.map((l) => cells[l]));
  }
  const count = (why: OracleRow['reason']): number => rows.filter((row) => row.reason === why).length;
  expect(stats).toEqual({
    rows: rows.length,
    rightRows: join.oracleRight.times.length,
    matched: count('matched'),
    unmatched: count('noCandidate') + count('toleranceExceeded'),
    noCandidate: count('noCandidate'),
    toleranceExceeded: count('toleranceExceeded'),
  });
}

describe.each(backends)('%s', (backend) => {
  test('gives the rows, values, ages and statistics of the oracle', () => {
    fc.assert(
      fc.property(joinCase, (join) => checkAgainstOracle(join, backend)),
      runs(backend === 'javascript' ? 1200 : 400),
    );
  });
});

(native === null ? describe.skip : describe)('native plans and threads, and the device', () => {
  test('give the JavaScript result bit for bit', () => {
    fc.assert(
      fc.property(joinCase, (join) => {
        const { request } = buildRequest(parseAsofJoin(join.left, join.right, join.options));
        const expected = resultText(
          request,
          attempt(() => javascript.runSync(request)),
        );
        for (const { plan, threads } of VARIANTS) {
          const varied = variant(request, plan, threads);
          const actual = attempt(() => native!.runSync(varied));
          expect({ plan, threads, result: resultText(request, actual) }).toEqual({ plan, threads, result: expected });
        }
        const onDevice = attempt(() => hostDevice!.runSync(request));
        expect({ device: resultText(request, onDevice) }).toEqual({ device: expected });
      }),
      runs(250),
    );
  });
});
