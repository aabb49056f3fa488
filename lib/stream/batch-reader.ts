/** Pulls record batches from a source, one ahead of the consumer, and holds them to one schema. */
import type { RecordBatch, Schema, Table } from 'apache-arrow';

import { fail, typeError } from '../internal/validate.js';
import type { BatchSource } from './options.js';

function batchesOf(value: unknown, where: string): readonly RecordBatch[] {
  if (typeof value === 'object' && value !== null && 'schema' in value) {
    if ('batches' in value) return (value as Table).batches;
    if ('data' in value) return [value as RecordBatch];
  }
  throw typeError(where, 'record batches or tables of apache-arrow', value);
}

async function* flatten(source: BatchSource, where: string): AsyncGenerator<RecordBatch> {
  for await (const item of source) yield* batchesOf(item, where);
}

function sameFields(a: Schema, b: Schema): boolean {
  return (
    a.fields.length === b.fields.length &&
    a.fields.every((field, i) => field.name === b.fields[i]?.name && `${field.type}` === `${b.fields[i]?.type}`)
  );
}

/** Who wants to know where the time of a join goes. */
export interface JoinWatch {
  /** A reader begins to wait for its source, or does no longer. */
  waiting(isWaiting: boolean): void;
  /** Runs what joins; it may hold the thread. */
  joining<T>(run: () => T): T;
}

/** One source, read once. `where` names it in messages: `left`, `right`, or a stream's name. */
export class BatchReader {
  schema: Schema | null = null;
  readonly #where: string;
  readonly #iterator: AsyncGenerator<RecordBatch>;
  readonly #watch: JoinWatch | null;
  #ahead: Promise<IteratorResult<RecordBatch>> | null = null;

  constructor(source: unknown, where: string, watch: JoinWatch | null = null) {
    if (
      typeof source !== 'object' ||
      source === null ||
      !(Symbol.asyncIterator in source || Symbol.iterator in source)
    ) {
      throw typeError(where, 'an iterable or async iterable of record batches', source);
    }
    this.#where = where;
    this.#watch = watch;
    this.#iterator = flatten(source as BatchSource, where);
  }

  /** The next batch, or null at the end. The one after it is asked for at once. */
  async next(): Promise<RecordBatch | null> {
    const { done, value } = await this.#pull();
    if (done === true) {
      this.#ahead = Promise.resolve({ done: true, value: undefined });
      return null;
    }
    this.#ahead = this.#iterator.next();
    // Nobody waits yet when it fails; the next call sees the same rejection.
    this.#ahead.catch(() => undefined);
    if (this.schema !== null && !sameFields(this.schema, value.schema)) {
      fail(
        'FS_ERR_SCHEMA',
        `${this.#where}: every batch must have the schema of the first, ${this.schema}; got ${value.schema}`,
      );
    }
    this.schema ??= value.schema;
    return value;
  }

  async #pull(): Promise<IteratorResult<RecordBatch>> {
    this.#watch?.waiting(true);
    try {
      return await (this.#ahead ?? this.#iterator.next());
    } finally {
      this.#watch?.waiting(false);
    }
  }

  /** The first batch, which tells the schema. Throws FS_ERR_SCHEMA where there is none. */
  async head(): Promise<RecordBatch> {
    const batch = await this.next();
    if (batch !== null) return batch;
    return fail(
      'FS_ERR_SCHEMA',
      `${this.#where} gave no batch, so its columns are not known: yield at least one, which may be empty`,
    );
  }

  /** Lets the source go. Idempotent. */
  async close(): Promise<void> {
    await this.#ahead?.catch(() => undefined);
    await this.#iterator.return(undefined);
  }
}
