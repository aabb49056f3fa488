// Everything for a host with a GPU, in one command, within eight minutes: what the device is, the GPU's tests,
// compute-sanitizer over a short program, the benchmark. One Markdown page and the JSON beside it:
//   node bench/gpu/all.mjs [FOLDER]      FOLDER: $OUT, else build/gpu. FLOWSTATE_COMMIT names the commit without git
//   node bench/gpu/all.mjs --device host [FOLDER]      the same steps on the host device, to try the command itself
// Exits 1 where a step failed; without a GPU it says so, and exits 1 only where FLOWSTATE_REQUIRE_GPU=1.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Device } from 'flowstate';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
const TOTAL_MS = 8 * 60_000;
const started = Date.now();

const { values, positionals } = parseArgs({
  options: { device: { type: 'string', default: 'cuda:0' } },
  allowPositionals: true,
});
const { device } = values;
const folder = resolve(positionals[0] ?? process.env.OUT ?? join(ROOT, 'build', 'gpu'));

const { reason } = Device.probe();
if (device !== 'host' && reason !== null) {
  const isRequired = process.env.FLOWSTATE_REQUIRE_GPU === '1';
  console.log(`There is no GPU to measure: ${reason}`);
  process.exit(isRequired ? 1 : 0);
}

/** First line of a program's output, or what to say where it cannot be run. */
function ask(program, args, otherwise) {
  try {
    return execFileSync(program, args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return otherwise;
  }
}

const results = [];

/** Runs a step within what is left of the time, `most` ms of it at most; goes on after a failure. */
function step(title, program, args, { most, env = {} }) {
  const left = Math.min(most, TOTAL_MS - (Date.now() - started));
  console.log(`\n=== ${title}`);
  if (left < 1000) {
    results.push({ title, state: 'left out: no time was left', output: '' });
    return '';
  }
  const from = Date.now();
  const done = spawnSync(program, args, {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: left,
    killSignal: 'SIGKILL',
    maxBuffer: 2 ** 26,
    env: { ...process.env, NO_COLOR: '1', ...env },
  });
  const seconds = ((Date.now() - from) / 1000).toFixed(1);
  const output = `${done.stdout ?? ''}${done.stderr ?? ''}`.trim();
  const how = done.error?.code === 'ETIMEDOUT' ? 'not done in time' : (done.error?.message ?? `exit ${done.status}`);
  const isDone = done.status === 0;
  results.push({ title, state: isDone ? `done in ${seconds} s` : `FAILED (${how}, ${seconds} s)`, output, isDone });
  console.log(`${output}\n--- ${results.at(-1).state}`);
  return isDone ? (done.stdout ?? '') : '';
}

const node = process.execPath;
const flowstate = join(ROOT, 'bin', 'flowstate.js');
const jest = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
mkdirSync(folder, { recursive: true });

step('Device', node, [flowstate, 'gpu', 'info', '--device', device], { most: 60_000 });
const info = step('Device, as JSON', node, [flowstate, 'gpu', 'info', '--device', device, '--json'], { most: 60_000 });

if (existsSync(jest)) {
  const env = device === 'host' ? {} : { FLOWSTATE_REQUIRE_GPU: '1' };
  step('Tests', node, [jest, 'test/gpu', '--ci', '--maxWorkers=4'], { most: 150_000, env });
} else {
  results.push({ title: 'Tests', state: 'left out: jest is not installed', output: '' });
}

const sanitizer = ['compute-sanitizer', '/usr/local/cuda/bin/compute-sanitizer'].find(
  (program) => ask(program, ['--version'], null) !== null,
);
const exercise = [node, join(ROOT, 'bench', 'gpu', 'exercise.mjs'), device];
if (sanitizer === undefined || device === 'host') {
  const why = device === 'host' ? 'it is for a GPU' : 'there is no compute-sanitizer';
  results.push({ title: 'compute-sanitizer', state: `left out: ${why}`, output: '' });
  step('The short program, without it', exercise[0], exercise.slice(1), { most: 60_000 });
} else {
  for (const tool of ['memcheck', 'racecheck', 'initcheck']) {
    const args = ['--tool', tool, '--error-exitcode', '9', '--print-limit', '20', ...exercise];
    step(`compute-sanitizer, ${tool}`, sanitizer, args, { most: 60_000 });
  }
}

step('ONNX models', node, [join(ROOT, 'bench', 'gpu', 'onnx.mjs'), device], { most: 45_000 });
step('Pipeline', node, [join(ROOT, 'bench', 'gpu', 'pipeline.mjs'), device], { most: 45_000 });

// The times are worth most: they run last, when nothing else does, with what is left.
const bench = step('Benchmark', node, [flowstate, 'gpu', 'bench', '--device', device, '--json'], { most: 120_000 });
const sizes = device === 'host' ? ['--rows', '10000,1000000', '--seconds', '30'] : ['--seconds', '120'];
step('Joins', node, [join(ROOT, 'bench', 'gpu', 'join.mjs'), '--device', device, ...sizes], { most: 180_000 });

const page = [
  `# GPU host, ${new Date().toISOString().slice(0, 10)}`,
  '',
  `- machine: ${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`,
  `- GPU: ${ask('nvidia-smi', ['--query-gpu=name,driver_version,pcie.link.gen.current,pcie.link.width.current', '--format=csv,noheader'], 'no nvidia-smi')}`,
  `- node ${process.version}, commit ${process.env.FLOWSTATE_COMMIT ?? ask('git', ['rev-parse', '--short', 'HEAD'], 'unknown')}`,
  `- command: node bench/gpu/all.mjs --device ${device}`,
  '',
  '| step | |',
  '| --- | --- |',
  ...results.map(({ title, state }) => `| ${title} | ${state} |`),
  ...results.flatMap(({ title, output }) =>
    output === '' || title.endsWith('JSON') || title === 'Benchmark'
      ? []
      : ['', `## ${title}`, '', '```', output, '```'],
  ),
];
if (info !== '') writeFileSync(join(folder, 'info.json'), info);
if (bench !== '') {
  writeFileSync(join(folder, 'bench.json'), bench);
  page.push('', '## Benchmark', '', ...tables(JSON.parse(bench)));
}
writeFileSync(join(folder, 'gpu.md'), `${page.join('\n')}\n`);
console.log(`\nwritten: ${join(folder, 'gpu.md')}`);
process.exitCode = results.some(({ isDone }) => isDone === false) ? 1 : 0;

/** The report's sections as Markdown. */
function tables({ bytes, runs, sections }) {
  const number = (value, digits) => (value === null ? '' : value.toFixed(digits));
  const lines = [`Copies of ${bytes} bytes, medians of ${runs} runs.`];
  for (const { title, measures, notes } of sections) {
    lines.push('', `### ${title}`, '');
    if (measures.length > 0)
      lines.push('| | median, ms | GB/s | rate | aim | |', '| --- | --: | --: | --- | --- | --- |');
    for (const { label, medianMs, gbPerSecond, percent, yardstick, aim, met } of measures) {
      const rate = percent === null ? '' : `${percent.toFixed(0)} % of ${yardstick}`;
      const verdict = met === null ? '' : met ? 'met' : '**missed**';
      lines.push(
        `| ${label} | ${number(medianMs, medianMs < 0.01 ? 6 : 3)} | ${number(gbPerSecond, 2)} | ${rate} | ${aim === null ? '' : `>= ${aim} %`} | ${verdict} |`,
      );
    }
    if (notes.length > 0) lines.push('', ...notes.map((note) => `- ${note}`));
  }
  return lines;
}
