/** A left row as the JavaScript engine keeps it: pending until it is final, then as long as late rows may change it. */
import type { EngineTime } from './types.js';
import type { RightRow } from './right-side.js';
import type { RowKey } from './row-key.js';
import type { OrderedRow } from './sorted-rows.js';

export interface LeftRow extends OrderedRow {
  readonly time: EngineTime | null;
  /** Per stream. */
  readonly keys: readonly RowKey[];
  slot: number;
  /** Streams whose match is not final yet. */
  readonly open: boolean[];
  openCount: number;
  /** -1 until it is emitted. */
  rowId: bigint;
  /** The matches it was emitted with. */
  matches: readonly (RightRow | null)[];
  /** Emitted, and a late row has changed its match since. */
  dirty: boolean;
}
