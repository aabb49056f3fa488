/** Rows for pipelines, in batches of any size, sources that tell what was done to them, and what must come out. */
import type { RecordBatch, Table } from 'apache-arrow';

import type { GpuPipeline, PipelineBatch } from '../../lib/index.js';
import { type Cell, cellsOf, type ColumnSpec, makeTable, typeNamed } from './columns.js';
import { type Dtype, element, elementBytes } from './matrix-oracle.js';
import { randomOf } from './streaming.js';

export interface Market {
  readonly trades: readonly ColumnSpec[];
  readonly quotes: readonly ColumnSpec[];
}

/** Trades and quotes of three symbols in order of time, with ties, and nulls in price, bid and ask. */
export function market(tradeCount: number, quoteCount: number, seed = 7): Market {
  const random = randomOf(seed);
  const side = (count: number, price: string, values: readonly string[]): ColumnSpec[] => {
    let at = 1_700_000_000_000_000_000n;
    const times = Array.from({ length: count }, () => (at += BigInt(Math.floor(random() * 4)) * 250_000_000n));
    const numbers = (nulls: number): Cell[] =>
      Array.from({ length: count }, () => (random() < nulls ? null : Math.round(random() * 4000) / 8));
    const columns: (readonly [string, string, readonly Cell[]])[] = [
      ['timestamp', 'ts_ns', times],
      ['symbol', 'utf8', Array.from({ length: count }, () => ['A', 'B', 'C'][Math.floor(random() * 3)]!)],
      [price, 'float64', numbers(0.1)],
      ...values.map((name) => [name, 'float64', numbers(name === 'target' ? 0 : 0.1)] as const),
      ['size', 'int32', Array.from({ length: count }, () => BigInt(Math.floor(random() * 1000)))],
    ];
    return columns.map(([name, type, cells]) => ({ name, type: typeNamed(type), cells }));
  };
  return { trades: side(tradeCount, 'price', ['target']), quotes: side(quoteCount, 'bid', ['ask']) };
}

export function rowsIn(columns: readonly ColumnSpec[]): number {
  return columns[0]!.cells.length;
}

/** The rows in batches of these sizes in turn, as slices of longer ones. */
export function batchesOf(columns: readonly ColumnSpec[], sizes: readonly number[]): readonly RecordBatch[] {
  const rows = rowsIn(columns);
  const batches: number[] = [];
  for (let at = 0, i = 0; at < rows; at += batches[i]!, i++) batches.push(sizes[i % sizes.length]!);
  return makeTable(columns, { batches, hidden: 3 }).batches;
}

/** An async source of batches that counts what is done to it. */
export class Source implements AsyncIterable<RecordBatch> {
  pulled = 0;
  opened = 0;
  closed = 0;
  private readonly hooks = new Map<number, () => unknown>();

  constructor(private readonly batches: readonly RecordBatch[]) {}

  /** Before batch `index` (its length: before the end) comes; may throw, or wait for ever. */
  before(index: number, hook: () => unknown): this {
    this.hooks.set(index, hook);
    return this;
  }

  /** Before every batch. */
  always(hook: () => unknown): this {
    for (let i = 0; i <= this.batches.length; i++) this.before(i, hook);
    return this;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RecordBatch> {
    this.opened++;
    try {
      for (const [i, batch] of this.batches.entries()) {
        await this.hooks.get(i)?.();
        this.pulled++;
        yield batch;
      }
      await this.hooks.get(this.batches.length)?.();
    } finally {
      this.closed++;
    }
  }
}

export interface Taken {
  readonly rows: readonly number[];
  readonly features: Buffer;
  readonly labels: Buffer | null;
  /** What the iteration ended with. */
  readonly error: unknown;
}

async function bytesOf({ features, labels }: PipelineBatch): Promise<[Buffer, Buffer | null]> {
  const copy = async (tensor: PipelineBatch['features']): Promise<Buffer> => {
    const { buffer, byteOffset, byteLength } = await tensor.toHost();
    return Buffer.from(buffer, byteOffset, byteLength);
  };
  return [await copy(features), labels === null ? null : await copy(labels)];
}

/** Everything a pipeline gives, row-major, each batch released after `work`. */
export async function drain(pipeline: GpuPipeline, work?: (batch: PipelineBatch) => unknown): Promise<Taken> {
  const rows: number[] = [];
  const features: Buffer[] = [];
  const labels: Buffer[] = [];
  let error: unknown = null;
  try {
    for await (const batch of pipeline) {
      const [mine, theirs] = await bytesOf(batch);
      rows.push(batch.rows);
      features.push(mine);
      if (theirs !== null) labels.push(theirs);
      await work?.(batch);
      batch.release();
    }
  } catch (reason) {
    error = reason;
  }
  return { rows, features: Buffer.concat(features), labels: labels.length === 0 ? null : Buffer.concat(labels), error };
}

/** Columns of a table as a row-major matrix, nulls as `fill`; with masks, each is followed by its own. */
export function plainMatrix(
  table: Table,
  names: readonly string[],
  { dtype = 'float32', fill = NaN, masks = false }: { dtype?: Dtype; fill?: number; masks?: boolean } = {},
): Buffer {
  const columns = names.map((name) => cellsOf(table, name) as Cell[]);
  const elements = Array.from({ length: table.numRows }, (_, row) =>
    columns.flatMap((cells) => {
      const cell = cells[row]!;
      const value = cell === null ? fill : element(cell, 0, 1);
      return masks ? [value, cell === null ? 0 : 1] : [value];
    }),
  );
  return elementBytes(dtype, elements.flat());
}

/** Turns of the event loop until something is so. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 1));
}
