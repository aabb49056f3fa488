/** Reads what the JavaScript engine decides on from a batch: times, keys, order. Throws before anything changes. */
import type { NativeColumn } from '../../internal/native.js';
import type { EngineBatch, EngineConfig, EngineStream, EngineTime } from './types.js';
import { fail } from '../../internal/validate.js';
import { type Canonical, canonicalValues } from '../../schema/canonical.js';
import { plus, readTimes, requireFits } from './times.js';

/** One value for several key columns: equal exactly when all are. */
function combine(cells: readonly Canonical[]): string {
  return cells
    .map((cell) => {
      if (typeof cell === 'string') return `s${cell.length}:${cell}`;
      return cell === null ? '-' : `${typeof cell === 'bigint' ? 'b' : 'n'}${cell}`;
    })
    .join('|');
}

/** Keys of the rows; undefined matches nothing. */
export function readKeys(
  columns: readonly NativeColumn[],
  scales: readonly bigint[],
  nullsEqual: boolean,
  rows: number,
): readonly (Canonical | undefined)[] {
  const [first, ...rest] = columns.map((column, k) => canonicalValues(column, scales[k] ?? 1n));
  if (first === undefined) return new Array<Canonical>(rows).fill(0);
  if (rest.length === 0) return nullsEqual ? first : first.map((cell) => cell ?? undefined);
  return first.map((cell, row) => {
    const cells = [cell, ...rest.map((column) => column[row] ?? null)];
    return !nullsEqual && cells.includes(null) ? undefined : combine(cells);
  });
}

export function readSequence(column: NativeColumn | null): readonly bigint[] | null {
  if (column === null) return null;
  return canonicalValues(column, 1n).map((cell, row) => {
    if (cell === null || typeof cell === 'string') {
      return fail('FS_ERR_SCHEMA', `${column.name} must not be null: row ${row} has no place in the order`, { row });
    }
    return BigInt(cell);
  });
}

export interface LeftBatch {
  readonly times: readonly (EngineTime | null)[];
  /** Per stream, per row. */
  readonly keys: readonly (readonly (Canonical | undefined)[])[];
}

export function readLeft(batch: EngineBatch, { left, streams }: EngineConfig): LeftBatch {
  const times = readTimes(batch.time, 1n, left.kind, '');
  for (const { leftScale, kind, unit } of streams) {
    times.forEach((time, row) => {
      if (time !== null) requireFits(time, leftScale, kind, batch.time.name, row, unit);
    });
  }
  const keys = streams.map((stream, s) =>
    readKeys(
      batch.keys[s] ?? [],
      stream.keys.map((key) => key.leftScale),
      stream.nullKeysEqual,
      batch.rows,
    ),
  );
  return { times, keys };
}

export interface RightBatch {
  readonly times: readonly (EngineTime | null)[];
  readonly keys: readonly (Canonical | undefined)[];
  /** From when each row is visible; null: always, undefined: never. */
  readonly from: readonly (EngineTime | null | undefined)[];
}

export function readRight(batch: EngineBatch, stream: EngineStream): RightBatch {
  const times = readTimes(batch.time, stream.rightScale, stream.kind, stream.unit);
  const known = batch.knownAt === null ? null : readTimes(batch.knownAt, stream.knownScale, stream.kind, stream.unit);
  const from = times.map((time, row): EngineTime | null | undefined => {
    const lagged = time === null || !(stream.lag > 0) ? null : plus(time, stream.lag);
    if (known === null) return lagged;
    const at = known[row] ?? undefined;
    return at === undefined || lagged === null || at > lagged ? at : lagged;
  });
  const keys = readKeys(
    batch.keys[0] ?? [],
    stream.keys.map((key) => key.rightScale),
    stream.nullKeysEqual,
    batch.rows,
  );
  return { times, keys, from };
}
