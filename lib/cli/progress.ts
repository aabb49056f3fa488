/** A progress bar on stderr while a person watches; nothing in a pipe, and cli-progress is then not even loaded. */

export interface Progress {
  /** Names the step that begins; `weight` is its share of the whole, in the unit of `total`. */
  step(name: string, weight: number): void;
  /** Removes the bar. Idempotent. */
  stop(): void;
}

const SILENT: Progress = { step: () => undefined, stop: () => undefined };

/** A bar over `total` units of work, or nothing where stderr is no terminal or `enabled` is false. */
export async function startProgress(total: number, enabled: boolean): Promise<Progress> {
  if (!enabled || !process.stderr.isTTY) return SILENT;
  const { SingleBar, Presets } = await import('cli-progress');
  const bar = new SingleBar(
    {
      format: '{bar} {percentage}% {step} {duration_formatted}',
      hideCursor: true,
      clearOnComplete: true,
      stream: process.stderr,
      etaBuffer: 3,
    },
    Presets.shades_classic,
  );
  let running = 0;
  let done = 0;
  bar.start(Math.max(1, total), 0, { step: 'starting' });
  return {
    step(name, weight) {
      done += running;
      running = weight;
      bar.update(Math.min(done, total), { step: name });
    },
    stop() {
      bar.stop();
    },
  };
}
