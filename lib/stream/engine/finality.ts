/**
 * When the match of a left row in one stream is final, given the stream's watermark W:
 * - backward (and nearest with a lag, which looks back only): W + lag > t, or W >= t without exact matches and lag;
 * - forward: the match ahead is older than W, or every row within the tolerance is;
 * - nearest: W > t, and the match ahead is older than W, or no row to come is nearer than the one behind, or within
 *   the tolerance;
 * - a key that matches nothing: as backward, or W > t.
 *
 * Event-driven: a row waits for W to pass its time, then for W to pass a right row of its key or a time limit. Nothing
 * scans the rows that wait. O(log n) per row and event.
 */
import { NativeDirection } from '../../internal/native.js';
import type { EngineStream, EngineTime } from './types.js';
import { TimeHeap } from './heap.js';
import type { LeftRow } from './left-row.js';
import type { KeyState, RightRow, RightSide } from './right-side.js';
import { canMatch } from './row-key.js';
import { apart, isLeast, minus, plus, scaled } from './times.js';

export class Finality {
  watermark: EngineTime | null = null;
  ended = false;
  readonly #rule: EngineStream;
  readonly #side: RightSide;
  readonly #index: number;
  readonly #final: (row: LeftRow) => void;
  /** Left rows until W passes them. */
  readonly #passing: TimeHeap<LeftRow>;
  /** Left rows that W has passed, until it passes what they wait for. */
  readonly #limits: TimeHeap<LeftRow>;
  /** Right rows until W passes them: then they are final matches ahead. */
  readonly #completing: TimeHeap<RightRow>;

  constructor(rule: EngineStream, side: RightSide, index: number, final: (row: LeftRow) => void) {
    this.#rule = rule;
    this.#side = side;
    this.#index = index;
    this.#final = final;
    const isOpen = (row: LeftRow): boolean => row.open[index] === true;
    this.#passing = new TimeHeap(isOpen);
    this.#limits = new TimeHeap(isOpen);
    this.#completing = new TimeHeap((row) => row.live);
  }

