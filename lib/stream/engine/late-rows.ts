/** The side output of one input: rows that came too late or too early, in order of arrival, until they are taken. */
import type { ColumnShape, EngineBatch, LateOutput } from './types.js';
import { RowStore, sequentialRows } from './row-store.js';

interface LateRow {
  readonly source: number;
  readonly sequence: bigint;
  readonly reason: number;
  readonly affected: readonly bigint[];
}

export class LateRows {
  readonly #store: RowStore;
  #rows: LateRow[] = [];

  constructor(shapes: readonly ColumnShape[]) {
    this.#store = new RowStore(shapes);
  }

  get size(): number {
    return this.#rows.length;
  }

  get byteLength(): number {
    return this.#store.byteLength;
  }

  add(batch: EngineBatch, rows: readonly (Omit<LateRow, 'source'> & { readonly row: number })[]): void {
    this.#store.append(
      batch.columns,
      Int32Array.from(rows, ({ row }) => row),
    );
    for (const { sequence, reason, affected } of rows) {
      this.#rows.push({ source: batch.source, sequence, reason, affected });
    }
  }

  take(input: number): LateOutput {
    const rows = this.#rows;
    const offsets = new Int32Array(rows.length + 1);
    rows.forEach(({ affected }, i) => (offsets[i + 1] = offsets[i]! + affected.length));
    const output = {
      input,
      rows: rows.length,
      columns: this.#store.gather(sequentialRows(rows.length)),
      source: Int32Array.from(rows, ({ source }) => source).buffer,
      sequence: BigInt64Array.from(rows, ({ sequence }) => sequence).buffer,
      reasons: Int8Array.from(rows, ({ reason }) => reason).buffer,
      affectedOffsets: offsets.buffer,
      affected: BigInt64Array.from(rows.flatMap(({ affected }) => affected)).buffer,
    };
    this.#store.clear();
    this.#rows = [];
    return output;
  }
}
