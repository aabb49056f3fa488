// npm run bench:streaming: the join on live data through the JavaScript API. Each batch of left rows comes with a batch of
// right rows, then the watermarks advance and the final rows are emitted. Answers are checked against asofJoin first.
import { makeData, RecordBatch, Schema, Struct, Table, Field } from 'apache-arrow';
import { asofJoinStream, asofJoinSync, StreamingJoin } from '../../dist/esm/index.js';
import { makeInputs, random } from './data.mjs';
import { machine, median } from './measure.mjs';

const rows = Number(process.argv[2] ?? 400_000);
const runs = Number(process.argv[3] ?? 3);
const key = process.argv[4] ?? 'int';

/** Rows in order of time, each moved by up to `reach` places. */
function disorder(table, reach) {
  const next = random(7);
  const order = Array.from({ length: table.numRows }, (_, i) => ({ i, at: i + reach * next() }));
  if (reach > 0) order.sort((a, b) => a.at - b.at);
  return Int32Array.from(order, ({ i }) => i);
}

function batchesOf(table, order, size) {
  const { schema } = table;
  const source = table.batches[0].data.children;
  const out = [];
  for (let from = 0; from < order.length; from += size) {
    const part = order.subarray(from, from + size);
    const children = source.map((data) => {
      if (data.valueOffsets) {
        const offsets = new Int32Array(part.length + 1);
        const bytes = [];
        part.forEach((row, i) => {
          const text = data.values.subarray(data.valueOffsets[row], data.valueOffsets[row + 1]);
          bytes.push(text);
          offsets[i + 1] = offsets[i] + text.length;
        });
        return makeData({ type: data.type, length: part.length, valueOffsets: offsets, data: Buffer.concat(bytes) });
      }
      const values = new data.values.constructor(part.length);
      part.forEach((row, i) => (values[i] = data.values[row]));
      const { type, dictionary } = data;
      return makeData({ type, length: part.length, nullCount: 0, data: values, ...(dictionary ? { dictionary } : {}) });
    });
    const struct = makeData({ type: new Struct(schema.fields), length: part.length, nullCount: 0, children });
    out.push(new RecordBatch(schema, struct));
  }
  return out;
}

const clean = (table) => {
  const schema = new Schema(table.schema.fields.map(({ name, type }) => new Field(name, type, true)));
  return new Table(schema, [
    new RecordBatch(
      schema,
      makeData({ type: new Struct(schema.fields), length: table.numRows, children: table.batches[0].data.children }),
    ),
  ]);
};

/** What no row to come is before, after each batch. */
function promises(table, order, size) {
  const times = table.getChild('ts').data[0].values;
  const out = [];
  let low = 2n ** 63n - 1n;
  for (let i = order.length - 1; i >= 0; i--) {
    if ((i + 1) % size === 0 || i === order.length - 1) out.push(low);
    if (times[order[i]] < low) low = times[order[i]];
  }
  return out.reverse();
}

function checksum(tables, into = { rows: 0, matched: 0, bid: 0 }) {
  for (const table of tables) {
    into.rows += table.numRows;
    const bid = table.getChild('bid');
    for (let i = 0; i < table.numRows; i++) {
      const value = bid.get(i);
      if (value === null) continue;
      into.matched++;
      into.bid += value;
    }
  }
  return into;
}

function live(backend, options, left, right, lows, keep) {
  const join = new StreamingJoin({ on: 'ts', by: 'symbol', backend, ...options });
  const laps = new Float64Array(left.length);
  const kept = [];
  for (let i = 0; i < left.length; i++) {
    const start = process.hrtime.bigint();
    join.pushLeft(left[i]);
    join.pushRight(right[i]);
    join.advanceWatermark(lows[i]);
    const out = join.emit();
    laps[i] = Number(process.hrtime.bigint() - start);
    if (keep) kept.push(out);
  }
  const start = process.hrtime.bigint();
  const rest = join.flush();
  const total = laps.reduce((sum, lap) => sum + lap, Number(process.hrtime.bigint() - start));
  if (keep) kept.push(rest);
  join.close();
  return { total, laps, kept };
}

const { left, right } = (() => {
  const made = makeInputs({ leftRows: rows, rightRows: rows, symbols: 1000, key });
  return { left: clean(made.left), right: clean(made.right) };
})();
const expected = checksum([asofJoinSync(left, right, { on: 'ts', by: 'symbol' })]);

console.log(
  `Machine: ${machine()}. Command: \`npm run bench:streaming -- ${rows} ${runs} ${key}\`: ${rows} left and right rows, 1,000 ` +
    `symbols (${key}), 2 payload columns; left rows a second, best of ${runs}; microseconds a batch (left and right, watermark, emit).\n`,
);
console.log('| order | batch | engine | left rows/s | p50 | p99 |');
console.log('|---|---|---|---|---|---|');
for (const reach of [0, 2000]) {
  const [lo, ro] = [disorder(left, reach), disorder(right, reach)];
  for (const size of [100, 1000, 10_000]) {
    const lb = batchesOf(left, lo, size);
    const rb = batchesOf(right, ro, size);
    const [lp, rp] = [promises(left, lo, size), promises(right, ro, size)];
    const lows = lp.map((time, i) => (time < rp[i] ? time : rp[i]));
    for (const backend of ['native', 'javascript']) {
      const got = checksum(live(backend, {}, lb, rb, lows, true).kept);
      const agrees =
        got.rows === expected.rows &&
        got.matched === expected.matched &&
        Math.abs(got.bid - expected.bid) < 1e-6 * Math.abs(expected.bid);
      if (!agrees) {
        console.log(`DISAGREES: ${backend} ${size} ${reach}`, got, expected);
        continue;
      }
      let best = Infinity;
      let laps = null;
      for (let run = 0; run < (backend === 'native' ? runs : 1); run++) {
        globalThis.gc?.();
        const { total, laps: own } = live(backend, {}, lb, rb, lows, false);
        if (total < best) [best, laps] = [total, own];
      }
      laps.sort();
      const at = (p) => (laps[Math.min(laps.length - 1, Math.floor(laps.length * p))] / 1000).toFixed(0);
      console.log(
        `| ${reach === 0 ? 'in order' : `disorder of ${reach} rows`} | ${size} | ${backend} | ${((rows / best) * 1e9).toExponential(2)} | ${at(0.5)} | ${at(0.99)} |`,
      );
    }
    if (reach > 0) continue;
    const times = [];
    for (let run = 0; run < runs; run++) {
      const start = process.hrtime.bigint();
      let count = 0;
      for await (const batch of asofJoinStream(lb, rb, { on: 'ts', by: 'symbol' })) count += batch.numRows;
      if (count !== rows) console.log('DISAGREES: asofJoinStream');
      times.push(Number(process.hrtime.bigint() - start));
    }
    console.log(`| in order | ${size} | asofJoinStream | ${((rows / median(times)) * 1e9).toExponential(2)} | | |`);
  }
}
