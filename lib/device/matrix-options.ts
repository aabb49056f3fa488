/** Options of `featureMatrix`: types, defaults, and the request they amount to. */
import { DataType } from 'apache-arrow';

import {
  fail,
  isRecord,
  rangeError,
  rejectUnknown,
  requireBoolean,
  requireName,
  requireOneOf,
  requireRecord,
  requireSignal,
  requireString,
  typeError,
} from '../internal/validate.js';
import { typeName } from '../schema/arrow-types.js';
import {
  FEATURE_TYPES,
  type FeatureType,
  MATRIX_DTYPES,
  MATRIX_LAYOUTS,
  type MatrixColumn,
  type MatrixDType,
  type MatrixLayout,
} from './backend.js';
import { type DeviceColumn, type DeviceTable, dtypeOfType } from './device-table.js';
import { DeviceTensor } from './device-tensor.js';

/** One chosen column; a string chooses the column of that name as it is. */
export interface FeatureColumn {
  readonly column: string;
  /** In the result. Default: the column's. */
  readonly name?: string;
  /**
   * Subtracted. Default: 0. A bigint, on integers and times, is subtracted exactly before anything is rounded; on times
   * it must be one.
   */
  readonly mean?: number | bigint;
  /** Multiplies the difference: 1 / standard deviation normalises. Default: 1. */
  readonly scale?: number;
  /** What null becomes, as it is: neither shifted nor scaled. Default: that of the call. */
  readonly fill?: number;
  /** With `nulls: 'mask'`: whether a mask follows. Default: where the column can have nulls. */
  readonly mask?: boolean;
}

export interface FeatureMatrixOptions {
  /** Default: every column of integers or floats, as it is. */
  readonly columns?: readonly (string | FeatureColumn)[];
  /** Default: `float32`. */
  readonly dtype?: MatrixDType;
  /** `row`: [rows, columns], the default; `column`: [columns, rows]. */
  readonly layout?: MatrixLayout;
  /**
   * `fill`: nulls become `fill`. `mask`: they do, and a column that can have nulls is followed by one of 1 (has a value)
   * and 0 (null). `error`: a null rejects the call. Default: `fill`.
   */
  readonly nulls?: 'fill' | 'mask' | 'error';
  /** Default: NaN; with `mask` 0. */
  readonly fill?: number;
  /** Which row of the table each row of the matrix shows; int32 on the same device, -1 for nulls. Default: its own. */
  readonly rows?: DeviceTensor;
  readonly signal?: AbortSignal;
}

/** One column of the result. */
export interface FeatureSlot {
  /** Masks: that of their column and `_valid`. */
  readonly name: string;
  /** Of the table. */
  readonly column: string;
  readonly isMask: boolean;
}

export interface ParsedMatrix {
  readonly dtype: MatrixDType;
  readonly layout: MatrixLayout;
  readonly rows: number;
  readonly index: DeviceTensor | null;
  readonly signal: AbortSignal | null;
  /** Whether a null rejects the call, and there may be one. */
  readonly refusesNulls: boolean;
  readonly slots: readonly FeatureSlot[];
  readonly columns: readonly MatrixColumn[];
}

const KEYS = ['columns', 'dtype', 'layout', 'nulls', 'fill', 'rows', 'signal'] as const;
const COLUMN_KEYS = ['column', 'name', 'mean', 'scale', 'fill', 'mask'] as const;

type NullPolicy = 'fill' | 'mask' | 'error';

/** What all columns of a call have in common. */
interface Common {
  readonly table: DeviceTable;
  readonly nulls: NullPolicy;
  readonly fill: number;
  readonly index: DeviceTensor | null;
}

export function parseMatrix(table: DeviceTable, options: unknown): ParsedMatrix {
  const given = requireRecord(options, 'options');
  rejectUnknown(given, 'options', KEYS);
  const nulls = requireOneOf(given.nulls ?? 'fill', 'options.nulls', ['fill', 'mask', 'error']);
  const index = given.rows === undefined ? null : requireRows(given.rows, table);
  const common: Common = {
    table,
    nulls,
    fill: given.fill === undefined ? (nulls === 'mask' ? 0 : NaN) : requireFill(given.fill, 'options.fill', nulls),
    index,
  };
  const chosen = requireColumns(given.columns, table).map((column, i) => parseColumn(column, i, common));
  const slots = chosen.flatMap((column) => column.slots);
  requireDistinct(slots);
  return {
    dtype: requireOneOf(given.dtype ?? 'float32', 'options.dtype', MATRIX_DTYPES),
    layout: requireOneOf(given.layout ?? 'row', 'options.layout', MATRIX_LAYOUTS),
    rows: index?.size ?? table.numRows,
    index,
    signal: given.signal === undefined ? null : requireSignal(given.signal, 'options.signal'),
    refusesNulls: nulls === 'error' && chosen.some(({ columns }) => columns.some((column) => canBeNull(column))),
    slots,
    columns: chosen.flatMap(({ columns }) => columns),
  };
}

const canBeNull = ({ validity, indexMemory }: MatrixColumn): boolean => validity !== null || indexMemory !== null;

function requireRows(value: unknown, table: DeviceTable): DeviceTensor {
  if (!(value instanceof DeviceTensor)) throw typeError('options.rows', 'a DeviceTensor of int32', value);
  if (value.dtype !== 'int32') throw typeError('options.rows', 'a DeviceTensor of int32', value.dtype);
  if (value.shape.length !== 1) throw rangeError('options.rows', 'a tensor of one axis', value.shape);
  if (value.device !== table.device) throw rangeError('options.rows', 'on the device of the table', value.device.id);
  return value;
}

