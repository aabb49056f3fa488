/**
 * Both sides' times on one axis of doubles that keeps their order exactly: NaN is "no time". Integers within 2^53 of
 * each other become their offset from the smallest; farther apart, their rank among all values. Either way rows
 * compare as plain numbers; distances come from the offsets, or from the aligned 64-bit values where these are ranks.
 */
import { fail } from '../../internal/validate.js';
import { type NativeColumn, type NativeStream, type NativeTime, NativeType } from '../../internal/native.js';
import { cellReader, typedValues } from '../../schema/canonical.js';
import { INT64_MAX, INT64_MIN } from '../../schema/duration.js';
import { isValidInChunk } from '../../schema/gather.js';
import { checkedAge } from './rules.js';

const BIAS = 2n ** 63n;
const EXACT = 2n ** 53n;

export interface TimeAxis {
  readonly left: Float64Array;
  readonly right: Float64Array;
  /** When each right row becomes visible (`lag`, `knownAt`), its own time aside; null where it always is. */
  readonly visible: Float64Array | null;
  /** |left time - right time|, exactly (floats: as doubles, 0 when equal). */
  distance(leftRow: number, rightRow: number): number | bigint;
  /** Left time - right time times the age scale; floats as double. Throws FS_ERR_OVERFLOW. */
  age(leftRow: number, rightRow: number): number | bigint;
}

export function isFloatTime(column: NativeColumn): boolean {
  return column.type === NativeType.Float16 || column.type === NativeType.Float32 || column.type === NativeType.Float64;
}

function rowsOf(column: NativeColumn): number {
  return column.chunks.reduce((rows, chunk) => rows + chunk.length, 0);
}

function floatTimes(column: NativeColumn): Float64Array {
  const out = new Float64Array(rowsOf(column));
  let at = 0;
  for (const chunk of column.chunks) {
    const read = cellReader(column, chunk, 1n);
    for (let row = 0; row < chunk.length; row++) out[at++] = Number(read(row) ?? NaN);
  }
  return out;
}

interface Aligned {
  /** Aligned values; in the unsigned domain less 2^63, which keeps order and distances. */
  readonly values: BigInt64Array;
  /** 1 where there is a time. */
  readonly present: Uint8Array;
}

function integerValues(column: NativeColumn, view: ArrayBufferView | null): ArrayLike<bigint> | ArrayLike<number> {
  switch (column.type) {
    case NativeType.Int8:
      return typedValues(view, Int8Array);
    case NativeType.Int16:
      return typedValues(view, Int16Array);
    case NativeType.Int32:
      return typedValues(view, Int32Array);
    case NativeType.Int64:
      return typedValues(view, BigInt64Array);
    case NativeType.UInt8:
      return typedValues(view, Uint8Array);
    case NativeType.UInt16:
      return typedValues(view, Uint16Array);
    case NativeType.UInt32:
      return typedValues(view, Uint32Array);
    case NativeType.UInt64:
      return typedValues(view, BigUint64Array);
    default:
      return fail('FS_ERR_INTERNAL', `${column.name} is no time column`, { type: column.type });
  }
}

function alignIntegers({ column, scale, unit }: NativeTime, unsigned: boolean): Aligned {
  const rows = rowsOf(column);
  const values = new BigInt64Array(rows);
  const present = new Uint8Array(rows);
  const low = unsigned ? 0n : INT64_MIN;
  const high = unsigned ? 2n ** 64n - 1n : INT64_MAX;
  const bias = unsigned ? BIAS : 0n;
  const plain = scale === 1n && column.type === NativeType.Int64 && !unsigned;
  let at = 0;
  for (const chunk of column.chunks) {
    const source = integerValues(column, chunk.values);
    for (let row = 0; row < chunk.length; row++, at++) {
      if (!isValidInChunk(chunk, row)) continue;
      present[at] = 1;
      const raw = source[row]!;
      if (plain && typeof raw === 'bigint') {
        values[at] = raw;
        continue;
      }
      const value = BigInt(raw) * scale;
      if (value < low || value > high) {
        fail(
          'FS_ERR_OVERFLOW',
          `${column.name} row ${at}: ${raw} × ${scale} does not fit ${unsigned ? 'uint64' : 'int64'}` +
            (unit === '' ? '' : ` in ${unit}`),
          { column: column.name, row: at, value: BigInt(raw), scale, unit },
        );
      }
      values[at] = value - bias;
    }
  }
  return { values, present };
}

/** Right rows are visible from `knownAt` on, and from time + lag where there is a lag; never past 64 bits. */
function visibleTimes(right: Aligned, known: Aligned | null, lag: bigint): Aligned {
  const values = new BigInt64Array(right.values.length);
  const present = new Uint8Array(right.values.length);
  for (let row = 0; row < values.length; row++) {
    if (right.present[row] === 0 || known?.present[row] === 0) continue;
    let from = known === null ? INT64_MIN : known.values[row]!;
    const lagged = right.values[row]! + lag;
    if (lag > 0n && lagged > from) from = lagged;
    if (from > INT64_MAX) continue;
    values[row] = from;
    present[row] = 1;
  }
  return { values, present };
}

