/**
 * What follows from the schemas and options of a streaming join alone, worked out once: the engine's configuration, how
 * each column of a batch goes in, and how an output becomes a table. `stream-rows.ts` moves rows by it.
 */
import { DataType, Field, Int64, Int8, type Schema, type Table } from 'apache-arrow';

import { type NativeColumn, type NativeSide, type NativeStream, NativeType } from '../internal/native.js';
import { NativeTimeKind } from '../internal/native-stream.js';
import { type ColumnShape, type EngineConfig, type EngineStream, type EngineTime } from './engine/types.js';
import { fail, rangeError, typeError } from '../internal/validate.js';
import type { OutputColumn } from '../join/columns.js';
import type { ParsedJoin, ParsedStream } from '../join/parse-options.js';
import { buildRequest } from '../join/request.js';
import { columnIndex, layoutOf } from '../schema/arrow-columns.js';
import { dictionaryIds, localField, localType, relabelDictionaries } from '../schema/arrow-types.js';
import { INT64_MAX, INT64_MIN } from '../schema/duration.js';
import { keyValueType } from '../schema/key-type.js';
import { nsPerUnit, timeTypeOf } from '../schema/time-type.js';
import { type ColumnCodec, columnCodec } from './column-codec.js';
import type { TimeDomain } from './watermark/index.js';
import { OutputSchema } from './output-schema.js';
import type { StreamingSettings } from './parse-streaming.js';

/** A column that the engine keeps: where it is in the batches, and how it goes in. */
export interface StoredColumn {
  readonly position: number;
  readonly codec: ColumnCodec;
}

/** How rows of one input go in. */
export interface InputPlan {
  readonly name: string;
  readonly schema: Schema;
  readonly stored: readonly StoredColumn[];
  readonly time: number;
  /** Left: per stream. Right: one list. */
  readonly keys: readonly (readonly number[])[];
  readonly knownAt: number | null;
  readonly sequence: number | null;
  /** Nanoseconds per unit of the engine's times of this input; null: plain numbers, taken as they are. */
  readonly nsPerUnit: bigint | null;
  /** NativeTimeKind. */
  readonly kind: number;
  readonly domain: TimeDomain;
}

export interface OutputPlan {
  readonly schema: Schema;
  readonly left: readonly { readonly field: Field; readonly codec: ColumnCodec }[];
  readonly streams: readonly (readonly PlannedColumn[])[];
  readonly rowId: boolean;
  readonly op: boolean;
}

type PlannedColumn =
  | { readonly kind: 'payload'; readonly index: number; readonly field: Field; readonly codec: ColumnCodec }
  | { readonly kind: 'age' | 'matched'; readonly field: Field };

export interface StreamingPlan {
  readonly config: EngineConfig;
  readonly inputs: readonly InputPlan[];
  readonly output: OutputPlan;
  readonly parsed: ParsedJoin;
}

function timeKind(columns: readonly NativeColumn[]): number {
  const has = (...types: readonly NativeType[]): boolean => columns.some(({ type }) => types.includes(type));
  if (has(NativeType.Float16, NativeType.Float32, NativeType.Float64)) return NativeTimeKind.float;
  const signed = has(NativeType.Int8, NativeType.Int16, NativeType.Int32, NativeType.Int64);
  return has(NativeType.UInt64) && !signed ? NativeTimeKind.unsigned : NativeTimeKind.signed;
}

function shapeOf({ name, type, width }: NativeColumn): ColumnShape {
  return { name, type, width };
}

function keyShape(table: Table, name: string, side: string): ColumnShape {
  const type = keyValueType(localType(table.schema.fields[columnIndex(table, name, side)]!.type));
  // String views are compared as the bytes they stand for.
  const layout = layoutOf(type) ?? { type: NativeType.Bytes32, width: 0 };
  return { name: `${side}.${name}`, type: layout.type, width: layout.width };
}

/** The positions a stream keeps: what goes out first, then what only matching and snapshots need. */
class Stored {
  readonly columns: StoredColumn[] = [];
  readonly #index = new Map<number, number>();

  constructor(
    private readonly schema: Schema,
    private readonly side: string,
  ) {}

  add(position: number): number {
    let index = this.#index.get(position);
    if (index === undefined) {
      const field = this.schema.fields[position]!;
      index = this.columns.push({ position, codec: columnCodec(`${this.side}.${field.name}`, field.type) }) - 1;
      this.#index.set(position, index);
    }
    return index;
  }
}

