/** What live sources give: record batches, with a position where the source can be asked to go on from there. */
import type { RecordBatch } from 'apache-arrow';

import type { JsonValue } from '../watermark/time-math.js';

/** A batch, and where the source goes on after it: what is stored once the batch's rows have been emitted. */
export interface PositionedBatch<Position extends JsonValue = JsonValue> {
  readonly batch: RecordBatch;
  readonly position: Position;
}

/** Rows as plain objects, one key per column. Absent and null are null. */
export type PlainRow = Readonly<Record<string, unknown>>;
