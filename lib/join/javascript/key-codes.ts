/**
 * Keys of both sides as dense codes from 0: equal keys have equal codes, and -1 is a key that matches nothing. Each
 * key column interns its values in a Map; several columns intern the pairs. O(rows), expected.
 */
import type { NativeColumn, NativeSide } from '../../internal/native.js';
import { type Canonical, canonicalValues, cellReader } from '../../schema/canonical.js';
import { NativeType } from '../../internal/native.js';
import type { Steps } from './blocks.js';

export interface KeyCodes {
  /** Null where there are no key columns: every row has code 0. */
  readonly left: Int32Array | null;
  readonly right: Int32Array | null;
  readonly count: number;
}

class Interner {
  readonly #codes = new Map<Canonical, number>();

  constructor(readonly nullsEqual: boolean) {}

  get size(): number {
    return this.#codes.size;
  }

  code(cell: Canonical): number {
    if (cell === null && !this.nullsEqual) return -1;
    let code = this.#codes.get(cell);
    if (code === undefined) {
      code = this.#codes.size;
      this.#codes.set(cell, code);
    }
    return code;
  }
}

function* columnCodes(column: NativeColumn, scale: bigint, rows: number, interner: Interner): Steps<Int32Array> {
  const codes = new Int32Array(rows);
  const ofDictionary = column.dictionaries.map((values) =>
    Int32Array.from(canonicalValues(values, scale), (cell) => interner.code(cell)),
  );
  let at = 0;
  for (const chunk of column.chunks) {
    const dictionary = ofDictionary[chunk.dictionary];
    if (column.type === NativeType.Dictionary && dictionary !== undefined) {
      const index = cellReader({ ...column, type: column.indexType }, chunk, 1n);
      for (let row = 0; row < chunk.length; row++) {
        const entry = index(row);
        codes[at++] = entry === null ? interner.code(null) : dictionary[Number(entry)]!;
      }
    } else {
      const read = cellReader(column, chunk, scale);
      for (let row = 0; row < chunk.length; row++) codes[at++] = interner.code(read(row));
    }
    yield;
  }
  return codes;
}

function combine(first: Int32Array, second: Int32Array, width: number, pairs: Interner): Int32Array {
  return first.map((code, row) => (code < 0 || second[row]! < 0 ? -1 : pairs.code(code * width + second[row]!)));
}

/** Codes of the key columns of both sides, which pair up by position. */
export function* keyCodes(
  left: NativeSide,
  leftRows: number,
  right: NativeSide,
  rightRows: number,
  nullsEqual: boolean,
): Steps<KeyCodes> {
  let leftCodes: Int32Array | null = null;
  let rightCodes: Int32Array | null = null;
  let count = 1;
  for (let i = 0; i < left.keys.length; i++) {
    const leftKey = left.keys[i]!;
    const rightKey = right.keys[i]!;
    const interner = new Interner(nullsEqual);
    const nextLeft: Int32Array = yield* columnCodes(leftKey.column, leftKey.scale, leftRows, interner);
    const nextRight: Int32Array = yield* columnCodes(rightKey.column, rightKey.scale, rightRows, interner);
    if (leftCodes === null || rightCodes === null) {
      leftCodes = nextLeft;
      rightCodes = nextRight;
      count = interner.size;
    } else {
      const pairs = new Interner(false);
      leftCodes = combine(leftCodes, nextLeft, interner.size, pairs);
      rightCodes = combine(rightCodes, nextRight, interner.size, pairs);
      count = pairs.size;
    }
    yield;
  }
  return { left: leftCodes, right: rightCodes, count };
}
