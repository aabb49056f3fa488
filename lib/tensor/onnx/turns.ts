/** At most so many at once; the others wait, first come first served. */
import { fail } from '../../internal/validate.js';
import { throwIfAborted } from '../../device/native-backend.js';

interface Waiter {
  readonly enter: () => void;
  readonly refuse: (error: unknown) => void;
}

export class Turns {
  inFlight = 0;
  peakInFlight = 0;
  private readonly queue: Waiter[] = [];

  constructor(private readonly most: number) {}

  get waiting(): number {
    return this.queue.length;
  }

  /**
   * Null where it is the caller's turn at once, else settles when it is; who had a turn calls `leave`. Throws FS_ERR_ABORTED
   * and what `close` says.
   */
  enter(signal: AbortSignal | null): Promise<void> | null {
    throwIfAborted(signal);
    if (this.inFlight >= this.most) return this.wait(signal);
    this.take();
    return null;
  }

  private async wait(signal: AbortSignal | null): Promise<void> {
    let waiter: Waiter | undefined;
    const abort = (): void => {
      const at = this.queue.findIndex((each) => each === waiter);
      if (at < 0) return;
      this.queue.splice(at, 1);
      waiter?.refuse(null);
    };
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await new Promise<void>((enter, refuse) => {
        waiter = { enter, refuse };
        this.queue.push(waiter);
      });
    } catch (error) {
      throwIfAborted(signal);
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  leave(): void {
    this.inFlight--;
    const next = this.queue.shift();
    if (next === undefined) return;
    // Before its promise settles, or somebody else would slip in.
    this.take();
    next.enter();
  }

  /** Those who wait are refused with FS_ERR_CLOSED. */
  close(message: string): void {
    for (const { refuse } of this.queue.splice(0)) {
      try {
        fail('FS_ERR_CLOSED', message);
      } catch (error) {
        refuse(error);
      }
    }
  }

  private take(): void {
    this.inFlight++;
    this.peakInFlight = Math.max(this.peakInFlight, this.inFlight);
  }
}
