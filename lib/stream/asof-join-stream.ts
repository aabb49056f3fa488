/**
 * The as-of join over batches: time-ordered inputs of any length, in memory bounded by the batches in flight and the
 * last right rows per key. Each left batch is joined by the ordinary executor with the right rows that can matter to
 * it, so rows, ties and nulls are those of `asofJoin`; what this file adds is only when a batch may be joined.
 *
 * A left batch that ends at time T is final
 * - backward: once the right side has passed T;
 * - forward, nearest with a tolerance: once it has passed T + tolerance;
 * - without one: once every row that can match has a match that no later right row could beat.
 */
import { RecordBatch, type Schema, Table } from 'apache-arrow';

import { FlowStateError } from '../errors/errors.js';
import { createError } from '../errors/from-native.js';
import { fail, isRecord, typeError } from '../internal/validate.js';
import {
  NativeDirection,
  type NativeJoinRequest,
  type NativeJoinResult,
  type NativeSide,
  type NativeStream,
  NativeTies,
} from '../internal/native.js';
import { assembleTable } from '../join/assemble.js';
import { type Executor, selectExecutor } from '../join/executor.js';
import { parseAlignStreams, parseAsofJoin, type ParsedJoin, throwIfAborted } from '../join/parse-options.js';
import { buildRequest, type JoinPlan } from '../join/request.js';
import { type JoinStats, toJoinStats } from '../join/stats.js';
import { type Canonical, canonicalValues } from '../schema/canonical.js';
import { BatchReader, type JoinWatch } from './batch-reader.js';
import type {
  AlignBatchesOptions,
  AsofJoinStreamOptions,
  BatchSource,
  BatchStreamOptions,
  JoinedBatches,
} from './options.js';
import { RightWindow } from './right-window.js';
import { TimeOrder } from './time-order.js';

/**
 * Joins time-ordered batches with the latest (or next, or nearest) right row of the same key.
 *
 * The rows are exactly those `asofJoin` gives for the concatenated inputs; each left batch becomes one output batch.
 * Time must ascend over all batches of a side: FS_ERR_UNSORTED names the first row that does not. Memory: the
 * batches in flight, one right row per key, and what a tolerance, lag or `knownAt` keeps open; forward and nearest
 * without a tolerance may have to read on until every key has a match. The sources are closed when iteration ends,
 * for whatever reason.
 *
 * Throws what `asofJoin` throws, when iteration starts or at the batch concerned; the error of a source as it is.
 */
export function asofJoinStream(
  leftBatches: BatchSource,
  rightBatches: BatchSource,
  options: AsofJoinStreamOptions,
): JoinedBatches {
  rejectSort(options, 'options');
  return new BatchJoin(leftBatches, { right: rightBatches }, (left, rights) => parseAsofJoin(left, rights[0], options));
}

/** As `asofJoinStream` with several right sides in one pass over the left: `alignStreams` over batches. */
export function alignBatches(
  leftBatches: BatchSource,
  streams: Readonly<Record<string, BatchStreamOptions>>,
  options: AlignBatchesOptions,
): JoinedBatches {
  return alignWatched(leftBatches, streams, options, null);
}

/** @internal As `alignBatches`, watched. */
export function alignWatched(
  leftBatches: BatchSource,
  streams: Readonly<Record<string, BatchStreamOptions>>,
  options: AlignBatchesOptions,
  watch: JoinWatch | null,
): JoinedBatches {
  rejectSort(options, 'options');
  if (!isRecord(streams)) throw typeError('streams', 'an object of streams by name', streams);
  const entries = Object.entries(streams).map(([name, stream]) => {
    if (!isRecord(stream)) throw typeError(`streams.${name}`, 'an object with batches and options', stream);
    rejectSort(stream, `streams.${name}`);
    const { batches, ...rest } = stream;
    return { name, batches, rest };
  });
  const sources = Object.fromEntries(entries.map(({ name, batches }) => [name, batches]));
  const parse: Parse = (left, rights) =>
    parseAlignStreams(
      left,
      Object.fromEntries(entries.map(({ name, rest }, i) => [name, { ...rest, table: rights[i] }])),
      options,
    );
  return new BatchJoin(leftBatches, sources, parse, watch);
}

function rejectSort(options: unknown, where: string): void {
  if (isRecord(options) && options.unsorted !== undefined && options.unsorted !== 'error') {
    fail('FS_ERR_ARG_RANGE', `${where}.unsorted must be 'error': a join over batches cannot sort its input`, { where });
  }
}

