/**
 * The right rows that a left row still to come can match: everything not older than the low watermark, and of what
 * is older, per key the row that looking back would choose (and what is not visible yet).
 *
 * The choice is made by the join itself: the old rows' keys, all at the watermark's time, are joined with the old
 * rows. So tie, null and visibility rules are the kernel's own and cannot differ from it. Memory: the batches not
 * yet passed by the left side, plus one row per key; the clean-up is amortised (it runs when the old rows have
 * doubled since the last one).
 */
import { type Data, RecordBatch, type Schema, Struct, Table, makeData } from 'apache-arrow';

import { NativeDirection, type NativeColumn, type NativeStream, NativeType } from '../internal/native.js';
import type { Executor } from '../join/executor.js';
import { columnAt } from '../schema/arrow-columns.js';
import { localField } from '../schema/arrow-types.js';
import { canonicalValues } from '../schema/canonical.js';
import { takeColumn } from '../schema/take.js';
import type { BatchReader } from './batch-reader.js';
import { TimeOrder } from './time-order.js';

/**
 * When old rows are worth a clean-up: not fewer than `leftBatches` times a left batch's rows, because every batch is
 * joined with all that is held, and a clean-up costs about one such join more; and never more than `cleanUpRows` without.
 * Tests lower both to see every clean-up.
 */
export const windowLimits = { cleanUpRows: 65_536, leftBatches: 16 };

/** The request of one stream over a right table; the window asks for it to select what it keeps. */
export type RequestOf = (right: Table) => NativeStream;

/** A batch and the latest of its aligned times; null where no row has one. */
interface TimedBatch {
  readonly batch: RecordBatch;
  readonly max: bigint | number | null;
}

export class RightWindow {
  readonly #reader: BatchReader;
  readonly #requestOf: RequestOf;
  readonly #executor: Executor;
  readonly #schema: Schema;
  readonly #order: TimeOrder;
  #head: RecordBatch | null;
  /** Rows that looking back chose at an earlier watermark; ascending, all older than it. */
  #kept: RecordBatch | null = null;
  #batches: TimedBatch[] = [];
  #done = false;
  #last: bigint | number | null = null;

  /** `head` is the reader's first batch, read already because its schema had to be known. */
  constructor(side: string, reader: BatchReader, head: RecordBatch, executor: Executor, requestOf: RequestOf) {
    this.#reader = reader;
    this.#head = head;
    this.#schema = head.schema;
    this.#executor = executor;
    this.#order = new TimeOrder(side, executor.name);
    this.#requestOf = requestOf;
  }

  /** Rows read from the source so far. */
  get rowsRead(): number {
    return this.#order.rows;
  }

  /** Rows held. */
  get rows(): number {
    return this.#batches.reduce((sum, { batch }) => sum + batch.numRows, this.#kept?.numRows ?? 0);
  }

  /** Whether the source has ended: nothing more will come. */
  get done(): boolean {
    return this.#done;
  }

  /** No right row to come is earlier than this; null before the first. */
  get last(): bigint | number | null {
    return this.#last;
  }

