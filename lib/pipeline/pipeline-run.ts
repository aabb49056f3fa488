/**
 * One iteration of a `GpuPipeline`: a producer that pulls rows, joins, stages and starts copies, a queue of the batches
 * in the making in their order, and the consumer's end of it.
 *
 * The producer begins a batch only where fewer than `depth` are in the queue, which a batch leaves when the consumer takes
 * it. An outcome has its place in the queue, an error too, so that whatever fails first in order of the rows is what the
 * consumer gets, after the batches before it. Ending, for whatever reason, is one function that waits for the work under
 * way and then gives everything back.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

import type { RecordBatch } from 'apache-arrow';

import { planTable } from '../device/column-plan.js';
import { createError } from '../errors/from-native.js';
import { alignWatched } from '../stream/asof-join-stream.js';
import { BatchReader } from '../stream/batch-reader.js';
import type { JoinedBatches } from '../stream/options.js';
import type { PipelineRequest } from './options.js';
import { PipelineBatch } from './pipeline-batch.js';
import { Rebatcher } from './rebatch.js';
import { SourceTap } from './source-tap.js';
import { type Stage, StallClock } from './stall-clock.js';
import { Staging, type StagingSlot } from './staging.js';
import { type StagedRows, TensorMaker, uploadRows } from './upload.js';

/** A batch in the making; null for the end of the rows. Rejects with what the iteration ends with. */
type Outcome = Promise<PipelineBatch | null>;

export class PipelineRun {
  readonly clock = new StallClock();
  readonly staging: Staging;
  joined: JoinedBatches | null = null;
  /** Batches that were taken, and of them those not released. */
  readonly counts = { batches: 0, rows: 0, bytes: 0, held: 0, peakAhead: 0 };

  private readonly taps: SourceTap[] = [];
  private readonly rows: AsyncIterator<RecordBatch>;
  private readonly rebatcher: Rebatcher;
  private readonly tensors: TensorMaker;
  private readonly queue: Outcome[] = [];
  /** Ends what is under way when the iteration does. */
  private readonly stop = new AbortController();
  private readonly onAbort = (): void => this.abort();
  private aborted: Error | null = null;
  private made = 0;
  private isMaking = false;
  private isOver = false;
  private hasFailed = false;
  private isConsumerWaiting = false;
  private sourcesWaited = 0;
  private holder: Stage | null = null;
  private producerStage: Stage = 'source';
  private producing: Promise<void> = Promise.resolve();
  private ending: Promise<void> | null = null;
  private wakeConsumer = (): void => undefined;
  private wakeProducer = (): void => undefined;

  /** Throws FS_ERR_ARG_TYPE for what is no source, and what `alignBatches` throws. Starts nothing. */
  constructor(private readonly request: PipelineRequest) {
    const { features, labels, batchRows, device, depth } = request;
    this.rows = this.openRows();
    this.rebatcher = new Rebatcher([...new Set([...features.names, ...(labels?.names ?? [])])], batchRows);
    this.tensors = new TensorMaker(features, labels);
    this.staging = new Staging(device, Math.min(depth, 2));
  }

  /** Batches ready or in the making. */
  get ahead(): number {
    return this.queue.length + (this.isMaking ? 1 : 0);
  }

  start(): void {
    const { signal } = this.request;
    if (signal?.aborted === true) return this.abort();
    signal?.addEventListener('abort', this.onAbort, { once: true });
    this.isConsumerWaiting = true;
    this.producing = this.produce();
  }

  /** The next batch, null at the end. Rejects with the first error. */
  async take(): Promise<PipelineBatch | null> {
    this.isConsumerWaiting = true;
    this.observe();
    try {
      while (this.queue.length === 0 && this.ending === null) {
        await new Promise<void>((resolve) => {
          this.wakeConsumer = resolve;
        });
      }
      const batch = await (this.queue[0] ?? null);
      // What is in the queue still is released by the end.
      if (this.aborted !== null) throw this.aborted;
      if (this.ending !== null || batch === null) return null;
      void this.queue.shift();
      this.wakeProducer();
      this.counts.batches++;
      this.counts.rows += batch.rows;
      this.counts.held++;
      return batch;
    } catch (error) {
      if (this.ending === null) {
        this.hasFailed = true;
        throw error;
      }
      if (this.aborted !== null) throw this.aborted;
      return null;
    } finally {
      this.isConsumerWaiting = false;
      this.observe();
    }
  }

  /**
   * Stops everything; settles when nothing is under way, memory is back and the sources are closed. Idempotent. A source
   * that is silent is told to close; an error or an abort does not wait for it, or might never be heard of.
   */
  end(): Promise<void> {
    this.ending ??= this.finish();
    return this.ending;
  }

  private async finish(): Promise<void> {
    this.clock.enter(null);
    this.isOver = true;
    this.request.signal?.removeEventListener('abort', this.onAbort);
    this.stop.abort();
    const closed = this.closeSources();
    this.wakeConsumer();
    this.wakeProducer();
    await this.producing;
    for (const outcome of this.queue.splice(0)) {
      const batch = await outcome.catch(() => null);
      batch?.release();
    }
    this.staging.close();
    await (this.hasFailed ? Promise.race([closed, nextTurn()]) : closed);
  }

  private abort(): void {
    this.hasFailed = true;
    this.aborted = createError('FS_ERR_ABORTED', 'the pipeline was aborted', { cause: this.request.signal?.reason });
    void this.end();
  }

