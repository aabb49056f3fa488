/**
 * Collects DuckDB's vectors into Arrow columns, for the engine without the addon. Buffers grow by doubling; null
 * slots are zeroed, so equal tables have equal bytes whichever engine made them. O(values).
 */
import { Binary, type Data } from 'apache-arrow';
import duckdb from '@duckdb/node-bindings';
import type { DuckDBDataChunk, DuckDBType, DuckDBValue } from '@duckdb/node-api';
import { createError } from '../errors/from-native.js';
import { GrowingBits, GrowingBytes, isValid } from './growing.js';
import { bytesColumn, fixedColumn, type Rows } from './make-column.js';
import { nestedType, type NestedType } from './nested.js';
import { TextColumn, tooLong } from './text-column.js';
import type { ScanColumn } from './scan-plan.js';

const MAX_OFFSET = 2 ** 31 - 1;

/** Collects one column. `finish` hands over what was collected and starts anew; `last` allows another type. */
export abstract class ColumnSink {
  private readonly validity = new GrowingBits();
  protected rows = 0;

  constructor(protected readonly column: ScanColumn) {}

  append(chunk: DuckDBDataChunk, index: number): void {
    const count = chunk.rowCount;
    const vector = duckdb.data_chunk_get_vector(chunk.chunk, index);
    const bits = duckdb.vector_get_validity(vector, Math.ceil(count / 64) * 8);
    const valid = bits === null || bits === undefined ? null : bits;
    this.validity.pushAll(valid, count);
    this.collect(chunk, index, vector, valid, count);
    this.rows += count;
  }

  finish(whole: boolean): Data {
    const length = this.rows;
    const nullCount = length - this.validity.ones;
    const bitmap = this.validity.take();
    this.rows = 0;
    return this.build({ length, nullCount, nullBitmap: nullCount === 0 ? null : bitmap }, whole);
  }

  protected abstract collect(
    chunk: DuckDBDataChunk,
    index: number,
    vector: duckdb.Vector,
    valid: Uint8Array | null,
    count: number,
  ): void;
  protected abstract build(rows: Rows, whole: boolean): Data;
}

class FixedSink extends ColumnSink {
  private readonly bytes = new GrowingBytes();

  protected collect(
    _chunk: DuckDBDataChunk,
    _index: number,
    vector: duckdb.Vector,
    valid: Uint8Array | null,
    count: number,
  ): void {
    const { width } = this.column;
    const start = this.bytes.length;
    this.bytes.append(duckdb.vector_get_data(vector, count * width));
    if (valid === null) return;
    for (let row = 0; row < count; row++) {
      if (!isValid(valid, row)) this.bytes.fillZero(start + row * width, start + (row + 1) * width);
    }
  }

  protected build(rows: Rows): Data {
    return fixedColumn(this.column.type, rows, this.bytes.take());
  }
}

class IntervalSink extends ColumnSink {
  private readonly bytes = new GrowingBytes();

  protected collect(
    _chunk: DuckDBDataChunk,
    _index: number,
    vector: duckdb.Vector,
    valid: Uint8Array | null,
    count: number,
  ): void {
    const data = duckdb.vector_get_data(vector, count * 16);
    const from = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const to = this.bytes.grow(count * 16);
    for (let row = 0; row < count; row++) {
      const ok = isValid(valid, row);
      to.setInt32(row * 16, ok ? from.getInt32(row * 16, true) : 0, true);
      to.setInt32(row * 16 + 4, ok ? from.getInt32(row * 16 + 4, true) : 0, true);
      const nanos = ok ? from.getBigInt64(row * 16 + 8, true) * 1000n : 0n;
      if (BigInt.asIntN(64, nanos) !== nanos) {
        throw createError('FS_ERR_OVERFLOW', `column ${this.column.name}: an interval does not fit 64-bit nanoseconds`);
      }
      to.setBigInt64(row * 16 + 8, nanos, true);
    }
  }

  protected build(rows: Rows): Data {
    return fixedColumn(this.column.type, rows, this.bytes.take());
  }
}

class BoolSink extends ColumnSink {
  private readonly bits = new GrowingBits();

  protected collect(
    _chunk: DuckDBDataChunk,
    _index: number,
    vector: duckdb.Vector,
    valid: Uint8Array | null,
    count: number,
  ): void {
    const data = duckdb.vector_get_data(vector, count);
    for (let row = 0; row < count; row++) this.bits.push(isValid(valid, row) && data[row] === 1);
  }