function requireColumns(columns: unknown, table: DeviceTable): readonly unknown[] {
  if (columns === undefined) {
    const numeric = table.columns.filter(({ type }) => DataType.isInt(type) || DataType.isFloat(type));
    if (numeric.length === 0) fail('FS_ERR_SCHEMA', 'the device table has no column of integers or floats');
    return numeric.map(({ name }) => name);
  }
  if (!Array.isArray(columns)) throw typeError('options.columns', 'an array of names or objects', columns);
  if (columns.length === 0) throw rangeError('options.columns', 'at least one column', columns);
  return columns;
}

function parseColumn(
  value: unknown,
  place: number,
  common: Common,
): { readonly slots: readonly FeatureSlot[]; readonly columns: readonly MatrixColumn[] } {
  const where = `options.columns[${place}]`;
  const given = typeof value === 'string' ? { column: value } : value;
  if (!isRecord(given)) throw typeError(where, 'a name or an object', value);
  rejectUnknown(given, where, COLUMN_KEYS);
  const column = common.table.column(requireString(given.column, `${where}.column`));
  const type = featureTypeOf(column);
  const plain: MatrixColumn = {
    memory: common.table.block(column.values?.block ?? 0).memory,
    type,
    length: column.length,
    values: column.values?.byteOffset ?? 0,
    validityMemory: column.validity === null ? null : common.table.block(column.validity.block).memory,
    validity: column.validity?.byteOffset ?? null,
    indexMemory: common.index?.buffer.memory ?? null,
    index: common.index?.byteOffset ?? null,
    isMask: false,
    ...parseMean(given.mean, `${where}.mean`, column, type),
    scale: given.scale === undefined ? 1 : requireFinite(given.scale, `${where}.scale`),
    fill: given.fill === undefined ? common.fill : requireFill(given.fill, `${where}.fill`, common.nulls),
  };
  const name = given.name === undefined ? column.name : requireName(given.name, `${where}.name`);
  const slot: FeatureSlot = { name, column: column.name, isMask: false };
  if (!hasMask(given.mask, `${where}.mask`, column, common)) return { slots: [slot], columns: [plain] };
  return {
    slots: [slot, { name: `${name}_valid`, column: column.name, isMask: true }],
    columns: [plain, { ...plain, isMask: true }],
  };
}

/** By the schema, not by the rows: every batch of a stream has the same columns. */
function hasMask(mask: unknown, where: string, column: DeviceColumn, { table, nulls, index }: Common): boolean {
  if (mask !== undefined) {
    const wanted = requireBoolean(mask, where);
    if (nulls !== 'mask') throw rangeError(where, "left out: only nulls: 'mask' makes masks", mask);
    return wanted;
  }
  if (nulls !== 'mask') return false;
  const field = table.schema.fields[table.columns.indexOf(column)];
  return field?.nullable === true || column.validity !== null || index !== null;
}

function featureTypeOf(column: DeviceColumn): FeatureType {
  const dtype = DataType.isBool(column.type) ? 'bool' : dtypeOfType(column.type);
  const type = FEATURE_TYPES.find((known) => known === dtype);
  return (
    type ??
    fail('FS_ERR_SCHEMA', `${column.name} is ${typeName(column.type)}, which is no number of a fixed width`, {
      column: column.name,
      type: typeName(column.type),
    })
  );
}

function isTime(type: DataType): boolean {
  return DataType.isTimestamp(type) || DataType.isDate(type) || DataType.isTime(type) || DataType.isDuration(type);
}

function parseMean(
  mean: unknown,
  where: string,
  column: DeviceColumn,
  type: FeatureType,
): { readonly mean: number; readonly wholeMean: bigint | null } {
  if (mean === undefined) return { mean: 0, wholeMean: null };
  if (typeof mean === 'bigint') {
    if (type.startsWith('float')) throw typeError(where, `a number, as ${column.name} has floats`, mean);
    const fits = type === 'uint64' ? BigInt.asUintN(64, mean) === mean : BigInt.asIntN(64, mean) === mean;
    if (!fits) throw rangeError(where, type === 'uint64' ? 'a uint64' : 'an int64', mean);
    return { mean: 0, wholeMean: mean };
  }
  // No time travels as a number.
  if (isTime(column.type)) throw typeError(where, `a bigint, as ${column.name} has times`, mean);
  return { mean: requireFinite(mean, where), wholeMean: null };
}

function requireFinite(value: unknown, where: string): number {
  if (typeof value !== 'number') throw typeError(where, 'a number', value);
  if (!Number.isFinite(value)) throw rangeError(where, 'a finite number', value);
  return value;
}

function requireFill(value: unknown, where: string, nulls: NullPolicy): number {
  if (typeof value !== 'number') throw typeError(where, 'a number', value);
  if (nulls === 'error') throw rangeError(where, "left out: nulls: 'error' fills none", value);
  return value;
}

function requireDistinct(slots: readonly FeatureSlot[]): void {
  const seen = new Set<string>();
  for (const { name } of slots) {
    if (seen.has(name)) fail('FS_ERR_NAME_COLLISION', `two columns of the matrix are called ${name}`, { name });
    seen.add(name);
  }
}