  private async closeSources(): Promise<void> {
    await Promise.all(this.taps.map((tap) => tap.close()));
  }

  /** Never rejects: what goes wrong takes its place in the queue. */
  private async produce(): Promise<void> {
    const outcome = this.makeAll();
    await outcome.catch(() => undefined);
    this.isMaking = false;
    this.enqueue(outcome);
    // The consumer may take its time; nobody reads from the sources any more.
    void this.closeSources();
  }

  /** Settles where the rows end, or with the first error on the way to a copy. */
  private async makeAll(): Promise<null> {
    this.observe();
    for (;;) {
      while (this.ahead >= this.request.depth && !this.isStopped) {
        await new Promise<void>((resolve) => {
          this.wakeProducer = resolve;
        });
      }
      if (this.isStopped) return null;
      this.isMaking = true;
      this.counts.peakAhead = Math.max(this.counts.peakAhead, this.ahead);
      const made = await this.makeNext();
      this.isMaking = false;
      if (made === null) return null;
      this.enqueue(made.outcome);
    }
  }

  private get isStopped(): boolean {
    return this.stop.signal.aborted;
  }

  private enqueue(outcome: Outcome): void {
    // Its place in the queue is where a failure is told.
    outcome.catch(() => undefined);
    this.queue.push(outcome);
    this.observe();
    this.wakeConsumer();
  }

  /** Rows of one batch, staged, and their copy started; null where there are no more. */
  private async makeNext(): Promise<{ readonly outcome: Outcome } | null> {
    const { join, dropLast } = this.request;
    this.producerStage = join === null ? 'source' : 'join';
    this.observe();
    while (!this.rebatcher.isFull && !this.isStopped) {
      const { done, value } = await this.rows.next();
      if (done === true) break;
      this.rebatcher.add(value);
    }
    if (this.isStopped || (dropLast && !this.rebatcher.isFull)) return null;
    const table = this.rebatcher.take();
    if (table === null) return null;

    this.producerStage = 'copy';
    this.observe();
    const slot = await this.staging.take();
    this.producerStage = 'stage';
    this.observe();
    try {
      const { fields } = table.schema;
      const chosen = fields.map((field, index) => ({ field, index }));
      const plan = this.hold('stage', () => planTable(table, chosen));
      const hold = (run: () => void): void => this.hold('stage', run);
      const bytes = await slot.fill(plan.copies, plan.byteLength, { hold, isStopped: () => this.isStopped });
      return { outcome: this.copy({ fields, plan, bytes }, slot, this.made++) };
    } catch (error) {
      this.staging.giveBack(slot);
      throw error;
    }
  }

  private async copy(staged: StagedRows, slot: StagingSlot, index: number): Promise<PipelineBatch> {
    const { signal } = this.stop;
    const hold = <T>(run: () => T): T => this.hold('copy', run);
    const uploaded = hold(() => uploadRows(this.request.device, staged, signal));
    const table = await uploaded.finally(() => this.staging.giveBack(slot));
    try {
      const { features, labels } = await this.tensors.make(table, hold, signal);
      this.counts.bytes += staged.plan.byteLength;
      return new PipelineBatch(index, table.numRows, features, labels, () => {
        // One that nobody took was not held.
        if (index < this.counts.batches) this.counts.held--;
      });
    } finally {
      table.release();
    }
  }

  private openRows(): AsyncIterator<RecordBatch> {
    const { source, join } = this.request;
    const left = this.tap(source, 'options.source');
    if (join === null) return readAll(new BatchReader(left, 'source'));
    const streams = Object.fromEntries(
      join.streams.map(({ name, source: right, ...rest }) => {
        return [name, { ...rest, batches: this.tap(right, `options.join.streams.${name}.source`) }];
      }),
    );
    const options = { ...join.options, signal: this.stop.signal };
    this.joined = alignWatched(left, streams, options, {
      waiting: (isWaiting) => {
        this.sourcesWaited += isWaiting ? 1 : -1;
        this.observe();
      },
      joining: (start) => this.hold('join', start),
    });
    return this.joined[Symbol.asyncIterator]();
  }

  private tap(source: unknown, where: string): SourceTap {
    const tap = new SourceTap(source, where, (run) => this.hold('source', run));
    this.taps.push(tap);
    return tap;
  }

  /** Runs what may hold the thread. Meanwhile the time is the stage's, whoever waits for what: nobody else gets on. */
  private hold<T>(stage: Stage, run: () => T): T {
    const { holder } = this;
    this.holder = stage;
    this.observe();
    try {
      return run();
    } finally {
      this.holder = holder;
      this.observe();
    }
  }

  /** Which stage the time is spent in from now on. */
  private observe(): void {
    if (this.isOver) return;
    if (this.holder !== null) this.clock.enter(this.holder);
    else if (!this.isConsumerWaiting) this.clock.enter(this.counts.batches === 0 ? null : 'consumer');
    else if (this.queue.length > 0) this.clock.enter('copy');
    else this.clock.enter(this.sourcesWaited > 0 ? 'source' : this.producerStage);
  }
}

async function* readAll(reader: BatchReader): AsyncGenerator<RecordBatch> {
  for (let batch = await reader.next(); batch !== null; batch = await reader.next()) yield batch;
}