type Parse = (left: Table, rights: readonly Table[]) => ParsedJoin;

interface MutableStats {
  rows: number;
  matched: number;
  noCandidate: number;
  toleranceExceeded: number;
}

class BatchJoin implements JoinedBatches {
  readonly #left: BatchReader;
  readonly #sources: readonly { readonly name: string; readonly reader: BatchReader }[];
  readonly #parse: Parse;
  readonly #watch: JoinWatch | null;
  readonly #stats: readonly MutableStats[];
  #windows: readonly RightWindow[] = [];
  #started = false;

  constructor(
    left: BatchSource,
    rights: Readonly<Record<string, unknown>>,
    parse: Parse,
    watch: JoinWatch | null = null,
  ) {
    this.#left = new BatchReader(left, 'left', watch);
    this.#sources = Object.entries(rights).map(([name, source]) => ({
      name,
      reader: new BatchReader(source, name, watch),
    }));
    this.#parse = parse;
    this.#watch = watch;
    this.#stats = this.#sources.map(() => ({ rows: 0, matched: 0, noCandidate: 0, toleranceExceeded: 0 }));
  }

  get stats(): Readonly<Record<string, JoinStats>> {
    return this.#byName((i) => toJoinStats({ ...this.#stats[i]!, rightRows: this.#windows[i]?.rowsRead ?? 0 }));
  }

  get retainedRows(): Readonly<Record<string, number>> {
    return this.#byName((i) => this.#windows[i]?.rows ?? 0);
  }

  #byName<T>(value: (index: number) => T): Readonly<Record<string, T>> {
    return Object.fromEntries(this.#sources.map(({ name }, i) => [name, value(i)]));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RecordBatch> {
    if (this.#started) throw createError('FS_ERR_CLOSED', 'joined batches can be iterated once');
    this.#started = true;
    try {
      yield* this.#run();
    } finally {
      await Promise.allSettled([this.#left, ...this.#sources.map(({ reader }) => reader)].map((r) => r.close()));
    }
  }

  async *#run(): AsyncGenerator<RecordBatch> {
    const first = await this.#left.next();
    if (first === null) return;
    const leftSchema = first.schema;
    const tableOf = (batch: RecordBatch): Table => new Table(leftSchema, [new RecordBatch(leftSchema, batch.data)]);
    const noLeft = tableOf(first.slice(0, 0));
    const heads = await Promise.all(this.#sources.map(({ reader }) => reader.head()));
    const noRights = heads.map((head) => new Table(head.schema, [head.slice(0, 0)]));

    const { run } = this.#parse(noLeft, noRights);
    const executor = selectExecutor(run.backend);
    const leftOrders = this.#plan(noLeft, noRights).request.leftSides.map(() => new TimeOrder('left', executor.name));
    this.#windows = this.#sources.map(({ name, reader }, i) => {
      const requestOf = (right: Table): NativeStream =>
        this.#plan(
          noLeft,
          noRights.map((none, k) => (k === i ? right : none)),
        ).request.streams[i]!;
      return new RightWindow(name, reader, heads[i]!, executor, requestOf);
    });

    let outputSchema: Schema | null = null;
    for (let batch: RecordBatch | null = first; batch !== null; batch = await this.#left.next()) {
      throwIfAborted(run.signal);
      const left = tableOf(batch);
      const { request } = this.#plan(left, noRights);
      const ends = request.leftSides.map(({ time }, i) => leftOrders[i]!.next(time).max);
      const endOf = (stream: NativeStream): bigint | number | null => ends[stream.leftSide] ?? null;

      for (const [i, stream] of request.streams.entries()) {
        const end = endOf(stream);
        if (end === null) continue;
        await this.#windows[i]!.pullPast(reach(stream, end));
        if (isOpen(stream)) await settle(this.#windows[i]!, () => this.#plan(left, this.#tables()), i, end, executor);
      }
      const plan = this.#plan(left, this.#tables());
      const start = (): Promise<NativeJoinResult> => executor.run(plan.request, run.signal);
      const result = await (this.#watch === null ? start() : this.#watch.joining(start));
      this.#count(result);
      const joined = assembleTable(plan, result);
      // Before the consumer takes its time: what is forgotten need not be held while it does.
      for (const [i, stream] of request.streams.entries()) {
        const end = endOf(stream);
        if (end !== null) await this.#windows[i]!.advance(end, batch.numRows);
      }
      outputSchema ??= joined.schema;
      for (const part of joined.batches) {
        if (part.numRows > 0 || batch === first) yield new RecordBatch(outputSchema, part.data);
      }
    }
  }

  #tables(): readonly Table[] {
    return this.#windows.map((window) => window.table());
  }

  #plan(left: Table, rights: readonly Table[]): JoinPlan {
    const parsed = this.#parse(left, rights);
    // Order is checked over all batches; within one the executor would find nothing.
    return buildRequest({ ...parsed, streams: parsed.streams.map((stream) => ({ ...stream, unsorted: 'sort' })) });
  }

  #count({ streams }: NativeJoinResult): void {
    streams.forEach(({ stats }, i) => {
      const counted = this.#stats[i]!;
      counted.rows += stats.rows;
      counted.matched += stats.matched;
      counted.noCandidate += stats.noCandidate;
      counted.toleranceExceeded += stats.toleranceExceeded;
    });
  }
}

