// npm run bench:large [-- --min ROWS] [--max ROWS] [--runs N]: joins of up to 100M x 50M rows, every contender in a process of its
// own, one after the other. A contender is left out, with the reason, where it would not fit into memory or takes more
// than some minutes.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { machine, median, sameAnswer } from './measure.mjs';

const { values: args } = parseArgs({
  options: {
    min: { type: 'string', default: '0' },
    max: { type: 'string', default: '100000000' },
    runs: { type: 'string', default: '3' },
  },
});
const TIMEOUT_MS = 170_000;
const M = 1_000_000;
const script = new URL('./alone.mjs', import.meta.url).pathname;

/** Bytes of both tables and of the columns gathered, as in join.mjs with integer keys. */
const inputBytes = ({ leftRows, rightRows }) => leftRows * 20 + rightRows * 28;
const movedBytes = ({ leftRows, rightRows }) => (leftRows + rightRows) * 12 + rightRows * 16 + leftRows * 16;
/** Bytes needed over those of the inputs and the result: copies that a contender makes to have its own. */
const COPIES = { flowstate: 1.3, polars: 4, duckdb: 3.5 };

function availableBytes() {
  return Number(/MemAvailable:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))[1]) * 1024;
}

function alone(contender, shape) {
  const needed = (inputBytes(shape) + shape.leftRows * 16) * COPIES[contender];
  const free = availableBytes();
  if (needed > free) {
    return { skipped: `needs about ${(needed / 2 ** 30).toFixed(0)} GiB, ${(free / 2 ** 30).toFixed(0)} are free` };
  }
  const job = { contender, shape, large: true, runs: Number(args.runs), copyBytes: movedBytes(shape) };
  const done = spawnSync(process.execPath, ['--expose-gc', '--max-old-space-size=8192', script, JSON.stringify(job)], {
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
  });
  if (done.error?.code === 'ETIMEDOUT') return { skipped: `more than ${TIMEOUT_MS / 1000} s` };
  if (done.status !== 0) {
    const reason = done.signal ?? done.stderr.split('\n').find((line) => /error/i.test(line)) ?? `exit ${done.status}`;
    return { skipped: `failed: ${reason.trim().slice(0, 120)}` };
  }
  return JSON.parse(done.stdout.trim().split('\n').at(-1));
}

console.log(`Machine: ${machine()}. Command: \`npm run bench:large -- ${process.argv.slice(2).join(' ')}\`.`);
console.log(
  `Integer keys, 1,000 symbols. Each contender alone in a process, median of ${args.runs} runs; MB = peak while joining above the loaded inputs.\n`,
);
console.log('| rows | contender | ms | ratio | M left rows/s | MB | memcpy bound, ms |');
console.log('|---|---|---|---|---|---|---|');
for (const [leftRows, rightRows] of [
  [10 * M, 5 * M],
  [30 * M, 30 * M],
  [100 * M, 50 * M],
]) {
  if (leftRows < Number(args.min) || leftRows > Number(args.max)) continue;
  const shape = { leftRows, rightRows, symbols: 1000, key: 'int' };
  let first;
  for (const contender of ['flowstate', 'polars', 'duckdb']) {
    const found = alone(contender, shape);
    const label = `| ${leftRows / M}M x ${rightRows / M}M | ${contender} |`;
    if (found.skipped !== undefined) {
      console.log(`${label} skipped: ${found.skipped} | | | | |`);
      continue;
    }
    const ms = median(found.times);
    first ??= { ms, answer: found.answer };
    const wrong = sameAnswer(first.answer, found.answer) ? '' : ' DISAGREES';
    const mb = (found.peakMb - found.inputsMb).toFixed(0);
    console.log(
      `${label} ${ms.toFixed(0)}${wrong} | ${(ms / first.ms).toFixed(1)}x | ${(leftRows / ms / 1000).toFixed(0)} | ${mb} | ${found.copyMs.toFixed(0)} |`,
    );
  }
}
