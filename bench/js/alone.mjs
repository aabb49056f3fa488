// One contender, one case, one process: what it needs of memory, and at sizes where two do not fit beside each other,
// its times. Prints one line of JSON. Run by join.mjs and large.mjs:
//   node --expose-gc alone.mjs '{"contender":"flowstate","shape":{…},"large":false,"runs":0}'
import { readFileSync, writeFileSync } from 'node:fs';
import { makeInputs, makeLargeInputs } from './data.mjs';
import { duckdb, flowstate, polars } from './contenders.mjs';
import { memcpyMs } from './measure.mjs';

const { contender: name, shape, large, runs, copyBytes } = JSON.parse(process.argv[2]);

/** A line of /proc/self/status in MB. */
function statusMb(field) {
  const line = readFileSync('/proc/self/status', 'utf8').match(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm'));
  return Number(line[1]) / 1024;
}

const keyed = shape.key !== 'none';
const started = performance.now();
const inputs = large ? makeLargeInputs(shape) : makeInputs(shape);
const contender = await {
  flowstate: () => flowstate(inputs, keyed),
  polars: () => polars(inputs, keyed, shape.key),
  duckdb: () => duckdb(inputs, keyed),
}[name]();
if (name !== 'flowstate') inputs.left = inputs.right = undefined; // it has its own copy
globalThis.gc?.();
await new Promise((resolve) => setImmediate(resolve));
writeFileSync('/proc/self/clear_refs', '5'); // the peak is counted from here
const before = statusMb('VmRSS');
const loadSeconds = (performance.now() - started) / 1000;
const answer = await contender.answer(await contender.run());
// The answer reads columns back, for some in a copy: the peak is that of a second run.
globalThis.gc?.();
await new Promise((resolve) => setImmediate(resolve));
writeFileSync('/proc/self/clear_refs', '5');
const times = [];
let peak = 0;
for (let round = 0; round <= runs; round++) {
  globalThis.gc?.();
  await new Promise((resolve) => setImmediate(resolve));
  const start = process.hrtime.bigint();
  const result = await contender.run();
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  if (round === 0) peak = statusMb('VmHWM');
  if (round > 0 || runs === 0) times.push(ms);
  void result;
}
const copyMs = copyBytes ? memcpyMs(copyBytes, 3) : null;
console.log(JSON.stringify({ answer, times, inputsMb: before, peakMb: peak, copyMs, loadSeconds }));
process.exit(0);