function rangeOf(sets: readonly Aligned[]): { min: bigint; max: bigint } {
  let min = INT64_MAX;
  let max = INT64_MIN;
  for (const { values, present } of sets) {
    for (let row = 0; row < values.length; row++) {
      if (present[row] === 0) continue;
      const value = values[row]!;
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  return { min, max };
}

/** Offsets from `base`, exact below 2^53: computed on 32-bit halves, since bigints cost ten times as much. */
function offsetsFrom({ values, present }: Aligned, base: bigint): Float64Array {
  const halves = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  const baseHigh = Number(base >> 32n);
  const baseLow = Number(base & 0xffffffffn);
  const out = new Float64Array(values.length);
  for (let row = 0; row < values.length; row++) {
    out[row] =
      present[row] === 0 ? NaN : (halves[2 * row + 1]! - baseHigh) * 4294967296 + ((halves[2 * row]! >>> 0) - baseLow);
  }
  return out;
}

function distinctSorted(sets: readonly Aligned[]): BigInt64Array {
  const total = sets.reduce((rows, { values }) => rows + values.length, 0);
  const all = new BigInt64Array(total);
  let count = 0;
  for (const { values, present } of sets) {
    for (let row = 0; row < values.length; row++) if (present[row] === 1) all[count++] = values[row]!;
  }
  const sorted = all.subarray(0, count).sort();
  let distinct = 0;
  for (let i = 0; i < count; i++) {
    if (i === 0 || sorted[i] !== sorted[i - 1]) sorted[distinct++] = sorted[i]!;
  }
  return sorted.subarray(0, distinct);
}

function ranksIn({ values, present }: Aligned, sorted: BigInt64Array): Float64Array {
  const out = new Float64Array(values.length).fill(NaN);
  for (let row = 0; row < values.length; row++) {
    if (present[row] === 0) continue;
    const value = values[row]!;
    let low = 0;
    let high = sorted.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle]! < value) low = middle + 1;
      else high = middle;
    }
    out[row] = low;
  }
  return out;
}

function floatAxis(left: NativeTime, stream: NativeStream): TimeAxis {
  const leftTimes = floatTimes(left.column);
  const rightTimes = floatTimes(stream.right.time.column);
  const known = stream.knownAt === null ? null : floatTimes(stream.knownAt.column);
  const lag = Number(stream.lag);
  const visible =
    known === null && lag === 0
      ? null
      : rightTimes.map((time, row) => {
          const from = known === null ? -Infinity : known[row]!;
          return lag > 0 ? Math.max(time + lag, from) : from;
        });
  // Equal times are 0 apart, infinite ones and zeros of two signs too.
  const difference = (leftRow: number, rightRow: number): number => {
    const l = leftTimes[leftRow]!;
    const r = rightTimes[rightRow]!;
    return l === r ? 0 : l - r;
  };
  return {
    left: leftTimes,
    right: rightTimes,
    visible,
    distance: (leftRow, rightRow) => Math.abs(difference(leftRow, rightRow)),
    age: difference,
  };
}

function isSigned({ type }: NativeColumn): boolean {
  return (
    type === NativeType.Int8 || type === NativeType.Int16 || type === NativeType.Int32 || type === NativeType.Int64
  );
}

function integerAxis(leftTime: NativeTime, stream: NativeStream): TimeAxis {
  const times = [leftTime, stream.right.time, ...(stream.knownAt === null ? [] : [stream.knownAt])];
  const unsigned =
    times.some(({ column }) => column.type === NativeType.UInt64) && !times.some(({ column }) => isSigned(column));
  const left = alignIntegers(leftTime, unsigned);
  const right = alignIntegers(stream.right.time, unsigned);
  const known = stream.knownAt === null ? null : alignIntegers(stream.knownAt, unsigned);
  const lag = BigInt(stream.lag);
  const visible = known === null && lag === 0n ? null : visibleTimes(right, known, lag);
  const sets = visible === null ? [left, right] : [left, right, visible];
  const { min, max } = rangeOf(sets);
  const offsets = max - min < EXACT;
  const sorted = offsets ? new BigInt64Array(0) : distinctSorted(sets);
  const encode = (set: Aligned): Float64Array => (offsets ? offsetsFrom(set, min) : ranksIn(set, sorted));
  const leftOrder = encode(left);
  const rightOrder = encode(right);
  const age = (leftRow: number, rightRow: number): bigint =>
    checkedAge(left.values[leftRow]! - right.values[rightRow]!, stream.ageScale, leftTime.column.name, leftRow);
  return {
    left: leftOrder,
    right: rightOrder,
    visible: visible === null ? null : encode(visible),
    distance: offsets
      ? (leftRow, rightRow) => Math.abs(leftOrder[leftRow]! - rightOrder[rightRow]!)
      : (leftRow, rightRow) => {
          const difference = left.values[leftRow]! - right.values[rightRow]!;
          return difference < 0n ? -difference : difference;
        },
    age,
  };
}

/** The axis of one stream. Throws FS_ERR_OVERFLOW with column and row where a value leaves 64 bits. */
export function timeAxis(left: NativeTime, stream: NativeStream): TimeAxis {
  return isFloatTime(left.column) ? floatAxis(left, stream) : integerAxis(left, stream);
}
