// Check, then time: contenders take turns, so that drift of a shared machine falls on all of them alike. Medians and
// ratios are what counts; absolute times are not comparable between runs.
import { cpus, totalmem } from 'node:os';
import { execFileSync } from 'node:child_process';

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function sameAnswer(a, b) {
  const close = (x, y) => Math.abs(x - y) <= 1e-9 * Math.max(1, Math.abs(x), Math.abs(y));
  return a.rows === b.rows && a.matched === b.matched && close(a.bid, b.bid) && close(a.ask, b.ask);
}

/** A full collection, and a turn of the event loop for the finalizers it queued. */
async function collect() {
  globalThis.gc?.();
  await new Promise((resolve) => setImmediate(resolve));
}

/** Runs every contender once, compares the answers with the first's, then times `runs` rounds. */
export async function compare(contenders, { runs = 11, warmup = 2 } = {}) {
  const first = await contenders[0].answer(await contenders[0].run());
  const rows = [];
  for (const contender of contenders) {
    const answer = contender === contenders[0] ? first : await contender.answer(await contender.run());
    rows.push({ name: contender.name, contender, agrees: sameAnswer(first, answer), times: [] });
  }
  for (let round = -warmup; round < runs; round++) {
    for (const row of rows) {
      // Collected before each run, off the clock: nobody pays for another's garbage, and every engine that keeps freed
      // memory for reuse has it back, as it would in a loop that goes on.
      await collect();
      // A full collection also drops what the engine knew of the code it runs, which a loop that goes on keeps.
      for (let i = 0; i < 20; i++) await row.contender.warm?.();
      const start = process.hrtime.bigint();
      const result = await row.contender.run();
      const ms = Number(process.hrtime.bigint() - start) / 1e6;
      if (round >= 0) row.times.push(ms);
      void result;
    }
  }
  return rows.map(({ name, agrees, times }) => ({
    name,
    agrees,
    median: median(times),
    min: Math.min(...times),
    max: Math.max(...times),
  }));
}

/** Milliseconds that one thread needs to copy `bytes`, the physical bound printed beside a result. */
export function memcpyMs(bytes, runs = 7) {
  const half = Math.max(1, Math.floor(bytes / 2));
  const from = new Uint8Array(half).fill(1);
  const to = new Uint8Array(half).fill(2);
  const times = [];
  for (let i = 0; i < runs; i++) {
    const start = process.hrtime.bigint();
    to.set(from);
    times.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  return median(times);
}

export function machine() {
  let commit = 'unknown';
  try {
    commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    // not a checkout
  }
  return `${cpus()[0].model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, node ${process.version}, commit ${commit}`;
}
