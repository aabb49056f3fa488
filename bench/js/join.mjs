// npm run bench [-- --filter TEXT] [--runs N] [--out FILE] [--large]
// The batch join through the JavaScript API, output table built, beside nodejs-polars and DuckDB in one process.
import { parseArgs } from 'node:util';
import { spawnSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { makeInputs } from './data.mjs';
import { duckdb, flowstate, polars } from './contenders.mjs';
import { compare, machine, memcpyMs } from './measure.mjs';

const { values: args } = parseArgs({
  options: {
    filter: { type: 'string', default: '' },
    runs: { type: 'string', default: '11' },
    out: { type: 'string' },
    large: { type: 'boolean', default: false },
    'no-duckdb': { type: 'boolean', default: false },
    'no-memory': { type: 'boolean', default: false },
  },
});

const M = 1_000_000;
const base = { leftRows: M, rightRows: M / 2, symbols: 1000, key: 'string', skew: 'uniform' };
const cases = [
  ['string keys', base],
  ['dictionary keys', { ...base, key: 'dictionary' }],
  ['integer keys', { ...base, key: 'int' }],
  ['no key', { ...base, key: 'none' }],
  ['string keys, Zipf', { ...base, skew: 'zipf' }],
  ['string keys, 10 symbols', { ...base, symbols: 10 }],
  ['string keys, 100 symbols', { ...base, symbols: 100 }],
  ['string keys, 10k symbols', { ...base, symbols: 10_000 }],
  ['string keys, 100k symbols', { ...base, symbols: 100_000 }],
  ['integer keys, 100k symbols', { ...base, key: 'int', symbols: 100_000 }],
  ['integer keys, 5M x 5M', { ...base, key: 'int', leftRows: 5 * M, rightRows: 5 * M }],
  ['string keys, 10M x 5M', { ...base, leftRows: 10 * M, rightRows: 5 * M, large: true }],
  ['integer keys, 30M x 30M', { ...base, key: 'int', leftRows: 30 * M, rightRows: 30 * M, large: true, alone: true }],
  ['integer keys, 100M x 50M', { ...base, key: 'int', leftRows: 100 * M, rightRows: 50 * M, large: true, alone: true }],
];

// Bytes that must move at least once: both times, the key bytes as stored, right payload, the output columns.
function bytesMoved({ leftRows, rightRows, key }) {
  const keyBytes = { string: 9, dictionary: 4, int: 4, none: 0 }[key];
  return (leftRows + rightRows) * (8 + keyBytes) + rightRows * 16 + leftRows * 16;
}

/** MB that a join takes at its peak above its inputs, in a process of its own; empty where that cannot be told. */
function peakMb(contender, shape) {
  const script = new URL('./alone.mjs', import.meta.url).pathname;
  const job = JSON.stringify({ contender, shape, large: false, runs: 0 });
  const done = spawnSync(process.execPath, ['--expose-gc', script, job], { encoding: 'utf8' });
  if (done.status !== 0) return '';
  const { peakMb: peak, inputsMb } = JSON.parse(done.stdout.trim().split('\n').at(-1));
  return (peak - inputsMb).toFixed(0);
}

const lines = [];
function print(line) {
  console.log(line);
  lines.push(line);
}

print(`# As-of join, JavaScript API (${new Date().toISOString().slice(0, 10)})`);
print('');
print(`Machine: ${machine()}. Command: \`npm run bench -- ${process.argv.slice(2).join(' ')}\`.`);
print(
  'Median ms of interleaved runs; ratio = contender / flowstate with all threads. A contender that disagrees is not timed as equal.',
);
print('');
print(
  '| case | flowstate | 1 thread | 2 threads | 2 over 1 | nodejs-polars | ratio | DuckDB | ratio | memcpy bound | flowstate / memcpy | peak MB above the inputs: flowstate / Polars / DuckDB |',
);
print('|---|---|---|---|---|---|---|---|---|---|---|---|');
for (const [name, shape] of cases) {
  if (!name.includes(args.filter)) continue;
  if (shape.large && !args.large) continue;
  const keyed = shape.key !== 'none';
  const inputs = makeInputs(shape);
  const contenders = [
    flowstate(inputs, keyed),
    flowstate(inputs, keyed, { threads: 1 }),
    flowstate(inputs, keyed, { threads: 2 }),
  ];
  if (!shape.alone) {
    contenders.push(polars(inputs, keyed, shape.key));
    if (!args['no-duckdb']) contenders.push(await duckdb(inputs, keyed));
  }
  const runs = shape.large ? Math.min(5, Number(args.runs)) : Number(args.runs);
  const rows = await compare(contenders, { runs });
  for (const contender of contenders) contender.close();
  for (const row of rows) if (!row.agrees) print(`DISAGREES: ${name}: ${row.name}`);
  const [all, one, two, pl, duck] = rows;
  const copy = memcpyMs(bytesMoved(shape));
  const ms = (row) => (row ? row.median.toFixed(row.median < 10 ? 2 : 1) : '');
  const ratio = (row) => (row ? `${(row.median / all.median).toFixed(1)}x` : '');
  const measured = ['flowstate', ...(pl ? ['polars'] : []), ...(duck ? ['duckdb'] : [])];
  const memory = args['no-memory'] ? [] : measured.map((contender) => peakMb(contender, shape));
  print(
    `| ${name} | ${ms(all)} | ${ms(one)} | ${ms(two)} | ${(one.median / two.median).toFixed(2)}x | ${ms(pl)} | ${ratio(pl)} | ${ms(duck)} | ${ratio(duck)} | ${copy.toFixed(2)} | ${(all.median / copy).toFixed(1)}x | ${memory.join(' / ')} |`,
  );
}
if (args.out) appendFileSync(args.out, `${lines.join('\n')}\n`);
