/**
 * Reads CSV files: the header names the columns, types are given or inferred, and every error names the line. Read by
 * our own parser because the one at hand (DuckDB's) rounds decimals into integer columns, takes the symbols T and F
 * for booleans and guesses between day and month first. Memory: one block, plus the rows of the batch.
 */
import type { Data } from 'apache-arrow';
import { createError } from '../errors/from-native.js';
import { requireColumn, selectColumns } from './column-names.js';
import { integerParser, makeCsvColumn, type CsvColumn, type Mismatch } from './csv-columns.js';
import { TypeGuess } from './csv-infer.js';
import { CsvRecordReader, csvBlocks, type CsvRecord } from './csv-reader.js';
import { arrowType, parseSchema, type CsvType } from './csv-schema.js';
import { corrupt } from './io-error.js';
import type { NamedColumn } from './scan-table.js';
import type { ReadOptions, TimeRange } from './types.js';

export interface CsvPlan {
  readonly path: string;
  readonly names: readonly string[];
  /** File index of each output column, and its type. */
  readonly chosen: readonly number[];
  readonly types: readonly CsvType[];
  readonly columns: readonly NamedColumn[];
  readonly range: { readonly index: number; readonly type: CsvType; readonly range: TimeRange } | null;
  /** True when a type comes from a sample only, and a later row may prove it wrong. */
  readonly sampled: boolean;
  /** Rows in the file, when it was read to the end to infer types. */
  readonly rows: number | null;
}

const SAMPLE_ROWS = 10_000;

/** Runs over all records after the header. `visit` false stops. */
async function eachRecord(
  path: string,
  signal: AbortSignal | undefined,
  onHeader: (names: readonly string[]) => void,
  visit: (record: CsvRecord) => boolean,
): Promise<void> {
  const blocks = csvBlocks(path, signal);
  try {
    const reader = new CsvRecordReader(path, blocks);
    const names = await readHeader(path, reader);
    onHeader(names);
    for (;;) {
      if (reader.next()) {
        if (isBlank(reader.record, names.length)) continue;
        checkFields(path, reader.record, names.length);
        if (!visit(reader.record)) return;
      } else if (reader.done || !(await reader.fill())) {
        return;
      }
    }
  } finally {
    await blocks.return();
  }
}

export async function readHeader(path: string, reader: CsvRecordReader): Promise<readonly string[]> {
  while (!reader.next()) {
    if (reader.done || !(await reader.fill())) {
      throw corrupt(path, 'expected a header line with the column names, found an empty file', { line: 1 });
    }
  }
  const { record } = reader;
  const names: string[] = [];
  for (let i = 0; i < record.fields; i++) {
    const name = Buffer.from(record.bytes.slice(record.starts[i], record.ends[i])).toString('utf8');
    if (names.includes(name)) {
      throw createError('FS_ERR_NAME_COLLISION', `${path} line 1: two columns are named "${name}"`, {
        details: { path, name, line: 1 },
      });
    }
    names.push(name);
  }
  return names;
}

export function isBlank(record: CsvRecord, columns: number): boolean {
  return columns > 1 && record.fields === 1 && record.starts[0] === record.ends[0] && record.quoted[0] === 0;
}

export function checkFields(path: string, record: CsvRecord, columns: number): void {
  if (record.fields === columns) return;
  throw corrupt(path, `line ${record.line}: expected ${columns} fields as in the header, found ${record.fields}`, {
    line: record.line,
  });
}

/** Decides the types. `thorough`: from every row, so that no later row can contradict. */
export async function planCsv(path: string, options: ReadOptions, thorough: boolean): Promise<CsvPlan> {
  const given = options.schema === undefined ? new Map<string, CsvType>() : parseSchema(options.schema);
  let names: readonly string[] = [];
  let guesses: { index: number; guess: TypeGuess }[] = [];
  const known = new Map<number, CsvType>();
  let rows = 0;
  let complete = true;
  await eachRecord(
    path,
    options.signal,
    (header) => {
      names = header;
      const wanted = new Set(selectColumns(path, header, options.columns));
      if (options.timeRange !== undefined) wanted.add(requireColumn(path, header, options.timeRange.column));
      for (const [name, type] of given) known.set(requireColumn(path, header, name), type);
      applyTimeUnit(path, header, known, given, options);
      guesses = [...wanted].filter((index) => !known.has(index)).map((index) => ({ index, guess: new TypeGuess() }));
    },
    (record) => {
      if (guesses.length === 0 || (!thorough && rows >= SAMPLE_ROWS)) {
        complete = false;
        return false;
      }
      rows++;
      for (const { index, guess } of guesses) {
        const from = record.starts[index] ?? 0;
        const to = record.ends[index] ?? 0;
        if (from < to) guess.add(record.bytes, from, to);
      }
      return true;
    },
  );
  const types = new Map(known);
  for (const { index, guess } of guesses) types.set(index, guess.type());
  const typeAt = (index: number): CsvType => types.get(index) ?? { kind: 'text' };
  const chosen = selectColumns(path, names, options.columns);
  const columns = chosen.map((index) => ({
    name: names[index] ?? '',
    nullable: true,
    type: arrowType(typeAt(index)),
  }));
  const range = options.timeRange === undefined ? null : planRange(path, names, typeAt, options.timeRange);
  return {
    path,
    names,
    chosen,
    types: chosen.map(typeAt),
    columns,
    range,
    sampled: guesses.length > 0 && !complete,
    rows: complete && guesses.length > 0 ? rows : null,
  };
}

