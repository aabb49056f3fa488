/**
 * Where the time of an iteration goes, as its consumer sees it: at every moment the consumer works, or it waits for the
 * stage that the next batch is in. One clock, one stage at a time, so that the shares sum to the whole.
 */

/** `source`, `join`, `stage` (into pinned memory), `copy` (to the device, and the matrix there): waited for. */
export const STAGES = ['source', 'join', 'stage', 'copy', 'consumer'] as const;
export type Stage = (typeof STAGES)[number];

export type StallTimes = Readonly<Record<Stage, number>>;

export class StallClock {
  private readonly spent: Record<Stage, number> = { source: 0, join: 0, stage: 0, copy: 0, consumer: 0 };
  private stage: Stage | null = null;
  private since = 0;
  private whole = 0;

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** From now on the time is this stage's; null stops the clock. */
  enter(stage: Stage | null): void {
    if (stage === this.stage) return;
    this.settle();
    this.stage = stage;
  }

  /** Milliseconds by stage, the present moment included. */
  get times(): StallTimes {
    this.settle();
    return { ...this.spent };
  }

  /** Milliseconds that the clock ran. */
  get wallMs(): number {
    this.settle();
    return this.whole;
  }

  private settle(): void {
    const now = this.now();
    if (this.stage !== null) {
      this.spent[this.stage] += now - this.since;
      this.whole += now - this.since;
    }
    this.since = now;
  }
}
