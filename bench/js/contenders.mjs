// The engines under test, each over data already in its own memory: loading is never on the clock, and every engine
// returns its own finished table. Answers are read back as { matched, sum } for the check before the timing.
import { tableToIPC, tableFromIPC } from 'apache-arrow';
import { createRequire } from 'node:module';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asofJoin, writeTable } from '../../dist/esm/index.js';

const require = createRequire(import.meta.url);

function columnAnswer(column) {
  let matched = 0;
  let sum = 0;
  for (const data of column.data) {
    const values = data.values;
    const bits = data.nullCount > 0 ? data.nullBitmap : null;
    for (let i = 0; i < data.length; i++) {
      const bit = data.offset + i;
      if (bits !== null && ((bits[bit >> 3] >> (bit & 7)) & 1) === 0) continue;
      matched++;
      sum += values[i];
    }
  }
  return { matched, sum };
}

export function answerOf(table) {
  const bid = columnAnswer(table.getChild('bid'));
  const ask = columnAnswer(table.getChild('ask'));
  return { rows: table.numRows, matched: bid.matched, bid: bid.sum, ask: ask.sum };
}

export function flowstate({ left, right }, keyed, options = {}) {
  const few = [left.slice(0, 16), right.slice(0, 16)];
  return {
    name: `flowstate${options.threads ? ` (${options.threads} thread${options.threads > 1 ? 's' : ''})` : ''}`,
    run: () => asofJoin(left, right, { on: 'ts', by: keyed ? 'symbol' : undefined, ...options }),
    warm: () => asofJoin(few[0], few[1], { on: 'ts', by: keyed ? 'symbol' : undefined, ...options }),
    answer: answerOf,
    close() {},
  };
}

export function polars({ left, right }, keyed, keyKind) {
  const pl = require('nodejs-polars');
  const load = (table) => {
    const frame = pl.readIPC(Buffer.from(tableToIPC(table, 'file')));
    return keyKind === 'dictionary' ? frame.withColumns(pl.col('symbol').cast(pl.Categorical)) : frame;
  };
  const l = load(left);
  const r = load(right);
  const [fewL, fewR] = [l.head(16), r.head(16)];
  return {
    name: 'nodejs-polars',
    run: async () => l.joinAsof(r, { on: 'ts', ...(keyed ? { by: 'symbol' } : {}), strategy: 'backward' }),
    warm: async () => fewL.joinAsof(fewR, { on: 'ts', ...(keyed ? { by: 'symbol' } : {}), strategy: 'backward' }),
    answer: (frame) => answerOf(tableFromIPC(frame.select('bid', 'ask').writeIPC({ compression: 'uncompressed' }))),
    close() {},
  };
}

export async function duckdb({ left, right }, keyed) {
  const { DuckDBInstance } = require('@duckdb/node-api');
  const folder = mkdtempSync(join(tmpdir(), 'flowstate-bench-'));
  const instance = await DuckDBInstance.create(':memory:', { threads: '2', temp_directory: folder });
  const connection = await instance.connect();
  for (const [name, table] of [
    ['l', left],
    ['r', right],
  ]) {
    const file = join(folder, `${name}.parquet`);
    await writeTable(file, table);
    await connection.run(`CREATE TABLE ${name} AS FROM read_parquet('${file}')`);
    rmSync(file);
  }
  const on = `${keyed ? 'l.symbol = r.symbol AND ' : ''}l.ts >= r.ts`;
  return {
    name: 'DuckDB',
    run: () =>
      connection.run(
        `CREATE OR REPLACE TEMP TABLE joined AS SELECT l.*, r.bid, r.ask FROM l ASOF LEFT JOIN r ON ${on}`,
      ),
    answer: async () => {
      const reader = await connection.runAndReadAll(
        'SELECT count(*)::DOUBLE, count(bid)::DOUBLE, sum(bid), sum(ask) FROM joined',
      );
      const [rows, matched, bid, ask] = reader.getRows()[0];
      return { rows, matched, bid, ask };
    },
    close: () => {
      connection.closeSync();
      instance.closeSync();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
