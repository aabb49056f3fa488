/** Nested columns: rows stay here, the engine keeps int64 handles, which are never given twice. */
import type { Data, DataType } from 'apache-arrow';

import { type NativeColumn, NativeType } from '../internal/native.js';
import type { ColumnCodec } from './column-codec.js';
import { bytesOfData, everyRow, oneChunk, validAt } from './encoded-rows.js';
import type { ColumnShape } from './engine/types.js';
import { fail } from '../internal/validate.js';
import { localData } from '../schema/arrow-types.js';
import { int64sOf, type OutputBuffers } from '../schema/byte-range.js';
import { takeColumn } from '../schema/take.js';

/** Fewer rows than this are not worth a sweep. */
const FLOOR = 1024;

/** Rows stored at consecutive handles. */
interface Segment {
  readonly first: number;
  readonly data: Data;
}

export class HandleCodec implements ColumnCodec {
  readonly shape: ColumnShape;
  readonly isPlain = false;
  /** What the last sweep left, ascending; row i of `#kept` has handle i of it. */
  #handles = new Float64Array(0);
  #kept: Data | null = null;
  /** What has come since. */
  #segments: Segment[] = [];
  /** The first handle given since the last sweep, and the next. */
  #first = 0;
  #next = 0;
  #bytes = 0;

  constructor(
    private readonly where: string,
    private readonly type: DataType,
  ) {
    this.shape = { name: where, type: NativeType.Int64, width: 8 };
  }

  get stored(): number {
    return this.#handles.length + this.#next - this.#first;
  }

  get storedBytes(): number {
    return this.#bytes;
  }

  encode(data: Data): NativeColumn {
    const { where, type } = this;
    const copy = takeColumn({ where, type, chunks: [localData(data)] }, everyRow(data.length), type);
    const first = this.#next;
    this.#segments.push({ first, data: copy });
    this.#bytes += bytesOfData(copy);
    this.#next += data.length;
    const values = BigInt64Array.from({ length: data.length }, (_, row) => BigInt(first + row));
    return oneChunk(this.shape, {
      length: data.length,
      bitOffset: 0,
      values,
      offsets: null,
      validity: null,
      dictionary: -1,
    });
  }

  rollBack(): void {
    const last = this.#segments.pop();
    if (last === undefined) return;
    this.#next = last.first;
    this.#bytes -= bytesOfData(last.data);
  }

  decode(output: OutputBuffers, type: DataType): Data {
    const handles = int64sOf(output.values);
    const valid = validAt(output);
    const rows = new Int32Array(output.length);
    for (let i = 0; i < rows.length; i++) rows[i] = valid(i) ? this.#rowOf(Number(handles[i]!)) : -1;
    return this.#take(rows, type);
  }

  wantsSweep(): boolean {
    return this.stored > 2 * this.#handles.length + FLOOR;
  }

  sweep(live: readonly OutputBuffers[]): void {
    // One mark per row stored: rows of several right streams and the side output may name a handle twice.
    const used = new Uint8Array(this.stored);
    for (const column of live) {
      const handles = int64sOf(column.values);
      const valid = validAt(column);
      for (let i = 0; i < column.length; i++) if (valid(i)) used[this.#rowOf(Number(handles[i]!))] = 1;
    }
    const rows = everyRow(used.length).filter((row) => used[row] === 1);
    const before = this.#handles.length;
    const handles = Float64Array.from(rows, (row) => (row < before ? this.#handles[row]! : this.#first + row - before));
    this.#kept = this.#take(rows, this.type);
    this.#handles = handles;
    this.#segments = [];
    this.#first = this.#next;
    this.#bytes = bytesOfData(this.#kept) + handles.byteLength;
  }

  clear(): void {
    this.#handles = new Float64Array(0);
    this.#kept = null;
    this.#segments = [];
    this.#first = 0;
    this.#next = 0;
    this.#bytes = 0;
  }

  #take(rows: Int32Array, type: DataType): Data {
    const chunks = this.#segments.map(({ data }) => data);
    if (this.#kept !== null) chunks.unshift(this.#kept);
    return takeColumn({ where: this.where, type: this.type, chunks }, rows, type);
  }

  /** The row of a handle in the concatenation of all that is stored. Throws rather than give another's row. */
  #rowOf(handle: number): number {
    const handles = this.#handles;
    if (handle >= this.#first && handle < this.#next) return handles.length + handle - this.#first;
    let low = 0;
    let high = handles.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (handles[middle]! < handle) low = middle + 1;
      else high = middle;
    }
    if (handles[low] !== handle) fail('FS_ERR_INTERNAL', `${this.where}: row ${handle} has been let go`);
    return low;
  }
}
