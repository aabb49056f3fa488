/**
 * The choice of right rows, by sweeps over both sides in time order. Looking back: left rows ascend, right rows enter
 * as they become usable, and each key remembers the best so far. Looking ahead: the mirror image; with `knownAt` the
 * rows of a key enter when known and leave when their time has passed, so each key keeps a heap. O(n + m), times the
 * logarithm of a heap for the last case.
 */
import { inBlocks, type Steps } from './blocks.js';

export interface SweepInput {
  /** Times on the axis; NaN for none. */
  readonly left: Float64Array;
  readonly right: Float64Array;
  /** Right rows are visible from here on, NaN for never; null: always. */
  readonly visible: Float64Array | null;
  /** Codes of keys; null: one key. -1 matches nothing. */
  readonly leftCodes: Int32Array | null;
  readonly rightCodes: Int32Array | null;
  readonly keyCount: number;
  /** Left and right rows with time and key, ascending in time, stable. */
  readonly leftOrder: Int32Array;
  readonly rightOrder: Int32Array;
}

/** Right rows by the time they enter, and whether they enter strictly after it. */
interface Entrances {
  readonly rows: Int32Array;
  readonly at: Float64Array;
  readonly strict: Uint8Array | null;
  readonly allStrict: boolean;
}

/** Rows that are visible at some time, by that time. */
function visibleRows({ rightOrder }: SweepInput, at: Float64Array, strict: Uint8Array | null): Int32Array {
  return rightOrder
    .filter((row) => at[row]! === at[row]!)
    .sort((a, b) => {
      const atA = at[a]!;
      const atB = at[b]!;
      if (atA !== atB) return atA < atB ? -1 : 1;
      return (strict === null ? 0 : strict[a]! - strict[b]!) || a - b;
    });
}

/**
 * Looking back, a row counts for t >= visible and t >= time (t > time without exact matches): it enters at the later
 * of the two, or right after it where that is its own time and exact matches are excluded.
 */
function entrances(input: SweepInput, allowExact: boolean): Entrances {
  const { right, visible, rightOrder } = input;
  if (visible === null) return { rows: rightOrder, at: right, strict: null, allStrict: !allowExact };
  const at = visible.map((time, row) => Math.max(time, right[row]!));
  const strict = allowExact ? null : Uint8Array.from(at, (time, row) => (time === right[row] ? 1 : 0));
  return { rows: visibleRows(input, at, strict), at, strict, allStrict: false };
}

/** For each left row the latest usable row at or before (before) it; -1 for none. */
export function* lookBack(input: SweepInput, allowExact: boolean, takeLast: boolean): Steps<Int32Array> {
  const { left, right, leftCodes, rightCodes, leftOrder } = input;
  const { rows, at, strict, allStrict } = entrances(input, allowExact);
  const choice = new Int32Array(left.length).fill(-1);
  const best = new Int32Array(input.keyCount).fill(-1);
  let next = 0;
  yield* inBlocks(leftOrder.length, (from, to) => {
    for (let i = from; i < to; i++) {
      const leftRow = leftOrder[i]!;
      const time = left[leftRow]!;
      for (; next < rows.length; next++) {
        const row = rows[next]!;
        if (at[row]! > time) break;
        if (at[row] === time && (allStrict || (strict !== null && strict[row] === 1))) break;
        const code = rightCodes === null ? 0 : rightCodes[row]!;
        const known = best[code]!;
        if (
          known < 0 ||
          right[row]! > right[known]! ||
          (right[row] === right[known] && (takeLast ? row > known : row < known))
        ) {
          best[code] = row;
        }
      }
      choice[leftRow] = best[leftCodes === null ? 0 : leftCodes[leftRow]!]!;
    }
  });
  return choice;
}

/** For each left row the earliest row at or after (after) it; -1 for none. Without `visible`. */
function* lookAheadPlain(input: SweepInput, allowExact: boolean, takeLast: boolean): Steps<Int32Array> {
  const { left, right, leftCodes, rightCodes, leftOrder, rightOrder } = input;
  const choice = new Int32Array(left.length).fill(-1);
  const best = new Int32Array(input.keyCount).fill(-1);
  let next = rightOrder.length - 1;
  const count = leftOrder.length;
  yield* inBlocks(count, (from, to) => {
    for (let i = from; i < to; i++) {
      const leftRow = leftOrder[count - 1 - i]!;
      const time = left[leftRow]!;
      for (; next >= 0; next--) {
        const row = rightOrder[next]!;
        if (allowExact ? right[row]! < time : right[row]! <= time) break;
        const code = rightCodes === null ? 0 : rightCodes[row]!;
        const known = best[code]!;
        if (known < 0 || right[row]! < right[known]! || (takeLast ? row > known : row < known)) best[code] = row;
      }
      choice[leftRow] = best[leftCodes === null ? 0 : leftCodes[leftRow]!]!;
    }
  });
  return choice;
}

/** A binary heap of right rows, first the row that looking ahead prefers. */
class RowHeap {
  readonly #rows: number[] = [];

  constructor(readonly before: (a: number, b: number) => boolean) {}

  get first(): number {
    return this.#rows[0] ?? -1;
  }

  push(row: number): void {
    const rows = this.#rows;
    let at = rows.push(row) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.before(row, rows[parent]!)) break;
      rows[at] = rows[parent]!;
      at = parent;
    }
    rows[at] = row;
  }

  pop(): void {
    const rows = this.#rows;
    const last = rows.pop();
    if (last === undefined || rows.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= rows.length) break;
      if (child + 1 < rows.length && this.before(rows[child + 1]!, rows[child]!)) child++;
      if (!this.before(rows[child]!, last)) break;
      rows[at] = rows[child]!;
      at = child;
    }
    rows[at] = last;
  }
}

function* lookAheadKnown(
  input: SweepInput,
  visible: Float64Array,
  allowExact: boolean,
  takeLast: boolean,
): Steps<Int32Array> {
  const { left, right, leftCodes, rightCodes, leftOrder } = input;
  const choice = new Int32Array(left.length).fill(-1);
  const before = (a: number, b: number): boolean =>
    right[a]! < right[b]! || (right[a] === right[b] && (takeLast ? a > b : a < b));
  const heaps = new Map<number, RowHeap>();
  const rows = visibleRows(input, visible, null);
  let next = 0;
  yield* inBlocks(leftOrder.length, (from, to) => {
    for (let i = from; i < to; i++) {
      const leftRow = leftOrder[i]!;
      const time = left[leftRow]!;
      for (; next < rows.length && visible[rows[next]!]! <= time; next++) {
        const row = rows[next]!;
        const code = rightCodes === null ? 0 : rightCodes[row]!;
        let heap = heaps.get(code);
        if (heap === undefined) heaps.set(code, (heap = new RowHeap(before)));
        heap.push(row);
      }
      const heap = heaps.get(leftCodes === null ? 0 : leftCodes[leftRow]!);
      if (heap === undefined) continue;
      while (heap.first >= 0 && (allowExact ? right[heap.first]! < time : right[heap.first]! <= time)) heap.pop();
      choice[leftRow] = heap.first;
    }
  });
  return choice;
}

/** For each left row the earliest usable row at or after (after) it; -1 for none. */
export function lookAhead(input: SweepInput, allowExact: boolean, takeLast: boolean): Steps<Int32Array> {
  return input.visible === null
    ? lookAheadPlain(input, allowExact, takeLast)
    : lookAheadKnown(input, input.visible, allowExact, takeLast);
}
