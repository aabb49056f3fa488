/**
 * Between a pipeline and one of its sources: tells when the source is at work in the caller's turn, ends a wait that
 * nothing else would end, and closes the source once.
 */
import { type RecordBatch, type Table } from 'apache-arrow';

import { createError } from '../errors/from-native.js';
import { isRecord, typeError } from '../internal/validate.js';
import type { BatchSource } from '../stream/options.js';

/** A table, or what the joins over batches take: record batches or small tables of one schema, in any iterable. */
export type PipelineSource = BatchSource | Table;

type Item = RecordBatch | Table;
type Pull = Iterator<Item> | AsyncIterator<Item>;

export class SourceTap implements AsyncIterable<Item> {
  private iterator: Pull | null = null;
  private isOver = false;
  private isStopped = false;
  private interrupt: ((error: Error) => void) | null = null;
  private closing: Promise<void> | null = null;

  /** `call` runs what the source does in the caller's turn. Throws FS_ERR_ARG_TYPE for what is no source. */
  constructor(
    private readonly source: unknown,
    where: string,
    private readonly call: <T>(run: () => T) => T,
  ) {
    const isIterable = isObject(source) && (Symbol.asyncIterator in source || Symbol.iterator in source);
    if (!isIterable) throw typeError(where, 'a table, or an iterable or async iterable of record batches', source);
  }

  [Symbol.asyncIterator](): AsyncIterator<Item> {
    return {
      next: () => this.next(),
      return: async () => {
        await this.close();
        return { done: true, value: undefined };
      },
    };
  }

  private async next(): Promise<IteratorResult<Item>> {
    if (this.isStopped) throw stopped();
    try {
      const result = await this.orInterrupted(
        this.call(() => {
          this.iterator ??= open(this.source);
          return this.iterator.next();
        }),
      );
      if (result.done === true) this.isOver = true;
      return result;
    } catch (error) {
      // By the protocol an iterator that throws is over; one that was interrupted is not.
      if (!this.isStopped) this.isOver = true;
      throw error;
    }
  }

  /** Not Promise.race: that would hold something of every batch until the end. */
  private orInterrupted(result: IteratorResult<Item> | Promise<IteratorResult<Item>>): Promise<IteratorResult<Item>> {
    return new Promise<IteratorResult<Item>>((resolve, reject) => {
      this.interrupt = reject;
      Promise.resolve(result).then(resolve, reject);
    }).finally(() => {
      this.interrupt = null;
    });
  }

  /**
   * Ends a wait for the source at once and calls its `return`, once, where it was begun and is not over. Settles when that
   * has: a generator answers only after the `next` under way. Never rejects; the iteration has an outcome already.
   */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    this.isStopped = true;
    this.interrupt?.(stopped());
    if (this.iterator === null || this.isOver) return;
    this.isOver = true;
    try {
      await this.iterator.return?.();
    } catch {
      // What ended the iteration is told; a source that cannot be closed changes nothing about it.
    }
  }
}

function stopped(): Error {
  return createError('FS_ERR_ABORTED', 'the pipeline has ended');
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Tables and batches of apache-arrow are iterables of rows, which is not what is meant. */
function open(source: unknown): Pull {
  if (isRecord(source) && 'schema' in source) {
    if (Array.isArray(source.batches)) return (source.batches as Item[]).values();
    if ('data' in source && 'numRows' in source) return [source as unknown as RecordBatch].values();
  }
  const batches = source as BatchSource;
  return Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : batches[Symbol.iterator]();
}
