/** The time and the chance that feeds depend on, so that tests can give their own. */
export interface FeedClock {
  /** Milliseconds since 1970. */
  now(): number;
  setTimeout(run: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

export const SYSTEM_CLOCK: FeedClock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

export interface BackoffOptions {
  /** First delay; default 500 ms. */
  readonly initialMs?: number;
  /** Largest delay; default 30 s. */
  readonly maxMs?: number;
  /** Part of a delay that chance takes away, 0 to 1; default 0.5. Keeps many clients from coming back at once. */
  readonly jitter?: number;
  /** Connections in a row that may fail before the feed gives up; default: no end. */
  readonly maxAttempts?: number;
}

/** Delay before attempt `attempt` (from 1): doubles up to the largest, less the jitter. `random` is in [0, 1). */
export function backoffMs(attempt: number, options: BackoffOptions, random: () => number): number {
  const { initialMs = 500, maxMs = 30_000, jitter = 0.5 } = options;
  const full = Math.min(maxMs, initialMs * 2 ** Math.min(attempt - 1, 52));
  return full * (1 - jitter * random());
}
