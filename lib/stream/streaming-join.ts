/** `StreamingJoin`: the as-of join on live data, one left and one right input. */
import type { RecordBatch, Table } from 'apache-arrow';

import { fail, rejectUnknown, requireOneOf, requireRecord } from '../internal/validate.js';
import { parseAsofJoin } from '../join/parse-options.js';
import type { LiveSource, LiveStreamOptions } from './live-stream.js';
import type { StreamMetrics } from './metrics/index.js';
import type { SourcePositions } from './positions.js';
import { LIVE_KEYS, parseLive, requireSchema } from './parse-streaming.js';
import {
  type EmitOptions,
  type LateRowsReport,
  type PushOptions,
  type SourceOptions,
  StreamingCore,
  type StreamingCounters,
} from './streaming-core.js';
import type { StreamingJoinOptions } from './streaming-options.js';

export const REFUSED_KEYS: readonly string[] = ['unsorted', 'stats', 'explain', 'threads', 'signal', 'plan'];

/** Splits options of live data from those of matching, and refuses what live data cannot have. */
export function splitOptions(
  options: unknown,
  where: string,
  extra: readonly string[],
): { readonly live: Readonly<Record<string, unknown>>; readonly match: Readonly<Record<string, unknown>> } {
  const values = requireRecord(options, where);
  const live: Record<string, unknown> = {};
  const match: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(values)) {
    if (REFUSED_KEYS.includes(key) && value !== undefined) {
      const why = key === 'unsorted' ? ': rows may come in any order, and late ones follow `late`' : '';
      fail('FS_ERR_OPTION_UNKNOWN', `${where} has no option '${key}' on live data${why}`, { where, received: key });
    }
    if (extra.includes(key)) live[key] = value;
    else match[key] = value;
  }
  return { live, match };
}

export interface AdvanceOptions extends SourceOptions {
  /** `'error'`: FS_ERR_WATERMARK_REGRESSED for a time below the watermark. `'ignore'` (default): nothing happens. */
  readonly regression?: 'ignore' | 'error';
}

/** Reads the arguments of `advanceWatermark`: (time), or (input, time, options). */
export function advanceArguments(
  core: StreamingCore,
  inputOrTime: unknown,
  time: unknown,
  options: AdvanceOptions,
): void {
  const { names } = core.settings;
  const strict =
    options.regression !== undefined && requireOneOf(options.regression, 'regression', ['ignore', 'error']) === 'error';
  if (typeof inputOrTime !== 'string') {
    for (const input of names.keys()) core.advance(input, inputOrTime as bigint, null, strict);
    return;
  }
  const input = names.indexOf(requireOneOf(inputOrTime, 'input', names));
  core.advance(input, time as bigint, options.source ?? null, strict);
}

/**
 * Joins live data: rows come in batches of any size and in any order, watermarks say how far the inputs are complete,
 * and `emit` gives the rows that nothing to come can change, which are exactly those of `asofJoin`.
 *
 * @example
 * const join = new StreamingJoin({ on: 'timestamp', by: 'symbol', tolerance: '5s' });
 * join.pushRight(quotes);
 * join.pushLeft(trades);
 * join.advanceWatermark(nowNs);
 * const rows = join.emit();
 */
export class StreamingJoin {
  readonly #core: StreamingCore;

  /**
   * Throws FS_ERR_ARG_TYPE, FS_ERR_ARG_RANGE, FS_ERR_OPTION_UNKNOWN; with both schemas given also what `asofJoin`
   * throws for columns and types, which otherwise the first batches do.
   */
  constructor(options: StreamingJoinOptions) {
    const { live, match } = splitOptions(options, 'options', [...LIVE_KEYS, 'schema']);
    rejectUnknown(live, 'options', [...LIVE_KEYS, 'schema']);
    const settings = parseLive(live, ['left', 'right'], options.backend ?? 'auto');
    const schemas = [requireSchema(live.leftSchema, 'leftSchema'), requireSchema(live.schema, 'schema')];
    this.#core = new StreamingCore((left, rights) => parseAsofJoin(left, rights[0], match), settings, schemas);
  }

  /** Which engine runs: null until both schemas are known. */
  get engine(): 'native' | 'javascript' | null {
    return this.#core.engineName;
  }

