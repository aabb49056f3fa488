// Serves an ONNX model on joined live rows: trades and quotes come as they happen, every trade meets the quote of its
// time, its features go to a tensor of the device, and the model runs there, two batches at once.
//
//   node examples/serve-onnx.mjs             prints the predictions
//   node examples/serve-onnx.mjs --check     compares each with a plain computation, too
//
// Needs onnxruntime-node (an optional peer). The model would be a file; here it is made (onnx-model.cjs), with weights that
// need no rounding, so that the comparison is exact.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Table, makeVector, vectorFromArray } from 'apache-arrow';
import { Device, DeviceTensor, monotone, OnnxSession, StreamingJoin } from 'flowstate';

import { encodeDense } from './onnx-model.cjs';

const SYMBOLS = ['AAA', 'BBB', 'CCC'];
const BATCHES = 40;
const ROWS = 25;
const TICK_NS = 1_000_000n;
const isChecked = process.argv.includes('--check');

// Four features, three hidden units, one score. Row i of the weights belongs to feature i.
const LAYERS = [
  {
    weights: [0.5, -0.25, 1, 0.125, 0.5, -1, -0.5, 1, 0.25, 0.0625, 0, -0.0625],
    bias: [1, 0, -2],
    units: 3,
    activation: 'relu',
  },
  { weights: [0.25, -0.5, 1], bias: [0.125], units: 1 },
];

/** The same numbers for the same seed. */
function randomOf(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % below;
  };
}

/** A feed: a batch, then others get their turn. Prices are whole ticks. */
async function* feed(seed, columnsOf) {
  const random = randomOf(seed);
  let time = 1_700_000_000_000_000_000n + BigInt(seed);
  for (let b = 0; b < BATCHES; b++) {
    const times = BigInt64Array.from({ length: ROWS }, () => (time += BigInt(1 + random(9)) * TICK_NS));
    const symbols = Array.from({ length: ROWS }, () => SYMBOLS[random(SYMBOLS.length)]);
    yield new Table({ time: makeVector(times), symbol: vectorFromArray(symbols), ...columnsOf(random) });
    await nextTurn();
  }
}
const whole = (of) => makeVector(Int32Array.from({ length: ROWS }, of));
const trades = feed(1, (random) => ({ price: whole(() => 10_000 + random(40)), size: whole(() => 1 + random(100)) }));
const quotes = feed(2, (random) => ({
  bid: whole(() => 9_990 + random(20)),
  ask: whole(() => 10_012 + random(20)),
}));

/** Spread and distance from the middle in half ticks, size, and age of the quote in milliseconds. */
function featuresOf(row) {
  const { bid, ask, price, size, age } = row;
  return [(ask - bid) * 2, price * 2 - (bid + ask), size, Number(age / 1_000_000n)];
}

/** What the model computes, plainly. */
function plainScore(features) {
  return LAYERS.reduce((values, { weights, bias, units, activation }) => {
    return bias.map((start, unit) => {
      const sum = values.reduce((total, value, i) => total + value * weights[i * units + unit], start);
      return activation === 'relu' ? Math.max(0, sum) : sum;
    });
  }, features)[0];
}

const device = Device.open('auto');
const session = await OnnxSession.create(encodeDense(LAYERS), { device });
console.log(
  `model on ${device.id} by ${session.route}: ${session.inputs[0].shape} in, ${session.outputs[0].shape} out`,
);

/** Joined rows as tensors of features, as soon as they are final. */
async function* batches() {
  const join = new StreamingJoin({ on: 'time', by: 'symbol', how: 'inner', age: 'age', watermark: monotone() });
  for await (const joined of join.stream(trades, quotes)) {
    if (joined.numRows === 0) continue;
    const rows = joined.toArray().map((row) => row.toJSON());
    const values = rows.map(featuresOf);
    const shape = [rows.length, 4];
    yield { rows, values, features: await DeviceTensor.from(Float32Array.from(values.flat()), { device, shape }) };
  }
}

let count = 0;
let wrong = 0;
// The batches are ours to release, those too that come out with no prediction because something failed.
const unused = (batch) => batch.features.release();
for await (const { batch, outputs } of session.predict(batches(), { depth: 2, unused })) {
  const scores = await outputs.y.toHost();
  outputs.y.release();
  batch.features.release();
  batch.rows.forEach(({ time, symbol, price }, i) => {
    if ((count + i) % 100 === 0) console.log(`${time} ${symbol} ${price}: ${scores[i]}`);
  });
  if (isChecked) wrong += batch.values.filter((values, i) => plainScore(values) !== scores[i]).length;
  count += scores.length;
}
session.close();
console.log(`${count} predictions${isChecked ? `, ${wrong} of them wrong` : ''}`);
console.log(`${device.memoryInfo().usedBytes} bytes of the device are still in use`);
device.close();
if (wrong > 0) process.exitCode = 1;
