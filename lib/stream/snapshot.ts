/**
 * Snapshots of a live join: the rows of every input, watermarks, counters, rows of the side output that nobody has
 * taken, and the caller's positions, as one blob. Restored into a join of the same options, on either engine, the output
 * goes on as if nothing had happened.
 */
import { Binary, Data, Field, Int32, Int64, Int8, Table, tableFromIPC, tableToIPC } from 'apache-arrow';

import { createError } from '../errors/from-native.js';
import { type NativeColumn, NativeType } from '../internal/native.js';
import type { EngineCounters, LateOutput, StreamEngine } from './engine/types.js';
import { fail, isRecord } from '../internal/validate.js';
import { localData, localType } from '../schema/arrow-types.js';
import { gatherColumn } from '../schema/gather.js';
import { takeColumn } from '../schema/take.js';
import { emptyTable } from './input-schema.js';
import type { StreamingSettings } from './parse-streaming.js';
import { readBigint, readBlob, type SnapshotPart, writeBlob } from './snapshot-blob.js';
import { decodeRows, encodeRows } from './stream-rows.js';
import type { InputPlan, StreamingPlan } from './streaming-plan.js';
import type { JsonValue } from './watermark/index.js';

const VERSION = 1;

/** What a snapshot holds beside rows. */
export interface SnapshotState {
  readonly watermarks: JsonValue;
  readonly positions: JsonValue;
  readonly flushed: boolean;
}

/** Rows that wait to be taken from the side output, with the columns the engine gave. */
export type WaitingLate = LateOutput;

/** Everything that decides what comes out, as text: what two joins must agree on to go on from one another. */
export function fingerprint({ parsed, inputs }: StreamingPlan, settings: StreamingSettings): Record<string, string> {
  const text = (value: unknown): string =>
    JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner));
  const { ordered, late, horizon, sequence, rowId, op, watermark, sources } = settings;
  return {
    inputs: text(settings.names),
    schemas: text(inputs.map(({ schema }) => schema.fields.map((field) => `${field.name}: ${field.type}`))),
    matching: text(parsed.streams.map(({ table: _, ...stream }) => stream)),
    emission: text({ ordered, late, horizon, sequence, rowId, op }),
    watermarks: text({ watermark: watermark.map((plan) => plan?.kind ?? null), sources }),
  };
}

function flat(type: Int32 | Int64 | Int8, values: ArrayBuffer, length: number): Data {
  const typed = new type.ArrayType(values);
  return new Data<Int32 | Int64 | Int8>(type, 0, length, 0, { 1: typed, 2: new Uint8Array(0) });
}

function exportInput(plan: InputPlan, engine: StreamEngine, input: number): Uint8Array {
  const { rows, columns, source, sequence, emittedRowIds } = engine.exportRows(input);
  const ids = emittedRowIds ?? new BigInt64Array(rows).fill(-1n).buffer;
  const batch = decodeRows(plan, rows, columns, [
    { field: new Field('flowstate.source', new Int32(), false), data: flat(new Int32(), source, rows) },
    { field: new Field('flowstate.sequence', new Int64(), false), data: flat(new Int64(), sequence, rows) },
    { field: new Field('flowstate.row', new Int64(), false), data: flat(new Int64(), ids, rows) },
  ]);
  return tableToIPC(new Table(batch.schema, [batch]), 'stream');
}

function exportLate(plan: InputPlan, late: WaitingLate): Uint8Array {
  const { rows } = late;
  const offsets = Int32Array.from(new Int32Array(late.affectedOffsets), (offset) => offset * 8);
  const values = new Uint8Array(late.affected);
  const affected = new Data(new Binary(), 0, rows, 0, { 0: offsets, 1: values, 2: new Uint8Array(0) });
  const batch = decodeRows(plan, rows, late.columns, [
    { field: new Field('flowstate.source', new Int32(), false), data: flat(new Int32(), late.source, rows) },
    { field: new Field('flowstate.sequence', new Int64(), false), data: flat(new Int64(), late.sequence, rows) },
    { field: new Field('flowstate.reason', new Int8(), false), data: flat(new Int8(), late.reasons, rows) },
    { field: new Field('flowstate.affected', new Binary(), false), data: affected },
  ]);
  return tableToIPC(new Table(batch.schema, [batch]), 'stream');
}

export function writeSnapshot(
  plan: StreamingPlan,
  settings: StreamingSettings,
  engine: StreamEngine,
  late: readonly WaitingLate[],
  state: SnapshotState,
): Uint8Array {
  const parts: SnapshotPart[] = [];
  plan.inputs.forEach((input, i) => {
    parts.push({ name: `schema:${i}`, bytes: tableToIPC(emptyTable(input.schema), 'stream') });
    parts.push({ name: `rows:${i}`, bytes: exportInput(input, engine, i) });
  });
  for (const rows of late) {
    parts.push({ name: `late:${rows.input}`, bytes: exportLate(plan.inputs[rows.input]!, rows) });
  }
  const meta = {
    version: VERSION,
    fingerprint: fingerprint(plan, settings),
    counters: engine.counters(),
    ...state,
  };
  return writeBlob(meta, parts);
}

/** A blob, read and found whole. */
export interface OpenSnapshot {
  readonly fingerprint: Readonly<Record<string, unknown>>;
  readonly counters: EngineCounters;
  readonly state: SnapshotState;
  readonly parts: readonly SnapshotPart[];
  /** Per input. */
  readonly schemas: readonly Table[];
}

