// Trains a small model with TensorFlow.js on joined rows, and exports it for tfjs and for ONNX Runtime.
//
//   node examples/train-tfjs.mjs                 writes to model/ in the working directory
//   node examples/train-tfjs.mjs --out FOLDER    writes there
//
// Needs @tensorflow/tfjs-node, whose tensors are then the device's memory, or @tensorflow/tfjs, which copies; it says
// which. Where onnxruntime-node is installed, the exported model is asked the same questions, over the same memory.
//
// What is learnt: whether the first quote after a trade is higher than the one that the trade met.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeVector, Table } from 'apache-arrow';
import { alignBatches, Device, GpuPipeline, OnnxSession, simulateMarket, tfjsRoute, toTfjs } from 'flowstate';

import { encodeDense } from './onnx-model.cjs';

const { values: flags } = parseArgs({ options: { out: { type: 'string', default: 'model' } } });
const BATCH_ROWS = 512;
const EPOCHS = 6;
const FEATURES = ['spread', 'imbalance', 'side', 'share of the queue', 'price against the middle'];

/** The first that is installed, as toTfjs would take it; the model has to come from the same one. */
async function tensorFlow() {
  for (const name of ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node', '@tensorflow/tfjs']) {
    try {
      const { default: tf } = await import(name);
      return { name, tf };
    } catch (error) {
      if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    }
  }
  throw new Error('install @tensorflow/tfjs-node, or @tensorflow/tfjs');
}

/** Trades with the quote that each met, and the first one after it, as they are joined. */
function joinedRows({ trades, quotes }) {
  const batches = [quotes];
  const met = { batches, columns: ['bid', 'ask', 'bid_size', 'ask_size'], allowExactMatches: false };
  const next = { batches, columns: ['bid', 'ask'], direction: 'forward', tolerance: '10s' };
  return alignBatches([trades], { met, next }, { on: 'timestamp', by: 'symbol', how: 'inner' });
}

/** Columns that a model can learn from, each of about the size of 1, and what it is to learn. */
async function* featuresOf(joined) {
  for await (const batch of joined) {
    const column = (name) => Array.from(batch.getChild(name), Number);
    const [price, size, bid, ask] = ['price', 'size', 'met_bid', 'met_ask'].map(column);
    const [bidSize, askSize, nextBid, nextAsk] = ['met_bid_size', 'met_ask_size', 'next_bid', 'next_ask'].map(column);
    const rows = (value) => makeVector(Float64Array.from(price, (_, row) => value(row)));
    const middle = price.map((_, row) => (bid[row] + ask[row]) / 2);
    const isBuy = price.map((each, row) => each >= ask[row]);
    yield new Table({
      spread: rows((i) => Math.min(1, ((ask[i] - bid[i]) / middle[i]) * 1000)),
      imbalance: rows((i) => (bidSize[i] - askSize[i]) / (bidSize[i] + askSize[i])),
      side: rows((i) => (isBuy[i] ? 1 : -1)),
      'share of the queue': rows((i) => Math.min(2, size[i] / (isBuy[i] ? askSize[i] : bidSize[i]))),
      'price against the middle': rows((i) => {
        return Math.max(-1, Math.min(1, ((price[i] - middle[i]) / middle[i]) * 1000));
      }),
      rises: rows((i) => (nextBid[i] + nextAsk[i] > bid[i] + ask[i] ? 1 : 0)),
    });
  }
}

/** An iteration over the rows: on the device, two batches ahead of the model. A batch is its taker's to release. */
function batchesOf(rows) {
  return new GpuPipeline({ source: rows, features: FEATURES, labels: 'rises', batchRows: BATCH_ROWS, device });
}

const { name, tf } = await tensorFlow();
const device = Device.open('auto');
const market = await simulateMarket({
  seed: 7,
  symbols: 4,
  duration: '1m',
  eventsPerSecond: 1500,
  tables: ['trades', 'quotes'],
});
const tables = [];
for await (const table of featuresOf(joinedRows(market))) tables.push(table);
const all = tables[0].concat(...tables.slice(1));
const trainingRows = Math.floor(all.numRows * 0.8); // the rest is later in time
const [training, later] = [all.slice(0, trainingRows), all.slice(trainingRows)];
console.log(`${all.numRows} rows of ${FEATURES.length} features; ${name} on ${device.id}`);

