/**
 * Which right rows a join cannot need, by time: looking back, none after the last left row; looking ahead, none before
 * the first. Such row groups are not read. Rows that a tolerance would refuse are kept: they tell "too far" from
 * "nothing there" in the statistics. Bounds are rounded outwards, so a wrong row is never pruned.
 */
import { DataType, type Schema, type Table, TimeUnit } from 'apache-arrow';
import type { FileInfo, TimeRange } from '../storage/types.js';
import { onColumns, type SideOptions } from './join-options.js';

const NS_PER_UNIT: Readonly<Record<TimeUnit, bigint>> = {
  [TimeUnit.SECOND]: 1_000_000_000n,
  [TimeUnit.MILLISECOND]: 1_000_000n,
  [TimeUnit.MICROSECOND]: 1_000n,
  [TimeUnit.NANOSECOND]: 1n,
};

/** Units of a time type in ns; 1 for integers; null for types that are not pruned by. */
function scaleOf(type: DataType): bigint | null {
  if (DataType.isTimestamp(type)) return NS_PER_UNIT[type.unit];
  return DataType.isInt(type) ? 1n : null;
}

export interface Extremes {
  readonly min: bigint;
  readonly max: bigint;
}

/** Smallest and largest non-null value of an int64 time column; null where there is none. O(rows). */
export function extremes(table: Table, column: string): Extremes | null {
  const vector = table.getChild(column);
  if (vector === null) return null;
  let [min, max] = [2n ** 63n, -(2n ** 63n)];
  for (const data of vector.data) {
    const values: unknown = data.values;
    if (!(values instanceof BigInt64Array)) return null;
    for (let row = 0; row < data.length; row++) {
      if (data.nullCount > 0 && !data.getValid(row)) continue;
      const value = values[row]!;
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  return min > max ? null : { min, max };
}

/** The same by the statistics of a Parquet file: it may span more than the values. Null where they do not tell. */
export function statedExtremes(info: FileInfo, column: string): Extremes | null {
  const type = info.schema.fields.find((field) => field.name === column)?.type;
  if (!DataType.isTimestamp(type) && !(DataType.isInt(type) && type.bitWidth === 64 && type.isSigned)) return null;
  let [min, max] = [2n ** 63n, -(2n ** 63n)];
  for (const { rows, statistics } of info.rowGroups) {
    const seen = statistics[column];
    if (rows === 0 || seen?.nullCount === rows) continue;
    if (typeof seen?.min !== 'bigint' || typeof seen.max !== 'bigint') return null;
    if (seen.min < min) min = seen.min;
    if (seen.max > max) max = seen.max;
  }
  return min > max ? null : { min, max };
}

function floorDiv(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by !== 0n && value < 0n ? quotient - 1n : quotient;
}

/** The times to read of a right input, or undefined to read all of it; `range` spans the left times. */
export function neededTimes(
  left: Schema,
  range: Extremes | null,
  right: FileInfo,
  options: SideOptions,
): TimeRange | undefined {
  const direction = options.direction ?? 'backward';
  if (right.format !== 'parquet' || direction === 'nearest' || options.unsorted === 'error') return undefined;
  const on = onColumns(options);
  const leftField = left.fields.find((field) => field.name === on.left);
  const rightField = right.schema.fields.find((field) => field.name === on.right);
  if (leftField === undefined || rightField === undefined) return undefined;
  if (DataType.isInt(leftField.type) !== DataType.isInt(rightField.type)) return undefined;
  const [leftScale, rightScale] = [scaleOf(leftField.type), scaleOf(rightField.type)];
  if (leftScale === null || rightScale === null) return undefined;
  if (range === null) return undefined;
  const bound: TimeRange =
    direction === 'backward'
      ? { column: on.right, max: floorDiv(range.max * leftScale, rightScale) }
      : { column: on.right, min: -floorDiv(-range.min * leftScale, rightScale) };
  // A filter costs the fast path; it is worth it only where a whole row group falls away.
  const spared = right.rowGroups.some(({ statistics }) => {
    const seen = statistics[on.right];
    if (seen === undefined || typeof seen.min !== 'bigint' || typeof seen.max !== 'bigint') return false;
    return bound.max === undefined ? seen.max < bound.min! : seen.min > bound.max;
  });
  return spared ? bound : undefined;
}
