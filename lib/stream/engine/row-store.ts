/**
 * Columns of live rows, by slot. Rows are copied in; neighbouring chunks are merged by size, so that a store fed row by
 * row has O(log n) chunks; when the dead outnumber the living the owner compacts. Appending costs O(log n) copies of
 * a row, amortised; memory is at most about twice that of the live rows.
 */
import { type NativeChunk, type NativeColumn, type NativeOutputColumn, NativeType } from '../../internal/native.js';
import type { ColumnShape } from './types.js';
import { gatherLocated, locateRows } from '../../schema/gather.js';

const SLACK_ROWS = 1024;

function chunkOf(shape: ColumnShape, output: NativeOutputColumn): NativeChunk {
  const { length, values, offsets, validity } = output;
  return {
    length,
    bitOffset: 0,
    values: values === null ? null : new Uint8Array(values),
    offsets:
      offsets === null
        ? null
        : shape.type === NativeType.Bytes64
          ? new BigInt64Array(offsets)
          : new Int32Array(offsets),
    validity: validity === null ? null : new Uint8Array(validity),
    dictionary: -1,
  };
}

function bytesOf({ values, offsets, validity }: NativeChunk): number {
  return (values?.byteLength ?? 0) + (offsets?.byteLength ?? 0) + (validity?.byteLength ?? 0);
}

/** 0, 1, … count - 1. */
export function sequentialRows(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => i);
}

export class RowStore {
  #lengths: number[] = [];
  /** Per column, one chunk per entry of `#lengths`. */
  readonly #chunks: NativeChunk[][];
  #rows = 0;
  #dead = 0;

  constructor(private readonly shapes: readonly ColumnShape[]) {
    this.#chunks = shapes.map(() => []);
  }

  get byteLength(): number {
    return this.#chunks.reduce((sum, chunks) => chunks.reduce((bytes, chunk) => bytes + bytesOf(chunk), sum), 0);
  }

  get wantsCompaction(): boolean {
    return this.#dead > SLACK_ROWS && 2 * this.#dead > this.#rows;
  }

  /** Copies rows of the columns; returns the slot of the first, the others follow. */
  append(columns: readonly NativeColumn[], rows: Int32Array): number {
    const first = this.#rows;
    if (rows.length === 0) return first;
    const lengths = columns[0]?.chunks.map((chunk) => chunk.length) ?? [];
    const located = columns.length === 0 ? null : locateRows(lengths, rows);
    this.#add(
      rows.length,
      columns.map((column, c) => chunkOf(this.shapes[c]!, gatherLocated(column, located!))),
    );
    while (this.#lengths.length > 1 && this.#lengths.at(-2)! < 2 * this.#lengths.at(-1)!) this.#mergeLast();
    return first;
  }

  /** Columns of the rows in these slots, -1 for a null. */
  gather(slots: Int32Array): NativeOutputColumn[] {
    const located = locateRows(this.#lengths, slots);
    return this.shapes.map((_, c) => gatherLocated(this.#column(c, this.#chunks[c]!), located));
  }

  /** So many rows are no longer needed. */
  release(count: number): void {
    this.#dead += count;
  }

  /** Keeps these slots only; they become 0, 1, … in this order. */
  compact(slots: Int32Array): void {
    const kept = this.gather(slots);
    this.clear();
    if (slots.length === 0) return;
    this.#add(
      slots.length,
      kept.map((output, c) => chunkOf(this.shapes[c]!, output)),
    );
  }

  clear(): void {
    this.#lengths = [];
    for (const chunks of this.#chunks) chunks.length = 0;
    this.#rows = 0;
    this.#dead = 0;
  }

  #add(rows: number, chunks: readonly NativeChunk[]): void {
    this.#lengths.push(rows);
    chunks.forEach((chunk, c) => this.#chunks[c]!.push(chunk));
    this.#rows += rows;
  }

  #mergeLast(): void {
    const rows = this.#lengths.at(-2)! + this.#lengths.at(-1)!;
    const located = locateRows(this.#lengths.slice(-2), sequentialRows(rows));
    this.#chunks.forEach((chunks, c) => {
      const last = chunks.splice(-2);
      chunks.push(chunkOf(this.shapes[c]!, gatherLocated(this.#column(c, last), located)));
    });
    this.#lengths.splice(-2, 2, rows);
  }

  #column(c: number, chunks: readonly NativeChunk[]): NativeColumn {
    const { name, type, width } = this.shapes[c]!;
    return { name, type, width, indexType: NativeType.Int32, chunks, dictionaries: [] };
  }
}
