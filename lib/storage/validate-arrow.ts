/**
 * Checks what a damaged or hostile Arrow file could have broken, before anyone reads a value: buffers shorter than
 * their rows, offsets that descend or point outside, dictionary codes without a value, wrong null counts, text that
 * is not UTF-8. apache-arrow trusts all of these. O(rows) for offsets, codes and bitmaps; values are not touched
 * except text. Throws RangeError with the column's path; the caller adds file and batch.
 */
import { isUtf8 } from 'node:buffer';
import { DataType, UnionMode, type Data, type RecordBatch, type Vector } from 'apache-arrow';

const MAX_ROWS = 2 ** 31 - 1;

/** Dictionaries are shared by batches; each is checked once. */
export class ArrowValidator {
  private readonly checked = new WeakSet<object>();

  batch(batch: RecordBatch): void {
    rows(batch.numRows, 'the batch');
    for (const [index, field] of batch.schema.fields.entries()) {
      const data = batch.data.children[index];
      if (data === undefined) throw new RangeError(`column ${field.name} is missing from the batch`);
      if (data.length !== batch.numRows) {
        throw new RangeError(`column ${field.name} has ${data.length} rows, its batch ${batch.numRows}`);
      }
      this.data(data, field.name);
    }
  }

  private data(data: Data, name: string): void {
    const { type, length } = data;
    rows(length, name);
    if (DataType.isNull(type)) return;
    if (!DataType.isUnion(type)) checkNulls(data, name);
    if (DataType.isUtf8(type) || DataType.isBinary(type)) {
      const [start, end] = ascending32(data.valueOffsets, length, data.values.length, name);
      if (DataType.isUtf8(type)) checkText(data.values, start, end, name);
    } else if (DataType.isLargeUtf8(type) || DataType.isLargeBinary(type)) {
      const [start, end] = ascending64(data.valueOffsets, length, data.values.length, name);
      if (DataType.isLargeUtf8(type)) checkText(data.values, start, end, name);
    } else if (DataType.isUtf8View(type) || DataType.isBinaryView(type)) {
      checkViews(data, name);
    } else if (DataType.isList(type) || DataType.isMap(type)) {
      const child = this.child(data, 0, name);
      ascending32(data.valueOffsets, length, child.length, name);
    } else if (DataType.isLargeList(type)) {
      const child = this.child(data, 0, name);
      ascending64(data.valueOffsets, length, child.length, name);
    } else if (DataType.isFixedSizeList(type)) {
      atLeast(this.child(data, 0, name).length, length * type.listSize, `${name}: list items`);
    } else if (DataType.isStruct(type)) {
      for (const index of type.children.keys()) {
        atLeast(this.child(data, index, name).length, length, `${name}.${type.children[index]?.name}: rows`);
      }
    } else if (DataType.isUnion(type)) {
      this.union(data, name);
    } else if (DataType.isDictionary(type)) {
      this.dictionary(data, name);
    } else if (DataType.isBool(type)) {
      atLeast(bytesOf(data.values), Math.ceil((data.offset + length) / 8), `${name}: bytes of values`);
    } else {
      atLeast(data.values?.length ?? 0, length * data.stride, `${name}: values`);
    }
  }

  private child(data: Data, index: number, name: string): Data {
    const child = data.children[index];
    if (child === undefined) throw new RangeError(`${name} has no child ${index}`);
    this.data(child, `${name}.${data.type.children?.[index]?.name ?? index}`);
    return child;
  }

  private dictionary(data: Data, name: string): void {
    const dictionary: Vector | undefined = data.dictionary;
    if (dictionary === undefined) throw new RangeError(`${name} has no dictionary`);
    for (const part of dictionary.data) {
      if (this.checked.has(part)) continue;
      this.data(part, `${name} (dictionary)`);
      this.checked.add(part);
    }
    const { values, length } = data;
    atLeast(values?.length ?? 0, length, `${name}: codes`);
    const limit = dictionary.length;
    for (let row = 0; row < length; row++) {
      const code = Number(values[row]);
      if ((code < 0 || code >= limit) && data.getValid(row)) {
        throw new RangeError(`${name}: row ${row} has code ${code}, the dictionary ${limit} values`);
      }
    }
  }

  private union(data: Data, name: string): void {
    const { type, length, typeIds } = data;
    if (!DataType.isUnion(type)) return;
    atLeast(typeIds?.length ?? 0, length, `${name}: type ids`);
    const dense = type.mode === UnionMode.Dense;
    if (dense) atLeast(data.valueOffsets?.length ?? 0, length, `${name}: offsets`);
    const children = data.children.map((_, index) => this.child(data, index, name));
    for (let row = 0; row < length; row++) {
      const child = children[type.typeIdToChildIndex[typeIds[row] ?? -1] ?? -1];
      const at = dense ? Number(data.valueOffsets[row]) : row;
      if (child === undefined || at < 0 || at >= child.length) {
        throw new RangeError(`${name}: row ${row} points outside its union`);
      }
    }
  }
}

