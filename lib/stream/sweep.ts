/** Lets go of dictionary values and nested rows that nothing uses any more. */
import type { NativeOutputColumn } from '../internal/native.js';
import type { LateOutput, StreamEngine } from './engine/types.js';
import type { StreamingPlan } from './streaming-plan.js';

/** Source, sequence, reason, and where the ids of affected rows begin. */
const LATE_ROW_BYTES = 20;

/**
 * Sweeps the columns of inputs where that is due, or of all with `all`. `late` are rows of the side output that the
 * engine gave before; those it still has are taken from it. Returns both. Not while revisions wait: rows that only they
 * name are in no export. O(rows held) where something is due, else O(columns).
 */
export function sweepStored(
  { inputs }: StreamingPlan,
  engine: StreamEngine,
  late: readonly LateOutput[],
  all = false,
): readonly LateOutput[] {
  const due = inputs.flatMap(({ stored }, input) => {
    const rows = engine.stateRows(input);
    return stored.some(({ codec }) => (all ? codec.stored > 0 : codec.wantsSweep(rows))) ? [input] : [];
  });
  if (due.length === 0) return late;
  const waiting = [...late, ...engine.takeLate()];
  for (const input of due) {
    const held = [engine.exportRows(input), ...waiting.filter((rows) => rows.input === input)];
    inputs[input]!.stored.forEach(({ codec }, i) => {
      if (codec.stored === 0) return;
      codec.sweep(
        held.map(({ columns }) => columns[i]!),
        all,
      );
    });
  }
  return waiting;
}

/** Dictionary values and nested rows kept for an input beside the engine. */
export function storedValues({ inputs }: StreamingPlan, input: number): number {
  return inputs[input]!.stored.reduce((sum, { codec }) => sum + codec.stored, 0);
}

/** Bytes kept beside the engine: of dictionary values, of nested rows, and of rows of the side output that it gave. */
export function storedBytes({ inputs }: StreamingPlan, late: readonly LateOutput[]): number {
  const values = inputs.reduce(
    (sum, { stored }) => stored.reduce((bytes, { codec }) => bytes + codec.storedBytes, sum),
    0,
  );
  return late.reduce(
    (sum, { columns, rows }) =>
      columns.reduce((bytes, column) => bytes + bytesOfOutput(column), sum + rows * LATE_ROW_BYTES),
    values,
  );
}

function bytesOfOutput({ values, offsets, validity }: NativeOutputColumn): number {
  return (values?.byteLength ?? 0) + (offsets?.byteLength ?? 0) + (validity?.byteLength ?? 0);
}
