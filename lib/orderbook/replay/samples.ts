/** The caller's sample times as int64 nanoseconds: taken as they are where they are that already. */
import { DataType, type Vector } from 'apache-arrow';

import { fail, rangeError, typeError } from '../../internal/validate.js';
import { typeName } from '../../schema/arrow-types.js';
import { INT64_MAX, INT64_MIN } from '../../schema/duration.js';
import { nsPerUnit, timeTypeOf } from '../../schema/time-type.js';

function isTyped(value: unknown, name: 'BigInt64Array' | 'Uint32Array'): boolean {
  return Object.prototype.toString.call(value) === `[object ${name}]`;
}

function isVector(value: unknown): value is Vector {
  return typeof value === 'object' && value !== null && 'type' in value && 'data' in value && 'get' in value;
}

function withoutNulls(vector: Vector, where: string): void {
  if (vector.nullCount > 0) fail('FS_ERR_SCHEMA', `${where} must have no nulls, got ${vector.nullCount}`);
}

/** FS_ERR_ARG_TYPE, FS_ERR_SCHEMA for other types and nulls, FS_ERR_OVERFLOW. O(rows), without work where they are ns. */
export function sampleTimes(value: unknown, where: string): BigInt64Array {
  if (isTyped(value, 'BigInt64Array')) return value as BigInt64Array;
  if (!isVector(value)) throw typeError(where, 'a BigInt64Array of nanoseconds or an Arrow column of times', value);
  const type: DataType = value.type;
  const time = timeTypeOf(type);
  if (time === null || time.family === 'float' || (time.family === 'integer' && !isInt64(type))) {
    return fail('FS_ERR_SCHEMA', `${where} must be a timestamp, duration, time or int64 of ns, got ${typeName(type)}`);
  }
  withoutNulls(value, where);
  const scale = nsPerUnit(time.unit);
  const times = new BigInt64Array(value.length);
  let row = 0;
  for (const data of value.data) {
    const values = data.values as BigInt64Array | Int32Array;
    // Millisecond dates and 64-bit times come as BigInt64Array, days and 32-bit times as Int32Array.
    for (let i = 0; i < data.length; i++, row++) {
      const ns = BigInt(values[i]!) * scale;
      if (ns > INT64_MAX || ns < INT64_MIN) {
        fail('FS_ERR_OVERFLOW', `${where} does not fit int64 nanoseconds in row ${row}`, { row });
      }
      times[row] = ns;
    }
  }
  return times;
}

function isInt64(type: DataType): boolean {
  return DataType.isInt(type) && type.bitWidth === 64 && type.isSigned;
}

export function sampleInstruments(value: unknown, rows: number, where: string): Uint32Array {
  if (value === undefined) return new Uint32Array(0);
  let instruments: Uint32Array;
  if (isTyped(value, 'Uint32Array')) instruments = value as Uint32Array;
  else if (isVector(value) && DataType.isInt(value.type) && !value.type.isSigned && value.type.bitWidth === 32) {
    withoutNulls(value, where);
    instruments = value.toArray() as Uint32Array;
  } else throw typeError(where, 'a Uint32Array or an Arrow column of uint32', value);
  if (instruments.length !== rows) throw rangeError(where, `of ${rows} rows, as there are times`, instruments.length);
  return instruments;
}