function rows(length: number, name: string): void {
  if (!Number.isInteger(length) || length < 0 || length > MAX_ROWS) throw new RangeError(`${name} has ${length} rows`);
}

function bytesOf(values: ArrayBufferView | undefined): number {
  return values?.byteLength ?? 0;
}

function atLeast(found: number, needed: number, what: string): void {
  if (!(found >= needed)) throw new RangeError(`${what}: expected ${needed}, found ${found}`);
}

function checkNulls(data: Data, name: string): void {
  const { nullBitmap, nullCount, length, offset } = data;
  const bitmapBytes = nullBitmap?.length ?? 0;
  if (nullCount < 0 || nullCount > length) throw new RangeError(`${name} claims ${nullCount} nulls in ${length} rows`);
  if (nullCount === 0) return;
  atLeast(bitmapBytes, Math.ceil((offset + length) / 8), `${name}: bytes of the null bitmap`);
  let valid = 0;
  let row = 0;
  for (; row < length && ((offset + row) & 7) !== 0; row++) valid += bit(nullBitmap, offset + row);
  for (; row + 8 <= length; row += 8) valid += ONES[nullBitmap[(offset + row) >> 3] ?? 0] ?? 0;
  for (; row < length; row++) valid += bit(nullBitmap, offset + row);
  if (length - valid !== nullCount) throw new RangeError(`${name} claims ${nullCount} nulls, has ${length - valid}`);
}

const ONES = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);

function bit(bitmap: Uint8Array, at: number): number {
  return ((bitmap[at >> 3] ?? 0) >> (at & 7)) & 1;
}

type Span = readonly [number, number];

function ascending32(offsets: Int32Array | undefined, length: number, limit: number, name: string): Span {
  if (length === 0) return [0, 0];
  if (offsets === undefined || offsets.length < length + 1) {
    throw new RangeError(`${name}: expected ${length + 1} offsets, found ${offsets?.length ?? 0}`);
  }
  const first = offsets[0] ?? -1;
  let previous = first;
  if (previous < 0) throw new RangeError(`${name}: the first offset is negative`);
  for (let row = 1; row <= length; row++) {
    const next = offsets[row] ?? -1;
    if (next < previous) throw new RangeError(`${name}: offsets descend at row ${row - 1}`);
    previous = next;
  }
  if (previous > limit) throw new RangeError(`${name}: offsets reach ${previous}, the data ${limit}`);
  return [first, previous];
}

function ascending64(offsets: BigInt64Array | undefined, length: number, limit: number, name: string): Span {
  if (length === 0) return [0, 0];
  if (offsets === undefined || offsets.length < length + 1) {
    throw new RangeError(`${name}: expected ${length + 1} offsets, found ${offsets?.length ?? 0}`);
  }
  const first = offsets[0] ?? -1n;
  let previous = first;
  if (previous < 0n) throw new RangeError(`${name}: the first offset is negative`);
  for (let row = 1; row <= length; row++) {
    const next = offsets[row] ?? -1n;
    if (next < previous) throw new RangeError(`${name}: offsets descend at row ${row - 1}`);
    previous = next;
  }
  if (previous > BigInt(limit)) throw new RangeError(`${name}: offsets reach ${previous}, the data ${limit}`);
  return [Number(first), Number(previous)];
}

function checkText(values: Uint8Array, start: number, end: number, name: string): void {
  if (!isUtf8(values.subarray(start, end))) throw new RangeError(`${name}: text that is not UTF-8`);
}

const VIEW_WIDTH = 16;
const INLINE = 12;

function checkViews(data: Data, name: string): void {
  const views: Uint8Array = data.values;
  atLeast(bytesOf(views), data.length * VIEW_WIDTH, `${name}: bytes of views`);
  const view = new DataView(views.buffer, views.byteOffset, views.byteLength);
  for (let row = 0; row < data.length; row++) {
    if (!data.getValid(row)) continue;
    const length = view.getInt32(row * VIEW_WIDTH, true);
    if (length < 0) throw new RangeError(`${name}: row ${row} has a negative length`);
    if (length <= INLINE) continue;
    const buffer = data.variadicBuffers[view.getInt32(row * VIEW_WIDTH + 8, true)];
    const at = view.getInt32(row * VIEW_WIDTH + 12, true);
    if (buffer === undefined || at < 0 || at + length > buffer.length) {
      throw new RangeError(`${name}: row ${row} points outside its buffers`);
    }
  }
}
