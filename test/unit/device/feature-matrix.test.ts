/** Columns on a device into one tensor: every type, dtype, layout, policy and normalisation, bit for bit. */
import { Field, Int32, RecordBatch, Schema, Table } from 'apache-arrow';
import fc from 'fast-check';

import {
  asofJoin,
  type Device,
  DeviceTensor,
  featureMatrix,
  type FeatureMatrixOptions,
  toDevice,
} from '../../../lib/index.js';
import { type Cell, cellsOf, makeTable, table, typeNamed } from '../../helpers/columns.js';
import { onDevices } from '../../helpers/devices.js';
import { type Dtype, element, elementBytes, HALVES } from '../../helpers/matrix-oracle.js';
import { runs } from '../../helpers/property.js';

const code = (name: string): Error => expect.objectContaining({ code: `FS_ERR_${name}` });
const DTYPES: readonly Dtype[] = ['float64', 'float32', 'float16', 'bfloat16'];

const int = (bits: number): fc.Arbitrary<Cell> => {
  const [min, max] = [-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n];
  return fc.oneof(fc.bigInt({ min, max }), fc.constantFrom(min, max, -1n, 0n, 1n));
};
const uint = (bits: number): fc.Arbitrary<Cell> => {
  const max = 2n ** BigInt(bits) - 1n;
  return fc.oneof(fc.bigInt({ min: 0n, max }), fc.constantFrom(0n, 1n, max, max >> 1n, (max >> 1n) + 1n));
};
const SPECIAL = [0, -0, NaN, Infinity, -Infinity];
const CELLS: Readonly<Record<string, fc.Arbitrary<Cell>>> = {
  int8: int(8),
  int16: int(16),
  int32: int(32),
  int64: int(64),
  uint8: uint(8),
  uint16: uint(16),
  uint32: uint(32),
  uint64: uint(64),
  float16: fc.oneof(
    fc.integer({ min: -2000, max: 2000 }).map((i) => i / 4),
    fc.constantFrom(...SPECIAL),
  ),
  float32: fc.oneof(fc.float(), fc.float({ min: -4, max: 4, noNaN: true }), fc.constantFrom(...SPECIAL)),
  float64: fc.oneof(
    fc.double(),
    fc.double({ min: -4, max: 4, noNaN: true }),
    fc.constantFrom(...SPECIAL, 65504, 65519.99, 65520, 2 ** -25, 2 ** -24, 2 ** -134, 3.4e38, 1.7e308),
  ),
  bool: fc.boolean(),
  date32: int(32),
  date64: int(64),
  time_s: int(32),
  time_ns: int(64),
  ts_ns: int(64),
  dur_us: int(64),
};
const IS_TIME = /^(date|time|ts|dur)/;

/** A column, and how it is to be normalised. */
const columns = fc.constantFrom(...Object.keys(CELLS)).chain((type) =>
  fc.record({
    type: fc.constant(type),
    cells: fc.array(fc.option(CELLS[type]!, { freq: 5 }), { minLength: 40, maxLength: 40 }),
    mean: meanOf(type),
    scale: fc.option(fc.oneof(fc.constantFrom(0.25, -1, 1e-9, 0), fc.double({ min: -1e6, max: 1e6, noNaN: true })), {
      nil: undefined,
    }),
    fill: fc.option(fc.oneof(fc.double(), fc.constantFrom(...SPECIAL)), { nil: undefined }),
  }),
);

function meanOf(type: string): fc.Arbitrary<number | bigint | undefined> {
  const plain = fc.oneof(fc.constantFrom(101.5, 0, -3), fc.double({ min: -1e9, max: 1e9, noNaN: true }));
  if (type.startsWith('float')) return fc.option(plain, { nil: undefined });
  const whole = (type === 'uint64' ? uint(64) : int(64)) as fc.Arbitrary<bigint>;
  return fc.option(IS_TIME.test(type) ? whole : fc.oneof(plain, whole), { nil: undefined });
}

/** Elements by column, as the layout has them. */
function laidOut(layout: 'row' | 'column', byColumn: readonly (readonly number[])[], rows: number): number[] {
  if (layout === 'column') return byColumn.flat();
  return Array.from({ length: rows }, (_, row) => byColumn.map((column) => column[row]!)).flat();
}

async function bytesOf(matrix: DeviceTensor): Promise<Buffer> {
  const host = await matrix.toHost();
  return Buffer.from(host.buffer, host.byteOffset, host.byteLength);
}

