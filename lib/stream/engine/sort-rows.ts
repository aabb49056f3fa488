/** What a push will do with each row, decided before it does anything. */
import { createError } from '../../errors/from-native.js';
import { NativeLatePolicy } from '../../internal/native-stream.js';
import { type EngineBatch, type EngineTime, NativeLateReason } from './types.js';
import { NULL_KEY, type RowKey } from './row-key.js';
import { minus } from './times.js';

export interface MutableCounters {
  rows: number;
  late: number;
  lateBeyondHorizon: number;
  tooFarAhead: number;
  nullTime: number;
  nullKey: number;
}

export interface MutableStats {
  rows: number;
  matched: number;
  noCandidate: number;
  toleranceExceeded: number;
}

export const noCounts = (): MutableCounters => ({
  rows: 0,
  late: 0,
  lateBeyondHorizon: 0,
  tooFarAhead: 0,
  nullTime: 0,
  nullKey: 0,
});
export const noStats = (): MutableStats => ({ rows: 0, matched: 0, noCandidate: 0, toleranceExceeded: 0 });

export interface Sorting {
  readonly taken: readonly number[];
  readonly aside: readonly { readonly row: number; readonly reason: number }[];
  readonly counts: MutableCounters;
  readonly minTime: EngineTime | null;
  readonly maxTime: EngineTime | null;
}

export interface SortRule {
  readonly input: number;
  readonly watermark: EngineTime | null;
  /** NativeLatePolicy. */
  readonly policy: number;
  readonly horizon: EngineTime;
  readonly maxTime: EngineTime | null;
}

/** Which rows are taken, which go aside, which are dropped. Throws FS_ERR_LATE_ROW. O(rows). */
export function sortRows(
  batch: EngineBatch,
  times: readonly (EngineTime | null)[],
  rightKeys: readonly RowKey[] | null,
  { input, watermark, policy, horizon, maxTime }: SortRule,
): Sorting {
  const counts = noCounts();
  const taken: number[] = [];
  const aside: { row: number; reason: number }[] = [];
  let minTime: EngineTime | null = null;
  let newest: EngineTime | null = null;
  for (let row = 0; row < batch.rows; row++) {
    const time = times[row] ?? null;
    if (time === null) {
      counts.nullTime++;
      if (input === 0) taken.push(row);
      continue;
    }
    if (rightKeys !== null && rightKeys[row] === NULL_KEY) {
      counts.nullKey++;
      continue;
    }
    if (maxTime !== null && time > maxTime) {
      counts.tooFarAhead++;
      if (policy === NativeLatePolicy.sideOutput) aside.push({ row, reason: NativeLateReason.tooFarAhead });
      continue;
    }
    if (watermark !== null && time < watermark) {
      counts.late++;
      if (policy === NativeLatePolicy.error) {
        throw createError(
          'FS_ERR_LATE_ROW',
          `${batch.time.name} row ${row}: time ${time} is before the watermark ${watermark}`,
          { details: { input, row, time, watermark } },
        );
      }
      if (policy === NativeLatePolicy.sideOutput) aside.push({ row, reason: NativeLateReason.late });
      if (policy !== NativeLatePolicy.revise) continue;
      if (time < minus(watermark, horizon)) {
        counts.lateBeyondHorizon++;
        continue;
      }
    }
    taken.push(row);
    if (minTime === null || time < minTime) minTime = time;
    if (newest === null || time > newest) newest = time;
  }
  counts.rows = taken.length;
  return { taken, aside, counts, minTime, maxTime: newest };
}
