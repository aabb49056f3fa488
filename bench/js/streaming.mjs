// npm run bench:streaming: the join on live data through the JavaScript API. Each batch of left rows comes with a batch of
// right rows, then the watermarks advance and the final rows are emitted. Answers are checked against asofJoin first.
// Where stream_bench has been built (cmake -S cpp -B build/bench -DFS_BUILD_BENCH=ON), the engine alone runs the same rows
// in turn with the API, and the cost of the API is their ratio: the median over the runs.
import { readFileSync } from 'node:fs';

import { makeData, RecordBatch, Schema, Struct, Table, Field } from 'apache-arrow';
import { asofJoinStream, asofJoinSync, StreamingJoin } from '../../dist/esm/index.js';
import { makeInputs, random } from './data.mjs';
import { machine, median } from './measure.mjs';
import { streamEngine } from './stream-engine.mjs';

const rows = Number(process.argv[2] ?? 400_000);
const runs = Number(process.argv[3] ?? 3);
const key = process.argv[4] ?? 'int';
const engines = (process.argv[5] ?? 'native,javascript,asofJoinStream').split(',');

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

function timesOf({ total, laps }) {
  laps.sort();
  const at = (p) => laps[Math.min(laps.length - 1, Math.floor(laps.length * p))];
  return { total, p50: at(0.5), p99: at(0.99) };
}

/** The least of each. */
function bestOf(list) {
  const least = (field) => Math.min(...list.map((one) => one[field]));
  return { total: least('total'), cpu: least('cpu'), p50: least('p50'), p99: least('p99') };
}

/** CPU time of this thread in ns, its garbage collection included; of the whole process where the system does not say. */
function cpuTime() {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]);
  } catch {
    const { user, system } = process.cpuUsage();
    return (user + system) * 1000;
  }
}

const { left, right } = (() => {
  const made = makeInputs({ leftRows: rows, rightRows: rows, symbols: 1000, key });
  return { left: clean(made.left), right: clean(made.right) };
})();
const expected = checksum([asofJoinSync(left, right, { on: 'ts', by: 'symbol' })]);

console.log(
  `Machine: ${machine()}. Command: \`npm run bench:streaming -- ${rows} ${runs} ${key} ${engines.join()}\`: ${rows} left and right rows, 1,000 ` +
    `symbols (${key}), 2 payload columns; left rows a second, best of ${runs} times three; microseconds a batch (left and right, watermark, emit).\n`,
);
console.log('| order | batch | engine | left rows/s | p50 | p99 | of the engine alone: wall | CPU | p50 |');
console.log('|---|---|---|---|---|---|---|---|---|');
for (const reach of [0, 2000]) {
  const [lo, ro] = [disorder(left, reach), disorder(right, reach)];
  const order = reach === 0 ? 'in order' : `disorder of ${reach} rows`;
  const show = (size, engine, { total, p50, p99 }, ratios = ['', '', '']) =>
    console.log(
      `| ${order} | ${size} | ${engine} | ${((rows / total) * 1e9).toExponential(2)} | ` +
        `${(p50 / 1000).toFixed(1)} | ${(p99 / 1000).toFixed(1)} | ${ratios.join(' | ')} |`,
    );
  const alone = streamEngine([
    { table: left, order: lo },
    { table: right, order: ro },
  ]);
  for (const size of [100, 1000, 10_000]) {
    const lb = batchesOf(left, lo, size);
    const rb = batchesOf(right, ro, size);
    const [lp, rp] = [promises(left, lo, size), promises(right, ro, size)];
    const lows = lp.map((time, i) => (time < rp[i] ? time : rp[i]));
    for (const backend of ['native', 'javascript'].filter((name) => engines.includes(name))) {
      const got = checksum(live(backend, {}, lb, rb, lows, true).kept);
      const agrees =
        got.rows === expected.rows &&
        got.matched === expected.matched &&
        Math.abs(got.bid - expected.bid) < 1e-6 * Math.abs(expected.bid);
      if (!agrees) {
        console.log(`DISAGREES: ${backend} ${size} ${reach}`, got, expected);
        continue;
      }
      const laps = [];
      const engine = [];
      for (let run = 0; run < (backend === 'native' ? runs : 1); run++) {
        if (backend === 'native' && alone !== null) engine.push(alone.run(size, 3));
        // Three runs in a row, as the engine's: the best of each is compared.
        const three = Array.from({ length: backend === 'native' ? 3 : 1 }, () => {
          globalThis.gc?.();
          const before = cpuTime();
          const run = live(backend, {}, lb, rb, lows, false);
          return { ...timesOf(run), cpu: cpuTime() - before };
        });
        laps.push(bestOf(three));
      }
      const ratio = (field) => median(laps.map((lap, i) => lap[field] / engine[i][field])).toFixed(2);
      const ratios = engine.length === 0 ? undefined : [`${ratio('total')}x`, `${ratio('cpu')}x`, `${ratio('p50')}x`];
      if (engine.length > 0) show(size, 'engine alone', bestOf(engine));
      show(size, backend, bestOf(laps), ratios);
    }
    if (reach > 0 || !engines.includes('asofJoinStream')) continue;
    const times = [];
    for (let run = 0; run < runs; run++) {
      const start = process.hrtime.bigint();
      let count = 0;
      for await (const batch of asofJoinStream(lb, rb, { on: 'ts', by: 'symbol' })) count += batch.numRows;
      if (count !== rows) console.log('DISAGREES: asofJoinStream');
      times.push(Number(process.hrtime.bigint() - start));
    }
    console.log(
      `| in order | ${size} | asofJoinStream | ${((rows / median(times)) * 1e9).toExponential(2)} | | | | | |`,
    );
  }
  alone?.remove();
}
