/**
 * What happens when someone presses Ctrl-C: half-written files are removed, and the process ends with 130. The work is
 * not waited for; it runs on threads whose memory and open files go with the process.
 */
import { EXIT_INTERRUPTED } from './report-error.js';

/** How often, and after how long each time, what threads of the process have opened since is removed before it ends. */
const LOOKS = 5;
const LOOK_MS = 20;

/** Calls `cleanup` and exits on SIGINT or SIGTERM. Returns the function that takes the handlers off again. */
export function onInterrupt(cleanup: () => void): () => void {
  const handle = (signal: NodeJS.Signals): void => {
    try {
      cleanup();
    } finally {
      process.stderr.write('flowstate: interrupted; no output was written\n');
      // A thread that was about to open its file may do so yet: it gets the time, and the file goes as well.
      process.once('exit', () => {
        for (let look = 0; look < LOOKS; look++) {
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_MS);
          cleanup();
        }
      });
      process.exit(signal === 'SIGINT' ? EXIT_INTERRUPTED : 143);
    }
  };
  process.once('SIGINT', handle);
  process.once('SIGTERM', handle);
  return () => {
    process.off('SIGINT', handle);
    process.off('SIGTERM', handle);
  };
}

/** Ends quietly when the reader of stdout has gone, as `head` does. */
export function quietWhenReaderLeaves(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Any other failure reaches the write that caused it.
    if (error.code === 'EPIPE') process.exit(0);
  });
}
