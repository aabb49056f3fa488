/**
 * Times of the JavaScript engine: bigint for integers and temporal columns, so that no sum or product can overflow,
 * number for floats. Null is no time (null, NaN).
 */
import { type NativeColumn } from '../../internal/native.js';
import { NativeTimeKind } from '../../internal/native-stream.js';
import { type EngineTime } from './types.js';
import { fail } from '../../internal/validate.js';
import { cellReader } from '../../schema/canonical.js';
import { INT64_MAX, INT64_MIN } from '../../schema/duration.js';

export const UINT64_MAX = 2n ** 64n - 1n;

/** Whether no integer can be earlier: as a watermark it promises nothing, and counts as none. */
export function isLeast(time: EngineTime, kind: number): boolean {
  return typeof time === 'bigint' && time <= (kind === NativeTimeKind.unsigned ? 0n : INT64_MIN);
}

/** a - b, 0 when equal (infinities too). */
export function minus(a: EngineTime, b: EngineTime): EngineTime {
  if (typeof a === 'bigint' && typeof b === 'bigint') return a - b;
  return a === b ? 0 : Number(a) - Number(b);
}

export function plus(a: EngineTime, b: EngineTime): EngineTime {
  return typeof a === 'bigint' && typeof b === 'bigint' ? a + b : Number(a) + Number(b);
}

/** |a - b|. */
export function apart(a: EngineTime, b: EngineTime): EngineTime {
  return a > b ? minus(a, b) : minus(b, a);
}

export function scaled(time: EngineTime, scale: bigint): EngineTime {
  return typeof time === 'bigint' && scale !== 1n ? time * scale : time;
}

/** Throws FS_ERR_OVERFLOW where value × scale leaves 64 bits. */
export function requireFits(
  value: EngineTime,
  scale: bigint,
  kind: number,
  column: string,
  row: number,
  unit: string,
): void {
  if (typeof value === 'number') return;
  const unsigned = kind === NativeTimeKind.unsigned;
  const product = value * scale;
  if (product >= (unsigned ? 0n : INT64_MIN) && product <= (unsigned ? UINT64_MAX : INT64_MAX)) return;
  fail(
    'FS_ERR_OVERFLOW',
    `${column} row ${row}: ${value} × ${scale} does not fit ${unsigned ? 'uint64' : 'int64'}` +
      (unit === '' ? '' : ` in ${unit}`),
    { column, row, value, scale, unit },
  );
}

/** Aligned times of a column. Throws FS_ERR_OVERFLOW with the row. */
export function readTimes(column: NativeColumn, scale: bigint, kind: number, unit: string): (EngineTime | null)[] {
  const times: (EngineTime | null)[] = [];
  for (const chunk of column.chunks) {
    const read = cellReader(column, chunk, 1n);
    for (let row = 0; row < chunk.length; row++) {
      const cell = read(row);
      if (cell === null || typeof cell === 'string') {
        times.push(null);
      } else if (kind === NativeTimeKind.float) {
        const value = Number(cell);
        times.push(Number.isNaN(value) ? null : value + 0);
      } else {
        const value = BigInt(cell);
        requireFits(value, scale, kind, column.name, times.length, unit);
        times.push(value * scale);
      }
    }
  }
  return times;
}
