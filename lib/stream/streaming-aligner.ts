/** `StreamingAligner`: the as-of join on live data with any number of right streams in one pass. */
import type { RecordBatch, Table } from 'apache-arrow';

import { fail, rangeError, rejectUnknown, requireName, requireOneOf, requireRecord } from '../internal/validate.js';
import { parseAlignStreams } from '../join/parse-options.js';
import type { LiveSource, LiveStreamOptions } from './live-stream.js';
import type { StreamMetrics } from './metrics/index.js';
import type { SourcePositions } from './positions.js';
import { LIVE_KEYS, parseLive, requireSchema } from './parse-streaming.js';
import {
  type EmitOptions,
  type LateRowsReport,
  type PushOptions,
  StreamingCore,
  type StreamingCounters,
} from './streaming-core.js';
import { advanceArguments, type AdvanceOptions, splitOptions } from './streaming-join.js';
import type { StreamingAlignerOptions, StreamingStream } from './streaming-options.js';

/** Name of the left input. */
const LEFT = 'left';

/**
 * Joins live data with several right streams at once: what `alignStreams` gives, row by row as it becomes final.
 *
 * @example
 * const aligner = new StreamingAligner(
 *   { quote: { columns: ['bid', 'ask'], tolerance: '5s' }, bar: { columns: ['close'] } },
 *   { on: 'timestamp', by: 'symbol' },
 * );
 * aligner.push('quote', quotes);
 * aligner.push('left', trades);
 * aligner.advanceWatermark(nowNs);
 * const rows = aligner.emit();
 */
export class StreamingAligner<Name extends string = string> {
  readonly #core: StreamingCore;

  /** Throws as `StreamingJoin` does; FS_ERR_NAME_COLLISION for a stream called `left`. */
  constructor(streams: Readonly<Record<Name, StreamingStream>>, options: StreamingAlignerOptions<Name>) {
    const { live, match } = splitOptions(options, 'options', LIVE_KEYS);
    rejectUnknown(live, 'options', LIVE_KEYS);
    const named = Object.entries(requireRecord(streams, 'streams'));
    if (named.length === 0) throw rangeError('streams', 'an object with at least one stream', streams);
    const split = named.map(([name, stream]) => {
      requireName(name, "a stream's name");
      if (name === LEFT) fail('FS_ERR_NAME_COLLISION', "a stream cannot be called 'left': the left input is", { name });
      return { name, ...splitOptions(stream, `streams.${name}`, ['schema']) };
    });
    const settings = parseLive(live, [LEFT, ...split.map(({ name }) => name)], options.backend ?? 'auto');
    const schemas = [
      requireSchema(live.leftSchema, 'leftSchema'),
      ...split.map(({ name, live: own }) => requireSchema(own.schema, `streams.${name}.schema`)),
    ];
    this.#core = new StreamingCore(
      (left, rights) =>
        parseAlignStreams(
          left,
          Object.fromEntries(split.map(({ name, match: own }, s) => [name, { ...own, table: rights[s] }])),
          match,
        ),
      settings,
      schemas,
    );
  }

  /** Which engine runs: null until every schema is known. */
  get engine(): 'native' | 'javascript' | null {
    return this.#core.engineName;
  }

  /** Takes rows of an input, `left` or a stream: as `StreamingJoin.pushLeft`. */
  push(input: 'left' | Name, batch: RecordBatch | Table, options?: PushOptions): boolean {
    const { names } = this.#core.settings;
    return this.#core.push(names.indexOf(requireOneOf<string>(input, 'input', names)), batch, options);
  }

  /** `push('left', …)`. */
  pushLeft(batch: RecordBatch | Table, options?: PushOptions): boolean {
    return this.#core.push(0, batch, options);
  }

  /** As `StreamingJoin.advanceWatermark`. */
  advanceWatermark(time: bigint | number): void;
  advanceWatermark(input: 'left' | Name, time: bigint | number, options?: AdvanceOptions): void;
  advanceWatermark(inputOrTime: string | bigint | number, time?: bigint | number, options: AdvanceOptions = {}): void {
    advanceArguments(this.#core, inputOrTime, time, options);
  }

  /** The rows that have become final in every stream, possibly none; then forgets what they needed. */
  emit(options?: EmitOptions): Table {
    return this.#core.emit(options);
  }

  /** Ends all inputs and gives all remaining rows. Only `emit`, `reset` and `close` may follow. */
  flush(): Table {
    return this.#core.flush();
  }

  /** Rows that came late or too early, where the policy is `'sideOutput'`, since the last call. */
  takeLate(): readonly LateRowsReport[] {
    return this.#core.takeLate();
  }

  /** As `StreamingJoin.stream`, with the right sources by name. */
  stream(
    left: LiveSource | readonly LiveSource[],
    rights: Readonly<Record<Name, LiveSource | readonly LiveSource[]>>,
    options?: LiveStreamOptions,
  ): AsyncIterable<RecordBatch> {
    const values = requireRecord(rights, 'rights');
    const names = this.#core.settings.names.slice(1);
    rejectUnknown(values, 'rights', names);
    return this.#core.stream([left, ...names.map((name) => values[name] as LiveSource)], options);
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
