// A model on the device: rows a second at queue depth 1, 2 and 4 beside onnxruntime-node's own run(), which takes CPU data,
// runs on the event loop's thread and hands back copies. Every answer is compared before anything is timed.
//   node bench/gpu/onnx.mjs [device, default cuda:0] [--json]
// Where the CUDA provider's libraries are not installed it says so and ends well: npm fetches them from elsewhere.
import assert from 'node:assert/strict';
import { Device, DeviceTensor, OnnxSession } from 'flowstate';
import ort from 'onnxruntime-node';

import { encodeDense } from '../../examples/onnx-model.cjs';

const ROWS = 4096;
const FEATURES = 64;
const UNITS = 256;
const RUNS = 24;
const ROUNDS = 7;

const id = process.argv.slice(2).find((each) => !each.startsWith('-')) ?? 'cuda:0';
const device = Device.open(id);

let seed = 7;
const random = () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32 - 0.5;
};
const weights = (inputs, units) => Float32Array.from({ length: inputs * units }, () => random() / 8);
const model = encodeDense([
  { weights: weights(FEATURES, UNITS), units: UNITS, activation: 'relu' },
  { weights: weights(UNITS, UNITS), units: UNITS, activation: 'relu' },
  { weights: weights(UNITS, 1), units: 1 },
]);
const values = Float32Array.from({ length: ROWS * FEATURES }, random);

async function openSession(queueDepth) {
  return OnnxSession.create(model, { device, queueDepth });
}

let first;
try {
  first = await openSession(1);
} catch (error) {
  if (error.code !== 'FS_ERR_DEPENDENCY_MISSING') throw error;
  console.log(`not measured on ${id}: ${error.message}`);
  process.exit(0);
}
const sessions = [first, await openSession(2), await openSession(4)];
const peer = await ort.InferenceSession.create(model);
const x = await DeviceTensor.from(values, { device, shape: [ROWS, FEATURES] });
const feed = { x: new ort.Tensor('float32', values, [ROWS, FEATURES]) };

const expected = (await peer.run(feed)).y.data;
for (const session of sessions) {
  const { y } = await session.run({ x });
  const seen = await y.toHost();
  y.release();
  // Another provider adds in another order.
  const worst = seen.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
  assert.ok(worst < 1e-4, `off by ${worst}`);
}

const contenders = [
  ...sessions.map((session) => ({
    name: `OnnxSession, depth ${session.queueDepth}`,
    async run() {
      const runs = Array.from({ length: RUNS }, async () => (await session.run({ x })).y.release());
      await Promise.all(runs);
    },
  })),
  {
    name: 'onnxruntime-node, CPU data',
    async run() {
      for (let i = 0; i < RUNS; i++) await peer.run(feed);
    },
  },
];
const times = new Map(contenders.map(({ name }) => [name, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const { name, run } of contenders) {
    const from = performance.now();
    await run();
    times.get(name).push((performance.now() - from) / RUNS);
  }
}

const results = contenders.map(({ name }) => {
  const sorted = times.get(name).sort((a, b) => a - b);
  const ms = sorted[Math.floor(sorted.length / 2)];
  return { name, msPerRun: ms, minMs: sorted[0], rowsPerSecond: (ROWS / ms) * 1000 };
});
if (process.argv.includes('--json')) {
  console.log(JSON.stringify({ device: device.id, rows: ROWS, features: FEATURES, units: UNITS, results }));
} else {
  console.log(`${ROWS} rows × ${FEATURES} features, dense ${UNITS}, ${UNITS}, 1, float32, on ${device.id}; warm`);
  for (const { name, msPerRun, minMs, rowsPerSecond } of results) {
    console.log(
      `${name.padEnd(28)} ${msPerRun.toFixed(2)} ms a run (least ${minMs.toFixed(2)}), ` +
        `${(rowsPerSecond / 1e6).toFixed(2)} M rows/s`,
    );
  }
}
for (const session of sessions) session.close();
x.release();
device.close();