const kernel = (seed) => tf.initializers.glorotUniform({ seed });
const model = tf.sequential({
  layers: [
    tf.layers.dense({ units: 16, activation: 'relu', inputShape: [FEATURES.length], kernelInitializer: kernel(1) }),
    tf.layers.dense({ units: 1, activation: 'sigmoid', kernelInitializer: kernel(2) }),
  ],
});
model.compile({ optimizer: tf.train.adam(0.01), loss: 'binaryCrossentropy' });

// With tfjs-node a tensor is the batch's own memory, or an error. Plain tfjs cannot share, so a copy is what we want there.
const copy = tf.getBackend() === 'tensorflow' ? 'refuse' : 'allow';
let route = null;
async function tensorsOf(batch) {
  const x = await toTfjs(batch.features, { tf, copy });
  const y = await toTfjs(batch.labels, { tf, copy });
  route = tfjsRoute(x);
  return { x, y };
}

for (let epoch = 1; epoch <= EPOCHS; epoch++) {
  let sum = 0;
  for await (const batch of batchesOf(training)) {
    const { x, y } = await tensorsOf(batch);
    sum += (await model.trainOnBatch(x, y)) * batch.rows;
    tf.dispose([x, y]);
    batch.release();
  }
  console.log(`epoch ${epoch}: loss ${(sum / trainingRows).toFixed(4)}`);
}
console.log(`tensors were ${route.kind}${route.reason === null ? '' : `: ${route.reason}`}`);

// The tfjs format: model.json beside its weights, as tf.loadLayersModel reads it.
mkdirSync(flags.out, { recursive: true });
await model.save(
  tf.io.withSaveHandler(async ({ modelTopology, weightSpecs, weightData, format, generatedBy, convertedBy }) => {
    const weightsManifest = [{ paths: ['weights.bin'], weights: weightSpecs }];
    const manifest = { modelTopology, format, generatedBy, convertedBy, weightsManifest };
    writeFileSync(join(flags.out, 'model.json'), JSON.stringify(manifest));
    writeFileSync(join(flags.out, 'weights.bin'), Buffer.from(weightData));
    return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
  }),
);
const onnx = encodeDense(
  model.layers.map((layer) => {
    const [weights, bias] = layer.getWeights().map((weight) => weight.dataSync());
    return { weights, bias, units: layer.units, activation: layer.activation.constructor.className };
  }),
);
writeFileSync(join(flags.out, 'model.onnx'), onnx);

/** Null where onnxruntime-node is not installed. */
async function openSession() {
  try {
    return await OnnxSession.create(onnx, { device });
  } catch (error) {
    if (error.code !== 'FS_ERR_DEPENDENCY_MISSING') throw error;
    return null;
  }
}

const session = await openSession();
const held = { rows: 0, right: 0, ups: 0, difference: 0 };
for await (const batch of batchesOf(later)) {
  const { x, y } = await tensorsOf(batch);
  const prediction = model.predict(x);
  const [scores, labels] = [prediction.dataSync(), y.dataSync()];
  tf.dispose([x, y, prediction]);
  if (session !== null) {
    const { y: output } = await session.run({ x: batch.features });
    const same = await output.toHost();
    output.release();
    scores.forEach((score, i) => (held.difference = Math.max(held.difference, Math.abs(score - same[i]))));
  }
  batch.release();
  held.rows += batch.rows;
  scores.forEach((score, i) => {
    held.right += score > 0.5 === labels[i] > 0.5 ? 1 : 0;
    held.ups += labels[i];
  });
}
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const always = Math.max(held.ups, held.rows - held.ups) / held.rows;
console.log(`later rows: ${percent(held.right / held.rows)} right; the commoner answer alone: ${percent(always)}`);
console.log(`wrote model.json, weights.bin and model.onnx to ${flags.out}`);
if (session === null) {
  console.log('onnxruntime-node is not installed; the ONNX model was not tried');
} else {
  console.log(
    `ONNX Runtime gives the same scores: ${held.difference < 1e-5} (difference ${held.difference.toExponential(1)})`,
  );
  session.close();
}
model.dispose();
console.log(`${device.memoryInfo().usedBytes} bytes of the device are still in use`);
device.close();