onDevices('featureMatrix', ({ open }) => {
  let device: Device;
  beforeAll(() => {
    device = open({ memoryBytes: 2 ** 28 });
  });
  afterEach(() => expect(device.memoryInfo().usedBytes).toBe(0));
  afterAll(() => device.close());

  it('is the plain computation, to the bit', async () => {
    const cases = fc.record({
      chosen: fc.array(columns, { minLength: 1, maxLength: 6 }),
      rows: fc.integer({ min: 0, max: 40 }),
      batches: fc.array(fc.integer({ min: 0, max: 17 }), { maxLength: 3 }),
      dtype: fc.constantFrom(...DTYPES),
      layout: fc.constantFrom('row' as const, 'column' as const),
      nulls: fc.constantFrom('fill' as const, 'mask' as const),
      fill: fc.option(fc.constantFrom(0, NaN, -7.25, 1e9), { nil: undefined }),
      index: fc.option(fc.array(fc.integer({ min: -1, max: 39 }), { maxLength: 60 }), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ chosen, rows, batches, dtype, layout, nulls, fill, index }) => {
        const source = makeTable(
          chosen.map(({ type, cells }, i) => ({ name: `c${i}`, type: typeNamed(type), cells: cells.slice(0, rows) })),
          { batches, hidden: 3 },
        );
        const there = await toDevice(source, { device });
        // Rows that are not in the table are null as well.
        const matches = index === undefined ? undefined : await DeviceTensor.from(Int32Array.from(index), { device });
        const { matrix, columns: slots } = await featureMatrix(there, {
          columns: chosen.map(({ mean, scale, fill: own }, i) => ({
            column: `c${i}`,
            ...(mean === undefined ? {} : { mean }),
            ...(scale === undefined ? {} : { scale }),
            ...(own === undefined ? {} : { fill: own }),
          })),
          dtype,
          layout,
          nulls,
          ...(fill === undefined ? {} : { fill }),
          ...(matches === undefined ? {} : { rows: matches }),
        });
        there.release();
        matches?.release();
        const order = index ?? Array.from({ length: rows }, (_, row) => row);
        const byColumn = chosen.flatMap(({ cells, mean = 0, scale = 1, fill: own }) => {
          const seen = order.map((row) => (row >= 0 && row < rows ? cells[row]! : null));
          const other = own ?? fill ?? (nulls === 'mask' ? 0 : NaN);
          const values = seen.map((cell) => (cell === null ? other : element(cell, mean, scale)));
          return nulls === 'mask' ? [values, seen.map((cell) => (cell === null ? 0 : 1))] : [values];
        });
        expect(slots).toHaveLength(byColumn.length);
        const shape = [order.length, slots.length];
        expect(matrix).toMatchObject({ dtype, shape: layout === 'row' ? shape : shape.reverse() });
        const got = await bytesOf(matrix);
        matrix.release();
        const expected = elementBytes(dtype, laidOut(layout, byColumn, order.length));
        expect(got.equals(expected)).toBe(true);
      }),
      runs(300),
    );
  });

  it.each(['row', 'column'] as const)('has any number of rows and columns (%s-major)', async (layout) => {
    for (const count of [1, 2, 3, 31, 32, 33, 65, 300]) {
      for (const rows of [0, 1, 127, 128, 129]) {
        const cells = (c: number): number[] => Array.from({ length: rows }, (_, row) => row * 301 + c + 0.5);
        const source = makeTable(
          Array.from({ length: count }, (_, c) => ({ name: `c${c}`, type: typeNamed('float64'), cells: cells(c) })),
        );
        const there = await toDevice(source, { device });
        for (const dtype of DTYPES) {
          const { matrix } = await featureMatrix(there, { layout, dtype });
          const got = await bytesOf(matrix);
          matrix.release();
          const byColumn = Array.from({ length: count }, (_, c) => cells(c));
          expect(got.equals(elementBytes(dtype, laidOut(layout, byColumn, rows)))).toBe(true);
        }
        there.release();
      }
    }
  });

  it('rounds every half, and everything about halfway between two, as IEEE 754 says', async () => {
    const float = new Float64Array(1);
    const bits = new BigUint64Array(float.buffer);
    const beside = (value: number, by: bigint): number => {
      float[0] = value;
      bits[0] = bits[0]! + by;
      return float[0];
    };
    for (const dtype of ['float16', 'bfloat16'] as const) {
      const { values } = HALVES[dtype];
      const cells: number[] = [];
      values.forEach((value, i) => {
        const between = (value + (values[i + 1] ?? value * 2)) / 2;
        for (const near of [value, between, beside(between, 1n), beside(between, -1n)]) cells.push(near, -near);
      });
      const there = await toDevice(table({ v: ['float64', cells] }), { device });
      const { matrix } = await featureMatrix(there, { dtype });
      const got = await bytesOf(matrix);
      matrix.release();
      there.release();
      expect(got.equals(elementBytes(dtype, cells))).toBe(true);
    }
  });

  it('takes a joined table, whose columns lie in several blocks', async () => {
    const trades = table({ t: ['ts_ns', [10n, 20n, 30n]], size: ['int64', [5n, null, 7n]] });
    const quotes = table({ t: ['ts_ns', [15n, 25n]], bid: ['float32', [1.5, null]], ask: ['int8', [2n, 3n]] });
    const [left, right] = await Promise.all([toDevice(trades, { device }), toDevice(quotes, { device })]);
    const joined = await asofJoin(left, right, { on: 't' });
    left.release();
    right.release();
    const { matrix } = await featureMatrix(joined, { columns: ['size', 'bid', 'ask'], nulls: 'mask' });
    joined.release();
    expect([...(await matrix.toHost())]).toEqual([
      ...[5, 1, 0, 0, 0, 0],
      ...[0, 0, 1.5, 1, 2, 1],
      ...[7, 1, 0, 0, 3, 1],
    ]);
    matrix.release();
  });

  it('gives the indices of dictionaries', async () => {
    const cells = ['b', 'a', null, 'c', 'a', 'd', 'b', null];
    const source = makeTable([{ name: 'd', type: typeNamed('dict:int8:utf8'), cells }], { batches: [3], hidden: 1 });
    const there = await toDevice(source, { device });
    const back = await there.toHost();
    const indices = [...(back.batches[0]!.data.children[0]!.values as Int8Array)];
    const { matrix } = await featureMatrix(there, { columns: ['d'], fill: -1 });
    expect([...(await matrix.toHost())]).toEqual(cells.map((cell, row) => (cell === null ? -1 : indices[row])));
    expect(cellsOf(back, 'd')).toEqual(cells);
    matrix.release();
    there.release();
  });

  it('takes numbers where no columns are named, and names what it gives', async () => {
    const plain = makeTable([
      { name: 't', type: typeNamed('ts_ns'), cells: [1n, 2n] },
      { name: 'a', type: typeNamed('int32'), cells: [1n, null] },
      { name: 's', type: typeNamed('utf8'), cells: ['x', 'y'] },
      { name: 'b', type: typeNamed('float32'), cells: [3, 4] },
    ]);
    const there = await toDevice(plain, { device });
    const whole = await featureMatrix(there);
    expect(whole.columns).toEqual([
      { name: 'a', column: 'a', isMask: false },
      { name: 'b', column: 'b', isMask: false },
    ]);
    expect([...(await whole.matrix.toHost())]).toEqual([1, 3, NaN, 4]);
    whole.matrix.release();
    const named = await featureMatrix(there, {
      columns: ['a', { column: 'a', name: 'a2', mean: 1n }, { column: 'b', mask: false }],
      nulls: 'mask',
    });
    expect(named.columns.map(({ name }) => name)).toEqual(['a', 'a_valid', 'a2', 'a2_valid', 'b']);
    expect([...(await named.matrix.toHost())]).toEqual([1, 1, 0, 1, 3, 0, 0, 0, 0, 4]);
    named.matrix.release();
    there.release();
  });

  it('masks by the schema, not by the rows', async () => {
    const numbers = table({ a: ['int32', [1n, 2n]], b: ['int32', [3n, 4n]] });
    const schema = new Schema([new Field('a', new Int32(), false), new Field('b', new Int32(), true)]);
    const typed = new Table(schema, [new RecordBatch(schema, numbers.batches[0]!.data)]);
    const there = await toDevice(typed, { device });
    const { matrix, columns: slots } = await featureMatrix(there, { nulls: 'mask' });
    expect(slots.map(({ name }) => name)).toEqual(['a', 'b', 'b_valid']);
    expect([...(await matrix.toHost())]).toEqual([1, 3, 1, 2, 4, 1]);
    matrix.release();
    there.release();
  });

  it('refuses nulls where told to, by the first row and its first column', async () => {
    const rows = 1000;
    const cells = (isNull: (row: number) => boolean): Cell[] =>
      Array.from({ length: rows }, (_, row) => (isNull(row) ? null : row));
    const source = table({
      a: ['float64', cells(() => false)],
      b: ['float64', cells((row) => row >= 700)],
      c: ['float64', cells((row) => row === 701 || row === 700)],
      d: ['float64', cells((row) => row === 999)],
    });
    const there = await toDevice(source, { device });
    for (const layout of ['row', 'column'] as const) {
      await expect(featureMatrix(there, { nulls: 'error', layout })).rejects.toMatchObject({
        code: 'FS_ERR_SCHEMA',
        details: { column: 'b', row: 700 },
      });
      await expect(featureMatrix(there, { nulls: 'error', layout, columns: ['a', 'd'] })).rejects.toMatchObject({
        details: { column: 'd', row: 999 },
      });
      const { matrix } = await featureMatrix(there, { nulls: 'error', layout, columns: ['a'] });
      expect((await matrix.toHost())[700]).toBe(700);
      matrix.release();
    }
    const gaps = await DeviceTensor.from(Int32Array.of(0, 1, -1, 3), { device });
    const refused = featureMatrix(there, { nulls: 'error', columns: ['a'], rows: gaps });
    await expect(refused).rejects.toMatchObject({ details: { column: 'a', row: 2 } });
    gaps.release();
    there.release();
  });

  it('refuses what is no matrix, with a code, and keeps nothing', async () => {
    const there = await toDevice(
      table({
        a: ['int32', [1n]],
        u: ['uint64', [1n]],
        f: ['float32', [1]],
        t: ['ts_ns', [1n]],
        s: ['utf8', ['x']],
        d: ['decimal', [new Uint8Array(16)]],
      }),
      { device },
    );
    const floats = await DeviceTensor.from(Float32Array.of(1), { device });
    const square = await DeviceTensor.from(Int32Array.of(0), { device, shape: [1, 1] });
    const refused: readonly (readonly [object, string])[] = [
      [{ columns: ['s'] }, 'SCHEMA'],
      [{ columns: ['d'] }, 'SCHEMA'],
      [{ columns: ['none'] }, 'COLUMN_MISSING'],
      [{ columns: [] }, 'ARG_RANGE'],
      [{ columns: 'a' }, 'ARG_TYPE'],
      [{ columns: [3] }, 'ARG_TYPE'],
      [{ columns: [{ column: 'a', means: 3 }] }, 'OPTION_UNKNOWN'],
      [{ columns: ['a', 'a'] }, 'NAME_COLLISION'],
      [{ columns: ['a', { column: 'f', name: 'a_valid' }], nulls: 'mask' }, 'NAME_COLLISION'],
      [{ columns: [{ column: 'a', name: '' }] }, 'ARG_RANGE'],
      [{ columns: [{ column: 'f', mean: 1n }] }, 'ARG_TYPE'],
      [{ columns: [{ column: 't', mean: 1 }] }, 'ARG_TYPE'],
      [{ columns: [{ column: 'a', mean: 2n ** 63n }] }, 'ARG_RANGE'],
      [{ columns: [{ column: 'u', mean: -1n }] }, 'ARG_RANGE'],
      [{ columns: [{ column: 'a', mean: NaN }] }, 'ARG_RANGE'],
      [{ columns: [{ column: 'a', mean: '1' }] }, 'ARG_TYPE'],
      [{ columns: [{ column: 'a', scale: Infinity }] }, 'ARG_RANGE'],
      [{ columns: [{ column: 'a', scale: 1n }] }, 'ARG_TYPE'],
      [{ columns: [{ column: 'a', mask: true }] }, 'ARG_RANGE'],
      [{ columns: [{ column: 'a', mask: 1 }], nulls: 'mask' }, 'ARG_TYPE'],
      [{ columns: [{ column: 'a', fill: 0 }], nulls: 'error' }, 'ARG_RANGE'],
      [{ fill: '0' }, 'ARG_TYPE'],
      [{ fill: 0, nulls: 'error' }, 'ARG_RANGE'],
      [{ nulls: 'drop' }, 'OPTION_UNKNOWN'],
      [{ dtype: 'int8' }, 'OPTION_UNKNOWN'],
      [{ layout: 'tile' }, 'OPTION_UNKNOWN'],
      [{ dtypes: 'float32' }, 'OPTION_UNKNOWN'],
      [{ rows: [0] }, 'ARG_TYPE'],
      [{ rows: floats }, 'ARG_TYPE'],
      [{ rows: square }, 'ARG_RANGE'],
      [{ signal: 1 }, 'ARG_TYPE'],
      [{ signal: AbortSignal.abort() }, 'ABORTED'],
    ];
    for (const [options, name] of refused) {
      const outcome = await featureMatrix(there, options as FeatureMatrixOptions).catch((error: unknown) => error);
      expect([options, outcome]).toEqual([options, code(name)]);
    }
    await expect(featureMatrix({} as never)).rejects.toThrow(code('ARG_TYPE'));
    const gone = square.reshape([1]);
    gone.release();
    floats.release();
    square.release();
    await expect(featureMatrix(there, { rows: gone })).rejects.toThrow(code('CLOSED'));
    there.release();
    await expect(featureMatrix(there)).rejects.toThrow(code('CLOSED'));
  });
});
