// Seeded inputs for the join benchmarks. Both sides are ascending in time over the same span; right times are
// unique, so that engines with undefined ties can be compared; keys are uniform or Zipf.
import {
  Table,
  RecordBatch,
  Schema,
  Field,
  Struct,
  makeData,
  Dictionary,
  Utf8,
  Int32,
  Float64,
  TimestampNanosecond,
  makeVector,
} from 'apache-arrow';

/** mulberry32: seeded and fast; uniform enough that every symbol occurs. */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Distinct symbols of 4 to 6 letters. 7919 is coprime to 26^4, so the first four letters alone differ. */
export function symbolNames(count) {
  if (count > 26 ** 4) throw new Error('at most 456,976 symbols');
  return Array.from({ length: count }, (_, i) => {
    let n = (i * 7919 + 104729) % 26 ** 4;
    let text = '';
    for (let k = 0; k < 4; k++, n = Math.floor(n / 26)) text += String.fromCharCode(65 + (n % 26));
    return text + 'XY'.slice(0, i % 3);
  });
}

function picker(symbols, skew, next) {
  if (skew === 'uniform') return () => Math.floor(next() * symbols);
  const cumulative = new Float64Array(symbols);
  let sum = 0;
  for (let i = 0; i < symbols; i++) cumulative[i] = sum += 1 / (i + 1);
  return () => {
    const u = next() * sum;
    let low = 0;
    let high = symbols - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (cumulative[middle] < u) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

function times(rows, span, next) {
  const out = new BigInt64Array(rows);
  const start = 1_700_000_000_000_000_000n;
  const step = span / rows;
  let at = 0;
  for (let i = 0; i < rows; i++) {
    at += 1 + next() * 2 * (step - 1);
    out[i] = start + BigInt(Math.floor(at));
  }
  for (let i = 1; i < rows; i++) if (out[i] <= out[i - 1]) out[i] = out[i - 1] + 1n;
  return out;
}

function keyData(kind, codes, names) {
  const rows = codes.length;
  if (kind === 'int') return makeData({ type: new Int32(), length: rows, data: codes });
  if (kind === 'dictionary') {
    const dictionary = makeVector(
      utf8Data(
        names,
        Int32Array.from(names, (_, i) => i),
      ),
    );
    return makeData({ type: new Dictionary(new Utf8(), new Int32()), length: rows, data: codes, dictionary });
  }
  return utf8Data(names, codes);
}

function utf8Data(names, codes) {
  const encoded = names.map((name) => Buffer.from(name));
  let total = 0;
  for (let i = 0; i < codes.length; i++) total += encoded[codes[i]].length;
  const bytes = new Uint8Array(total);
  const offsets = new Int32Array(codes.length + 1);
  let at = 0;
  for (let i = 0; i < codes.length; i++) {
    const word = encoded[codes[i]];
    for (let k = 0; k < word.length; k++) bytes[at + k] = word[k];
    at += word.length;
    offsets[i + 1] = at;
  }
  return makeData({ type: new Utf8(), length: codes.length, valueOffsets: offsets, data: bytes });
}

function table(columns) {
  const fields = columns.map(([name, data]) => new Field(name, data.type, false));
  const schema = new Schema(fields);
  const rows = columns[0][1].length;
  return new Table(schema, [
    new RecordBatch(
      schema,
      makeData({ type: new Struct(fields), length: rows, nullCount: 0, children: columns.map((c) => c[1]) }),
    ),
  ]);
}

/** { left, right } tables: left (ts, key?, price), right (ts, key?, bid, ask). */
export function makeInputs({
  leftRows,
  rightRows,
  symbols = 1000,
  key = 'string',
  skew = 'uniform',
  seed = 7,
  right = 0,
}) {
  const next = random(seed + right * 101);
  const names = symbolNames(symbols);
  const span = Math.max(leftRows, rightRows) * 1000;
  const side = (rows, payload) => {
    const ts = times(rows, span, next);
    const columns = [['ts', makeData({ type: new TimestampNanosecond(), length: rows, data: ts })]];
    if (key !== 'none') {
      const pick = picker(symbols, skew, next);
      const codes = new Int32Array(rows);
      for (let i = 0; i < rows; i++) codes[i] = pick();
      columns.push(['symbol', keyData(key, codes, names)]);
    }
    for (const name of payload) {
      const values = new Float64Array(rows);
      for (let i = 0; i < rows; i++) values[i] = Math.floor(next() * 1e6) / 100;
      columns.push([name, makeData({ type: new Float64(), length: rows, data: values })]);
    }
    return table(columns);
  };
  const left = side(leftRows, ['price']);
  return { left, right: side(rightRows, ['bid', 'ask']) };
}

/** Ascending, unique ns times without a BigInt a row: the two halves of each are written as integers. */
function fastTimes(rows, step, next) {
  const out = new BigInt64Array(rows);
  const halves = new Uint32Array(out.buffer);
  let at = 1.7e15; // in us, so that the steps stay whole numbers of a float64
  for (let i = 0; i < rows; i++) {
    at += 1 + Math.floor(next() * 2 * (step - 1));
    // at * 1000 in two exact parts of 32 bits.
    const low = (at % 4294967296) * 1000;
    halves[2 * i] = low % 4294967296;
    const high = Math.floor(at / 4294967296) * 1000 + Math.floor(low / 4294967296);
    halves[2 * i + 1] = high;
  }
  return out;
}

/** As makeInputs with integer keys, at hundreds of millions of rows in seconds. */
export function makeLargeInputs({ leftRows, rightRows, symbols = 1000, seed = 7 }) {
  const next = random(seed);
  const span = Math.max(leftRows, rightRows) * 10;
  const side = (rows, payload) => {
    const ts = fastTimes(rows, span / rows, next);
    const codes = new Int32Array(rows);
    for (let i = 0; i < rows; i++) codes[i] = next() * symbols;
    const columns = [
      ['ts', makeData({ type: new TimestampNanosecond(), length: rows, data: ts })],
      ['symbol', makeData({ type: new Int32(), length: rows, data: codes })],
    ];
    for (const name of payload) {
      const values = new Float64Array(rows);
      for (let i = 0; i < rows; i++) values[i] = Math.floor(next() * 1e6) / 100;
      columns.push([name, makeData({ type: new Float64(), length: rows, data: values })]);
    }
    return table(columns);
  };
  const left = side(leftRows, ['price']);
  return { left, right: side(rightRows, ['bid', 'ask']) };
}
