/**
 * A Kafka topic as a live source: batches with positions, offsets committed by the caller and never before.
 *
 * A position says for every partition which offset comes next. It goes with the batch, so that it is known which
 * position's rows have all been emitted; `commit` tells the group that one. After a crash the group goes on from there:
 * rows that were read and not emitted are read again, none is lost. With a snapshot of the join, start `from` the
 * position in it, which also keeps rows that were held.
 */
import { RecordBatch, type Schema } from 'apache-arrow';

import { FlowStateError } from '../../../errors/errors.js';
import { createError } from '../../../errors/from-native.js';
import { stoppable } from '../../../internal/stoppable.js';
import {
  isRecord,
  rejectUnknown,
  requireInteger,
  requireName,
  requireNames,
  requireOneOf,
  typeError,
} from '../../../internal/validate.js';
import { BatchBuilder } from '../column-builder.js';
import type { PlainRow } from '../types.js';
import { type BatchPayload, type Consumer, type KafkaClientName, type KafkaMessage, openConsumer } from './client.js';

/** Next offset per partition, as text: JSON holds no int64. */
export interface KafkaPosition {
  readonly topic: string;
  readonly offsets: Readonly<Record<string, string>>;
  readonly [key: string]: string | Readonly<Record<string, string>>;
}

export interface KafkaBatch {
  readonly batch: RecordBatch;
  readonly position: KafkaPosition;
}

/** A message, and where it is from. */
export interface KafkaRecord extends KafkaMessage {
  readonly topic: string;
  readonly partition: number;
}

export interface KafkaSourceOptions {
  readonly brokers: readonly string[];
  readonly topic: string;
  /** Consumers of one group share the partitions: key messages by symbol, and each joins its own symbols. */
  readonly groupId: string;
  /** Rows of a message, or a whole batch of the schema; null for none. What it throws ends the source. */
  readonly decode: (message: KafkaRecord) => PlainRow | readonly PlainRow[] | RecordBatch | null;
  readonly schema: Schema;
  /** Starts here, whatever the group has committed: the position of a snapshot. */
  readonly from?: KafkaPosition;
  /** Where neither the group nor `from` knows a partition: its first message (default) or what comes next. */
  readonly fromBeginning?: boolean;
  /**
   * When the group's partitions are dealt anew while the source is read: `'error'` (default) ends it, since the rows
   * held for a partition that is gone belong to another process now; `'continue'` goes on. kafkajs only.
   */
  readonly rebalance?: 'error' | 'continue';
  /** Default: whichever is installed. */
  readonly client?: KafkaClientName;
  readonly clientId?: string;
  readonly ssl?: unknown;
  readonly sasl?: unknown;
  readonly sessionTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

const KNOWN = [
  ...['brokers', 'topic', 'groupId', 'decode', 'schema', 'from', 'fromBeginning', 'rebalance', 'client', 'clientId'],
  ...['ssl', 'sasl', 'sessionTimeoutMs', 'signal'],
];
/** While a batch waits for its consumer the broker must hear from us. */
const HEARTBEAT_MS = 1000;

/** Batches of the topic, once. `commit` may be called while they are read, and after. */
export class KafkaSource implements AsyncIterable<KafkaBatch> {
  readonly #options: KafkaSourceOptions;
  #consumer: Consumer | null = null;
  #ready: (KafkaBatch & { readonly taken: () => void })[] = [];
  #wake: (() => void) | null = null;
  #error: unknown = null;
  #closed = false;
  #closing: Promise<void> | null = null;
  /** Nobody reads on. */
  #stopping = false;
  #started = false;
  readonly #next = new Map<number, bigint>();
  readonly #committed = new Map<number, bigint>();
  #assigned: string | null = null;

  constructor(options: KafkaSourceOptions) {
    rejectUnknown(options as unknown as Record<string, unknown>, 'options', KNOWN);
    requireNames(options.brokers, 'brokers');
    requireName(options.topic, 'topic');
    requireName(options.groupId, 'groupId');
    if (typeof options.decode !== 'function') throw typeError('decode', 'a function of a message', options.decode);
    if (!isRecord(options.schema) || !('fields' in options.schema)) {
      throw typeError('schema', 'an apache-arrow Schema', options.schema);
    }
    if (options.rebalance !== undefined) requireOneOf(options.rebalance, 'rebalance', ['error', 'continue']);
    if (options.client !== undefined) {
      requireOneOf(options.client, 'client', ['@confluentinc/kafka-javascript', 'kafkajs']);
    }
    if (options.sessionTimeoutMs !== undefined) {
      requireInteger(options.sessionTimeoutMs, 'sessionTimeoutMs', 1, 2 ** 31 - 1);
    }
    this.#options = options;
    if (options.from !== undefined) {
      for (const [partition, offset] of parsePosition(options.from, options.topic, 'from')) {
        this.#next.set(partition, offset);
      }
    }
  }

