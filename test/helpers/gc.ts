/** A forced garbage collection inside Jest, without starting node with --expose-gc. */
import v8 from 'node:v8';
import vm from 'node:vm';

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc') as () => void;

/** Collects until finalizers of external buffers have run: they are posted to the event loop, not run by the GC. */
export async function forceGc(rounds = 6): Promise<void> {
  for (let i = 0; i < rounds; i++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Collects within this turn of the event loop: what V8 frees by itself, and no finalizer. Twice, as the first goes on in the background. */
export function collectNow(): void {
  collect();
  collect();
}
