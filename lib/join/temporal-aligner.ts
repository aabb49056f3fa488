/**
 * Collects tables per stream, in any order and any number of pieces, and aligns them to the primary stream at once.
 * Pieces of a stream count as one table, in the order they were added; nothing is copied until `flush`.
 */
import { Data, type Field, RecordBatch, Schema, Struct, Table } from 'apache-arrow';

import { createError } from '../errors/from-native.js';
import { fail, rejectUnknown, requireBoolean, requireName, requireRecord } from '../internal/validate.js';
import { didYouMean, listNames } from '../internal/suggest.js';
import { rowCount } from '../schema/arrow-columns.js';
import { localData, localField, requireTable, sameType, typeName } from '../schema/arrow-types.js';
import { alignStreams, type AlignResult, alignStreamsSync } from './align-streams.js';
import type { AlignStreamsOptions, StreamOptions } from './options.js';
import { ALIGN_KEYS, STREAM_KEYS } from './parse-options.js';

const ALIGNER_STREAM_KEYS = ['schema', ...STREAM_KEYS.filter((key) => key !== 'table')];

/** A secondary stream: its options, and its schema where `flush` must work before any of its data came. */
export interface AlignerStream extends Omit<StreamOptions, 'table'> {
  readonly schema?: Schema;
}

export interface TemporalAlignerOptions extends AlignStreamsOptions {
  /** Name of the stream whose rows the result has. */
  readonly primary: string;
  /** The other streams by name, with the options of `alignStreams`. */
  readonly streams: Readonly<Record<string, AlignerStream>>;
  /** Keep the secondary streams' rows for later flushes. Default false: every flush joins what came since the last. */
  readonly retain?: boolean;
}

/** Rows of all flushes since construction or `reset`. */
export interface AlignerTotals {
  readonly flushes: number;
  /** Rows of results. */
  readonly aligned: number;
  /** Per stream: primary rows, and how many of them found a match. */
  readonly streams: Readonly<Record<string, { readonly rows: number; readonly matched: number }>>;
}

/** Tables of one stream, all of the first one's schema. */
class StreamBuffer {
  #tables: Table[] = [];
  #schema: Schema | null;

  constructor(
    readonly name: string,
    schema: Schema | null,
  ) {
    this.#schema = schema;
  }

  get rows(): number {
    return this.#tables.reduce((rows, table) => rows + rowCount(table), 0);
  }

  get hasData(): boolean {
    return this.#tables.length > 0;
  }

  add(table: Table): void {
    if (this.#schema !== null) this.#requireSchema(table.schema.fields, this.#schema.fields);
    this.#schema ??= table.schema;
    this.#tables.push(table);
  }

  #requireSchema(fields: readonly Field[], expected: readonly Field[]): void {
    const shown = (list: readonly Field[]): string =>
      list.map((field) => `${field.name}: ${typeName(field.type)}`).join(', ');
    const same =
      fields.length === expected.length &&
      fields.every((field, i) => {
        const other = expected[i];
        return other !== undefined && field.name === other.name && sameType(field.type, other.type);
      });
    if (same) return;
    fail('FS_ERR_SCHEMA', `stream '${this.name}' has the columns (${shown(expected)}), got (${shown(fields)})`, {
      stream: this.name,
    });
  }

  /** All rows as one table that shares the pieces' buffers. */
  table(): Table {
    const [first] = this.#tables;
    if (first !== undefined && this.#tables.length === 1) return first;
    if (this.#schema === null) {
      return fail('FS_ERR_SCHEMA', `stream '${this.name}' has no data yet and no schema; give it one`, {
        stream: this.name,
      });
    }
    const schema = new Schema(this.#schema.fields.map(localField), new Map(this.#schema.metadata));
    const batches = this.#tables.flatMap((table) =>
      table.batches.map(({ data }) => {
        const children = data.children.map(localData);
        return new RecordBatch(schema, new Data(new Struct(schema.fields), 0, data.length, 0, undefined, children));
      }),
    );
    return new Table(schema, batches);
  }

  clear(): void {
    this.#tables = [];
  }
}

/**
 * Aligns secondary streams to a primary one, batch by batch: add tables as they come, `flush` to join what was added.
 *
 * @example
 * const aligner = new TemporalAligner({
 *   primary: 'trade',
 *   on: 'timestamp',
 *   by: 'symbol',
 *   streams: { quote: { columns: ['bid', 'ask'], tolerance: '5s' } },
 * });
 * aligner.addData('quote', quotes).addData('trade', trades);
 * const answer = await aligner.flush();
 */
export class TemporalAligner {
  readonly primary: string;
  readonly #options: AlignStreamsOptions;
  readonly #streams = new Map<string, AlignerStream>();
  readonly #buffers = new Map<string, StreamBuffer>();
  readonly #retain: boolean;
  #busy = false;
  #flushes = 0;
  #aligned = 0;
  #matched = new Map<string, { rows: number; matched: number }>();

