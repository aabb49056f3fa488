/** Sequence columns of any integer type as the engines take them: int64 without nulls. */
import { type NativeColumn, NativeType } from '../internal/native.js';
import { fail } from '../internal/validate.js';
import { canonicalValues } from '../schema/canonical.js';
import { INT64_MAX } from '../schema/duration.js';
import { oneChunk } from './encoded-rows.js';

/** Throws FS_ERR_SCHEMA for a null, FS_ERR_OVERFLOW for a value past int64. */
export function wideSequence(column: NativeColumn): NativeColumn {
  const { name, type } = column;
  if (type === NativeType.Int64) return column;
  const values = BigInt64Array.from(canonicalValues(column, 1n), (cell, row) => {
    if (cell === null || typeof cell === 'string') {
      return fail('FS_ERR_SCHEMA', `${name} must not be null: row ${row} has no place in the order`, { row });
    }
    const value = BigInt(cell);
    if (value <= INT64_MAX) return value;
    return fail('FS_ERR_OVERFLOW', `${name} row ${row}: ${value} does not fit int64`, { column: name, row, value });
  });
  const chunk = { length: values.length, bitOffset: 0, values, offsets: null, validity: null, dictionary: -1 };
  return oneChunk({ name, type: NativeType.Int64, width: 8 }, chunk);
}