function planStream(
  stream: ParsedStream,
  native: NativeStream,
  leftSide: NativeSide,
  left: Table,
  outputs: readonly OutputColumn[],
  late: number,
  sequence: string | null,
): { engine: EngineStream; input: InputPlan; columns: readonly PlannedColumn[] } {
  const { table, side } = stream;
  const stored = new Stored(table.schema, side);
  const columns = outputs.map(({ field, source }): PlannedColumn => {
    if (source.kind === 'age' || source.kind === 'matched') return { kind: source.kind, field };
    const index = stored.add(source.position);
    return { kind: 'payload', index, field, codec: stored.columns[index]!.codec };
  });
  const outputCount = stored.columns.length;
  const time = columnIndex(table, stream.rightOn, side);
  const keys = stream.rightBy.map((name) => columnIndex(table, name, side));
  const knownAt = stream.knownAt === null ? null : columnIndex(table, stream.knownAt, side);
  for (const position of [time, ...keys, ...(knownAt === null ? [] : [knownAt])]) stored.add(position);
  const times = [leftSide.time.column, native.right.time.column, ...(native.knownAt ? [native.knownAt.column] : [])];
  const kind = timeKind(times);
  const { unit } = native.right.time;
  const engine: EngineStream = {
    name: side,
    keys: stream.leftBy.map((leftName, k) => ({
      left: keyShape(left, leftName, 'left'),
      right: keyShape(table, stream.rightBy[k] ?? leftName, side),
      leftScale: leftSide.keys[k]?.scale ?? 1n,
      rightScale: native.right.keys[k]?.scale ?? 1n,
      leftUnsignedForeign: leftSide.keys[k]?.unsignedForeign ?? false,
      rightUnsignedForeign: native.right.keys[k]?.unsignedForeign ?? false,
    })),
    kind,
    time: shapeOf(native.right.time.column),
    leftScale: leftSide.time.scale,
    rightScale: native.right.time.scale,
    payload: stored.columns.map(({ codec }) => codec.shape),
    outputs: outputCount,
    hasKnownAt: native.knownAt !== null,
    knownScale: native.knownAt?.scale ?? 1n,
    direction: native.direction,
    allowExact: native.allowExact,
    ties: native.ties,
    nearestTie: native.nearestTie,
    tolerance: native.tolerance,
    lag: native.lag,
    inner: native.inner,
    nullKeysEqual: native.nullKeysEqual,
    wantMatched: native.wantMatched,
    wantAge: native.wantAge,
    ageScale: native.ageScale,
    late,
    unit,
  };
  const input: InputPlan = {
    name: side,
    schema: table.schema,
    stored: stored.columns,
    time,
    keys: [keys],
    knownAt,
    sequence: sequencePosition(table, sequence, side),
    nsPerUnit: unit === '' ? null : native.ageScale,
    kind,
    domain: domainOf(kind, unit),
  };
  return { engine, input, columns };
}

function sequencePosition(table: Table, name: string | null, side: string): number | null {
  if (name === null) return null;
  const position = columnIndex(table, name, side);
  const { type } = table.schema.fields[position]!;
  if (!DataType.isInt(type)) {
    fail('FS_ERR_SCHEMA', `${side}.${name} must be a column of integers to be a sequence`, { column: name });
  }
  return position;
}

/** Throws what `asofJoin` throws for these schemas and options; FS_ERR_ARG_RANGE where streams differ in left time. */
export function planStreaming(parsed: ParsedJoin, settings: StreamingSettings): StreamingPlan {
  const { left, streams } = parsed;
  const plan = buildRequest(parsed);
  const first = streams[0] ?? fail('FS_ERR_INTERNAL', 'a streaming join has at least one stream');
  for (const stream of streams) {
    if (stream.leftOn === first.leftOn) continue;
    throw rangeError(
      `streams.${stream.side}.on`,
      `the left time column '${first.leftOn}' in every stream`,
      stream.leftOn,
    );
  }
  const leftTime = columnIndex(left, first.leftOn, 'left');
  const leftStored = new Stored(left.schema, 'left');
  left.schema.fields.forEach((_, position) => leftStored.add(position));
  const planned = streams.map((stream, s) =>
    planStream(
      stream,
      plan.request.streams[s]!,
      plan.request.leftSides[plan.request.streams[s]!.leftSide]!,
      left,
      plan.streams[s]!.columns,
      settings.late[s + 1]!,
      settings.sequence[s + 1]!,
    ),
  );
  const timeColumn = plan.request.leftSides[0]!.time.column;
  const { type } = left.schema.fields[leftTime]!;
  const unit = timeTypeOf(type)?.unit ?? '';
  const kind = timeKind([timeColumn]);
  const float = kind === NativeTimeKind.float;
  const leftInput: InputPlan = {
    name: 'left',
    schema: left.schema,
    stored: leftStored.columns,
    time: leftTime,
    keys: streams.map((stream) => stream.leftBy.map((name) => columnIndex(left, name, 'left'))),
    knownAt: null,
    sequence: sequencePosition(left, settings.sequence[0]!, 'left'),
    nsPerUnit: unit === '' ? null : nsPerUnit(unit),
    kind,
    domain: domainOf(kind, unit),
  };
  const config: EngineConfig = {
    left: { time: shapeOf(timeColumn), kind, columns: leftStored.columns.map(({ codec }) => codec.shape) },
    streams: planned.map(({ engine }) => engine),
    leftLate: settings.late[0]!,
    horizon:
      settings.horizon === null ? (float ? 0 : 0n) : toEngineTime(settings.horizon, leftInput, 'horizon', 'down'),
    ordered: settings.ordered,
    maxStateBytes: settings.maxStateBytes,
    sweepEachEmit: false,
    rowIds: settings.rowId !== null,
  };
  const output = planOutput(parsed, settings, leftStored.columns, plan.leftColumns, planned);
  return { config, inputs: [leftInput, ...planned.map(({ input }) => input)], output, parsed };
}