function applyTimeUnit(
  path: string,
  names: readonly string[],
  known: Map<number, CsvType>,
  given: ReadonlyMap<string, CsvType>,
  options: ReadOptions,
): void {
  const { timeUnit, timeColumns } = options;
  if (timeUnit === undefined) {
    if (timeColumns === undefined) return;
    throw createError('FS_ERR_ARG_RANGE', 'timeColumns needs timeUnit: the unit of the integers in them');
  }
  const targets = timeColumns ?? [...given].filter(([, type]) => type.kind === 'timestamp').map(([name]) => name);
  for (const name of targets) {
    const index = requireColumn(path, names, name);
    const type = known.get(index);
    if (type !== undefined && type.kind !== 'timestamp') {
      throw createError('FS_ERR_ARG_RANGE', `time column ${name} has another type in the schema than timestamp`);
    }
    known.set(index, { kind: 'timestamp', unit: type?.unit ?? timeUnit, zone: type?.zone ?? null, epoch: timeUnit });
  }
}

function planRange(
  path: string,
  names: readonly string[],
  typeAt: (index: number) => CsvType,
  range: TimeRange,
): NonNullable<CsvPlan['range']> {
  const index = requireColumn(path, names, range.column);
  const type = typeAt(index);
  if (integerParser(type) === null) {
    throw createError(
      'FS_ERR_SCHEMA',
      `a time range needs an integer, date or timestamp column; ${range.column} is ${type.kind}`,
      { details: { path, column: range.column } },
    );
  }
  return { index, type, range };
}

export interface CsvPiece {
  readonly rows: number;
  readonly columns: readonly Data[];
}

/** Pieces of `pieceRows` rows in file order; `Infinity`: one. At least one piece, possibly of no rows. */
export async function* csvPieces(
  plan: CsvPlan,
  pieceRows: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<CsvPiece, void, undefined> {
  const { path } = plan;
  const columns = plan.types.map((type, index) => makeCsvColumn(plan.columns[index]?.name ?? '', type));
  const isText = plan.types.map((type) => type.kind === 'text');
  const inRange = rangeFilter(plan);
  const whole = pieceRows === Infinity;
  const blocks = csvBlocks(path, signal);
  try {
    const reader = new CsvRecordReader(path, blocks);
    const names = await readHeader(path, reader);
    if (names.length !== plan.names.length) throw corrupt(path, 'the file changed while it was read');
    let rows = 0;
    let yielded = false;
    for (;;) {
      if (reader.next()) {
        const { record } = reader;
        if (isBlank(record, names.length)) continue;
        checkFields(path, record, names.length);
        if (!inRange(record)) continue;
        appendRecord(plan, columns, isText, record);
        if (++rows === pieceRows) {
          yield { rows, columns: columns.map((column) => column.finish(whole)) };
          yielded = true;
          rows = 0;
        }
      } else if (reader.done || !(await reader.fill())) {
        break;
      }
    }
    if (rows > 0 || !yielded) yield { rows, columns: columns.map((column) => column.finish(whole)) };
  } finally {
    await blocks.return();
  }
}

export function appendRecord(
  plan: CsvPlan,
  columns: readonly CsvColumn[],
  isText: readonly boolean[],
  record: CsvRecord,
): void {
  for (let i = 0; i < columns.length; i++) {
    const field = plan.chosen[i] ?? 0;
    const from = record.starts[field] ?? 0;
    const to = record.ends[field] ?? 0;
    if (from === to && !(isText[i] === true && record.quoted[field] !== 0)) {
      columns[i]?.appendNull();
      continue;
    }
    const mismatch = columns[i]?.append(record.bytes, from, to) ?? null;
    if (mismatch !== null) throw mismatchError(plan, i, field, record, mismatch);
  }
}

const contradictions = new WeakSet<Error>();

/** True for the error of a row that a sample's types did not foresee: look at every row, and start again. */
export function contradictsSample(error: unknown): boolean {
  return error instanceof Error && contradictions.has(error);
}

function mismatchError(
  plan: CsvPlan,
  index: number,
  field: number,
  record: CsvRecord,
  mismatch: Exclude<Mismatch, null>,
): Error {
  const from = record.starts[field] ?? 0;
  const to = record.ends[field] ?? 0;
  const text = Buffer.from(record.bytes.slice(from, Math.min(to, from + 80))).toString('utf8');
  const column = plan.columns[index];
  const name = plan.names[field];
  const expected = String(column?.type ?? plan.range?.type.kind);
  const reason = {
    type: "is not of its column's type",
    overflow: "is out of its type's range",
    digits: 'has more decimals than its type holds',
    zone: 'has a time zone where its type has none, or none where it has one',
  }[mismatch];
  const message = `${plan.path} line ${record.line}: column ${name} expects ${expected}; "${text}" ${reason}`;
  const details = { path: plan.path, line: record.line, column: name, text };
  const code = mismatch === 'overflow' ? 'FS_ERR_OVERFLOW' : 'FS_ERR_CORRUPT';
  const error = createError(code, message, { details });
  if (plan.sampled) contradictions.add(error);
  return error;
}

function rangeFilter(plan: CsvPlan): (record: CsvRecord) => boolean {
  if (plan.range === null) return () => true;
  const { index, type, range } = plan.range;
  const read = integerParser(type);
  const position = plan.chosen.indexOf(index);
  return (record) => {
    const from = record.starts[index] ?? 0;
    const to = record.ends[index] ?? 0;
    if (from === to || read === null) return false;
    const value = read(record.bytes, from, to);
    if (typeof value !== 'bigint') throw mismatchError(plan, position, index, record, value);
    return (range.min === undefined || value >= range.min) && (range.max === undefined || value <= range.max);
  };
}
