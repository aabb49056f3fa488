/**
 * Record batches of CSV text that arrives in pieces: stdin, a file that grows. Rows are given as they come, up to a
 * batch; a line is a row once its end has come. Types are given, or decided from the rows that come first: those of the
 * first 10,000 or until the source pauses. A later row that contradicts them is FS_ERR_CORRUPT naming its line, never
 * a change of type.
 */
import type { RecordBatch, Schema } from 'apache-arrow';

import { createError } from '../../errors/from-native.js';
import { requireColumn, selectColumns } from '../column-names.js';
import { makeCsvColumn } from '../csv-columns.js';
import { TypeGuess } from '../csv-infer.js';
import { appendRecord, checkFields, type CsvPlan, isBlank, readHeader } from '../csv-read.js';
import { type CsvRecord, CsvRecordReader } from '../csv-reader.js';
import { arrowType, type CsvType, parseSchema } from '../csv-schema.js';
import { batchOf, schemaOf } from '../scan-table.js';
import type { TimeUnitName } from '../types.js';

export interface CsvStreamOptions {
  /** Names the stream in errors. */
  readonly name: string;
  readonly columns?: readonly string[];
  /** `"ts:timestamp[ns],symbol:utf8"`; columns left out are decided from the first rows. */
  readonly schema?: string;
  /** Names in `schema` and `timeColumns` that are no columns are passed over: one text may serve several inputs. */
  readonly sharedSchema?: boolean;
  /** Unit of integer times in `timeColumns`. */
  readonly timeUnit?: TimeUnitName;
  readonly timeColumns?: readonly string[];
  /** Rows per batch, at most; default 8,192. */
  readonly batchRows?: number;
  /** Rows wait at most so many milliseconds for more of their batch; default 5. */
  readonly maxDelayMs?: number;
}

const SAMPLE_ROWS = 10_000;

/** A record that was read before its types were known. */
function copyOf(record: CsvRecord): CsvRecord {
  const { fields, line } = record;
  const from = record.starts[0] ?? 0;
  const to = record.ends[fields - 1] ?? from;
  return {
    bytes: record.bytes.slice(from, to),
    starts: record.starts.slice(0, fields).map((at) => at - from),
    ends: record.ends.slice(0, fields).map((at) => at - from),
    quoted: record.quoted.slice(0, fields),
    fields,
    line,
  };
}

/** Whether more came in time. A wait that was given up goes on. */
class Filling {
  #pending: Promise<boolean> | null = null;

  constructor(
    private readonly reader: CsvRecordReader,
    private readonly maxDelayMs: number,
  ) {}

