/**
 * A binary heap of values by engine time, smallest first. Values that have become pointless stay until they surface,
 * or until they outnumber the others: `discard` counts them, so memory stays proportional to what is live.
 */
import type { EngineTime } from './types.js';

interface Entry<Value> {
  readonly at: EngineTime;
  readonly value: Value;
}

const SLACK = 64;

export class TimeHeap<Value> {
  #entries: Entry<Value>[] = [];
  #dead = 0;

  constructor(private readonly isLive: (value: Value) => boolean) {}

  push(at: EngineTime, value: Value): void {
    const entry = { at, value };
    this.#rise(this.#entries.push(entry) - 1, entry);
  }

  /** Removes and returns the first value whose time satisfies `due`; null where none does. */
  pop(due: (at: EngineTime) => boolean): Value | null {
    for (;;) {
      const first = this.#entries[0];
      if (first === undefined || !due(first.at)) return null;
      this.#removeFirst();
      if (this.isLive(first.value)) return first.value;
      this.#dead--;
    }
  }

  /** One value here is no longer live. */
  discard(): void {
    if (++this.#dead <= SLACK || 2 * this.#dead <= this.#entries.length) return;
    this.#entries = this.#entries.filter(({ value }) => this.isLive(value));
    this.#dead = 0;
    for (let at = (this.#entries.length >> 1) - 1; at >= 0; at--) this.#sink(at, this.#entries[at]!);
  }

  clear(): void {
    this.#entries = [];
    this.#dead = 0;
  }

  #rise(from: number, entry: Entry<Value>): void {
    const entries = this.#entries;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (entries[parent]!.at <= entry.at) break;
      entries[at] = entries[parent]!;
      at = parent;
    }
    entries[at] = entry;
  }

  #removeFirst(): void {
    const last = this.#entries.pop();
    if (last !== undefined && this.#entries.length > 0) this.#sink(0, last);
  }

  #sink(from: number, entry: Entry<Value>): void {
    const entries = this.#entries;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= entries.length) break;
      if (child + 1 < entries.length && entries[child + 1]!.at < entries[child]!.at) child++;
      if (entry.at <= entries[child]!.at) break;
      entries[at] = entries[child]!;
      at = child;
    }
    entries[at] = entry;
  }
}
