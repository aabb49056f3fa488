/** Rows in stable order of time, and the check that they came that way. */
import { fail } from '../../internal/validate.js';

/** Rows with a time and a key, ascending in time, input order among equal times. O(n), or O(n log n) unsorted. */
export function timeOrder(times: Float64Array, codes: Int32Array | null): Int32Array {
  const rows = new Int32Array(times.length);
  let count = 0;
  let ascending = true;
  let previous = -Infinity;
  for (let row = 0; row < times.length; row++) {
    const time = times[row]!;
    if (time !== time || (codes !== null && codes[row]! < 0)) continue;
    if (time < previous) ascending = false;
    previous = time;
    rows[count++] = row;
  }
  const order = rows.subarray(0, count);
  if (ascending) return order;
  return order.sort((a, b) => {
    const timeA = times[a]!;
    const timeB = times[b]!;
    return timeA < timeB ? -1 : timeA > timeB ? 1 : a - b;
  });
}

/**
 * Throws FS_ERR_UNSORTED for the first row that is earlier than the row before it: of the same key where there are
 * keys. Rows without a time or a key are not looked at.
 */
export function requireAscending(
  times: Float64Array,
  codes: Int32Array | null,
  keyCount: number,
  side: string,
  column: string,
): void {
  const lastRow = new Int32Array(keyCount).fill(-1);
  for (let row = 0; row < times.length; row++) {
    const time = times[row]!;
    const code = codes === null ? 0 : codes[row]!;
    if (time !== time || code < 0) continue;
    const previousRow = lastRow[code]!;
    if (previousRow >= 0 && time < times[previousRow]!) {
      fail(
        'FS_ERR_UNSORTED',
        `${column} must ascend${codes === null ? '' : ' within each key'}; row ${row} is earlier than row ${previousRow}`,
        { side, row, previousRow },
      );
    }
    lastRow[code] = row;
  }
}
