/**
 * Batches in, predictions out: in order, some runs in flight, and no batch taken before there is room for it. A source
 * that is slow, as a live one is, holds back no prediction that is ready.
 */
import { throwIfAborted } from '../../device/native-backend.js';

export interface Prediction<B, T> {
  readonly batch: B;
  readonly outputs: Readonly<Record<string, T>>;
}

export interface PredictRun<B, T> {
  readonly start: (batch: B) => Promise<Readonly<Record<string, T>>>;
  /** For outputs that nobody will see. */
  readonly release: (outputs: Readonly<Record<string, T>>) => void;
  readonly depth: number;
  /** For batches that were taken and come out with no prediction. */
  readonly unused: ((batch: B) => void) | undefined;
  readonly signal: AbortSignal | null;
}

type Settled<T> = { readonly value: T } | { readonly error: unknown };

/** A promise whose outcome can be looked at. */
class Watched<T> {
  outcome: Settled<T> | null = null;
  readonly settled: Promise<void>;

  constructor(promise: Promise<T>, wake: () => void) {
    this.settled = promise.then(
      (value) => {
        this.outcome = { value };
        wake();
      },
      (error: unknown) => {
        this.outcome = { error };
        wake();
      },
    );
  }
}

function valueOf<T>(outcome: Settled<T>): T {
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}

export async function* predictAll<B, T>(
  batches: Iterable<B> | AsyncIterable<B>,
  { start, release, depth, unused, signal }: PredictRun<B, T>,
): AsyncGenerator<Prediction<B, T>, void, undefined> {
  const source = iteratorOf(batches);
  const window: { readonly batch: B; readonly run: Watched<Readonly<Record<string, T>>> }[] = [];
  let pull: Watched<IteratorResult<B>> | null = null;
  // How the source ended: null while it goes on.
  let end: Settled<undefined> | null = null;
  let wake = (): void => undefined;
  const woken = (): void => wake();
  signal?.addEventListener('abort', woken);
  try {
    for (;;) {
      throwIfAborted(signal);
      if (end === null && pull === null && window.length < depth) {
        // Called here and not in the constructor: a source may throw at once.
        pull = new Watched((async () => source.next())(), woken);
      }
      const taken = pull?.outcome;
      const oldest = window[0];
      if (taken != null) {
        pull = null;
        if ('error' in taken) end = taken;
        else if (taken.value.done === true) end = { value: undefined };
        else {
          const { value: batch } = taken.value;
          window.push({ batch, run: new Watched((async () => start(batch))(), woken) });
        }
      } else if (oldest?.run.outcome != null) {
        const outputs = valueOf(oldest.run.outcome);
        window.shift();
        yield { batch: oldest.batch, outputs };
      } else if (oldest === undefined && end !== null) {
        // What came before an error of the source has been handed out.
        valueOf(end);
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    signal?.removeEventListener('abort', woken);
    // Nothing may use the memory of a batch after this.
    await Promise.all(window.map(({ run }) => run.settled));
    for (const { batch, run } of window) {
      if (run.outcome !== null && 'value' in run.outcome) release(run.outcome.value);
      unused?.(batch);
    }
    await leave(source, pull, unused, end !== null);
  }
}

/** Ends the source, and does not wait for one that is silent. */
async function leave<B>(
  source: Iterator<B> | AsyncIterator<B>,
  pull: Watched<IteratorResult<B>> | null,
  unused: ((batch: B) => void) | undefined,
  isOver: boolean,
): Promise<void> {
  if (isOver) return;
  const returned = (async () => source.return?.())();
  if (pull === null) {
    await returned;
    return;
  }
  const late = pull;
  void late.settled.then(() => {
    if (late.outcome !== null && 'value' in late.outcome && late.outcome.value.done !== true) {
      unused?.(late.outcome.value.value);
    }
  });
  // The error that ended the iteration is the one to tell.
  returned.catch(() => undefined);
}

function iteratorOf<B>(batches: Iterable<B> | AsyncIterable<B>): Iterator<B> | AsyncIterator<B> {
  return Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : batches[Symbol.iterator]();
}
