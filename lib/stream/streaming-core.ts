/** What `StreamingJoin` and `StreamingAligner` share: inputs by number, an engine below, tables above. */
import { type RecordBatch, type Schema, Table } from 'apache-arrow';

import { FlowStateError } from '../errors/errors.js';
import { createError, fromNative } from '../errors/from-native.js';
import { type EngineBatch, type PushReport, type StreamEngine } from './engine/types.js';
import { NativeLatePolicy } from '../internal/native-stream.js';
import { fail, rangeError, rejectUnknown, requireInteger, requireRecord } from '../internal/validate.js';
import type { ParsedJoin } from '../join/parse-options.js';
import { type JoinStats, toJoinStats } from '../join/stats.js';
import { createEngine } from './engine/create-engine.js';
import { copyRows, emptyTable, InputSchema, type Rows, rowsOf } from './input-schema.js';
import { lateReport, type LateRowsReport } from './late-report.js';
import { type LiveSource, LiveStream, type LiveStreamOptions } from './live-stream.js';
import type { StreamingSettings } from './parse-streaming.js';
import { PositionTracker, type SourcePositions } from './positions.js';
import { loadSnapshot, openSnapshot, requireSameJoin, type WaitingLate, writeSnapshot } from './snapshot.js';
import { decodeOutput, encodeRows } from './stream-rows.js';
import { fromEngineTime, planStreaming, type StreamingPlan } from './streaming-plan.js';
import { JoinWatermarks } from './join-watermarks.js';
import { JoinMetrics } from './join-metrics.js';
import type { StreamMetrics } from './metrics/index.js';
import { storedBytes, storedValues, sweepStored } from './sweep.js';
import type { JsonValue, SourceClock } from './watermark/index.js';

/** Which of an input's sources rows or promises belong to. */
export interface SourceOptions {
  /** Number of the source, 0 unless given: second in the order of rows of one time. */
  readonly source?: number;
}

export interface PushOptions extends SourceOptions {
  /** Where the source stands after the batch, any JSON value: comes back in `positions` and in snapshots. */
  readonly position?: JsonValue;
}

export interface EmitOptions {
  /** At most so many rows (one more where a revision would be torn apart). Default: all that are final. */
  readonly maxRows?: number;
}

export type { LateRowsReport };

export interface InputCounters {
  readonly rows: number;
  readonly late: number;
  readonly lateBeyondHorizon: number;
  readonly tooFarAhead: number;
  readonly nullTime: number;
  readonly nullKey: number;
  /** Rows held, the side output aside. */
  readonly stateRows: number;
  /** Dictionary values and nested rows kept for them, those included that no row uses any more. */
  readonly storedValues: number;
  /** As `advanceWatermark` takes it; null before the first. */
  readonly watermark: bigint | number | null;
}

export interface StreamingCounters {
  readonly inputs: Readonly<Record<string, InputCounters>>;
  /** Left rows at their first emission, per right. How the unmatched divide is approximate; see the docs. */
  readonly streams: Readonly<Record<string, JoinStats>>;
  /** Left rows emitted, those that an inner join dropped included. */
  readonly emitted: bigint;
  /** Rows put out to revise earlier ones: retractions and insertions. */
  readonly revisions: number;
  readonly pendingRows: number;
  readonly stateBytes: number;
}

interface Waiting {
  readonly atMs: number;
  readonly input: number;
  readonly source: number;
  readonly position: JsonValue | undefined;
  readonly rows: Rows;
}

export type Parse = (left: Table, rights: readonly Table[]) => ParsedJoin;

interface Running {
  readonly plan: StreamingPlan;
  readonly engine: StreamEngine;
  readonly engineName: 'native' | 'javascript';
  readonly watermarks: JoinWatermarks;
}

const MAX_SOURCE = 65_535;

export class StreamingCore {
  readonly settings: StreamingSettings;
  readonly #positions: PositionTracker;
  readonly #parse: Parse;
  readonly #schemas: readonly InputSchema[];
  readonly #metrics: JoinMetrics;
  #running: Running | null = null;
  /** Batches that wait for the other inputs' schemas. */
  #waiting: Waiting[] = [];
  /** Watermarks of that time, in the API's unit. */
  #promises: { readonly input: number; readonly time: bigint | number; readonly source: number | null }[] = [];
  #state: 'open' | 'flushed' | 'closed' = 'open';
  /** Late rows may have changed emitted ones, and the revisions are not out yet. */
  #unsent = false;
  #streaming = false;
  /** Sources of the stream: each holds its input back from the beginning on. */
  #feeds: readonly { readonly input: number; readonly source: number }[] = [];
  /** Bytes beside the engine that it knows of. */
  #beside = 0;
  /** Of the side output: rows that a snapshot or a sweep had to look at before they were taken. */
  #late: readonly WaitingLate[] = [];

