/** One seed for all property tests, shown when one fails; numbers of runs from the environment. */
import type fc from 'fast-check';

/** FLOWSTATE_SEED, or a fixed one: the same cases on every run. */
export const SEED = Number(process.env.FLOWSTATE_SEED ?? 20261122);
const FACTOR = Number(process.env.FLOWSTATE_RUNS_FACTOR ?? 1);

/** fast-check parameters for `runs` cases (times FLOWSTATE_RUNS_FACTOR). Failures print seed and path. */
export function runs(count: number): fc.Parameters<unknown> {
  return {
    seed: SEED,
    numRuns: Math.max(1, Math.round(count * FACTOR)),
    endOnFailure: process.env.FLOWSTATE_SHRINK === '0',
  };
}