/** The time up to which the right side must be known before a left batch that ends at `end` may be joined. */
function reach({ direction, tolerance }: NativeStream, end: bigint | number): bigint | number {
  if (direction === NativeDirection.backward || tolerance === null) return end;
  return typeof end === 'bigint' ? end + BigInt(tolerance) : end + Number(tolerance);
}

/** Whether a match may lie arbitrarily far ahead. */
function isOpen({ direction, tolerance }: NativeStream): boolean {
  return direction !== NativeDirection.backward && tolerance === null;
}

/**
 * Reads on until no later right row could change a match: joins, looks for rows still without a match and for the
 * longest distance, reads past it (twice as many batches each time where a match is missing), and joins again.
 */
async function settle(
  window: RightWindow,
  plan: () => JoinPlan,
  index: number,
  end: bigint | number,
  executor: Executor,
): Promise<void> {
  for (let batches = 1; !window.done; batches *= 2) {
    const { request } = plan();
    const stream = request.streams[index]!;
    const needed = await requiredTime(request, stream, end, executor);
    if (needed === 'final' || (needed !== 'unmatched' && window.last !== null && window.last > needed)) return;
    if (needed === 'unmatched') for (let i = 0; i < batches && (await window.pull()); i++);
    else await window.pullPast(needed);
  }
}

async function requiredTime(
  { leftRows, leftSides, threads }: NativeJoinRequest,
  stream: NativeStream,
  end: bigint | number,
  executor: Executor,
): Promise<bigint | number | 'unmatched' | 'final'> {
  const probe: NativeStream = {
    ...stream,
    payload: [],
    inner: false,
    wantIndices: true,
    wantMatched: false,
    wantAge: true,
    ageScale: 1n,
  };
  let result: NativeJoinResult;
  try {
    const request = { leftRows, leftSides, leftPayload: [], streams: [probe], threads, explain: false };
    result = await executor.run(request, null);
  } catch (error) {
    // Two times more than 2^63 apart: no reading on short of the end tells whether a nearer row comes.
    if (error instanceof FlowStateError && error.code === 'FS_ERR_OVERFLOW') return 'unmatched';
    throw error;
  }
  const { indices, age } = result.streams[0]!;
  const rows = new Int32Array(indices!);
  const matchable = matchableRows(leftSides[stream.leftSide]!, stream.nullKeysEqual);
  for (let row = 0; row < rows.length; row++) if (rows[row]! < 0 && matchable(row)) return 'unmatched';
  if (stream.direction === NativeDirection.forward && stream.ties !== NativeTies.last) return 'final';
  if (typeof end === 'number') {
    const farthest = new Float64Array(age!.values ?? new ArrayBuffer(0)).reduce((m, a) => Math.max(m, Math.abs(a)), 0);
    return end + farthest;
  }
  let farthest = 0n;
  for (const distance of new BigInt64Array(age!.values ?? new ArrayBuffer(0))) {
    if (distance > farthest) farthest = distance;
    else if (-distance > farthest) farthest = -distance;
  }
  return end + farthest;
}

/** Tells rows that could match something: a time, and keys that are not null unless null is one. */
function matchableRows({ time, keys }: NativeSide, nullKeysEqual: boolean): (row: number) => boolean {
  // Read on first use: most batches have no row without a match.
  let times: readonly Canonical[] | undefined;
  let keyCells: readonly (readonly Canonical[])[] = [];
  return (row) => {
    if (times === undefined) {
      times = canonicalValues(time.column, 1n);
      keyCells = nullKeysEqual ? [] : keys.map((key) => canonicalValues(key.column, 1n));
    }
    const at = times[row];
    return at !== null && !Number.isNaN(at) && keyCells.every((cells) => cells[row] !== null);
  };
}
