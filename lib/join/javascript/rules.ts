/**
 * The decisions of docs/design/join-semantics.md between candidates that are at hand, written once for the sweep over
 * whole tables and for the streaming engine.
 */
import { fail } from '../../internal/validate.js';
import { NativeNearestTie, NativeTies } from '../../internal/native.js';
import { INT64_MAX, INT64_MIN } from '../../schema/duration.js';

/** Among equal times looking back, whether the last row wins. */
export function backTakesLast(ties: number): boolean {
  return ties !== NativeTies.first;
}

/** Among equal times looking ahead, whether the last row wins. */
export function aheadTakesLast(ties: number): boolean {
  return ties === NativeTies.last;
}

/** Nearest: whether the choice ahead wins over the one behind, by their distances. */
export function aheadIsNearer(back: bigint | number, ahead: bigint | number, nearestTie: number): boolean {
  return ahead < back || (nearestTie === NativeNearestTie.later && ahead === back);
}

/** Left time minus right time in the output's unit. Throws FS_ERR_OVERFLOW where it leaves int64. */
export function checkedAge(difference: bigint, scale: bigint, column: string, row: number | bigint): bigint {
  const value = difference * scale;
  if (value >= INT64_MIN && value <= INT64_MAX) return value;
  return fail('FS_ERR_OVERFLOW', `age of left row ${row} does not fit int64: ${value}`, { column, row, value });
}
