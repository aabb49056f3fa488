/** Reads what the JavaScript engine decides on from a batch: times, keys, order. Throws before anything changes. */
import { type NativeColumn, NativeType } from '../../internal/native.js';
import type { EngineBatch, EngineConfig, EngineStream, EngineTime } from './types.js';
import { fail } from '../../internal/validate.js';
import { type Canonical, canonicalValues } from '../../schema/canonical.js';
import { INT64_MAX, INT64_MIN } from '../../schema/duration.js';
import { DEAD_KEY, NULL_KEY, type RowKey } from './row-key.js';
import { plus, readTimes, requireFits, UINT64_MAX } from './times.js';

/** One value for several key columns: equal exactly when all are. */
function combine(cells: readonly Canonical[]): string {
  return cells
    .map((cell) => {
      if (typeof cell === 'string') return `s${cell.length}:${cell}`;
      return cell === null ? '-' : `${typeof cell === 'bigint' ? 'b' : 'n'}${cell}`;
    })
    .join('|');
}

/** One side's part of a pair of key columns. */
interface KeyRule {
  readonly scale: bigint;
  readonly unsignedForeign: boolean;
  readonly unsigned: boolean;
}

function keyRules({ keys }: EngineStream, side: 'left' | 'right'): readonly KeyRule[] {
  return keys.map((key) => ({
    scale: side === 'left' ? key.leftScale : key.rightScale,
    unsignedForeign: side === 'left' ? key.leftUnsignedForeign : key.rightUnsignedForeign,
    unsigned: key[side].type === NativeType.UInt64,
  }));
}

/** Whether an integer is one that the other side's column cannot hold, in the unit of both. */
function isDead(cell: Canonical, { unsigned, unsignedForeign }: KeyRule): boolean {
  if (typeof cell !== 'bigint') return false;
  if (!unsigned) return cell < INT64_MIN || cell > INT64_MAX;
  return cell > (unsignedForeign ? INT64_MAX : UINT64_MAX);
}

/** Keys of the rows; those that match nothing are NULL_KEY or DEAD_KEY. */
function readKeys(
  columns: readonly NativeColumn[],
  rules: readonly KeyRule[],
  nullsEqual: boolean,
  rows: number,
): readonly RowKey[] {
  const cells = columns.map((column, k) =>
    canonicalValues(column, rules[k]!.scale).map((cell): RowKey => {
      if (cell === null && !nullsEqual) return NULL_KEY;
      return isDead(cell, rules[k]!) ? DEAD_KEY : cell;
    }),
  );
  const [first, ...rest] = cells;
  if (first === undefined) return new Array<Canonical>(rows).fill(0);
  if (rest.length === 0) return first;
  return first.map((cell, row) => {
    const parts = [cell, ...rest.map((column) => column[row] ?? null)];
    if (parts.includes(NULL_KEY)) return NULL_KEY;
    return parts.includes(DEAD_KEY) ? DEAD_KEY : combine(parts as Canonical[]);
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
  readonly keys: readonly (readonly RowKey[])[];
}

export function readLeft(batch: EngineBatch, { left, streams }: EngineConfig): LeftBatch {
  const times = readTimes(batch.time, 1n, left.kind, '');
  for (const { leftScale, kind, unit } of streams) {
    times.forEach((time, row) => {
      if (time !== null) requireFits(time, leftScale, kind, batch.time.name, row, unit);
    });
  }
  const keys = streams.map((stream, s) =>
    readKeys(batch.keys[s] ?? [], keyRules(stream, 'left'), stream.nullKeysEqual, batch.rows),
  );
  return { times, keys };
}

export interface RightBatch {
  readonly times: readonly (EngineTime | null)[];
  readonly keys: readonly RowKey[];
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
  const keys = readKeys(batch.keys[0] ?? [], keyRules(stream, 'right'), stream.nullKeysEqual, batch.rows);
  return { times, keys, from };
}
