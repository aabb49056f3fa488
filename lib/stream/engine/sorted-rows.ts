/**
 * Rows in the order (time, source, sequence), arrival last, in blocks of bounded size: appends, removals at the front
 * and insertions anywhere cost O(block), searches O(log n). Most keys hold one block of a few rows.
 */
import type { EngineTime } from './types.js';

export interface OrderedRow {
  /** Null times come first. */
  readonly time: EngineTime | null;
  readonly source: number;
  readonly sequence: bigint;
  /** Unique, so that the order is total. */
  readonly arrival: number;
}

export function compareRows(a: OrderedRow, b: OrderedRow): number {
  if (a.time !== b.time) {
    if (a.time === null) return -1;
    if (b.time === null) return 1;
    if (a.time < b.time) return -1;
    if (a.time > b.time) return 1;
  }
  if (a.source !== b.source) return a.source - b.source;
  if (a.sequence !== b.sequence) return a.sequence < b.sequence ? -1 : 1;
  return a.arrival - b.arrival;
}

const BLOCK_ROWS = 512;

export class SortedRows<Row extends OrderedRow> implements Iterable<Row> {
  #blocks: Row[][] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): Row | undefined {
    return this.#blocks[0]?.[0];
  }

  *[Symbol.iterator](): Generator<Row> {
    for (const block of this.#blocks) yield* block;
  }

  insert(row: Row): void {
    this.#size++;
    const last = this.#blocks.at(-1);
    if (last === undefined) {
      this.#blocks.push([row]);
      return;
    }
    if (compareRows(last.at(-1)!, row) < 0) {
      if (last.length < BLOCK_ROWS) last.push(row);
      else this.#blocks.push([row]);
      return;
    }
    const { block, index } = this.#locate((other) => compareRows(other, row) < 0);
    const into = this.#blocks[block]!;
    into.splice(index, 0, row);
    if (into.length > 2 * BLOCK_ROWS) this.#blocks.splice(block + 1, 0, into.splice(BLOCK_ROWS));
  }

  /** Removes a row that is here. */
  remove(row: Row): void {
    const { block, index } = this.#locate((other) => compareRows(other, row) < 0);
    const from = this.#blocks[block];
    if (from?.[index] !== row) throw new Error('a row to remove is not here');
    this.#size--;
    from.splice(index, 1);
    if (from.length === 0) this.#blocks.splice(block, 1);
  }

  /** A cursor before the first row that does not satisfy `before`, which holds for a prefix of the rows. */
  cursor(before: (row: Row) => boolean): RowCursor<Row> {
    const { block, index } = this.#locate(before);
    return new RowCursor(this.#blocks, block, index);
  }

  /** Removes the rows in front of one that is here, and returns them. */
  removeBefore(row: Row): readonly Row[] {
    const { block, index } = this.#locate((other) => compareRows(other, row) < 0);
    const removed = this.#blocks.splice(0, block).flat();
    removed.push(...this.#blocks[0]!.splice(0, index));
    this.#size -= removed.length;
    return removed;
  }

  clear(): readonly Row[] {
    const removed = this.#blocks.flat();
    this.#blocks = [];
    this.#size = 0;
    return removed;
  }

  #locate(before: (row: Row) => boolean): { block: number; index: number } {
    const blocks = this.#blocks;
    let low = 0;
    let high = blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (before(blocks[middle]!.at(-1)!)) low = middle + 1;
      else high = middle;
    }
    const block = blocks[low];
    if (block === undefined) return { block: low, index: 0 };
    let from = 0;
    let to = block.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (before(block[middle]!)) from = middle + 1;
      else to = middle;
    }
    return { block: low, index: from };
  }
}

/** A place between two rows. Valid until the rows change. */
export class RowCursor<Row extends OrderedRow> {
  constructor(
    private readonly blocks: readonly (readonly Row[])[],
    private block: number,
    private index: number,
  ) {}

  /** The row behind, and steps over it. */
  back(): Row | null {
    if (this.index === 0) {
      if (this.block === 0) return null;
      this.block--;
      this.index = this.blocks[this.block]!.length;
    }
    return this.blocks[this.block]![--this.index]!;
  }

  /** The row ahead, and steps over it. */
  next(): Row | null {
    const block = this.blocks[this.block];
    if (block === undefined) return null;
    const row = block[this.index++]!;
    if (this.index === block.length) {
      this.block++;
      this.index = 0;
    }
    return row;
  }
}