  /** What is held, as one table. */
  table(): Table {
    const batches = this.#batches.map(({ batch }) => batch);
    if (this.#kept !== null) batches.unshift(this.#kept);
    return new Table(this.#schema, batches);
  }

  /** Reads one more batch. False at the end of the source. */
  async pull(): Promise<boolean> {
    const batch = this.#head ?? (await this.#reader.next());
    this.#head = null;
    if (batch === null) {
      this.#done = true;
      return false;
    }
    const local = new RecordBatch(this.#schema, batch.data);
    const { right } = this.#requestOf(new Table(this.#schema, [local]));
    const { max } = this.#order.next(right.time);
    if (local.numRows > 0) this.#batches.push({ batch: local, max });
    if (max !== null) this.#last = max;
    return true;
  }

  /** Reads until no row to come can be at or before `time`, or the source ends. */
  async pullPast(time: bigint | number): Promise<void> {
    while (!this.#done && (this.#last === null || this.#last <= time)) await this.pull();
  }

  /** Forgets what no left row at or after `low` can match. `leftRows` is the size of the batches that it is joined with. */
  async advance(low: bigint | number, leftRows: number): Promise<void> {
    let count = 0;
    while (count < this.#batches.length && isOlder(this.#batches[count]!.max, low)) count++;
    if (count === 0) return;
    const old = this.#batches.slice(0, count).map(({ batch }) => batch);
    const oldRows = old.reduce((sum, batch) => sum + batch.numRows, 0);
    const { direction } = this.#requestOf(new Table(this.#schema, [old[0]!.slice(0, 0)]));
    const looksBack = direction !== NativeDirection.forward;
    const worth = Math.min(windowLimits.cleanUpRows, windowLimits.leftBatches * leftRows);
    if (looksBack && oldRows < Math.max(worth, this.#kept?.numRows ?? 0)) return;
    if (this.#kept !== null) old.unshift(this.#kept);
    this.#kept = looksBack ? await this.#choose(new Table(this.#schema, old), low) : null;
    this.#batches.splice(0, count);
  }

  /** Of rows older than `low`: per key the one to be chosen from there, and those not yet visible. */
  async #choose(table: Table, low: bigint | number): Promise<RecordBatch> {
    const stream = this.#requestOf(table);
    const { column } = stream.right.time;
    const now = { column: constantTime(column, low, table.numRows), scale: 1n, unit: stream.right.time.unit };
    const { streams } = await this.#executor.run(
      {
        leftRows: table.numRows,
        leftSides: [{ time: now, keys: stream.right.keys }],
        leftPayload: [],
        streams: [
          {
            ...stream,
            leftSide: 0,
            payload: [],
            direction: NativeDirection.backward,
            tolerance: null,
            inner: false,
            wantIndices: true,
            wantMatched: false,
            wantAge: false,
          },
        ],
        threads: 0,
        explain: false,
      },
      null,
    );
    const live = new Uint8Array(table.numRows);
    for (const row of new Int32Array(streams[0]!.indices!)) if (row >= 0) live[row] = 1;
    this.#markHidden(live, stream, low);
    return takeRows(table, live);
  }

  /** Rows with time + lag or known time after `low`: a later left row may be the first to see them. */
  #markHidden(live: Uint8Array, { right, knownAt, lag }: NativeStream, low: bigint | number): void {
    const mark = (column: NativeColumn, scale: bigint, after: (time: bigint | number) => boolean): void => {
      canonicalValues(column, 1n).forEach((cell, row) => {
        if (cell === null || typeof cell === 'string' || Number.isNaN(cell)) return;
        if (after(typeof low === 'bigint' ? BigInt(cell) * scale : cell)) live[row] = 1;
      });
    };
    if (knownAt !== null) mark(knownAt.column, knownAt.scale, (time) => time > low);
    if (typeof lag === 'bigint' && typeof low === 'bigint' && lag > 0n) {
      mark(right.time.column, right.time.scale, (time) => BigInt(time) + lag > low);
    }
    if (typeof lag === 'number' && typeof low === 'number' && lag > 0) {
      mark(right.time.column, right.time.scale, (time) => Number(time) + lag > low);
    }
  }
}

function isOlder(time: bigint | number | null, low: bigint | number): boolean {
  return time === null || time < low;
}

/** `rows` times the aligned time `low`, in the representation of the column it stands beside. */
function constantTime(column: NativeColumn, low: bigint | number, rows: number): NativeColumn {
  const unsigned = column.type === NativeType.UInt64;
  const values =
    typeof low === 'number'
      ? new Float64Array(rows).fill(low)
      : unsigned
        ? new BigUint64Array(rows).fill(low)
        : new BigInt64Array(rows).fill(low);
  return {
    name: column.name,
    type: typeof low === 'number' ? NativeType.Float64 : unsigned ? NativeType.UInt64 : NativeType.Int64,
    indexType: NativeType.Int32,
    width: 8,
    chunks: [{ length: rows, bitOffset: 0, values, offsets: null, validity: null, dictionary: -1 }],
    dictionaries: [],
  };
}

function takeRows(table: Table, live: Uint8Array): RecordBatch {
  let count = 0;
  for (const flag of live) count += flag;
  const indices = new Int32Array(count);
  for (let row = 0, at = 0; row < live.length; row++) if (live[row] === 1) indices[at++] = row;
  const fields = table.schema.fields.map(localField);
  const children = fields.map((field, i): Data => takeColumn(columnAt(table, i, 'right'), indices, field.type));
  return new RecordBatch(table.schema, makeData({ type: new Struct(fields), length: count, nullCount: 0, children }));
}