  /**
   * Takes left rows, copied: the batch may be reused at once. False when more is held than the high-water mark: emit,
   * or advance the watermarks, before the next. A push that throws changes nothing: FS_ERR_SCHEMA, FS_ERR_OVERFLOW,
   * FS_ERR_LENGTH, FS_ERR_DETACHED, FS_ERR_LATE_ROW (`late: 'error'`), FS_ERR_BACKPRESSURE (`maxStateBytes`),
   * FS_ERR_CLOSED.
   */
  pushLeft(batch: RecordBatch | Table, options?: PushOptions): boolean {
    return this.#core.push(0, batch, options);
  }

  /** As `pushLeft`, for right rows. */
  pushRight(batch: RecordBatch | Table, options?: PushOptions): boolean {
    return this.#core.push(1, batch, options);
  }

  /**
   * Promises that no row with a time before `time` will come: bigint nanoseconds on temporal columns, else the column's
   * own unit. For both inputs, or for one, or for one source of one: an input's watermark is the least of its sources'.
   */
  advanceWatermark(time: bigint | number): void;
  advanceWatermark(input: 'left' | 'right', time: bigint | number, options?: AdvanceOptions): void;
  advanceWatermark(inputOrTime: 'left' | 'right' | bigint | number, time?: bigint | number, options = {}): void {
    advanceArguments(this.#core, inputOrTime, time, options);
  }

  /** The rows that have become final, possibly none; then forgets what they needed. */
  emit(options?: EmitOptions): Table {
    return this.#core.emit(options);
  }

  /** Ends both inputs and gives all remaining rows. Only `emit`, `reset` and `close` may follow. */
  flush(): Table {
    return this.#core.flush();
  }

  /** Rows that came late or too early, where the policy is `'sideOutput'`, since the last call. */
  takeLate(): readonly LateRowsReport[] {
    return this.#core.takeLate();
  }

  /**
   * Reads both sources (an array of them stands for several), joins, and yields what becomes final: exactly the rows of
   * `asofJoin`. Watermarks come from the `watermark` option, from the items, or from the sources' ends. Above the
   * high-water marks only the sources that hold the output back are read. All sources are closed at the end, whatever
   * it is. Throws a source's error as it is, FS_ERR_ABORTED, FS_ERR_BACKPRESSURE (`maxStateBytes`: the details name
   * the sources that lag), and what `push` throws.
   */
  stream(
    left: LiveSource | readonly LiveSource[],
    right: LiveSource | readonly LiveSource[],
    options?: LiveStreamOptions,
  ): AsyncIterable<RecordBatch> {
    return this.#core.stream([left, right], options);
  }

  /** Where the sources stand after the batches of which every row has been emitted, by input and source. */
  get positions(): SourcePositions {
    return this.#core.positions;
  }

  /** Where they stand after all that was read: where to go on from after `restore`. */
  get readPositions(): SourcePositions {
    return this.#core.readPositions;
  }

  /**
   * Everything that the output to come depends on, as one Arrow IPC blob: rows held, watermarks, counters, rows of the
   * side output. Throws FS_ERR_BUSY while revisions wait to be emitted (`late: 'revise'`: emit first), FS_ERR_SCHEMA
   * while a schema is not known, FS_ERR_LENGTH past 2 GiB.
   */
  snapshot(): Uint8Array {
    return this.#core.snapshot();
  }

  /**
   * Goes on from a snapshot of a join with the same options and schemas, whichever engine made it; what was held before
   * is forgotten. Parts and row ids are those of a join that never stopped. Throws FS_ERR_ARG_TYPE, FS_ERR_CORRUPT,
   * FS_ERR_ARG_RANGE (a join with other options), FS_ERR_SCHEMA; nothing has changed then.
   */
  restore(blob: Uint8Array): void {
    this.#core.restore(blob);
  }

  /**
   * What the join is doing, since it began, was reset or restored: rows by input and source, lag of the watermarks,
   * state, how long rows wait. `toJSON()` and `toPrometheus()` read it as it is then. One object for the join's life.
   */
  get metrics(): StreamMetrics {
    return this.#core.metrics;
  }

  get counters(): StreamingCounters {
    return this.#core.counters();
  }

  /** Forgets all rows, watermarks and counters; schemas and options stay. */
  reset(): void {
    this.#core.reset();
  }

  /** Lets everything go. Idempotent. */
  close(): void {
    this.#core.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
