/** Holds a source to the promise that time ascends, within a batch and from one batch to the next. */
import { fail } from '../internal/validate.js';
import type { NativeTime, NativeTimeExtent } from '../internal/native.js';
import { timeExtent } from './time-extent.js';

/** One time column of one source. Rows are counted over the whole source, so errors name the caller's row. */
export class TimeOrder {
  rows = 0;
  #last: { readonly time: bigint | number; readonly row: number } | null = null;

  constructor(
    private readonly side: string,
    private readonly executor: string,
  ) {}

  /** The range of the next batch's times. Throws FS_ERR_UNSORTED. */
  next(time: NativeTime): NativeTimeExtent {
    const extent = timeExtent(time, this.executor);
    const base = this.rows;
    this.rows += extent.rows;
    if (extent.descentRow >= 0) this.#fail(time, base + extent.descentRow, base + extent.descentPreviousRow);
    if (extent.min !== null && extent.max !== null) {
      if (this.#last !== null && extent.min < this.#last.time) this.#fail(time, base, this.#last.row);
      this.#last = { time: extent.max, row: this.rows - 1 };
    }
    return extent;
  }

  #fail(time: NativeTime, row: number, previousRow: number): never {
    fail(
      'FS_ERR_UNSORTED',
      `${time.column.name} must ascend over all batches; row ${row} is before row ${previousRow}. A join over ` +
        'batches cannot sort: sort the input, or join whole tables',
      { side: this.side, row, previousRow },
    );
  }
}
