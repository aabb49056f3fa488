/** Rows taken of every Arrow type, over several chunks with offsets, against the cells of the source. */
import { Field, RecordBatch, Schema, Struct, Table, Data, tableFromIPC, tableToIPC } from 'apache-arrow';

import { columnAt } from '../../../lib/schema/arrow-columns';
import { takeColumn } from '../../../lib/schema/take';
import { type Cell, cellsOf, makeChunk, readCell, typeNamed } from '../../helpers/columns';
import { NESTED, nestedChunk } from '../../helpers/nested';

const LENGTHS = [7, 0, 11, 3];
const INDICES = Int32Array.from([20, -1, 0, 6, 7, 7, 17, 18, -1, 12, 3, 1, 19, 4]);

/** Batches that are slices: each chunk had three rows more in front. */
function chunked(type: Field['type'], chunk: (rows: readonly number[]) => Data): Table {
  const schema = new Schema([new Field('x', type, true)]);
  let start = 0;
  const batches = LENGTHS.map((length) => {
    const rows = Array.from({ length: length + 3 }, (_, i) => start + i);
    start += length;
    const data = chunk(rows).slice(3, length);
    return new RecordBatch(schema, new Data(new Struct(schema.fields), 0, length, 0, {}, [data]));
  });
  return new Table(schema, batches);
}

function check(source: Table): void {
  const cells = cellsOf(source, 'x');
  const taken = takeColumn(columnAt(source, 0, 'right'), INDICES);
  const expected = [...INDICES].map((index) => (index < 0 ? null : cells[index]));
  const schema = new Schema([new Field('x', taken.type, true)]);
  const struct = new Data(new Struct(schema.fields), 0, taken.length, 0, {}, [taken]);
  expect(Array.from(INDICES, (_, i) => readCell(taken, i))).toEqual(expected);
  const table = new Table(schema, [new RecordBatch(schema, struct)]);
  expect(cellsOf(tableFromIPC(tableToIPC(table)), 'x')).toEqual(expected);
}

test.each(Object.entries(NESTED))('%s', (_, type) => {
  check(chunked(type, (rows) => nestedChunk(type, rows)));
});

const bytes = (row: number, width: number): Uint8Array => new Uint8Array(width).map((_, i) => row * 16 + i);
const FLAT_CELLS: Readonly<Record<string, (row: number) => Cell>> = {
  int8: (row) => BigInt(row) - 9n,
  uint16: (row) => BigInt(row) * 3001n,
  int32: (row) => BigInt(row) * -100_000_007n,
  uint64: (row) => 2n ** 64n - 1n - BigInt(row),
  ts_ns: (row) => 1_700_000_000_000_000_001n + BigInt(row),
  float16: (row) => row / 4,
  float32: (row) => row * 1.5,
  float64: (row) => row / 3,
  bool: (row) => row % 3 === 1,
  utf8: (row) => 'é'.repeat(row),
  largeutf8: (row) => `${row}`,
  binary: (row) => bytes(row, row % 6),
  largebinary: (row) => bytes(row, row % 4),
  fixed3: (row) => bytes(row, 3),
  fixed8: (row) => bytes(row, 8),
  decimal: (row) => bytes(row, 16),
  'dict:int8:utf8': (row) => `entry ${row % 6}`,
  'dict:int16:int64': (row) => BigInt(row % 5),
};

test.each(Object.entries(FLAT_CELLS))('%s', (name, cell) => {
  const type = typeNamed(name);
  const make = (rows: readonly number[]): Data =>
    makeChunk(
      type,
      rows.map((row) => (row % 5 === 3 ? null : cell(row))),
    );
  check(chunked(type, make));
});

test('slots of nulls hold zero bytes, whatever lay under the null', () => {
  const source = chunked(typeNamed('int64'), (rows) =>
    makeChunk(
      typeNamed('int64'),
      rows.map((row) => (row === 12 ? null : BigInt(row + 1))),
    ),
  );
  const at = cellsOf(source, 'x').indexOf(null);
  expect(at).toBeGreaterThanOrEqual(0);
  const taken = takeColumn(columnAt(source, 0, 'right'), Int32Array.from([at, 0, -1]));
  expect([...taken.values].map(BigInt)).toEqual([0n, cellsOf(source, 'x')[0], 0n]);
  expect(taken.nullCount).toBe(2);
});

test('dictionaries that outnumber their index type are FS_ERR_LENGTH', () => {
  const type = typeNamed('dict:int8:utf8');
  const schema = new Schema([new Field('x', type, true)]);
  const batches = [0, 1].map((part) => {
    const data = makeChunk(
      type,
      Array.from({ length: 100 }, (_, i) => `value ${part * 100 + i}`),
    );
    return new RecordBatch(schema, new Data(new Struct(schema.fields), 0, 100, 0, {}, [data]));
  });
  const column = columnAt(new Table(schema, batches), 0, 'right');
  const all = Int32Array.from({ length: 200 }, (_, i) => i);
  expect(() => takeColumn(column, all)).toThrow(expect.objectContaining({ code: 'FS_ERR_LENGTH' }));
  expect(takeColumn(column, all.subarray(0, 128)).length).toBe(128);
});
