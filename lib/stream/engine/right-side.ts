/**
 * The right rows of one stream, by key, and the choice among them: docs/design/join-semantics.md with the order
 * (time, source, sequence) in place of input order. Searches are logarithmic, but for rows that are not visible yet
 * and for ties that `ties` turns round, which are stepped over.
 */
import { NativeDirection } from '../../internal/native.js';
import type { EngineStream, EngineTime } from './types.js';
import { aheadIsNearer, aheadTakesLast, backTakesLast } from '../../join/javascript/rules.js';
import type { Canonical } from '../../schema/canonical.js';
import type { LeftRow } from './left-row.js';
import { canMatch, type RowKey } from './row-key.js';
import { type OrderedRow, SortedRows } from './sorted-rows.js';
import { apart } from './times.js';

export interface RightRow extends OrderedRow {
  readonly time: EngineTime;
  /** From when the row is visible (lag, knownAt), its own time aside; null: always. */
  readonly from: EngineTime | null;
  readonly key: KeyState;
  slot: number;
  /** In the state, not evicted. */
  live: boolean;
}

/** A key: its right rows, the left rows that wait for one ahead, and the emitted ones that a late row may change. */
export interface KeyState {
  readonly id: Canonical;
  readonly rows: SortedRows<RightRow>;
  readonly waiting: Set<LeftRow>;
  readonly emitted: SortedRows<LeftRow>;
}

export interface Choice {
  readonly row: RightRow | null;
  /** A winner existed and was too far. */
  readonly exceeded: boolean;
}

const NOTHING: Choice = { row: null, exceeded: false };

export class RightSide {
  readonly keys = new Map<Canonical, KeyState>();
  rows = 0;
  readonly #rule: EngineStream;
  readonly #looksBackOnly: boolean;

  constructor(rule: EngineStream) {
    this.#rule = rule;
    const { direction } = rule;
    // A row that is visible only later can never be ahead.
    this.#looksBackOnly =
      direction === NativeDirection.backward || (direction === NativeDirection.nearest && rule.lag > 0);
  }

  get looksBackOnly(): boolean {
    return this.#looksBackOnly;
  }

  /** The state of a key, made where there is none. */
  key(id: Canonical): KeyState {
    let state = this.keys.get(id);
    if (state === undefined) {
      state = { id, rows: new SortedRows(), waiting: new Set(), emitted: new SortedRows() };
      this.keys.set(id, state);
    }
    return state;
  }

  insert(row: RightRow): void {
    row.key.rows.insert(row);
    row.live = true;
    this.rows++;
  }

  remove(row: RightRow): void {
    row.key.rows.remove(row);
    row.live = false;
    this.rows--;
  }

  /** The match of a left row at aligned time `t`. */
  choose(key: RowKey | undefined, t: EngineTime): Choice {
    const state = canMatch(key) ? this.keys.get(key) : undefined;
    if (state === undefined || state.rows.size === 0) return NOTHING;
    const winner = this.#winner(state, t);
    if (winner === null) return NOTHING;
    const { tolerance } = this.#rule;
    if (tolerance !== null && apart(t, winner.time) > tolerance) return { row: null, exceeded: true };
    return { row: winner, exceeded: false };
  }

  #winner(state: KeyState, t: EngineTime): RightRow | null {
    const { direction, allowExact, nearestTie } = this.#rule;
    if (this.#looksBackOnly) return this.behind(state, t);
    if (direction === NativeDirection.forward) return this.ahead(state, t, allowExact);
    const back = this.behind(state, t);
    const ahead = this.ahead(state, t, false);
    if (back === null || ahead === null) return back ?? ahead;
    return aheadIsNearer(apart(t, back.time), apart(t, ahead.time), nearestTie) ? ahead : back;
  }

  /** The latest visible row at or before (before) t. */
  behind({ rows }: KeyState, t: EngineTime): RightRow | null {
    const { allowExact, hasKnownAt, ties } = this.#rule;
    // Without knownAt rows become visible in their order, so visibility is part of the search.
    const cursor = rows.cursor(
      (row) => (allowExact ? row.time <= t : row.time < t) && (hasKnownAt || row.from === null || row.from <= t),
    );
    let found = cursor.back();
    while (found !== null && !isVisible(found, t)) found = cursor.back();
    if (found === null || backTakesLast(ties)) return found;
    const { time } = found;
    const first = rows.cursor((row) => row.time < time);
    for (let row = first.next(); row !== null; row = first.next()) if (isVisible(row, t)) return row;
    return found;
  }

  /** The earliest visible row at or after (after) t. */
  ahead({ rows }: KeyState, t: EngineTime, allowExact: boolean): RightRow | null {
    const cursor = rows.cursor((row) => (allowExact ? row.time < t : row.time <= t));
    let found = cursor.next();
    while (found !== null && !isVisible(found, t)) found = cursor.next();
    if (found === null || !aheadTakesLast(this.#rule.ties)) return found;
    const { time } = found;
    const last = rows.cursor((row) => row.time <= time);
    for (let row = last.back(); row !== null; row = last.back()) if (isVisible(row, t)) return row;
    return found;
  }

  /**
   * Forgets what no left row at or after `low` (null: no left row at all) can match: of the rows up to it all but the
   * newest visible one and what lies behind that, and what the tolerance excludes. O(keys + rows forgotten). Returns the
   * rows forgotten.
   */
  evict(low: EngineTime | null): readonly RightRow[] {
    const evicted: RightRow[] = [];
    for (const state of this.keys.values()) {
      const { rows } = state;
      const keep = rows.size === 0 || low === null ? null : this.#firstNeeded(state, low);
      const gone = rows.size === 0 ? [] : keep === null ? rows.clear() : rows.removeBefore(keep);
      for (const row of gone) row.live = false;
      evicted.push(...gone);
      if (rows.size === 0 && state.waiting.size === 0 && state.emitted.size === 0) this.keys.delete(state.id);
    }
    this.rows -= evicted.length;
    return evicted;
  }

  #firstNeeded(state: KeyState, low: EngineTime): RightRow | null {
    const { direction, allowExact, tolerance, ties } = this.#rule;
    if (direction === NativeDirection.forward) {
      return state.rows.cursor((row) => (allowExact ? row.time < low : row.time <= low)).next();
    }
    const best = this.behind(state, low);
    if (best !== null && (tolerance === null || apart(low, best.time) <= tolerance)) {
      // Where the first of equal times wins, one that is not visible yet may still win over the best.
      return backTakesLast(ties) ? best : state.rows.cursor((row) => row.time < best.time).next();
    }
    if (tolerance === null) return state.rows.first ?? null;
    return state.rows.cursor((row) => row.time < low && apart(low, row.time) > tolerance).next();
  }
}

export function isVisible(row: RightRow, t: EngineTime): boolean {
  return row.from === null || row.from <= t;
}