  /** A new left row. */
  admit(row: LeftRow): void {
    if (row.time === null || this.ended || this.#isFinal(row)) {
      this.#close(row);
      return;
    }
    const t = this.#timeOf(row);
    if (this.#isPassed(row, t)) this.#await(row, t);
    else this.#passing.push(t, row);
  }

  /** A new right row. */
  complete(row: RightRow): void {
    if (this.#side.looksBackOnly) return;
    if (this.watermark === null || row.time >= this.watermark) this.#completing.push(row.time, row);
    else this.#reconsider(row.key);
  }

  /** A right row is forgotten. */
  forget(row: RightRow): void {
    if (!this.#side.looksBackOnly && (this.watermark === null || row.time >= this.watermark))
      this.#completing.discard();
  }

  advance(watermark: EngineTime): void {
    if (this.watermark !== null && watermark <= this.watermark) return;
    this.watermark = watermark;
    for (;;) {
      const right = this.#completing.pop((at) => at < watermark);
      if (right === null) break;
      this.#recheck(right.key);
    }
    // A limit of floats may be a rounding away from the exact rule, which decides.
    const again: LeftRow[] = [];
    for (let row = this.#popLimit(watermark); row !== null; row = this.#popLimit(watermark)) {
      if (!this.#closeIfFinal(row)) again.push(row);
    }
    for (const row of again) this.#limits.push(this.#limit(row, this.#timeOf(row)) ?? watermark, row);
    for (;;) {
      const row = this.#passing.pop((at) => this.#hasPassed(at));
      if (row === null) break;
      if (!this.#closeIfFinal(row)) this.#await(row, this.#timeOf(row));
    }
  }

  end(): void {
    this.ended = true;
    for (let row = this.#passing.pop(() => true); row !== null; row = this.#passing.pop(() => true)) this.#close(row);
    for (const { waiting } of this.#side.keys.values()) for (const row of waiting) this.#close(row);
    this.#limits.clear();
    this.#completing.clear();
  }

  #popLimit(watermark: EngineTime): LeftRow | null {
    return this.#limits.pop((at) => at <= watermark);
  }

  #timeOf(row: LeftRow): EngineTime {
    return scaled(row.time ?? 0, this.#rule.leftScale);
  }

  /** Backward: final. Otherwise: every right row up to t is here. */
  #hasPassed(t: EngineTime, watermark = this.watermark): boolean {
    if (watermark === null) return false;
    if (watermark > t) return true;
    if (!this.#side.looksBackOnly) return false;
    const { lag, allowExact } = this.#rule;
    if (!allowExact && watermark >= t) return true;
    return lag > 0 && plus(watermark, lag) > t;
  }

  #isPassed(row: LeftRow, t: EngineTime): boolean {
    return this.#hasPassed(t) && canMatch(row.keys[this.#index]);
  }

  /** Whether no right row at most `horizon` late can change the row's match any more. */
  isSettled(row: LeftRow, horizon: EngineTime): boolean {
    if (this.ended) return true;
    if (this.watermark === null) return false;
    const bound = minus(this.watermark, horizon);
    return !isLeast(bound, this.#rule.kind) && this.#isFinal(row, bound);
  }

  #isFinal(row: LeftRow, watermark = this.watermark): boolean {
    const t = this.#timeOf(row);
    if (watermark === null || !this.#hasPassed(t, watermark)) return false;
    const id = row.keys[this.#index];
    if (!canMatch(id) || this.#side.looksBackOnly) return true;
    const margin = apart(t, watermark);
    const { tolerance, direction, allowExact } = this.#rule;
    if (tolerance !== null && margin > tolerance) return true;
    const key = this.#side.keys.get(id);
    if (key === undefined) return false;
    const forward = direction === NativeDirection.forward;
    const ahead = this.#side.ahead(key, t, forward && allowExact);
    if (ahead !== null && ahead.time < watermark) return true;
    if (forward) return false;
    const back = this.#side.behind(key, t);
    return back !== null && margin > apart(t, back.time);
  }

  /** The W past which the row is final at the latest, or null: only a match ahead, or the end, can tell. */
  #limit(row: LeftRow, t: EngineTime): EngineTime | null {
    const { tolerance, direction } = this.#rule;
    const id = row.keys[this.#index];
    const key = canMatch(id) ? this.#side.keys.get(id) : undefined;
    let reach = tolerance;
    if (direction !== NativeDirection.forward && key !== undefined) {
      const back = this.#side.behind(key, t);
      if (back !== null) {
        const distance = apart(t, back.time);
        if (reach === null || distance < reach) reach = distance;
      }
    }
    return reach === null ? null : plus(t, reach);
  }

  #await(row: LeftRow, t: EngineTime): void {
    const id = row.keys[this.#index];
    if (canMatch(id)) this.#side.key(id).waiting.add(row);
    const limit = this.#limit(row, t);
    if (limit !== null) this.#limits.push(limit, row);
  }

  #recheck(key: KeyState): void {
    for (const row of key.waiting) if (this.#isFinal(row)) this.#closeWaiting(row, key);
  }

  /** A late right row: what waits may be final, or have a nearer limit. */
  #reconsider(key: KeyState): void {
    this.#recheck(key);
    for (const row of key.waiting) {
      const limit = this.#limit(row, this.#timeOf(row));
      if (limit !== null) this.#limits.push(limit, row);
    }
  }

  #closeWaiting(row: LeftRow, key: KeyState): void {
    key.waiting.delete(row);
    this.#close(row);
    this.#limits.discard();
  }

  #closeIfFinal(row: LeftRow): boolean {
    if (!this.#isFinal(row)) return false;
    const id = row.keys[this.#index];
    if (canMatch(id)) this.#side.keys.get(id)?.waiting.delete(row);
    this.#close(row);
    return true;
  }

  #close(row: LeftRow): void {
    row.open[this.#index] = false;
    row.openCount--;
    this.#final(row);
  }
}
