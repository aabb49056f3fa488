/**
 * Polars and DuckDB as second opinions, on random sorted data, where their contract is the same or can be asked for:
 * Polars takes the later row at equal distance, and the last of equal times looking ahead to the nearest; DuckDB does
 * not say which of equal times it takes, so its matched times are compared, not its rows.
 */
import { DuckDBInstance } from '@duckdb/node-api';
import { type Table, tableFromIPC, tableToIPC } from 'apache-arrow';
import fc from 'fast-check';
import pl from 'nodejs-polars';

import { asofJoinSync } from '../../lib/index';
import { cellsOf, table } from '../helpers/columns';
import { addon } from '../helpers/executors';
import { SEED } from '../helpers/property';

const backends = addon === null ? (['javascript'] as const) : (['javascript', 'native', 'device'] as const);

interface Row {
  readonly time: number;
  readonly key: number | null;
}

const rows = fc
  .array(
    fc.record({
      time: fc.integer({ min: 0, max: 40 }),
      key: fc.option(fc.integer({ min: 0, max: 3 }), { freq: 12 }),
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((list): Row[] => [...list].sort((a, b) => a.time - b.time));

function tableOf(list: readonly Row[]): Table {
  return table({
    time: ['int64', list.map(({ time }) => BigInt(time))],
    key: ['utf8', list.map(({ key }) => (key === null ? null : `key ${key}`))],
    id: ['int32', list.map((_, i) => BigInt(i))],
  });
}

const frame = (from: Table) => pl.readIPC(Buffer.from(tableToIPC(from, 'file')));
const samples = <T>(arbitrary: fc.Arbitrary<T>, count: number): T[] =>
  fc.sample(arbitrary, { seed: SEED, numRuns: count });

describe.each(backends)('%s', (backend) => {
  test.each(['backward', 'forward', 'nearest'] as const)('agrees with Polars: %s', (direction) => {
    const cases = fc.record({
      left: rows,
      right: rows,
      keyed: fc.boolean(),
      tolerance: fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined }),
      allowExactMatches: direction === 'nearest' ? fc.constant(true) : fc.boolean(),
    });
    for (const { left, right, keyed, tolerance, allowExactMatches } of samples(cases, 150)) {
      const [l, r] = [tableOf(left), tableOf(right)];
      const theirs = frame(l).joinAsof(frame(r), {
        leftOn: 'time',
        rightOn: 'time',
        ...(keyed ? { byLeft: 'key', byRight: 'key', checkSortedness: false } : {}),
        strategy: direction,
        ...(tolerance === undefined ? {} : { tolerance }),
        allowExactMatches,
      });
      const ours = asofJoinSync(l, r, {
        on: 'time',
        by: keyed ? 'key' : [],
        direction,
        ...(tolerance === undefined ? {} : { tolerance }),
        allowExactMatches,
        ...(direction === 'nearest' ? { ties: 'last', nearestTie: 'later' } : {}),
        columns: ['id'],
        backend,
      });
      const context = { left, right, keyed, tolerance, allowExactMatches };
      const expected = cellsOf(tableFromIPC(theirs.writeIPC()), 'id_right');
      expect({ context, ids: cellsOf(ours, 'id_right') }).toEqual({ context, ids: expected });
    }
  });

  test('agrees with DuckDB on matched times', async () => {
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    const connection = await instance.connect();
    const cases = fc.record({
      left: rows,
      right: rows,
      comparison: fc.constantFrom('>=', '>', '<=', '<'),
      how: fc.constantFrom('left' as const, 'inner' as const),
    });
    for (const { left, right, comparison, how } of samples(cases, 60)) {
      for (const [name, list] of Object.entries({ l: left, r: right })) {
        const values = list.map(({ time, key }, i) => `(${time}, ${key === null ? 'NULL' : `'key ${key}'`}, ${i})`);
        await connection.run(`CREATE OR REPLACE TABLE ${name} (time BIGINT, key VARCHAR, id INTEGER)`);
        await connection.run(`INSERT INTO ${name} VALUES ${values.join(',')}`);
      }
      const answer = await connection.runAndReadAll(
        `SELECT l.id, r.time FROM l ASOF ${how === 'left' ? 'LEFT ' : ''}JOIN r
         ON l.key = r.key AND l.time ${comparison} r.time ORDER BY l.id`,
      );
      const ours = asofJoinSync(tableOf(left), tableOf(right), {
        on: 'time',
        by: 'key',
        how,
        direction: comparison.startsWith('>') ? 'backward' : 'forward',
        allowExactMatches: comparison.endsWith('='),
        columns: [],
        rightTime: 'matched',
        backend,
      });
      const times = cellsOf(ours, 'matched');
      const context = { left, right, comparison, how };
      const actual = cellsOf(ours, 'id').map((id, i) => [Number(id), times[i]]);
      expect({ context, rows: actual }).toEqual({ context, rows: answer.getRows() });
    }
    connection.closeSync();
    instance.closeSync();
  });
});
