/** Lets go of dictionary values and nested rows that nothing uses any more. */
import type { LateOutput, StreamEngine } from './engine/types.js';
import type { StreamingPlan } from './streaming-plan.js';

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
