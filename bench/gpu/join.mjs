// The as-of join on a device, beside the CPU's executor and, where it is installed, Polars: every answer compared, then
// timed. Times of kernels are those between events on the stream.
//   node bench/gpu/join.mjs [--device cuda:0] [--rows 1000000,10000000] [--symbols 10,1000,100000] [--runs 5] [--json]
//                           [--seconds 120]
// Layouts: `time` ascends in time over all rows (the sides are partitioned by key on the device), `grouped` lies by key
// and in time within each (nothing is moved).
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { Field, Int32, Int64, RecordBatch, Schema, Struct, Table, makeData } from 'apache-arrow';

const { values: args } = parseArgs({
  options: {
    device: { type: 'string', default: 'cuda:0' },
    rows: { type: 'string', default: '1000000,10000000,100000000' },
    symbols: { type: 'string', default: '10,1000,100000' },
    runs: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '150' },
    json: { type: 'boolean', default: false },
  },
});
process.env.FLOWSTATE_DEVICE = args.device;
const { asofJoin, defaultDevice, DeviceJoinIndex, PinnedBufferPool, toDevice } = await import('flowstate');

const until = performance.now() + Number(args.seconds) * 1000;
const runs = Number(args.runs);
const device = defaultDevice();
assert.equal(device.id, args.device);

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

/** int64 times as pairs of words: a loop over BigInts takes longer than the join. */
function timesOf(rows, timeOf) {
  const words = new Uint32Array(rows * 2);
  for (let i = 0; i < rows; i++) {
    const t = timeOf(i);
    words[2 * i] = t >>> 0;
    words[2 * i + 1] = Math.floor(t / 2 ** 32);
  }
  return new BigInt64Array(words.buffer);
}

/** `shift` sets the sides apart, so that distances vary. */
function side(rows, symbols, layout, shift, row) {
  const each = Math.ceil(rows / symbols);
  const isGrouped = layout === 'grouped';
  const times = timesOf(rows, (i) => (isGrouped ? (i % each) * symbols : i) * 1000 + ((i * shift) % 997));
  const keys = new Int32Array(rows);
  for (let i = 0; i < rows; i++) {
    keys[i] = isGrouped ? Math.floor(i / each) : (Math.imul(i, 2_654_435_761) >>> 0) % symbols;
  }
  const columns = { t: [new Int64(), times], k: [new Int32(), keys] };
  if (row) columns.row = [new Int32(), Int32Array.from({ length: rows }, (_, i) => i)];
  const fields = Object.entries(columns).map(([name, [type]]) => new Field(name, type, true));
  const children = Object.values(columns).map(([type, data]) => makeData({ type, length: rows, nullCount: 0, data }));
  const schema = new Schema(fields);
  const data = makeData({ type: new Struct(fields), length: rows, nullCount: 0, children });
  return new Table(schema, [new RecordBatch(schema, data)]);
}

/** The same table over pinned memory, which the copy engine reads itself. */
async function pinned(table, pool, leases) {
  const children = [];
  for (const { type, data } of table.schema.fields.map(({ name }) => table.getChild(name))) {
    const [{ values, length }] = data;
    const lease = await pool.lease(values.byteLength);
    leases.push(lease);
    const there = new values.constructor(lease.bytes.buffer, lease.bytes.byteOffset, length);
    there.set(values);
    children.push(makeData({ type, length, nullCount: 0, data: there }));
  }
  const { schema, numRows } = table;
  const data = makeData({ type: new Struct(schema.fields), length: numRows, nullCount: 0, children });
  return new Table(schema, [new RecordBatch(schema, data)]);
}

/** The bytes of a result's column of right rows, and of its validity. */
function bytesOf(table) {
  const data = table.getChild('row').data;
  const all = data.flatMap(({ values, nullBitmap, nullCount }) => (nullCount > 0 ? [values, nullBitmap] : [values]));
  return Buffer.concat(all.map((view) => Buffer.from(view.buffer, view.byteOffset, view.byteLength)));
}

/** Milliseconds end to end from pinned columns; the first run is checked. */
async function pinnedTime(left, right, options, expected) {
  const pool = new PinnedBufferPool({ device, maxBytes: 2 ** 33 });
  const leases = [];
  const wall = [];
  try {
    const sides = [await pinned(left, pool, leases), await pinned(right, pool, leases)];
    for (let run = 0; run <= runs; run++) {
      const from = performance.now();
      const table = await asofJoin(...sides, { ...options, backend: 'device' });
      if (run > 0) wall.push(performance.now() - from);
      else assert.equal(Buffer.compare(bytesOf(table), expected), 0);
    }
    return median(wall);
  } finally {
    for (const lease of leases) lease.release();
    pool.close();
  }
}

/**
 * Milliseconds between events of a join of tables that lie on the device already, the right one in an index, its payload
 * not counted; and by the clock, payload and all.
 */
async function cachedTimes(left, right, options, expected) {
  const there = await toDevice(left, { device });
  const rightThere = await toDevice(right, { device });
  const index = await DeviceJoinIndex.build(rightThere, { on: options.on, by: options.by });
  const [events, wall] = [[], []];
  try {
    for (let run = 0; run <= runs; run++) {
      const from = performance.now();
      const { table, explain } = await asofJoin(there, index, { ...options, explain: true });
      const took = performance.now() - from;
      // The first run warms up, and is the one that is checked.
      if (run === 0) assert.equal(Buffer.compare(bytesOf(await table.toHost()), expected), 0);
      else {
        wall.push(took);
        const matching = explain.phases.filter(({ name }) => name !== 'take');
        events.push(matching.reduce((sum, { ns }) => sum + ns, 0) / 1e6);
      }
      table.release();
    }
    return { cachedMs: median(events), cachedWallMs: median(wall) };
  } finally {
    for (const each of [index, there, rightThere]) each.release();
    device.trim();
  }
}