/** Throws FS_ERR_ARG_TYPE, FS_ERR_CORRUPT. */
export function openSnapshot(blob: unknown, inputs: number): OpenSnapshot {
  if (!(blob instanceof Uint8Array) && Object.prototype.toString.call(blob) !== '[object Uint8Array]') {
    return fail('FS_ERR_ARG_TYPE', 'restore needs the bytes (Uint8Array) that snapshot() gave');
  }
  const { meta, parts } = readBlob(blob as Uint8Array);
  if (meta.version !== VERSION || !isRecord(meta.fingerprint) || !isRecord(meta.counters)) {
    return fail('FS_ERR_CORRUPT', `the snapshot is of version ${String(meta.version)}, this is version ${VERSION}`);
  }
  const raw = meta.counters as unknown as EngineCounters;
  return {
    fingerprint: meta.fingerprint,
    counters: {
      ...raw,
      nextRowId: readBigint(raw.nextRowId),
      sequences: raw.sequences.map((place) => ({ ...place, next: readBigint(place.next) })),
    },
    state: {
      watermarks: meta.watermarks as JsonValue,
      positions: meta.positions as JsonValue,
      flushed: meta.flushed === true,
    },
    parts,
    schemas: parts
      .filter(({ name }) => name.startsWith('schema:'))
      .map(({ bytes }) => tableFromIPC(bytes))
      .slice(0, inputs),
  };
}

/** Throws FS_ERR_ARG_RANGE unless the snapshot is of a join with these options. */
export function requireSameJoin(snapshot: OpenSnapshot, plan: StreamingPlan, settings: StreamingSettings): void {
  const own = fingerprint(plan, settings);
  const differing = Object.keys(own).filter((key) => own[key] !== snapshot.fingerprint[key]);
  if (differing.length === 0) return;
  throw createError('FS_ERR_ARG_RANGE', `the snapshot is of a join with other ${differing.join(', ')}`, {
    details: { differing, own, snapshot: snapshot.fingerprint },
  });
}

function columnOf(table: Table, index: number): Data {
  const field = table.schema.fields[index]!;
  const chunks = table.batches.map((batch) => localData(batch.data.children[index]!));
  if (chunks.length === 1) return chunks[0]!;
  return takeColumn({ where: field.name, type: field.type, chunks }, new Int32Array(0));
}

function sequenceColumn(values: BigInt64Array): NativeColumn {
  const chunk = { length: values.length, bitOffset: 0, values, offsets: null, validity: null, dictionary: -1 };
  return {
    name: 'flowstate.sequence',
    type: NativeType.Int64,
    indexType: NativeType.Int32,
    width: 8,
    chunks: values.length === 0 ? [] : [chunk],
    dictionaries: [],
  };
}

function loadInput(plan: InputPlan, engine: StreamEngine, input: number, bytes: Uint8Array): void {
  const table = tableFromIPC(bytes);
  const stored = plan.stored.length;
  const columns = plan.stored.map((_, i) => columnOf(table, i));
  const sources = columnOf(table, stored).values as Int32Array;
  const sequences = columnOf(table, stored + 1).values as BigInt64Array;
  const ids = columnOf(table, stored + 2).values as BigInt64Array;
  const at = new Map(plan.stored.map(({ position }, i) => [position, i]));
  const data = (position: number): Data => {
    const column = columns[at.get(position) ?? fail('FS_ERR_CORRUPT', 'the snapshot lacks a column')]!;
    const { name, type } = plan.schema.fields[position]!;
    return takeColumn({ where: name, type: column.type, chunks: [column] }, everyRow(table.numRows), localType(type));
  };
  const batch = encodeRows({ ...plan, sequence: null }, table.numRows, data, 0);
  const own = input === 0 ? ids.slice(0, table.numRows) : null;
  const sequence = sequenceColumn(sequences.slice(0, table.numRows));
  engine.loadRows(input, { ...batch, sequence }, sources.slice(0, table.numRows), own);
}

/** Fills an empty engine. The rights first: emitted left rows look up their matches. */
export function loadSnapshot(
  { parts, counters }: OpenSnapshot,
  plan: StreamingPlan,
  engine: StreamEngine,
): LateOutput[] {
  const order = [...plan.inputs.keys()].slice(1).concat(0);
  for (const input of order) {
    const part = parts.find(({ name }) => name === `rows:${input}`);
    if (part === undefined) fail('FS_ERR_CORRUPT', `the snapshot has no rows of input ${input}`);
    else loadInput(plan.inputs[input]!, engine, input, part.bytes);
  }
  engine.setCounters(counters);
  return parts.flatMap(({ name, bytes }) =>
    name.startsWith('late:') ? [loadLate(plan, Number(name.slice(5)), bytes)] : [],
  );
}

/** Rows of the side output, encoded again as the engine would give them. */
function loadLate(plan: StreamingPlan, input: number, bytes: Uint8Array): LateOutput {
  const { stored, schema } = plan.inputs[input]!;
  const table = tableFromIPC(bytes);
  const rows = table.numRows;
  const columns = stored.map(({ position, codec }, i) => {
    const data = columnOf(table, i);
    const type = schema.fields[position]!.type;
    const native = codec.encode(
      takeColumn({ where: schema.fields[position]!.name, type: data.type, chunks: [data] }, everyRow(rows), type),
    );
    return gatherColumn(native, everyRow(rows));
  });
  const buffer = (index: number): ArrayBuffer => {
    const { values } = columnOf(table, stored.length + index) as { values: ArrayBufferView };
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice().buffer;
  };
  const affected = columnOf(table, stored.length + 3);
  return {
    input,
    rows,
    columns,
    source: buffer(0),
    sequence: buffer(1),
    reasons: buffer(2),
    affectedOffsets: Int32Array.from(affected.valueOffsets as Int32Array, (offset) => offset / 8).buffer,
    affected: buffer(3),
  };
}

function everyRow(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, row) => row);
}
