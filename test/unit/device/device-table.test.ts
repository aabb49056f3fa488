/** Tables to the device and back: every type, any batches, any slices; layout on the device; errors leave nothing. */
import {
  Dictionary,
  Field,
  Float64,
  Int32,
  RecordBatch,
  Schema,
  Struct,
  Data,
  Table,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import fc from 'fast-check';

import { type Device, toDevice } from '../../../lib/index.js';
import { type Cell, cellsOf, makeChunk, makeTable, table, typeNamed } from '../../helpers/columns.js';
import { onDevices } from '../../helpers/devices.js';
import { NESTED, nestedChunk } from '../../helpers/nested.js';
import { runs } from '../../helpers/property.js';

const code = (name: string): Error => expect.objectContaining({ code: `FS_ERR_${name}` });

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const CELLS: Readonly<Record<string, (i: number) => Cell>> = {
  int8: (i) => BigInt((i % 200) - 100),
  uint64: (i) => 2n ** 64n - 1n - BigInt(i),
  int64: (i) => -(2n ** 63n) + BigInt(i),
  float16: (i) => i / 4,
  float32: (i) => Math.fround(i / 3),
  float64: (i) => (i % 9 === 0 ? NaN : i / 7),
  bool: (i) => i % 3 === 0,
  utf8: (i) => (i % 6 === 0 ? '' : `price ${i} €`),
  largeutf8: (i) => `large ${i}`,
  binary: (i) => bytes(`\u0000${i}`),
  largebinary: (i) => bytes(`b${i}`),
  fixed3: (i) => Uint8Array.of(i & 255, 1, 2),
  decimal: (i) => Uint8Array.from({ length: 16 }, (_, k) => (i * k) & 255),
  date32: (i) => BigInt(i),
  date64: (i) => BigInt(i) * 86_400_000n,
  time_s: (i) => BigInt(i),
  time_ns: (i) => BigInt(i) * 10n ** 9n,
  ts_ns: (i) => 1_700_000_000_000_000_000n + BigInt(i),
  ts_us_ny: (i) => BigInt(i),
  dur_ns: (i) => -BigInt(i),
};

function columnsOf(rows: number): Parameters<typeof makeTable>[0] {
  return Object.entries(CELLS).flatMap(([name, make]) => [
    { name, type: typeNamed(name), cells: Array.from({ length: rows }, (_, i) => make(i)) },
    {
      name: `${name}?`,
      type: typeNamed(name),
      cells: Array.from({ length: rows }, (_, i) => (i % 4 === 1 ? null : make(i))),
    },
  ]);
}

onDevices('toDevice and toHost', ({ open }) => {
  let device: Device;
  beforeAll(() => {
    device = open({ memoryBytes: 2 ** 28 });
  });
  afterAll(() => {
    expect(device.memoryInfo().usedBytes).toBe(0);
    device.close();
  });

  it('takes columns without rows, whether or not they have buffers', async () => {
    const fields = Object.keys(CELLS).map((name) => new Field(name, typeNamed(name), true));
    const bare = fields.map(({ type }) => new Data(type, 0, 0, 0));
    const schema = new Schema(fields);
    const batch = new Data(new Struct(fields), 0, 0, 0, undefined, bare);
    using there = await toDevice(new Table(schema, [new RecordBatch(schema, batch)]), { device });
    const back = await there.toHost();
    expect(back.numRows).toBe(0);
    expect(back.schema.names).toEqual(Object.keys(CELLS));
  });

  it('bring every flat type back as it went, whatever the batches and slices were', async () => {
    const layouts = fc.record({
      rows: fc.integer({ min: 0, max: 40 }),
      batches: fc.array(fc.integer({ min: 0, max: 17 }), { maxLength: 4 }),
      hidden: fc.integer({ min: 0, max: 11 }),
    });
    await fc.assert(
      fc.asyncProperty(layouts, async ({ rows, batches, hidden }) => {
        const source = makeTable(columnsOf(rows), { batches, hidden });
        const there = await toDevice(source, { device });
        const back = await there.toHost();
        there.release();
        expect(back.numRows).toBe(rows);
        expect(back.schema.toString()).toBe(source.schema.toString());
        for (const { name } of source.schema.fields) expect(cellsOf(back, name)).toEqual(cellsOf(source, name));
      }),
      runs(60),
    );
  });

  it.each(Object.entries(NESTED).filter(([name]) => !['dense', 'sparse', 'views', 'structOfDict'].includes(name)))(
    'bring %s columns back from two batches',
    async (_name, type) => {
      const schema = new Schema([new Field('n', type, true)]);
      const batch = (data: Data): RecordBatch =>
        new RecordBatch(schema, new Data(new Struct(schema.fields), 0, data.length, 0, undefined, [data]));
      const first = nestedChunk(type, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).slice(2, 7);
      const second = nestedChunk(type, [11, 13, 3]);
      const source = new Table(schema, [batch(first), batch(second)]);
      const there = await toDevice(source, { device });
      const back = await there.toHost();
      expect(cellsOf(back, 'n')).toEqual(cellsOf(source, 'n'));
      expect(there.column('n').nullCount).toBe(cellsOf(source, 'n').filter((cell) => cell === null).length);
      there.release();
    },
  );

  it('bring dictionaries that batches share, once', async () => {
    const dictionary = vectorFromArray(['AAPL', 'MSFT', null, 'IBM'], new Utf8());
    const type = new Dictionary(new Utf8(), new Int32(), 7);
    const schema = new Schema([new Field('a', type), new Field('b', type)]);
    const chunk = (codes: number[]): Data =>
      new Data(type, 0, codes.length, 0, [undefined, Int32Array.from(codes), undefined], [], dictionary);
    const batch = (codes: number[]): RecordBatch =>
      new RecordBatch(
        schema,
        new Data(new Struct(schema.fields), 0, codes.length, 0, undefined, [chunk(codes), chunk(codes)]),
      );
    const source = new Table(schema, [batch([3, 0, 2]), batch([1, 1])]);
    const there = await toDevice(source, { device });
    const back = await there.toHost();
    expect(cellsOf(back, 'a')).toEqual(['IBM', 'AAPL', null, 'MSFT', 'MSFT']);
    expect(cellsOf(back, 'b')).toEqual(cellsOf(source, 'b'));
    expect(there.column('a').dictionary?.length).toBe(4);
    there.release();
  });

  it('make one dictionary of those of the batches', async () => {
    const cells = ['b', 'a', null, 'c', 'a', 'd', 'b', null];
    const source = makeTable([{ name: 'd', type: typeNamed('dict:int8:utf8'), cells }], {
      batches: [3, 3, 2],
      hidden: 1,
    });
    const there = await toDevice(source, { device });
    expect(cellsOf(await there.toHost(), 'd')).toEqual(cells);
    const { dictionary } = there.column('d');
    expect(dictionary?.length).toBe(4);
    there.release();
    const numbers = makeTable([{ name: 'd', type: typeNamed('dict:int8:int64'), cells: [1n, 2n, 3n, 4n] }], {
      batches: [2, 2],
      hidden: 0,
    });
    await expect(toDevice(numbers, { device })).rejects.toThrow(code('SCHEMA'));
  });

  it('refuse unions and views, and keep nothing', async () => {
    for (const name of ['dense', 'sparse', 'views'] as const) {
      const data = nestedChunk(NESTED[name]!, [0, 1]);
      const schema = new Schema([new Field('u', data.type, true)]);
      const one = new RecordBatch(schema, new Data(new Struct(schema.fields), 0, 2, 0, undefined, [data]));
      await expect(toDevice(new Table(schema, [one]), { device })).rejects.toThrow(code('SCHEMA'));
    }
    expect(device.memoryInfo().usedBytes).toBe(0);
  });

  it('lay columns out as Arrow does, aligned, bitmaps from bit 0', async () => {
    const source = table({
      a: ['float64', [1.5, null, 3]],
      s: ['utf8', ['x', 'yz', '']],
      ok: ['bool', [true, false, true]],
    });
    const there = await toDevice(source, { device });
    const { validity, values } = there.column('a');
    expect(validity).toMatchObject({ byteLength: 1 });
    expect(values).toMatchObject({ byteLength: 24 });
    expect(there.column('s').offsets).toMatchObject({ byteLength: 16 });
    expect(there.column('s').validity).toBeNull();
    for (const column of there.columns) {
      for (const region of [column.validity, column.offsets, column.values]) {
        expect((region?.byteOffset ?? 0) % 256).toBe(0);
      }
    }
    there.release();
    there.release();
    expect(() => there.column('a').values?.devicePointer).toThrow(code('CLOSED'));
    await expect(there.toHost()).rejects.toThrow(code('CLOSED'));
  });

  it('choose columns by name', async () => {
    const source = table({ a: ['int32', [1n]], b: ['int32', [2n]], c: ['int32', [3n]] });
    const there = await toDevice(source, { device, columns: ['c', 'a'] });
    expect(there.columns.map((column) => column.name)).toEqual(['c', 'a']);
    expect(cellsOf(await there.toHost(), 'c')).toEqual([3n]);
    expect(() => there.column('b')).toThrow(code('COLUMN_MISSING'));
    there.release();
    await expect(toDevice(source, { device, columns: 'd' })).rejects.toThrow(code('COLUMN_MISSING'));
    await expect(toDevice(source, { device, colums: 'a' } as object)).rejects.toThrow(code('OPTION_UNKNOWN'));
    await expect(toDevice({} as Table, { device })).rejects.toThrow(code('ARG_TYPE'));
    await expect(toDevice(source, { device, signal: AbortSignal.abort() })).rejects.toThrow(code('ABORTED'));
    expect(device.memoryInfo().usedBytes).toBe(0);
  });

  it('give a column as a tensor over the same memory, which outlives the table', async () => {
    const there = await toDevice(table({ p: ['float32', [1, 2, 3]], s: ['utf8', ['a', 'b', 'c']] }), { device });
    const tensor = there.column('p').tensor();
    expect(tensor).toMatchObject({ dtype: 'float32', shape: [3], strides: [1] });
    there.release();
    expect(device.memoryInfo().usedBytes).toBeGreaterThan(0);
    expect(await tensor.toHost()).toEqual(Float32Array.of(1, 2, 3));
    tensor.release();
    expect(device.memoryInfo().usedBytes).toBe(0);
    const other = await toDevice(table({ s: ['utf8', ['a']] }), { device });
    expect(() => other.column('s').tensor()).toThrow(code('SCHEMA'));
    other.release();
  });

  it('say what is wrong with damaged columns', async () => {
    const chunk = makeChunk(new Float64(), [1, 2, 3]);
    const short = new Data(new Float64(), 0, 5, 0, [undefined, chunk.values, undefined]);
    const schema = new Schema([new Field('p', new Float64())]);
    const batch = new RecordBatch(schema, new Data(new Struct(schema.fields), 0, 5, 0, undefined, [short]));
    await expect(toDevice(new Table(schema, [batch]), { device })).rejects.toThrow(code('LENGTH'));
    const text = makeChunk(new Utf8(), ['a', 'b', 'c']);
    const cut = new Data(new Utf8(), 0, 3, 0, [text.valueOffsets.subarray(0, 3), text.values, undefined]);
    const texts = new Schema([new Field('s', new Utf8())]);
    const broken = new RecordBatch(texts, new Data(new Struct(texts.fields), 0, 3, 0, undefined, [cut]));
    await expect(toDevice(new Table(texts, [broken]), { device })).rejects.toThrow(code('LENGTH'));
    expect(device.memoryInfo().usedBytes).toBe(0);
  });
});
