/** The range of a time column and whether it ascends: by the addon, or by its plain twin below. */
import { createError, fromNative } from '../errors/from-native.js';
import { loadAddon, type NativeTime, type NativeTimeExtent, NativeType } from '../internal/native.js';
import { type Canonical, canonicalValues } from '../schema/canonical.js';
import { INT64_MAX, INT64_MIN } from '../schema/duration.js';

/** The twin of the addon's `timeExtent`. O(n). */
export function timeExtentJavaScript({ column, scale, unit }: NativeTime): NativeTimeExtent {
  const unsigned = column.type === NativeType.UInt64;
  const [lowest, highest] = unsigned ? [0n, 2n ** 64n - 1n] : [INT64_MIN, INT64_MAX];
  const float =
    column.type === NativeType.Float16 || column.type === NativeType.Float32 || column.type === NativeType.Float64;
  let rows = 0;
  let valid = 0;
  let min: bigint | number | null = null;
  let max: bigint | number | null = null;
  let previous: { readonly value: bigint | number; readonly row: number } | null = null;
  let descentRow = -1;
  let descentPreviousRow = -1;
  for (const cell of canonicalValues(column, 1n)) {
    const row = rows++;
    const value = aligned(cell, scale, float);
    if (value === null) continue;
    if (typeof value === 'bigint' && (value > highest || value < lowest)) {
      throw createError('FS_ERR_OVERFLOW', `${column.name}: row ${row} does not fit 64 bits in ${unit || 'its unit'}`, {
        details: { row },
      });
    }
    if (previous !== null && descentRow < 0 && value < previous.value) {
      descentRow = row;
      descentPreviousRow = previous.row;
    }
    previous = { value, row };
    valid++;
    if (min === null || value < min) min = value;
    if (max === null || value > max) max = value;
  }
  return { rows, valid, min, max, descentRow, descentPreviousRow };
}

/** The cell's time, or null for a null or NaN. Floats stay numbers (-0 is 0), everything else is exact. */
function aligned(cell: Canonical, scale: bigint, float: boolean): bigint | number | null {
  if (cell === null || typeof cell === 'string') return null;
  if (!float) return BigInt(cell) * scale;
  return Number.isNaN(cell) ? null : Number(cell) + 0;
}

/** O(n). Throws FS_ERR_OVERFLOW, FS_ERR_LENGTH, FS_ERR_CORRUPT. */
export function timeExtent(time: NativeTime, executor: string): NativeTimeExtent {
  const { addon } = loadAddon();
  if (executor !== 'native' || addon === null) return timeExtentJavaScript(time);
  try {
    return addon.timeExtent(time);
  } catch (error) {
    throw fromNative(error);
  }
}
