/** Arrow columns as executors see them: views, not copies; chunks, offsets and dictionaries as they are. */
import { Data, Field, RecordBatch, Schema, Struct, Table, Vector } from 'apache-arrow';

import { NativeType } from '../../../lib/internal/native';
import {
  columnAt,
  columnIndex,
  layoutOf,
  nativeColumn,
  payloadColumn,
  rowCount,
} from '../../../lib/schema/arrow-columns';
import { canonicalValues } from '../../../lib/schema/canonical';
import { makeChunk, makeTable, table, typeNamed } from '../../helpers/columns';
import { NESTED, nestedChunk } from '../../helpers/nested';

const of = (from: Table, index = 0) => {
  const { where, type, chunks } = columnAt(from, index, 'left');
  return nativeColumn(where, type, chunks);
};

function fromChunks(name: string, chunks: readonly Data[]): Table {
  const schema = new Schema([new Field(name, chunks[0]!.type, true)]);
  return new Table(
    schema,
    chunks.map((data) => new RecordBatch(schema, new Data(new Struct(schema.fields), 0, data.length, 0, {}, [data]))),
  );
}

test('values are the very memory of the table, from the first logical row', () => {
  const data = makeChunk(typeNamed('int64'), [1n, 2n, 3n, null, 5n]).slice(2, 3);
  const column = of(fromChunks('x', [data]));
  expect(column).toMatchObject({ name: 'left.x', type: NativeType.Int64, width: 8 });
  const [chunk] = column.chunks;
  expect(chunk!.values).toBe(data.values);
  expect(chunk!.validity).toBe(data.nullBitmap);
  expect(chunk!.bitOffset).toBe(2);
  expect(canonicalValues(column, 1n)).toEqual([3, null, 5]);
});

test('batches without rows leave no chunk; a bitmap without nulls is not passed on', () => {
  const layout = { batches: [2, 0, 1], hidden: 3 };
  const column = of(makeTable([{ name: 'x', type: typeNamed('bool'), cells: [true, false, true] }], layout));
  expect(column.chunks.map(({ length }) => length)).toEqual([2, 1]);
  expect(column.chunks.every(({ validity }) => validity === null)).toBe(true);
  expect(canonicalValues(column, 1n)).toEqual([1, 0, 1]);
});

test('dictionaries: one per distinct memory, chunks point at theirs', () => {
  const type = typeNamed('dict:int8:utf8');
  const one = makeChunk(type, ['a', 'b', null]);
  const two = makeChunk(type, ['b', 'c']);
  const column = of(fromChunks('k', [one, one.slice(1, 2), two]));
  expect(column.type).toBe(NativeType.Dictionary);
  expect(column.indexType).toBe(NativeType.Int8);
  expect(column.chunks.map(({ dictionary }) => dictionary)).toEqual([0, 0, 1]);
  expect(column.dictionaries.map(({ type: values }) => values)).toEqual([NativeType.Bytes32, NativeType.Bytes32]);
  const words = of(fromChunks('w', [makeChunk(typeNamed('utf8'), ['a', 'b', null, 'b', null, 'b', 'c'])]));
  expect(canonicalValues(column, 1n)).toEqual(canonicalValues(words, 1n));
});

test('payload: dictionaries as indices where chunks share one, and a grown one is shared', () => {
  const type = typeNamed('dict:int8:utf8');
  const one = makeChunk(type, ['a', 'b']);
  const grown = new Data(
    type,
    0,
    1,
    0,
    { 1: Int8Array.from([2]) },
    [],
    new Vector([...one.dictionary!.data, makeChunk(typeNamed('utf8'), ['c'])]),
  );
  const columnOf = (chunks: readonly Data[]) => payloadColumn({ where: 'right.d', type, chunks });
  expect(columnOf([one, grown])?.type).toBe(NativeType.Int8);
  expect(columnOf([one, makeChunk(type, ['b', 'a'])])).toBeNull();
  expect(columnOf([])?.type).toBe(NativeType.Int8);
});

test('nested types and views are taken, not gathered', () => {
  for (const type of Object.values(NESTED)) {
    expect(payloadColumn({ where: 'right.n', type, chunks: [nestedChunk(type, [0, 1])] })).toBeNull();
  }
});

test('string views serve as keys', () => {
  const views = nativeColumn('left.v', NESTED.views!, [nestedChunk(NESTED.views!, [0, 1, 2, 3, 4]).slice(1, 4)]);
  expect(views.type).toBe(NativeType.Bytes32);
  const words = ['a view too long to be inline 1', 'v2', null, 'v4'];
  const plain = nativeColumn('left.w', typeNamed('utf8'), [makeChunk(typeNamed('utf8'), words)]);
  expect(canonicalValues(views, 1n)).toEqual(canonicalValues(plain, 1n));
});

test.each([
  ['int8', NativeType.Int8, 1],
  ['uint64', NativeType.UInt64, 8],
  ['float16', NativeType.Float16, 2],
  ['date32', NativeType.Int32, 4],
  ['date64', NativeType.Int64, 8],
  ['time_ms', NativeType.Int32, 4],
  ['time_us', NativeType.Int64, 8],
  ['dur_s', NativeType.Int64, 8],
  ['decimal', NativeType.Fixed, 16],
  ['fixed3', NativeType.Fixed, 3],
  ['bool', NativeType.Bool, 0],
  ['largeutf8', NativeType.Bytes64, 0],
])('layout of %s', (name, type, width) => {
  expect(layoutOf(typeNamed(name))).toEqual({ type, width });
});

test('columns are found by name, misspelled ones with a hint, doubled ones refused', () => {
  const from = table({ price: ['int8', [1n]], size: ['int8', [1n]] });
  expect(columnIndex(from, 'size', 'right')).toBe(1);
  expect(() => columnIndex(from, 'prize', 'right')).toThrow(/right has no column 'prize'; did you mean 'price'/);
  expect(rowCount(from)).toBe(1);
});

test('a bitmap or offsets that are too short are FS_ERR_LENGTH', () => {
  const bitmap = new Data(typeNamed('int64'), 0, 20, 1, { 1: new BigInt64Array(20), 2: new Uint8Array(2) });
  expect(() => of(fromChunks('x', [bitmap]))).toThrow(expect.objectContaining({ code: 'FS_ERR_LENGTH' }));
  const offsets = new Data(typeNamed('utf8'), 0, 2, 0, { 0: Int32Array.from([0, 1]), 1: new Uint8Array(9) });
  expect(() => of(fromChunks('x', [offsets]))).toThrow(/offsets buffer must hold 12 bytes, got 8/);
  const bytes = new Data(typeNamed('utf8'), 0, 1, 0, { 0: Int32Array.from([0, 5]), 1: new Uint8Array(4) });
  expect(() => of(fromChunks('x', [bytes]))).toThrow(/values buffer must hold 5 bytes, got 4/);
});
