/** Rows between a socket, which does not wait, and a consumer, who may be slow: bounded, then by policy. */
import type { RecordBatch, Schema } from 'apache-arrow';

import { createError } from '../../../errors/from-native.js';
import { stoppable } from '../../../internal/stoppable.js';
import { BatchBuilder } from '../column-builder.js';
import type { PlainRow } from '../types.js';

export class RowBuffer implements AsyncIterable<RecordBatch> {
  #builder: BatchBuilder;
  #full: RecordBatch[] = [];
  #heldRows = 0;
  #wake: (() => void) | null = null;
  #error: unknown = null;
  #ended = false;
  #taken = false;

  constructor(
    readonly schema: Schema,
    private readonly capacity: number,
    private readonly batchRows: number,
    private readonly onLetGo: () => void,
    private readonly onDrained: () => void,
  ) {
    this.#builder = new BatchBuilder(schema);
  }

  get rows(): number {
    return this.#heldRows + this.#builder.rows;
  }

  /** False where the buffer is full, and the row is not taken. Throws what `BatchBuilder` throws. */
  push(row: PlainRow): boolean {
    if (this.#ended) return true;
    if (this.rows >= this.capacity) return false;
    this.#builder.push(row);
    if (this.#builder.rows >= this.batchRows) {
      this.#heldRows += this.#builder.rows;
      this.#full.push(this.#builder.take());
    }
    this.#notify();
    return true;
  }

  /** No more rows: the consumer gets what is held, then the end or the error. */
  end(error: unknown = null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#notify();
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = null;
  }

  [Symbol.asyncIterator](): AsyncGenerator<RecordBatch, void, undefined> {
    return stoppable(this.#batches(), () => this.end());
  }

  async *#batches(): AsyncGenerator<RecordBatch, void, undefined> {
    if (this.#taken) throw createError('FS_ERR_BUSY', 'a feed may be iterated once');
    this.#taken = true;
    try {
      for (;;) {
        const batch = this.#full.shift() ?? (this.#builder.rows > 0 ? this.#builder.take() : null);
        if (batch !== null) {
          this.#heldRows = this.#full.reduce((sum, { numRows }) => sum + numRows, 0);
          if (this.rows <= this.capacity / 2) this.onDrained();
          yield batch;
        } else if (this.#ended) {
          if (this.#error !== null) throw this.#error;
          return;
        } else {
          await new Promise<void>((resolve) => (this.#wake = resolve));
        }
      }
    } finally {
      this.#ended = true;
      this.#full = [];
      this.#heldRows = 0;
      this.#builder = new BatchBuilder(this.schema);
      this.onLetGo();
    }
  }
}