function planOutput(
  { left }: ParsedJoin,
  { rowId, op }: StreamingSettings,
  stored: readonly StoredColumn[],
  leftColumns: readonly OutputColumn[],
  planned: readonly { readonly columns: readonly PlannedColumn[] }[],
): OutputPlan {
  const leftPlanned = leftColumns.map(({ field }, i) => ({ field: localField(field), codec: stored[i]!.codec }));
  const streams = planned.map(({ columns }) => columns);
  const fields = [...leftPlanned.map(({ field }) => field), ...streams.flat().map(({ field }) => field)];
  for (const [name, type, why] of [
    [rowId, new Int64(), 'rowId'],
    [op, new Int8(), 'op'],
  ] as const) {
    if (name === null) continue;
    if (fields.some((field) => field.name === name)) {
      fail('FS_ERR_NAME_COLLISION', `the result already has a column '${name}': choose another name for ${why}`, {
        name,
      });
    }
    fields.push(new Field(name, type, false));
  }
  const own = distinctDictionaries(fields);
  const schema = new OutputSchema(own, new Map(left.schema.metadata));
  let next = leftPlanned.length;
  return {
    schema,
    left: leftPlanned.map((column, i) => ({ ...column, field: own[i]! })),
    streams: streams.map((columns) => columns.map((column) => ({ ...column, field: own[next++]! }))),
    rowId: rowId !== null,
    op: op !== null,
  };
}

/** Every dictionary here is a column's own, so no two may share an id: a writer would mix them. */
export function distinctDictionaries(fields: readonly Field[]): Field[] {
  const seen = new Set<number>();
  let next = Math.max(-1, ...dictionaryIds(fields)) + 1;
  return fields.map((field) => {
    const type = relabelDictionaries(field.type, (id) => {
      const own = seen.has(id) ? next++ : id;
      seen.add(own);
      return own;
    });
    return type === field.type ? field : field.clone({ type });
  });
}

function domainOf(kind: number, unit: string): TimeDomain {
  if (kind === NativeTimeKind.float) return 'float';
  return unit === '' ? 'integer' : 'temporal';
}

/**
 * A time of the API in the engine's unit: nanoseconds on temporal columns, else the column's own unit. Rounded up where
 * it promises that nothing earlier comes, down where it says how far something reaches.
 */
export function toEngineTime(
  value: bigint | number,
  { nsPerUnit: ns, kind }: Pick<InputPlan, 'nsPerUnit' | 'kind'>,
  where: string,
  round: 'up' | 'down',
): EngineTime {
  if (typeof value !== 'bigint' && typeof value !== 'number') throw typeError(where, 'a bigint or a number', value);
  if (kind === NativeTimeKind.float) {
    if (Number.isNaN(Number(value))) throw rangeError(where, 'a number', value);
    return Number(value);
  }
  let whole: bigint;
  if (typeof value === 'number') {
    if (ns !== null || !Number.isSafeInteger(value)) {
      throw rangeError(where, ns === null ? 'a whole number' : 'a bigint of nanoseconds', value);
    }
    whole = BigInt(value);
  } else {
    whole = ns === null || ns === 1n ? value : rounded(value, ns, round);
  }
  const [least, most] = kind === NativeTimeKind.unsigned ? [0n, 2n ** 64n - 1n] : [INT64_MIN, INT64_MAX];
  return whole < least ? least : whole > most ? most : whole;
}

function rounded(value: bigint, ns: bigint, round: 'up' | 'down'): bigint {
  const cut = value / ns;
  if (cut * ns === value) return cut;
  if (round === 'up') return value > 0n ? cut + 1n : cut;
  return value > 0n ? cut : cut - 1n;
}

/** A time of the engine as the API shows it. */
export function fromEngineTime(time: EngineTime, { nsPerUnit: ns }: Pick<InputPlan, 'nsPerUnit'>): EngineTime {
  return typeof time === 'bigint' && ns !== null ? time * ns : time;
}
