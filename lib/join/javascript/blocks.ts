/**
 * Work in blocks: the JavaScript executor is written as generators that yield between blocks of rows, so that one
 * text serves the synchronous call and the asynchronous one, which hands the event loop back and looks at its signal.
 */

/** A computation that yields when it may be interrupted. */
export type Steps<T> = Generator<void, T, void>;

export const BLOCK_ROWS = 1 << 16;

/** Calls `run(from, to)` over [0, count) in blocks. */
export function* inBlocks(count: number, run: (from: number, to: number) => void): Steps<void> {
  for (let from = 0; from < count; from += BLOCK_ROWS) {
    run(from, Math.min(from + BLOCK_ROWS, count));
    yield;
  }
}
