/** Nested Arrow columns with telling values: row r of every column holds something made of r, every fifth a null. */
import {
  BufferType,
  Data,
  DataType,
  DenseUnion,
  Dictionary,
  Field,
  FixedSizeList,
  Float64,
  Int32,
  Int8,
  LargeList,
  List,
  Map_,
  Null,
  SparseUnion,
  Struct,
  Utf8,
  Utf8View,
  Vector,
} from 'apache-arrow';

import { makeChunk } from './columns';

const int = new Int32();
const text = new Utf8();
const item = new Field('item', int, true);
const structType = new Struct([new Field('a', int, true), new Field('b', text, true)]);
const entries = new Field('entries', new Struct([new Field('key', text, false), new Field('value', int, true)]), false);
const unionFields = [new Field('i', int, true), new Field('f', new Float64(), true)];
const dictType = new Dictionary(text, new Int8(), 900);

export const NESTED: Readonly<Record<string, DataType>> = {
  list: new List(item),
  largelist: new LargeList(item),
  fixedlist: new FixedSizeList(2, item),
  struct: structType,
  map: new Map_(entries, false),
  listOfStruct: new List(new Field('item', structType, true)),
  structOfDict: new Struct([new Field('d', dictType, true)]),
  dense: new DenseUnion([3, 5], unionFields),
  sparse: new SparseUnion([3, 5], unionFields),
  views: new Utf8View(),
  nothing: new Null(),
};

const isNull = (row: number): boolean => row % 5 === 3;

function validity(rows: readonly number[]): { nullCount: number; bits: Uint8Array } {
  const bits = new Uint8Array((rows.length + 7) >> 3);
  rows.forEach((row, i) => {
    if (!isNull(row)) bits[i >> 3]! |= 1 << (i & 7);
  });
  const nullCount = rows.filter(isNull).length;
  return { nullCount, bits: nullCount === 0 ? new Uint8Array(0) : bits };
}

function childCells(type: DataType, numbers: readonly number[]): Data {
  if (type.children?.length || DataType.isDictionary(type)) return nestedChunk(type, numbers);
  if (DataType.isUtf8(type))
    return makeChunk(
      type,
      numbers.map((n) => `text ${n}`),
    );
  return makeChunk(
    type,
    numbers.map((n) => (n % 7 === 6 ? null : DataType.isFloat(type) ? n / 2 : BigInt(n))),
  );
}

/** One chunk whose row i holds what belongs to `rows[i]`. */
export function nestedChunk(type: DataType, rows: readonly number[]): Data {
  const { nullCount, bits } = validity(rows);
  const data = (buffers: object, children: readonly Data[] = [], variadic: readonly Uint8Array[] = []): Data =>
    new Data(
      type,
      0,
      rows.length,
      nullCount,
      { [BufferType.VALIDITY]: bits, ...buffers },
      [...children],
      undefined,
      variadic,
    );
  if (DataType.isNull(type)) return new Data(type, 0, rows.length, rows.length);
  if (DataType.isDictionary(type)) {
    // Each chunk's dictionary is its own, and in an order of its own.
    const values = [...new Set(rows.map((row) => row % 4))].reverse();
    const indices = Int8Array.from(rows, (row) => values.indexOf(row % 4));
    const dictionary = new Vector([
      makeChunk(
        type.dictionary,
        values.map((v) => `entry ${v}`),
      ),
    ]);
    return new Data(
      type,
      0,
      rows.length,
      nullCount,
      { [BufferType.DATA]: indices, [BufferType.VALIDITY]: bits },
      [],
      dictionary,
    );
  }
  if (DataType.isStruct(type))
    return data(
      {},
      type.children.map((field) => childCells(field.type, rows)),
    );
  if (DataType.isFixedSizeList(type)) {
    return data({}, [
      childCells(
        type.children[0]!.type,
        rows.flatMap((row) => [2 * row, 2 * row + 1]),
      ),
    ]);
  }
  if (DataType.isList(type) || DataType.isLargeList(type) || DataType.isMap(type)) {
    const offsets = [0];
    const numbers: number[] = [];
    for (const row of rows) {
      for (let k = 0; k < row % 4; k++) numbers.push(10 * row + k);
      offsets.push(numbers.length);
    }
    const large = DataType.isLargeList(type);
    const child = type.children[0]!.type;
    const items: Data = DataType.isMap(type)
      ? new Data(
          child,
          0,
          numbers.length,
          0,
          {},
          child.children.map((field: Field) => childCells(field.type, numbers)),
        )
      : childCells(child, numbers);
    return data({ [BufferType.OFFSET]: large ? BigInt64Array.from(offsets, BigInt) : Int32Array.from(offsets) }, [
      items,
    ]);
  }
  if (DataType.isUnion(type)) {
    const typeIds = Int8Array.from(rows, (row) => (row % 3 === 0 ? 5 : 3));
    if (DataType.isSparseUnion(type)) {
      const children = type.children.map((field) => childCells(field.type, rows));
      return new Data(type, 0, rows.length, 0, { [BufferType.TYPE]: typeIds }, children);
    }
    const of = (id: number): number[] => rows.filter((_, i) => typeIds[i] === id);
    const seen = { 3: 0, 5: 0 };
    const offsets = Int32Array.from(typeIds, (id) => seen[id as 3 | 5]++);
    const children = [3, 5].map((id, k) => childCells(type.children[k]!.type, of(id)));
    return new Data(type, 0, rows.length, 0, { [BufferType.TYPE]: typeIds, [BufferType.OFFSET]: offsets }, children);
  }
  // String views: short ones inline, long ones in one of two buffers.
  const buffers: number[][] = [[], []];
  const views = new Uint8Array(16 * rows.length);
  const words = new DataView(views.buffer);
  rows.forEach((row, i) => {
    const bytes = [...Buffer.from(row % 2 === 0 ? `v${row}` : `a view too long to be inline ${row}`)];
    words.setInt32(16 * i, bytes.length, true);
    if (bytes.length <= 12) {
      views.set(bytes, 16 * i + 4);
      return;
    }
    views.set(bytes.slice(0, 4), 16 * i + 4);
    const buffer = row % 3 === 0 ? 1 : 0;
    words.setInt32(16 * i + 8, buffer, true);
    words.setInt32(16 * i + 12, buffers[buffer]!.length, true);
    buffers[buffer]!.push(...bytes);
  });
  return data(
    { [BufferType.DATA]: views },
    [],
    buffers.map((part) => Uint8Array.from(part)),
  );
}
