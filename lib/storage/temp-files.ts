/** The temporary files this process has open, so that an interrupted command can remove them before it goes. */
import { rmSync } from 'node:fs';

const files = new Set<string>();

export function registerTempFile(path: string): void {
  files.add(path);
}

export function forgetTempFile(path: string): void {
  files.delete(path);
}

/**
 * Removes every unfinished file of this process, at once and synchronously: for signal handlers. Idempotent; returns
 * the number removed. Writers still running fail afterwards and leave nothing.
 */
export function cleanupTempFiles(): number {
  let removed = 0;
  for (const path of files) {
    try {
      rmSync(path, { force: true });
      removed++;
    } catch {
      // A file that cannot be removed must not keep the others.
    }
  }
  files.clear();
  return removed;
}