  /** 'more', 'end', or 'late' where nothing came within the delay. */
  async fill(patient: boolean): Promise<'more' | 'end' | 'late'> {
    this.#pending ??= this.reader.fill();
    if (!patient) {
      let timer: NodeJS.Timeout | null = null;
      const late = new Promise<'late'>((resolve) => {
        timer = setTimeout(() => resolve('late'), this.maxDelayMs);
      });
      const first = await Promise.race([this.#pending, late]);
      if (timer !== null) clearTimeout(timer);
      if (first === 'late') return 'late';
    }
    const more = await this.#pending;
    this.#pending = null;
    return more ? 'more' : 'end';
  }

  /** True where a wait goes on. Its failure is nobody's unhandled rejection. */
  abandon(): boolean {
    this.#pending?.catch(() => undefined);
    return this.#pending !== null;
  }
}

/** The next data record, or why there is none. */
async function nextRecord(
  name: string,
  reader: CsvRecordReader,
  filling: Filling,
  columns: number,
  patient: boolean,
): Promise<CsvRecord | 'end' | 'late'> {
  for (;;) {
    if (reader.next()) {
      if (isBlank(reader.record, columns)) continue;
      checkFields(name, reader.record, columns);
      return reader.record;
    }
    if (reader.done) return 'end';
    const filled = await filling.fill(patient);
    if (filled !== 'more') return filled;
  }
}

interface Sample {
  readonly types: readonly CsvType[];
  readonly records: readonly CsvRecord[];
  readonly ended: boolean;
}

/** Decides the types of `chosen` from the first rows where they are not given. */
async function sample(
  { name }: CsvStreamOptions,
  reader: CsvRecordReader,
  filling: Filling,
  columns: number,
  chosen: readonly number[],
  known: ReadonlyMap<number, CsvType>,
): Promise<Sample> {
  const guesses = new Map(chosen.filter((index) => !known.has(index)).map((index) => [index, new TypeGuess()]));
  const records: CsvRecord[] = [];
  let ended = false;
  while (guesses.size > 0 && records.length < SAMPLE_ROWS) {
    // Types are decided by rows that came together: the first must come, however long it takes.
    const record = await nextRecord(name, reader, filling, columns, records.length === 0);
    if (record === 'end') ended = true;
    if (typeof record === 'string') break;
    const copy = copyOf(record);
    records.push(copy);
    for (const [index, guess] of guesses) {
      const from = copy.starts[index] ?? 0;
      const to = copy.ends[index] ?? 0;
      if (from < to) guess.add(copy.bytes, from, to);
    }
  }
  return {
    types: chosen.map((index) => known.get(index) ?? guesses.get(index)?.type() ?? { kind: 'text' }),
    records,
    ended,
  };
}

/** Batches of CSV from blocks of bytes. The first batch may have no rows: it tells the columns. */
export async function* fromCsvStream(
  blocks: AsyncIterable<Buffer>,
  options: CsvStreamOptions,
): AsyncGenerator<RecordBatch, void, undefined> {
  const { name, batchRows = 8192, maxDelayMs = 5 } = options;
  const iterator = blocks[Symbol.asyncIterator]();
  const reader = new CsvRecordReader(name, iterator);
  const filling = new Filling(reader, maxDelayMs);
  try {
    const names = await readHeader(name, reader);
    const chosen = selectColumns(name, names, options.columns);
    const { types, records, ended } = await sample(
      options,
      reader,
      filling,
      names.length,
      chosen,
      knownTypes(name, names, options),
    );
    const plan: CsvPlan = {
      path: name,
      names,
      chosen,
      types,
      columns: chosen.map((index, i) => ({ name: names[index] ?? '', nullable: true, type: arrowType(types[i]!) })),
      range: null,
      sampled: false,
      rows: null,
    };
    const schema: Schema = schemaOf(plan.columns);
    const columns = types.map((type, i) => makeCsvColumn(plan.columns[i]?.name ?? '', type));
    const isText = types.map((type) => type.kind === 'text');
    let rows = 0;
    const take = (): RecordBatch => {
      const batch = batchOf(
        schema,
        rows,
        columns.map((column) => column.finish(false)),
      );
      rows = 0;
      return batch;
    };
    for (const record of records) {
      appendRecord(plan, columns, isText, record);
      if (++rows === batchRows) yield take();
    }
    let first = records.length < batchRows;
    for (let over = ended; !over;) {
      const record = await nextRecord(name, reader, filling, names.length, rows === 0 && !first);
      if (typeof record === 'string') {
        over = record === 'end';
        // At the first pause even without rows: whoever joins needs the columns of a quiet input too.
        if (rows > 0 || first) yield take();
        first = false;
        continue;
      }
      appendRecord(plan, columns, isText, record);
      if (++rows === batchRows) {
        yield take();
        first = false;
      }
    }
    if (rows > 0 || first) yield take();
  } finally {
    const isWaiting = filling.abandon();
    const closed = Promise.resolve(iterator.return?.());
    // A source that is being asked closes once it has answered, which may be never.
    if (isWaiting) closed.catch(() => undefined);
    else await closed;
  }
}

function knownTypes(name: string, names: readonly string[], options: CsvStreamOptions): Map<number, CsvType> {
  const known = new Map<number, CsvType>();
  const isOther = (column: string): boolean => options.sharedSchema === true && !names.includes(column);
  if (options.schema !== undefined) {
    for (const [column, type] of parseSchema(options.schema)) {
      if (!isOther(column)) known.set(requireColumn(name, names, column), type);
    }
  }
  const { timeUnit, timeColumns } = options;
  if (timeUnit === undefined) return known;
  for (const column of timeColumns ?? []) {
    if (isOther(column)) continue;
    const index = requireColumn(name, names, column);
    const type = known.get(index);
    if (type !== undefined && type.kind !== 'timestamp') {
      throw createError('FS_ERR_ARG_RANGE', `time column ${column} has another type in the schema than timestamp`);
    }
    known.set(index, { kind: 'timestamp', unit: type?.unit ?? timeUnit, zone: type?.zone ?? null, epoch: timeUnit });
  }
  return known;
}
