// A pipeline on the device: rows a second at queue depth 1, 2 and 4, and where the time goes, beside the same work one
// batch after another with nothing ahead. Every answer is compared before anything is timed.
//   node bench/gpu/pipeline.mjs [device, default cuda:0] [--json]
// The consumer reads a batch's tensor back, which is work of the device's, as a model's would be.
import assert from 'node:assert/strict';
import { makeVector, Table } from 'apache-arrow';
import { alignBatches, alignStreams, Device, featureMatrix, GpuPipeline, toDevice } from 'flowstate';

const TRADES = 400_000;
const QUOTES = 800_000;
const CUT = 20_000;
const BATCH_ROWS = 16_384;
const ROUNDS = 5;
const FEATURES = ['price', 'size', 'quote_bid', 'quote_ask', 'quote_depth'];

const id = process.argv.slice(2).find((each) => !each.startsWith('-')) ?? 'cuda:0';
const device = Device.open(id);

let seed = 7;
const random = () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};
const tableOf = (rows, step, names) => {
  const t = BigInt64Array.from({ length: rows }, (_, i) => BigInt(i * step));
  const key = Int32Array.from({ length: rows }, () => Math.floor(random() * 100));
  const columns = names.map((name) => [name, makeVector(Float64Array.from({ length: rows }, () => random() * 100))]);
  return new Table({ t: makeVector(t), key: makeVector(key), ...Object.fromEntries(columns) });
};
const trades = tableOf(TRADES, 2, ['price', 'size']);
const quotes = tableOf(QUOTES, 1, ['bid', 'ask', 'depth']);
function* cut(table) {
  for (let at = 0; at < table.numRows; at += CUT) yield table.slice(at, at + CUT);
}
const on = { on: 't', by: 'key' };
const pipelineOf = (depth) => {
  const streams = { quote: { source: cut(quotes) } };
  return new GpuPipeline({
    source: cut(trades),
    join: { ...on, streams },
    features: FEATURES,
    batchRows: BATCH_ROWS,
    depth,
    device,
  });
};

/** Every value that came, as a sum of bits: the same for the same rows. */
const addUp = (sum, values) => {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) sum = (Math.imul(sum, 31) + bits[i]) | 0;
  return sum;
};
async function ahead(depth, each = () => undefined) {
  const pipeline = pipelineOf(depth);
  for await (const batch of pipeline) {
    each(await batch.features.toHost());
    batch.release();
  }
  return pipeline.stats();
}
async function oneByOne(each = () => undefined) {
  const joined = alignBatches(cut(trades), { quote: { batches: cut(quotes) } }, on);
  for await (const batch of joined) {
    const there = await toDevice(new Table([batch]), { device });
    const { matrix } = await featureMatrix(there, { columns: FEATURES });
    there.release();
    each(await matrix.toHost());
    matrix.release();
  }
  return null;
}

const { table } = await alignStreams(trades, { quote: { table: quotes } }, on);
const whole = await toDevice(table, { device });
const { matrix } = await featureMatrix(whole, { columns: FEATURES });
const expected = addUp(0, await matrix.toHost());
matrix.release();
whole.release();

const contenders = [
  ...[1, 2, 4].map((depth) => ({ name: `GpuPipeline, depth ${depth}`, run: (each) => ahead(depth, each) })),
  { name: 'one batch after another', run: oneByOne },
];
for (const { name, run } of contenders) {
  let sum = 0;
  await run((values) => (sum = addUp(sum, values)));
  assert.equal(sum, expected, `${name}: other rows`);
}
const times = new Map(contenders.map(({ name }) => [name, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const { name, run } of contenders) {
    const from = performance.now();
    const stats = await run();
    times.get(name).push({ ms: performance.now() - from, stallMs: stats?.stallMs ?? null });
  }
}
const results = contenders.map(({ name }) => {
  const sorted = times.get(name).sort((a, b) => a.ms - b.ms);
  const { ms, stallMs } = sorted[Math.floor(sorted.length / 2)];
  return { name, ms, leastMs: sorted[0].ms, rowsPerSecond: (TRADES / ms) * 1000, stallMs };
});
if (process.argv.includes('--json')) {
  console.log(JSON.stringify({ device: device.id, trades: TRADES, quotes: QUOTES, batchRows: BATCH_ROWS, results }));
} else {
  console.log(
    `${TRADES} trades against ${QUOTES} quotes, batches of ${BATCH_ROWS} × ${FEATURES.length}, on ${device.id}`,
  );
  for (const { name, ms, leastMs, rowsPerSecond, stallMs } of results) {
    const shares = Object.entries(stallMs ?? {}).map(([stage, each]) => `${stage} ${each.toFixed(0)}`);
    console.log(
      `${name.padEnd(24)} ${ms.toFixed(0)} ms (least ${leastMs.toFixed(0)}), ${(rowsPerSecond / 1e6).toFixed(2)} M rows/s` +
        (shares.length === 0 ? '' : `; ms by stage: ${shares.join(', ')}`),
    );
  }
}
assert.equal(device.memoryInfo().usedBytes, 0);
device.close();