  /**
   * Tells the group that everything before the position is done with. Offsets never go back: those of an older position
   * change nothing. Throws FS_ERR_IO where the broker refuses, FS_ERR_CLOSED before the first batch was asked for.
   */
  async commit(position: unknown): Promise<void> {
    const { topic } = this.#options;
    const offsets = parsePosition(position, topic, 'position');
    if (this.#consumer === null) throw createError('FS_ERR_CLOSED', 'a Kafka source commits only while it is open');
    const risen = offsets.filter(([partition, offset]) => offset > (this.#committed.get(partition) ?? -1n));
    if (risen.length === 0) return;
    try {
      await this.#consumer.commitOffsets(
        risen.map(([partition, offset]) => ({ topic, partition, offset: String(offset) })),
      );
    } catch (error) {
      throw kafkaError(error, 'commit to');
    }
    for (const [partition, offset] of risen) this.#committed.set(partition, offset);
  }

  [Symbol.asyncIterator](): AsyncGenerator<KafkaBatch, void, undefined> {
    return stoppable(this.#batches(), () => {
      this.#stopping = true;
      this.#notify();
    });
  }

  async *#batches(): AsyncGenerator<KafkaBatch, void, undefined> {
    if (this.#started) throw createError('FS_ERR_BUSY', 'a Kafka source may be iterated once');
    this.#started = true;
    const { signal } = this.#options;
    const abort = (): void => this.#fail(createError('FS_ERR_ABORTED', 'the Kafka source was aborted by its signal'));
    signal?.addEventListener('abort', abort, { once: true });
    try {
      if (signal?.aborted === true) abort();
      else await this.#open();
      for (;;) {
        const ready = this.#ready.shift();
        if (ready !== undefined) {
          yield { batch: ready.batch, position: ready.position };
          ready.taken();
        } else if (this.#error !== null) {
          throw this.#error;
        } else if (this.#closed || this.#stopping) {
          return;
        } else {
          await new Promise<void>((resolve) => (this.#wake = resolve));
        }
      }
    } finally {
      signal?.removeEventListener('abort', abort);
      await this.close();
    }
  }

  /** Leaves the group. What was not committed is read again by whoever comes next. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#leave();
    return this.#closing;
  }

  async #leave(): Promise<void> {
    this.#closed = true;
    for (const { taken } of this.#ready) taken();
    this.#ready = [];
    this.#notify();
    const consumer = this.#consumer;
    this.#consumer = null;
    await consumer?.disconnect().catch(() => undefined);
  }

  async #open(): Promise<void> {
    const {
      brokers,
      topic,
      groupId,
      client,
      clientId,
      ssl,
      sasl,
      sessionTimeoutMs,
      fromBeginning = true,
    } = this.#options;
    try {
      const consumer = await openConsumer(
        { brokers, clientId, groupId, fromBeginning, sessionTimeoutMs, ssl, sasl },
        client,
      );
      await consumer.connect();
      this.#consumer = consumer;
      consumer.on?.('consumer.group_join', ({ payload }) => this.#joined(payload));
      consumer.on?.('consumer.crash', ({ payload }) => {
        const { error, restart } = payload as { readonly error: unknown; readonly restart: boolean };
        if (!restart) this.#fail(kafkaError(error, 'read from'));
      });
      await consumer.subscribe({ topics: [topic], fromBeginning });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        eachBatch: (payload) => this.#take(payload),
      });
      for (const [partition, offset] of this.#next) consumer.seek({ topic, partition, offset: String(offset) });
    } catch (error) {
      throw kafkaError(error, 'connect to');
    }
  }

  #joined(payload: unknown): void {
    const { memberAssignment } = payload as { readonly memberAssignment?: Readonly<Record<string, readonly number[]>> };
    const dealt = [...(memberAssignment?.[this.#options.topic] ?? [])].sort((a, b) => a - b).join(',');
    const before = this.#assigned;
    this.#assigned = dealt;
    if (before === null || before === dealt) return;
    if (this.#options.rebalance === 'continue') {
      const kept = new Set(dealt.split(',').map(Number));
      for (const partition of this.#next.keys()) if (!kept.has(partition)) this.#next.delete(partition);
      return;
    }
    this.#fail(
      createError(
        'FS_ERR_IO',
        `the partitions of ${this.#options.topic} were dealt anew: had ${before}, have ${dealt}`,
        {
          details: { topic: this.#options.topic, before, now: dealt },
        },
      ),
    );
  }

  async #take({ batch, resolveOffset, heartbeat, isRunning, isStale }: BatchPayload): Promise<void> {
    const { topic, partition } = batch;
    const builder = new BatchBuilder(this.#options.schema);
    try {
      const ready: RecordBatch[] = [];
      let next: bigint | null = null;
      for (const message of batch.messages) {
        const offset = BigInt(message.offset);
        // A fetch that was under way when the start was set, or the start of a compressed block.
        if (offset < (this.#next.get(partition) ?? -1n)) continue;
        const decoded = this.#options.decode({ ...message, topic, partition });
        next = offset + 1n;
        if (decoded === null) continue;
        if (decoded instanceof RecordBatch || isArrowBatch(decoded)) {
          if (builder.rows > 0) ready.push(builder.take());
          ready.push(decoded as RecordBatch);
        } else {
          for (const row of Array.isArray(decoded) ? (decoded as PlainRow[]) : [decoded as PlainRow]) builder.push(row);
        }
      }
      if (next === null || this.#closed || !isRunning() || isStale()) return;
      // Messages without rows move the position too: an empty batch carries it.
      if (builder.rows > 0 || ready.length === 0) ready.push(builder.take());
      for (const [i, each] of ready.entries()) {
        // Only the last one's rows complete the position.
        if (i === ready.length - 1) this.#next.set(partition, next);
        await this.#hand(each, heartbeat);
      }
      resolveOffset(String(next - 1n));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Waits until the batch was taken: the client fetches no further before. */
  async #hand(batch: RecordBatch, heartbeat: () => Promise<void>): Promise<void> {
    const offsets = Object.fromEntries(
      [...this.#next].map(([partition, offset]) => [String(partition), String(offset)]),
    );
    let done = false;
    const taken = new Promise<void>((resolve) => {
      this.#ready.push({
        batch,
        position: { topic: this.#options.topic, offsets },
        taken: () => {
          done = true;
          resolve();
        },
      });
    });
    this.#notify();
    while (!done && !this.#closed) {
      let timer: NodeJS.Timeout | null = null;
      await Promise.race([taken, new Promise((resolve) => (timer = setTimeout(resolve, HEARTBEAT_MS)))]);
      if (timer !== null) clearTimeout(timer);
      if (!done) await heartbeat();
    }
  }

  #fail(error: unknown): void {
    this.#error ??= error;
    this.#notify();
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = null;
  }
}

function isArrowBatch(value: unknown): boolean {
  return isRecord(value) && 'schema' in value && 'numRows' in value && 'data' in value;
}

function parsePosition(value: unknown, topic: string, where: string): [number, bigint][] {
  if (!isRecord(value) || value.topic !== topic || !isRecord(value.offsets)) {
    throw typeError(where, `a position of ${topic}`, value);
  }
  return Object.entries(value.offsets).map(([partition, offset]) => {
    if (!/^\d+$/.test(partition) || typeof offset !== 'string' || !/^\d+$/.test(offset)) {
      throw typeError(where, 'offsets as text, by partition', offset);
    }
    return [Number(partition), BigInt(offset)];
  });
}

function kafkaError(error: unknown, action: string): FlowStateError {
  if (error instanceof FlowStateError) return error;
  const reason =
    typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
  return createError('FS_ERR_IO', `cannot ${action} Kafka: ${reason}`, { cause: error });
}

/** See `KafkaSource`. Needs the package `@confluentinc/kafka-javascript` or `kafkajs`. */
export function kafkaSource(options: KafkaSourceOptions): KafkaSource {
  return new KafkaSource(options);
}
