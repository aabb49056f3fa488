/** What repeats, and what is missing, in a feed's events. Memory is bounded by the window and the number of symbols. */
import type { FeedKind } from './protocol.js';

/** Remembers the last `capacity` identities. */
export class RecentIdentities {
  readonly #known = new Set<string>();

  constructor(private readonly capacity: number) {}

  has(identity: string): boolean {
    return this.#known.has(identity);
  }

  add(identity: string): void {
    this.#known.add(identity);
    if (this.#known.size > this.capacity) {
      // Sets keep the order of insertion.
      for (const oldest of this.#known) {
        this.#known.delete(oldest);
        break;
      }
    }
  }
}

/** Numbers that were skipped: between `expected` and `received`, the latter excluded. */
export interface FeedGap {
  readonly kind: FeedKind;
  readonly symbol: string;
  readonly expected: bigint;
  readonly received: bigint;
}

export class SequenceTracker {
  readonly #next = new Map<string, bigint>();
  gaps = 0;
  missing = 0n;
  outOfOrder = 0;

  /** The gap before this event, or null. A number below the expected one counts as out of order. */
  see(kind: FeedKind, symbol: string, sequence: bigint): FeedGap | null {
    const key = `${kind}|${symbol}`;
    const expected = this.#next.get(key);
    if (expected !== undefined && sequence < expected) {
      this.outOfOrder++;
      return null;
    }
    this.#next.set(key, sequence + 1n);
    if (expected === undefined || sequence === expected) return null;
    this.gaps++;
    this.missing += sequence - expected;
    return { kind, symbol, expected, received: sequence };
  }
}