  /** Throws FS_ERR_ARG_TYPE and FS_ERR_OPTION_UNKNOWN; other options are checked by `flush`, as `alignStreams` does. */
  constructor(options: TemporalAlignerOptions) {
    requireRecord(options, 'options');
    const { primary, streams, retain = false, ...rest } = options;
    this.primary = requireName(primary, 'primary');
    this.#retain = requireBoolean(retain, 'retain');
    this.#options = rest;
    this.#buffers.set(this.primary, new StreamBuffer(this.primary, null));
    requireRecord(streams, 'streams');
    rejectUnknown({ ...rest }, 'options', ALIGN_KEYS);
    for (const [name, stream] of Object.entries(streams)) this.addStream(name, stream);
  }

  /** Names of the secondary streams. */
  get streams(): readonly string[] {
    return [...this.#streams.keys()];
  }

  /** Adds a secondary stream. Throws FS_ERR_NAME_COLLISION where the name is taken, FS_ERR_BUSY during a flush. */
  addStream(name: string, stream: AlignerStream = {}): this {
    this.#requireIdle();
    requireName(name, "a stream's name");
    rejectUnknown(requireRecord(stream, `streams.${name}`), `streams.${name}`, ALIGNER_STREAM_KEYS);
    if (this.#buffers.has(name)) fail('FS_ERR_NAME_COLLISION', `there is a stream '${name}' already`, { stream: name });
    this.#streams.set(name, stream);
    this.#buffers.set(name, new StreamBuffer(name, stream.schema ?? null));
    return this;
  }

  /**
   * Adds rows to a stream, the primary one included. All tables of a stream must have one schema (FS_ERR_SCHEMA).
   * Throws FS_ERR_ARG_RANGE for an unknown stream. The table must not be changed until it was flushed.
   */
  addData(name: string, table: Table): this {
    this.#requireIdle();
    requireTable(table, `data of stream '${name}'`);
    const buffer = this.#buffers.get(name);
    if (buffer === undefined) {
      const names = [...this.#buffers.keys()];
      return fail(
        'FS_ERR_ARG_RANGE',
        `there is no stream '${name}'${didYouMean(name, names)}; streams are ${listNames(names)}`,
        { stream: name, streams: names },
      );
    }
    buffer.add(table);
    return this;
  }

  /** Rows waiting for the next flush, by stream. */
  get pending(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#buffers].map(([name, buffer]) => [name, buffer.rows]));
  }

  get totals(): AlignerTotals {
    const streams = Object.fromEntries([...this.#matched].map(([name, counts]) => [name, { ...counts }]));
    return { flushes: this.#flushes, aligned: this.#aligned, streams };
  }

  /**
   * Joins everything added since the last flush and forgets it (`retain` keeps the secondary streams). Resolves to
   * `{ table, stats }`, or null when the primary stream got no data. A failed flush forgets nothing. Errors as in
   * `alignStreams`; FS_ERR_SCHEMA for a stream without data or schema; FS_ERR_BUSY while another flush runs.
   */
  async flush(): Promise<AlignResult | null> {
    this.#requireIdle();
    if (!this.#primaryBuffer().hasData) return null;
    this.#busy = true;
    try {
      const { left, streams } = this.#inputs();
      return this.#done(await alignStreams(left, streams, this.#options));
    } finally {
      this.#busy = false;
    }
  }

  /** `flush` in the calling thread. */
  flushSync(): AlignResult | null {
    this.#requireIdle();
    if (!this.#primaryBuffer().hasData) return null;
    const { left, streams } = this.#inputs();
    return this.#done(alignStreamsSync(left, streams, this.#options));
  }

  /** Forgets all data and all totals; streams and options stay. Throws FS_ERR_BUSY during a flush. */
  reset(): void {
    this.#requireIdle();
    for (const buffer of this.#buffers.values()) buffer.clear();
    this.#flushes = 0;
    this.#aligned = 0;
    this.#matched = new Map();
  }

  #primaryBuffer(): StreamBuffer {
    return this.#buffers.get(this.primary) ?? fail('FS_ERR_INTERNAL', 'the aligner lost its primary stream');
  }

  #requireIdle(): void {
    if (this.#busy) throw createError('FS_ERR_BUSY', 'the aligner is flushing; await the flush first');
  }

  #inputs(): { left: Table; streams: Record<string, StreamOptions> } {
    const streams: Record<string, StreamOptions> = {};
    for (const [name, { schema: _schema, ...options }] of this.#streams) {
      const buffer = this.#buffers.get(name) ?? fail('FS_ERR_INTERNAL', `the aligner lost its stream '${name}'`);
      streams[name] = { ...options, table: buffer.table() };
    }
    return { left: this.#primaryBuffer().table(), streams };
  }

  #done(result: AlignResult): AlignResult {
    this.#flushes++;
    this.#aligned += rowCount(result.table);
    for (const [name, { rows, matched }] of Object.entries(result.stats)) {
      const counts = this.#matched.get(name) ?? { rows: 0, matched: 0 };
      this.#matched.set(name, { rows: counts.rows + rows, matched: counts.matched + matched });
    }
    for (const [name, buffer] of this.#buffers) {
      if (name === this.primary || !this.#retain) buffer.clear();
    }
    return result;
  }
}
