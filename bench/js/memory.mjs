// npm run bench:memory [-- ROWS_M ...]: peak memory of `flowstate join --stream` and of whole tables as inputs grow.
// The streamed peak must not grow with the rows. Answers are compared by rows, matches and sums.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readTable, writeTable } from '../../dist/esm/index.js';
import { answerOf } from './contenders.mjs';
import { makeInputs } from './data.mjs';
import { machine, sameAnswer } from './measure.mjs';

const sizes = process.argv.slice(2).map(Number);
const cli = new URL('../../bin/flowstate.js', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'flowstate-bench-memory-'));
try {
  console.log(`Machine: ${machine()}. Command: \`npm run bench:memory\`. Largest resident set of the process, MB.\n`);
  console.log('| rows a side | whole tables | --stream | seconds whole / stream |');
  console.log('|---|---|---|---|');
  for (const millions of sizes.length ? sizes : [1, 4, 16]) {
    const rows = millions * 1_000_000;
    const [left, right] = ['left', 'right'].map((side) => join(folder, `${side}.parquet`));
    const inputs = makeInputs({ leftRows: rows, rightRows: rows, symbols: 1000, key: 'string' });
    await writeTable(left, inputs.left);
    await writeTable(right, inputs.right);
    const results = [];
    for (const mode of ['--no-stream', '--stream']) {
      const out = join(folder, `out${mode}.parquet`);
      const start = process.hrtime.bigint();
      const run = spawnSync(
        '/usr/bin/env',
        [
          'time',
          '-f',
          '%M',
          process.execPath,
          cli,
          'join',
          '--left',
          left,
          '--right',
          right,
          '--on',
          'ts',
          '--by',
          'symbol',
          mode,
          '--out',
          out,
        ],
        { encoding: 'utf8' },
      );
      if (run.status !== 0) throw new Error(run.stderr);
      const seconds = Number(process.hrtime.bigint() - start) / 1e9;
      const answer = answerOf(await readTable(out));
      results.push({ mb: Number(run.stderr.trim().split('\n').at(-1)) / 1024, seconds, answer });
    }
    const [whole, stream] = results;
    if (!sameAnswer(whole.answer, stream.answer)) console.log(`DISAGREES at ${rows}`);
    console.log(
      `| ${rows.toLocaleString()} | ${whole.mb.toFixed(0)} | ${stream.mb.toFixed(0)} | ${whole.seconds.toFixed(1)} / ${stream.seconds.toFixed(1)} |`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
