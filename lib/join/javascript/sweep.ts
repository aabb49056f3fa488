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
  /** Right rows are usable from here on; null: from their own time. */
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

/**
 * A row counts for t >= visible and, without exact matches, t > time: it enters at `visible`, or right after it where
 * that is its own time.
 */
function entrances({ right, visible, rightOrder }: SweepInput, allowExact: boolean): Entrances {
  if (visible === null) return { rows: rightOrder, at: right, strict: null, allStrict: !allowExact };
  const rows = rightOrder.filter((row) => visible[row]! === visible[row]!);
  const strict = new Uint8Array(right.length);
  if (!allowExact) for (const row of rows) strict[row] = visible[row] === right[row] ? 1 : 0;
  rows.sort((a, b) => {
    const atA = visible[a]!;
    const atB = visible[b]!;
    return atA < atB ? -1 : atA > atB ? 1 : strict[a]! - strict[b]! || a - b;
  });
  return { rows, at: visible, strict, allStrict: false };
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
  const { rows } = entrances(input, true);
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
