/** Statistics of a join, counted by the matcher: a null payload value of a match is not a miss. */
import type { NativeStreamStats } from '../internal/native.js';

export interface JoinStats {
  /** Left rows, before an inner join drops any. */
  readonly rows: number;
  readonly rightRows: number;
  /** Left rows with a match. */
  readonly matched: number;
  /** Left rows without: `noCandidate + toleranceExceeded`. */
  readonly unmatched: number;
  /** Nothing to choose from in that direction; rows with a null key or time included. */
  readonly noCandidate: number;
  /** The chosen row was farther than the tolerance. */
  readonly toleranceExceeded: number;
}

export function toJoinStats(stats: NativeStreamStats): JoinStats {
  const { rows, rightRows, matched, noCandidate, toleranceExceeded } = stats;
  const unmatched = noCandidate + toleranceExceeded;
  return Object.freeze({ rows, rightRows, matched, unmatched, noCandidate, toleranceExceeded });
}
