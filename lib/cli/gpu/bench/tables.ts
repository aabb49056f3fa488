/** `toDevice` and `toHost` of tables: a mixed one, and one of many small columns. */
import {
  Bool,
  type Data,
  Dictionary,
  Field,
  Float32,
  Float64,
  Int32,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  TimestampNanosecond,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';

import { type DeviceTable, toDevice } from '../../../device/index.js';
import { createError } from '../../../errors/from-native.js';
import { type Contender, compare, fillPattern, requireSame, yardstickOf } from './timing.js';
import type { Bench, Section } from './types.js';

/** Of the mixed table: time 8, symbol 4, price 8 and 1/8, size 4, venue 4 and 4, flag 1/8. */
const BYTES_PER_ROW = 32.25;
const SMALL_COLUMNS = 16;
const SMALL_ROWS = 1024;

function patterned(byteLength: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(byteLength);
  fillPattern(bytes, seed);
  return bytes;
}

export function tableOf(columns: Readonly<Record<string, Data>>, rows: number): Table {
  const schema = new Schema(Object.entries(columns).map(([name, { type }]) => new Field(name, type, true)));
  const batch = makeData({
    type: new Struct(schema.fields),
    length: rows,
    nullCount: 0,
    children: Object.values(columns),
  });
  return new Table(schema, [new RecordBatch(schema, batch)]);
}

/** Times, dictionary symbols, prices with nulls, sizes, venues as strings, flags. `rows` is a multiple of 64. */
function mixedTable(rows: number): Table {
  const times = BigInt64Array.from({ length: rows }, (_, i) => 1_700_000_000_000_000_000n + BigInt(i) * 1000n);
  const valid = patterned(rows / 8, 7);
  let nullCount = rows;
  for (const byte of valid) for (let bits = byte; bits > 0; bits >>= 1) nullCount -= bits & 1;
  const names = vectorFromArray(
    Array.from({ length: 256 }, (_, i) => `SYM${i}`),
    new Utf8(),
  );
  const codes = Int32Array.from({ length: rows }, (_, i) => (i * 31) & 255);
  return tableOf(
    {
      timestamp: makeData({ type: new TimestampNanosecond(), length: rows, nullCount: 0, data: times }),
      symbol: makeData({
        type: new Dictionary(new Utf8(), new Int32(), 1),
        length: rows,
        nullCount: 0,
        data: codes,
        dictionary: names,
      }),
      price: makeData({
        type: new Float64(),
        length: rows,
        nullCount,
        nullBitmap: valid,
        data: new Float64Array(patterned(rows * 8, 8).buffer),
      }),
      size: makeData({ type: new Int32(), length: rows, nullCount: 0, data: codes.map((code) => code * 100) }),
      venue: makeData({
        type: new Utf8(),
        length: rows,
        nullCount: 0,
        valueOffsets: Int32Array.from({ length: rows + 1 }, (_, i) => i * 4),
        data: new Uint8Array(rows * 4).map((_, i) => 65 + (i % 26)),
      }),
      flag: makeData({ type: new Bool(), length: rows, nullCount: 0, data: patterned(rows / 8, 9) }),
    },
    rows,
  );
}

function smallTable(): Table {
  const columns = Array.from({ length: SMALL_COLUMNS }, (_, i): [string, Data] => [
    `c${i}`,
    makeData({
      type: new Float32(),
      length: SMALL_ROWS,
      nullCount: 0,
      data: new Float32Array(patterned(SMALL_ROWS * 4, 10 + i).buffer),
    }),
  ]);
  return tableOf(Object.fromEntries(columns), SMALL_ROWS);
}

/** The buffers of a batch that hold its rows, as bytes. */
function buffersOf(table: Table): Uint8Array[] {
  return table.batches.flatMap((batch) =>
    batch.data.children.flatMap((data) => {
      const { values, valueOffsets, nullBitmap } = data as {
        readonly values: ArrayBufferView;
        readonly valueOffsets?: ArrayBufferView;
        readonly nullBitmap?: ArrayBufferView;
      };
      const used = data.nullCount > 0 ? [nullBitmap, valueOffsets, values] : [valueOffsets, values];
      return used
        .filter((view) => view !== undefined)
        .map((view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    }),
  );
}

function requireSameTable(found: Table, expected: Table, what: string): void {
  const buffers = buffersOf(found);
  for (const [i, bytes] of buffersOf(expected).entries()) {
    const other = buffers[i];
    if (other === undefined || other.byteLength < bytes.byteLength) {
      throw createError('FS_ERR_INTERNAL', `${what}: expected ${bytes.byteLength} bytes in buffer ${i}, found fewer`);
    }
    requireSame(other.subarray(0, bytes.byteLength), bytes, what);
  }
}

function tableContenders(bench: Bench, source: Table, there: DeviceTable, name: string, label: string): Contender[] {
  const { device } = bench;
  const bytes = buffersOf(source).reduce((sum, buffer) => sum + buffer.byteLength, 0);
  let made: DeviceTable | null = null;
  return [
    {
      name: `toDevice.${name}`,
      label: `toDevice, ${label}`,
      bytes,
      against: yardstickOf(bench, 'up'),
      async check() {
        const fresh = await toDevice(source, { device });
        requireSameTable(await fresh.toHost(), source, `toDevice, ${label}`);
        fresh.release();
      },
      async run() {
        made = await toDevice(source, { device });
      },
      after: () => made?.release(),
    },
    {
      name: `toHost.${name}`,
      label: `toHost, ${label}`,
      bytes,
      against: yardstickOf(bench, 'down'),
      check: async () => requireSameTable(await there.toHost(), source, `toHost, ${label}`),
      run: async () => void (await there.toHost()),
    },
  ];
}

export async function measureTables(bench: Bench): Promise<Section> {
  const rows = Math.max(64, Math.floor(bench.bytes / BYTES_PER_ROW / 64) * 64);
  const [mixed, small] = [mixedTable(rows), smallTable()];
  const thereMixed = await toDevice(mixed, { device: bench.device });
  const thereSmall = await toDevice(small, { device: bench.device });
  try {
    const measures = await compare(bench, [
      ...tableContenders(bench, mixed, thereMixed, 'mixed', '6 mixed columns'),
      ...tableContenders(bench, small, thereSmall, 'small', `${SMALL_COLUMNS} columns of ${SMALL_ROWS} floats`),
    ]);
    return {
      title: 'Tables',
      measures,
      notes: ['device memory comes from the pool; toHost makes new host memory, which the system gives page by page'],
    };
  } finally {
    thereMixed.release();
    thereSmall.release();
  }
}