async function polarsTime(left, right) {
  try {
    const { default: pl } = await import('nodejs-polars');
    const frame = (table, names) =>
      pl.DataFrame(Object.fromEntries(names.map((name) => [name, pl.Series(name, table.getChild(name).toArray())])));
    const [l, r] = [frame(left, ['t', 'k']), frame(right, ['t', 'k', 'row'])];
    l.joinAsof(r, { on: 't', by: 'k' });
    const from = performance.now();
    l.joinAsof(r, { on: 't', by: 'k' });
    return performance.now() - from;
  } catch {
    return null;
  }
}

const results = [];
for (const rows of args.rows.split(',').map(Number)) {
  for (const symbols of args.symbols.split(',').map(Number)) {
    for (const layout of ['time', 'grouped']) {
      const what = { rows, symbols, layout };
      if (performance.now() > until || symbols > rows) {
        results.push({ ...what, state: symbols > rows ? 'fewer rows than symbols' : 'left out: no time was left' });
        continue;
      }
      const left = side(rows, symbols, layout, 331, false);
      const right = side(rows, symbols, layout, 577, true);
      const options = { on: 't', by: 'k', columns: ['row'], unsorted: 'sort', tolerance: 3_000_000 };
      const from = performance.now();
      const expected = await asofJoin(left, right, { ...options, backend: 'native', stats: true });
      const cpuFirst = performance.now() - from;
      const check = await asofJoin(left, right, { ...options, backend: 'device', stats: true });
      assert.deepEqual(check.stats, expected.stats);
      assert.equal(Buffer.compare(bytesOf(check.table), bytesOf(expected.table)), 0);
      const [cpu, whole, phases] = [[], [], new Map()];
      let statistics = {};
      let plan = '';
      for (let run = 0; run < (rows >= 1e8 ? Math.min(runs, 3) : runs); run++) {
        let start = performance.now();
        await asofJoin(left, right, { ...options, backend: 'native' });
        cpu.push(performance.now() - start);
        start = performance.now();
        const { explain } = await asofJoin(left, right, { ...options, backend: 'device', explain: true });
        whole.push(performance.now() - start);
        ({ statistics, plan } = explain.streams);
        const seen = new Map();
        for (const { name, ns, bytes } of explain.streams.phases) {
          if (!name.startsWith('device: ')) continue;
          const before = seen.get(name) ?? { ns: 0, bytes: 0 };
          seen.set(name, { ns: before.ns + ns, bytes: before.bytes + bytes });
        }
        for (const [name, { ns, bytes }] of seen) {
          const all = phases.get(name) ?? { ns: [], bytes };
          all.ns.push(ns);
          phases.set(name, all);
        }
      }
      const kernels = [...phases].map(([name, { ns, bytes }]) => ({
        name: name.slice('device: '.length),
        ms: median(ns) / 1e6,
        gbPerSecond: bytes / median(ns),
      }));
      const isLink = (name) => name.startsWith('upload') || name === 'download';
      const resident = kernels.filter(({ name }) => !isLink(name)).reduce((sum, { ms }) => sum + ms, 0);
      const matching = kernels.find(({ name }) => name === 'merge' || name === 'probe')?.ms ?? NaN;
      results.push({
        ...what,
        plan,
        cpuMs: median(cpu),
        cpuFirstMs: cpuFirst,
        polarsMs: rows <= 1e7 ? await polarsTime(left, right) : null,
        endToEndMs: median(whole),
        residentMs: resident,
        matchMs: matching,
        floorMs: statistics.device_floor_ns / 1e6,
        pinnedMs: await pinnedTime(left, right, options, bytesOf(expected.table)),
        ...(await cachedTimes(left, right, options, bytesOf(expected.table))),
        copyGbPerSecond: statistics.device_copy_bytes_per_second / 1e9,
        kernels,
      });
    }
  }
}

const ms = (value) => (value === null || value === undefined ? '' : value.toFixed(value < 1 ? 3 : 2));
if (args.json) {
  console.log(JSON.stringify({ device: device.info, runs, results }, null, 2));
} else {
  console.log(`device ${device.id}, ${device.info.name}; medians of ${runs} runs; every answer equals the CPU's`);
  console.log(
    '| rows a side | symbols | layout | match, ms | on the device, ms | floor, ms | right cached, ms | end to end, ms | from pinned columns, ms | CPU, ms | Polars, ms |',
  );
  console.log('| --: | --: | --- | --: | --: | --: | --: | --: | --: | --: | --: |');
  for (const r of results) {
    const cells =
      r.state !== undefined
        ? [r.state, '', '', '', '', '', '', '']
        : [r.matchMs, r.residentMs, r.floorMs, r.cachedMs, r.endToEndMs, r.pinnedMs, r.cpuMs, r.polarsMs].map(ms);
    console.log(`| ${r.rows.toLocaleString('en')} | ${r.symbols} | ${r.layout} | ${cells.join(' | ')} |`);
  }
  const last = results.filter(({ kernels }) => kernels !== undefined).at(-1);
  if (last !== undefined) {
    console.log(`\nThe last of them by phase, beside a device copy of ${last.copyGbPerSecond.toFixed(1)} GB/s:`);
    for (const { name, ms: time, gbPerSecond } of last.kernels) {
      console.log(`- ${name}: ${ms(time)} ms, ${gbPerSecond.toFixed(1)} GB/s`);
    }
  }
}