  constructor(parse: Parse, settings: StreamingSettings, schemas: readonly (Schema | null)[]) {
    this.#parse = parse;
    this.settings = settings;
    this.#positions = new PositionTracker(settings.names);
    this.#metrics = new JoinMetrics(settings, () => this.#running);
    this.#schemas = settings.names.map((name, i) => new InputSchema(name, schemas[i] ?? null));
    // Options are checked now where that needs no schema; what depends on column types, when they are known.
    const none = emptyTable({ fields: [], metadata: new Map() });
    parse(
      none,
      settings.names.slice(1).map(() => none),
    );
    this.#start();
  }

  get engineName(): 'native' | 'javascript' | null {
    return this.#running?.engineName ?? null;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Takes rows. False when what is held passes the high-water mark. */
  push(input: number, batch: unknown, options: PushOptions = {}): boolean {
    this.#requireOpen();
    const source = sourceOf(options);
    const { position } = options;
    const schema = this.#schemas[input]!;
    const rows = rowsOf(batch, schema.where);
    schema.check(rows.schema);
    if (this.#running === null) {
      const learnt = schema.schema === null;
      schema.schema ??= rows.schema;
      try {
        this.#start();
      } catch (error) {
        if (learnt) schema.schema = null;
        throw error;
      }
      if (this.#running === null) {
        this.#waiting.push({ input, source, position, rows: copyRows(rows, schema.where), atMs: this.nowMs });
        return this.hasRoom();
      }
    }
    this.#pushRows(this.#running, { input, source, rows, position, atMs: this.nowMs });
    return this.hasRoom();
  }

  /** `time`: no row with an earlier time will come, of the input, or of one source of it. */
  advance(input: number, time: bigint | number, source: number | null, strict: boolean): void {
    this.#requireOpen();
    if (this.#running === null) {
      if (typeof time !== 'bigint' && typeof time !== 'number') throw rangeError('a watermark', 'a time', time);
      this.#promises.push({ input, time, source });
      return;
    }
    this.#running.watermarks.advance(input, time, source, strict);
    this.#sync(this.#running);
  }

  /** Looks at the clock: sources become idle, and some watermarks advance, without rows. */
  tick(): void {
    if (this.#running !== null && this.#state === 'open') this.#sync(this.#running);
  }

  emit({ maxRows = Infinity }: EmitOptions = {}): Table {
    this.#requireNotClosed();
    if (maxRows !== Infinity) requireInteger(maxRows, 'maxRows', 1, Number.MAX_SAFE_INTEGER);
    const running = this.#running;
    if (running === null) return new Table();
    this.tick();
    return tableOf(this.#emit(running, maxRows));
  }

  /** The final rows as one batch; null where there is none. */
  emitBatch(maxRows: number): RecordBatch | null {
    if (this.#running === null) return null;
    this.tick();
    const batch = this.#emit(this.#running, maxRows);
    return batch.numRows === 0 ? null : batch;
  }

  flush(): Table {
    this.#requireNotClosed();
    const running = this.#running ?? this.#missingSchemas();
    this.#state = 'flushed';
    call(() => running.engine.end());
    return tableOf(this.#emit(running, Infinity));
  }

  /** Ends all inputs without emitting. Throws FS_ERR_SCHEMA where a schema is not known. */
  end(): void {
    const running = this.#running ?? this.#missingSchemas();
    this.#state = 'flushed';
    call(() => running.engine.end());
  }

  reset(): void {
    this.#requireNotClosed();
    this.#state = 'open';
    this.#waiting = [];
    this.#promises = [];
    this.#unsent = false;
    this.#late = [];
    this.#positions.clear();
    this.#metrics.reset(null);
    if (this.#running === null) return;
    const { plan, engine } = this.#running;
    engine.reset();
    for (const { stored } of plan.inputs) for (const { codec } of stored) codec.clear();
    this.#beside = 0;
    this.#running = { ...this.#running, watermarks: new JoinWatermarks(plan, this.settings) };
  }

  close(): void {
    if (this.#state === 'closed') return;
    if (this.#running !== null) this.reset();
    this.#state = 'closed';
    this.#running = null;
    this.#waiting = [];
  }

  get metrics(): StreamMetrics {
    return this.#metrics.metrics;
  }

  get positions(): SourcePositions {
    return this.#positions.settled;
  }

  get readPositions(): SourcePositions {
    return this.#positions.last;
  }

  /** No batch has come and no schema was given: nothing can be joined before one comes. */
  lacksSchema(input: number): boolean {
    return this.#schemas[input]!.schema === null;
  }

  /** The clock of a source of the running join; null before it runs. */
  clockOf(input: number, source: number): SourceClock | null {
    return this.#running?.watermarks.source(input, source) ?? null;
  }

  /** Milliseconds until a watermark may move by itself; null: not as things stand. */
  nextChangeMs(): number | null {
    return this.#running?.watermarks.nextChangeMs() ?? null;
  }

  get nowMs(): number {
    return this.settings.clock();
  }

  hasRoom(): boolean {
    if (this.#running === null) return this.#waitingRows() < this.settings.highWaterRows;
    const { engine } = this.#running;
    const { names, highWaterRows, highWaterBytes } = this.settings;
    let rows = 0;
    for (let input = 0; input < names.length; input++) rows += engine.stateRows(input);
    return rows < highWaterRows && engine.stateBytes() < highWaterBytes;
  }

  watermark(input: number): bigint | number | null {
    return this.#running?.watermarks.given(input) ?? null;
  }

  stream(
    sources: readonly (LiveSource | readonly LiveSource[])[],
    options: LiveStreamOptions = {},
  ): AsyncIterable<RecordBatch> {
    this.#requireOpen();
    rejectUnknown(requireRecord(options, 'options'), 'options', ['signal', 'maxRows']);
    if (this.#streaming) throw createError('FS_ERR_BUSY', 'the join is streaming already');
    const live = new LiveStream(this, sources, options, () => (this.#streaming = false));
    this.#streaming = true;
    this.#feeds = live.sources;
    this.#meet();
    return live;
  }

  takeLate(): readonly LateRowsReport[] {
    this.#requireNotClosed();
    const running = this.#running;
    if (running === null) return [];
    const all = [...this.#late, ...call(() => running.engine.takeLate())];
    const reports = all.map((late) => lateReport(running.plan, late));
    this.#late = [];
    this.#weigh(running);
    return reports;
  }

  /** Throws FS_ERR_BUSY while revisions wait to be emitted, FS_ERR_SCHEMA where a schema is not known. */
  snapshot(): Uint8Array {
    this.#requireNotClosed();
    const { plan, engine, watermarks } = this.#running ?? this.#missingSchemas();
    if (this.#revising) {
      throw createError(
        'FS_ERR_BUSY',
        'late rows have changed emitted ones: emit() their revisions, then take a snapshot',
      );
    }
    this.#late = [...this.#late, ...call(() => engine.takeLate())];
    return call(() =>
      writeSnapshot(plan, this.settings, engine, this.#late, {
        watermarks: watermarks.snapshot(),
        positions: this.#positions.snapshot(),
        flushed: this.#state === 'flushed',
      }),
    );
  }

  /** Throws FS_ERR_CORRUPT, FS_ERR_ARG_RANGE (other options), FS_ERR_SCHEMA; nothing has changed then. */
  restore(blob: unknown): void {
    this.#requireNotClosed();
    const { names, backend } = this.settings;
    const snapshot = openSnapshot(blob, names.length);
    const tables = this.#schemas.map(({ schema }, i): Table =>
      schema === null ? (snapshot.schemas[i] ?? this.#missingSchemas()) : emptyTable(schema),
    );
    const plan = planStreaming(this.#parse(tables[0]!, tables.slice(1)), this.settings);
    requireSameJoin(snapshot, plan, this.settings);
    const { engine, name } = createEngine(plan.config, backend);
    const late = call(() => loadSnapshot(snapshot, plan, engine));
    const watermarks = new JoinWatermarks(plan, this.settings);
    watermarks.restore(snapshot.state.watermarks);
    this.#schemas.forEach((schema, i) => (schema.schema ??= tables[i]!.schema));
    this.#running = { plan, engine, engineName: name, watermarks };
    this.#metrics.reset(engine);
    this.#late = late;
    this.#beside = 0;
    this.#weigh(this.#running);
    this.#positions.restore(snapshot.state.positions);
    this.#waiting = [];
    this.#promises = [];
    this.#unsent = false;
    this.#state = 'open';
    this.#sync(this.#running);
    if (!snapshot.state.flushed) return;
    this.#state = 'flushed';
    call(() => engine.end());
  }

  counters(): StreamingCounters {
    const { names } = this.settings;
    const running = this.#running;
    const counters = running?.engine.counters() ?? null;
    const none = { rows: 0, late: 0, lateBeyondHorizon: 0, tooFarAhead: 0, nullTime: 0, nullKey: 0 };
    const inputs = names.map((name, i): [string, InputCounters] => [
      name,
      {
        ...(counters?.inputs[i] ?? none),
        stateRows: running?.engine.stateRows(i) ?? 0,
        storedValues: running === null ? 0 : storedValues(running.plan, i),
        watermark: this.watermark(i),
      },
    ]);
    const streams = names.slice(1).map((name, s): [string, JoinStats] => {
      const stats = counters?.streams[s] ?? { rows: 0, matched: 0, noCandidate: 0, toleranceExceeded: 0 };
      return [name, toJoinStats({ ...stats, rightRows: counters?.inputs[s + 1]?.rows ?? 0 })];
    });
    return {
      inputs: Object.fromEntries(inputs),
      streams: Object.fromEntries(streams),
      emitted: counters?.nextRowId ?? 0n,
      revisions: counters?.revisions ?? 0,
      pendingRows: running?.engine.pendingRows() ?? 0,
      stateBytes: running?.engine.stateBytes() ?? 0,
    };
  }

  // ------------------------------------------------------------------------------------------------------ private

  #waitingRows(): number {
    return this.#waiting.reduce((sum, { rows }) => sum + rows.length, 0);
  }

  /** Makes plan and engine once every schema is known, and goes through what has waited. */
  #start(): void {
    const tables: Table[] = [];
    for (const { schema } of this.#schemas) {
      if (schema === null) return;
      tables.push(emptyTable(schema));
    }
    const plan = planStreaming(this.#parse(tables[0]!, tables.slice(1)), this.settings);
    const { engine, name } = createEngine(plan.config, this.settings.backend);
    const watermarks = new JoinWatermarks(plan, this.settings);
    this.#running = { plan, engine, engineName: name, watermarks };
    this.#meet();
    const waiting = this.#waiting;
    const promises = this.#promises;
    this.#waiting = [];
    this.#promises = [];
    for (const batch of waiting) this.#pushRows(this.#running, batch);
    for (const { input, time, source } of promises) watermarks.advance(input, time, source, false);
    this.#sync(this.#running);
  }

  #pushRows(running: Running, { input, source, rows, position, atMs }: Waiting): void {
    const { plan, engine, watermarks } = running;
    const { length } = rows;
    const inputPlan = plan.inputs[input]!;
    const maxTime = watermarks.maxTime(input, source);
    const mark = watermarks.punctuation(input, rows);
    const take = (): PushReport => {
      const batch = this.#encode(running, input, rows, source);
      this.#weigh(running);
      try {
        return engine.push(input, batch, maxTime);
      } catch (thrown) {
        for (const { codec } of inputPlan.stored) codec.rollBack();
        this.#weigh(running);
        throw fromNative(thrown);
      }
    };
    let report: PushReport;
    try {
      report = this.#withRoom(running, take);
    } catch (error) {
      if (this.settings.onStateFull === 'error' && isBackpressure(error)) this.close();
      throw error;
    }
    if (report.late > 0) this.#unsent = true;
    watermarks.observe(input, source, length, mark, report);
    this.#metrics.pushed(running, input, source, length, report, atMs);
    if (position !== undefined) {
      const { maxTime: newest } = report;
      this.#positions.read(input, source, position, newest === null ? null : fromEngineTime(newest, inputPlan));
    }
    this.#sync(running);
  }

  /** Where the cap is met, once more after all that no row uses has been let go. */
  #withRoom(running: Running, take: () => PushReport): PushReport {
    try {
      return take();
    } catch (error) {
      if (!isBackpressure(error) || this.#beside === 0 || this.#revising) throw error;
    }
    this.#sweepAll(running);
    try {
      return take();
    } catch (error) {
      this.#sweepAll(running);
      throw error;
    }
  }

  #sweepAll(running: Running): void {
    this.#late = call(() => sweepStored(running.plan, running.engine, this.#late, true));
    this.#weigh(running);
  }

  /** Tells the engine how much is kept beside it. */
  #weigh({ plan, engine }: Running): void {
    const bytes = storedBytes(plan, this.#late);
    if (bytes === this.#beside) return;
    this.#beside = bytes;
    call(() => engine.holdBeside(bytes));
  }

  /** Where a dictionary is full, once more after all that no row uses has been let go. */
  #encode({ plan, engine }: Running, input: number, { length, columns }: Rows, source: number): EngineBatch {
    const encode = (): EngineBatch => encodeRows(plan.inputs[input]!, length, (position) => columns[position]!, source);
    try {
      return encode();
    } catch (error) {
      if (this.#revising || !(error instanceof FlowStateError) || error.code !== 'FS_ERR_LENGTH') throw error;
    }
    this.#late = call(() => sweepStored(plan, engine, this.#late, true));
    return encode();
  }

  /** Revisions wait, and name rows that are in no export. */
  get #revising(): boolean {
    return this.#unsent && this.settings.late.includes(NativeLatePolicy.revise);
  }

  #meet(): void {
    for (const { input, source } of this.#feeds) this.#running?.watermarks.source(input, source);
  }

  /** Tells the engine the watermarks as they are now. */
  #sync({ engine, watermarks }: Running): void {
    watermarks.forEachRisen((input, time) => call(() => engine.advance(input, time)));
  }

  #emit(running: Running, maxRows: number): RecordBatch {
    const { plan, engine } = running;
    const output = call(() => engine.emit(maxRows));
    if (output.rows < maxRows) this.#unsent = false;
    const batch = decodeOutput(plan.output, output);
    this.#metrics.emitted(running, output, batch.data.children[plan.inputs[0]!.time]!);
    if (!this.#positions.isEmpty) this.#settle({ plan, engine });
    if (!this.#revising) this.#late = call(() => sweepStored(plan, engine, this.#late));
    this.#weigh(running);
    return batch;
  }

  #settle({ plan, engine }: Pick<Running, 'plan' | 'engine'>): void {
    const left = plan.inputs[0]!;
    const oldest = engine.oldestPending();
    const pending = oldest === null ? (engine.pendingRows() > 0 ? null : undefined) : fromEngineTime(oldest, left);
    const watermark = this.#state === 'flushed' ? undefined : this.watermark(0);
    const bound =
      pending === null || watermark === null
        ? null
        : pending === undefined || (watermark !== undefined && watermark < pending)
          ? watermark
          : pending;
    this.#positions.settle(pending, bound);
  }

  #missingSchemas(): never {
    const missing = this.#schemas.filter(({ schema }) => schema === null).map(({ where }) => where);
    return fail(
      'FS_ERR_SCHEMA',
      `no batch of ${missing.map((name) => `'${name}'`).join(', ')} has come and no schema was given, so the columns ` +
        `of the result are not known; give ${missing.includes('left') ? "'leftSchema'" : "'schema'"}`,
      { inputs: missing },
    );
  }

  #requireNotClosed(): void {
    if (this.#state === 'closed') throw createError('FS_ERR_CLOSED', 'the join is closed');
  }

  #requireOpen(): void {
    this.#requireNotClosed();
    if (this.#state === 'flushed') {
      throw createError('FS_ERR_CLOSED', 'the join was flushed: no more rows can come; reset() begins anew');
    }
  }
}

function isBackpressure(error: unknown): boolean {
  return error instanceof FlowStateError && error.code === 'FS_ERR_BACKPRESSURE';
}

function sourceOf({ source = 0 }: SourceOptions): number {
  return requireInteger(source, 'source', 0, MAX_SOURCE);
}

function tableOf(batch: RecordBatch): Table {
  return new Table(batch.schema, [batch]);
}

/** A call into the engine: records that native code throws become errors. */
function call<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw fromNative(error);
  }
}
