/** The side output as callers see it. */
import { Table } from 'apache-arrow';

import { type LateOutput, NativeLateReason } from './engine/types.js';
import { decodeRows } from './stream-rows.js';
import type { StreamingPlan } from './streaming-plan.js';

/** Rows that came too late or were dated too far ahead, of one input, in order of arrival. */
export interface LateRowsReport {
  readonly input: string;
  /** The left's columns; of a right the payload, the time and the keys. */
  readonly table: Table;
  readonly sources: Int32Array;
  readonly sequences: BigInt64Array;
  readonly reasons: readonly ('late' | 'tooFarAhead')[];
  /** Per row, the row ids of emitted rows it would have been the match of, within the horizon. */
  readonly affected: readonly BigInt64Array[];
}

export function lateReport({ inputs }: StreamingPlan, late: LateOutput): LateRowsReport {
  const input = inputs[late.input]!;
  const offsets = new Int32Array(late.affectedOffsets);
  const affected = new BigInt64Array(late.affected);
  const batch = decodeRows(input, late.rows, late.columns);
  return {
    input: input.name,
    table: new Table(batch.schema, [batch]),
    sources: new Int32Array(late.source),
    sequences: new BigInt64Array(late.sequence),
    reasons: Array.from(new Int8Array(late.reasons), (reason) =>
      reason === NativeLateReason.late ? 'late' : 'tooFarAhead',
    ),
    affected: Array.from({ length: late.rows }, (_, i) => affected.slice(offsets[i], offsets[i + 1])),
  };
}
