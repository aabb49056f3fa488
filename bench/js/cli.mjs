// npm run bench:cli: the command on Parquet files, whole process, against the same job in DuckDB and in Polars, each
// also a whole Node process: read two files, as-of join, write Parquet (zstd). Answers are compared first.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { readTable, writeTable } from '../../dist/esm/index.js';
import { answerOf } from './contenders.mjs';
import { makeInputs } from './data.mjs';
import { machine, median } from './measure.mjs';

const runs = Number(process.argv[2] ?? 5);
const folder = mkdtempSync(join(tmpdir(), 'flowstate-bench-cli-'));
const root = resolve(new URL('../..', import.meta.url).pathname);
const paths = { left: join(folder, 'left.parquet'), right: join(folder, 'right.parquet') };

const duckdbScript = join(root, 'bench/js/.duckdb-job.cjs');
const polarsScript = join(root, 'bench/js/.polars-job.cjs');
writeFileSync(
  duckdbScript,
  `const { DuckDBInstance } = require('@duckdb/node-api');
(async () => {
  const [, , left, right, out] = process.argv;
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  await connection.run(\`COPY (SELECT l.*, r.bid, r.ask FROM read_parquet('\${left}') l ASOF LEFT JOIN read_parquet('\${right}') r ON l.symbol = r.symbol AND l.ts >= r.ts) TO '\${out}' (FORMAT parquet, COMPRESSION zstd)\`);
  process.exit(0);
})();`,
);
writeFileSync(
  polarsScript,
  `const pl = require('nodejs-polars');
const [, , left, right, out] = process.argv;
pl.readParquet(left).joinAsof(pl.readParquet(right), { on: 'ts', by: 'symbol' }).writeParquet(out, { compression: 'zstd' });`,
);

try {
  console.log(
    `Machine: ${machine()}. Command: \`npm run bench:cli -- ${runs}\`. Whole processes, median wall ms of ${runs} interleaved rounds; MB = largest resident set.\n`,
  );
  console.log('| rows | flowstate join | DuckDB | ratio | nodejs-polars | ratio | MB flowstate / DuckDB / Polars |');
  console.log('|---|---|---|---|---|---|---|');
  for (const [leftRows, rightRows] of [
    [200_000, 1_000_000],
    [1_000_000, 500_000],
    [5_000_000, 5_000_000],
  ]) {
    const { left, right } = makeInputs({ leftRows, rightRows, symbols: 1000, key: 'string' });
    await writeTable(paths.left, left);
    await writeTable(paths.right, right);
    const jobs = [
      [
        'flowstate',
        [
          join(root, 'bin/flowstate.js'),
          'join',
          '--left',
          paths.left,
          '--right',
          paths.right,
          '--on',
          'ts',
          '--by',
          'symbol',
          '--out',
        ],
      ],
      ['duckdb', [duckdbScript, paths.left, paths.right]],
      ['polars', [polarsScript, paths.left, paths.right]],
    ];
    const answers = [];
    const times = jobs.map(() => []);
    const memory = jobs.map(() => 0);
    for (let round = -1; round < runs; round++) {
      for (const [i, [name, argv]] of jobs.entries()) {
        const out = join(folder, `out-${name}.parquet`);
        rmSync(out, { force: true });
        const start = process.hrtime.bigint();
        const done = spawnSync('/usr/bin/env', ['time', '-f', '%M', process.execPath, ...argv, out], {
          encoding: 'utf8',
        });
        const ms = Number(process.hrtime.bigint() - start) / 1e6;
        if (done.status !== 0) throw new Error(`${name}: ${done.stderr}`);
        if (round >= 0) times[i].push(ms);
        memory[i] = Math.max(memory[i], Number(done.stderr.trim().split('\n').at(-1)) / 1024);
        if (round === -1) answers.push(answerOf(await readTable(out)));
        statSync(out);
      }
    }
    for (const [i, answer] of answers.entries()) {
      const first = answers[0];
      const same =
        answer.rows === first.rows &&
        answer.matched === first.matched &&
        Math.abs(answer.bid - first.bid) <= 1e-9 * Math.abs(first.bid);
      if (!same) console.log(`DISAGREES: ${jobs[i][0]}`);
    }
    const [own, duck, pl] = times.map(median);
    console.log(
      `| ${leftRows.toLocaleString()} x ${rightRows.toLocaleString()} | ${own.toFixed(0)} | ${duck.toFixed(0)} | ${(duck / own).toFixed(2)}x | ${pl.toFixed(0)} | ${(pl / own).toFixed(2)}x | ${memory.map((m) => m.toFixed(0)).join(' / ')} |`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
  rmSync(duckdbScript, { force: true });
  rmSync(polarsScript, { force: true });
}
