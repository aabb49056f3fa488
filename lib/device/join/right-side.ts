/**
 * What was made of a right table in device memory: the numbers of its text keys, and its rows in order, for
 * every way in which a left side asked for them (units, scales, keys, `lag`, `knownAt`).
 */
import type { NativeTableIndex, NativeTableRight } from '../../internal/native-tables.js';
import type { NativeBackend } from '../native-backend.js';
import { type KeyColumn, RightNumbers } from './keys.js';

export class RightSide {
  private readonly numbers = new Map<string, RightNumbers>();
  private readonly indexes = new Map<string, NativeTableIndex>();
  private isOpen = true;

  async numbersOf(key: KeyColumn, column: string, signal: AbortSignal | null): Promise<RightNumbers> {
    const known = this.numbers.get(column);
    if (known !== undefined) return known;
    const made = await RightNumbers.of(key, signal);
    this.numbers.set(column, made);
    return made;
  }

  /** The index that serves `right`; one whose rows have codes serves those that need none as well. */
  find(right: NativeTableRight): NativeTableIndex | null {
    return this.indexes.get(keyOf(right)) ?? this.indexes.get(keyOf({ ...right, coded: true })) ?? null;
  }

  /** Keeps an index that was made, unless there is one by now or the side was released. */
  keep(backend: NativeBackend, right: NativeTableRight, index: NativeTableIndex): void {
    const key = keyOf(right);
    if (!this.isOpen || this.indexes.has(key)) backend.releaseIndex(index);
    else this.indexes.set(key, index);
  }

  byteLength(backend: NativeBackend): number {
    return [...this.indexes.values()].reduce((bytes, index) => bytes + backend.indexBytes(index), 0);
  }

  release(backend: NativeBackend): void {
    this.isOpen = false;
    for (const index of this.indexes.values()) backend.releaseIndex(index);
    this.indexes.clear();
    this.numbers.clear();
  }
}

/** Everything that an index depends on besides the table's own bytes. */
function keyOf({ time, known, keys, domain, lag, nullsEqual, coded }: NativeTableRight): string {
  return JSON.stringify([
    [time.name, `${time.scale}`],
    known === null ? null : [known.name, `${known.scale}`],
    keys.map((key) => [key.name, `${key.scale}`, key.unsignedForeign]),
    domain,
    `${lag}`,
    nullsEqual,
    coded,
  ]);
}
