/** The temporary files this process has open, so that an interrupted command can remove them before it goes. */
import { rmSync } from 'node:fs';

const files = new Set<string>();
let named = 0;

/**
 * A word of letters, digits and `_` that no other name of this machine has. Not secret: files are created exclusively.
 * Without node:crypto, which takes 10 ms to load.
 */
export function uniqueName(): string {
  return `${process.pid}_${named++}_${Math.random().toString(36).slice(2)}`;
}

export function registerTempFile(path: string): void {
  files.add(path);
}

export function forgetTempFile(path: string): void {
  files.delete(path);
}

/**
 * Removes every unfinished file of this process, at once and synchronously: for signal handlers. Returns the number
 * removed. May be called again: a writer on a thread of its own may have made its file anew. Writers still running fail
 * afterwards and leave nothing.
 */
export function cleanupTempFiles(): number {
  let removed = 0;
  for (const path of files) {
    try {
      rmSync(path);
      removed++;
    } catch {
      // Gone already, or not to be removed: it must not keep the others.
    }
  }
  return removed;
}