  protected build(rows: Rows): Data {
    return fixedColumn(this.column.type, rows, this.bits.take());
  }
}

/** Reads DuckDB's 16-byte string entries: 12 bytes inline, longer ones behind a pointer. */
class StringEntries {
  private readonly data: Uint8Array;
  private readonly view: DataView;

  constructor(vector: duckdb.Vector, count: number) {
    this.data = duckdb.vector_get_data(vector, count * 16);
    this.view = new DataView(this.data.buffer, this.data.byteOffset, this.data.byteLength);
  }

  at(row: number): Uint8Array {
    const length = this.view.getUint32(row * 16, true);
    if (length <= 12) return this.data.subarray(row * 16 + 4, row * 16 + 4 + length);
    return duckdb.get_data_from_pointer(this.buffer(), this.data.byteOffset + row * 16 + 8, length);
  }

  private buffer(): ArrayBuffer {
    const { buffer } = this.data;
    if (buffer instanceof SharedArrayBuffer) throw createError('FS_ERR_INTERNAL', 'a DuckDB vector is shared memory');
    return buffer;
  }
}

class BinarySink extends ColumnSink {
  private readonly bytes = new GrowingBytes();
  private readonly ends = new GrowingBytes();

  protected collect(
    _chunk: DuckDBDataChunk,
    _index: number,
    vector: duckdb.Vector,
    valid: Uint8Array | null,
    count: number,
  ): void {
    const entries = new StringEntries(vector, count);
    const { width } = this.column;
    const to = width > 0 ? null : this.ends.grow(count * 4);
    for (let row = 0; row < count; row++) {
      const ok = isValid(valid, row);
      const value = ok ? entries.at(row) : new Uint8Array(width);
      if (width > 0 && value.length !== width) throwWidth(this.column, value.length);
      this.bytes.append(value);
      if (this.bytes.length > MAX_OFFSET) throw tooLong(this.column.name);
      to?.setInt32(row * 4, this.bytes.length, true);
    }
  }

  protected build(rows: Rows): Data {
    const data = this.bytes.take();
    if (this.column.width > 0) return fixedColumn(this.column.type, rows, data);
    const offsets = new Int32Array(rows.length + 1);
    offsets.set(new Int32Array(this.ends.take().buffer), 1);
    return bytesColumn(new Binary(), rows, offsets, data);
  }
}

class StringSink extends ColumnSink {
  private readonly text = new TextColumn(this.column.name, this.column.type);

  protected collect(
    _chunk: DuckDBDataChunk,
    _index: number,
    vector: duckdb.Vector,
    valid: Uint8Array | null,
    count: number,
  ): void {
    const entries = new StringEntries(vector, count);
    for (let row = 0; row < count; row++) {
      if (!isValid(valid, row)) {
        this.text.pushNull();
        continue;
      }
      const bytes = entries.at(row);
      if (!this.text.push(bytes, 0, bytes.length)) {
        throw createError('FS_ERR_CORRUPT', `column ${this.column.name}: text that is not UTF-8`);
      }
    }
  }

  protected build(rows: Rows, whole: boolean): Data {
    return this.text.finish(rows, whole);
  }
}

class NestedSink extends ColumnSink {
  private values: (DuckDBValue | null)[] = [];
  private readonly nested: NestedType;

  constructor(column: ScanColumn, duckType: DuckDBType) {
    super(column);
    this.nested = nestedType(duckType);
  }

  protected collect(chunk: DuckDBDataChunk, index: number): void {
    for (const value of chunk.getColumnValues(index)) this.values.push(value);
  }

  protected build(): Data {
    const { values } = this;
    this.values = [];
    return this.nested.build(values);
  }
}

function throwWidth(column: ScanColumn, found: number): never {
  throw createError('FS_ERR_CORRUPT', `column ${column.name}: expected ${column.width} bytes, found ${found}`);
}

export function makeSink(column: ScanColumn, duckType: DuckDBType): ColumnSink {
  switch (column.kind) {
    case 'fixed':
      return new FixedSink(column);
    case 'bool':
      return new BoolSink(column);
    case 'string':
      return new StringSink(column);
    case 'binary':
    case 'fixedBinary':
      return new BinarySink(column);
    case 'interval':
      return new IntervalSink(column);
    case 'nested':
      return new NestedSink(column, duckType);
    default:
      return column.kind satisfies never;
  }
}
