/**
 * The watermarks of all inputs of a join, with idle inputs led along: an input that is idle (all its sources are) must
 * not freeze the output, so it goes along with the least watermark of the inputs that are not. Where every input is
 * idle nothing says how far time went: by `allIdle` they stay as they are ('hold', the default), or every row that has
 * come is released ('release': to right after the newest time of all inputs). O(inputs × sources).
 */
import { fail } from '../../internal/validate.js';
import type { InputClock } from './input-clock.js';
import { type JsonValue, laterOf, type Time, timeAfter } from './time-math.js';

export type AllIdle = 'hold' | 'release';

export class JoinClock {
  /** Every input must be of one time domain; their times must compare (all ns, or one unit of plain numbers). */
  constructor(
    readonly inputs: readonly InputClock[],
    readonly allIdle: AllIdle = 'hold',
  ) {}

  /** Watermark of each input, in order; null: no promise yet. */
  current(nowMs: number): readonly (Time | null)[] {
    const own: (Time | null)[] = [];
    let some = false;
    for (const input of this.inputs) {
      own.push(input.current(nowMs));
      some ||= input.isIdle(nowMs);
    }
    if (!some) return own;
    const idle = this.inputs.map((input) => input.isIdle(nowMs));
    const lead = this.#lead(own, idle);
    if (lead === null) return own;
    return this.inputs.map((input, i) => {
      if (idle[i] !== true) return own[i] ?? null;
      input.advance(lead, null, nowMs);
      return input.current(nowMs);
    });
  }

  #lead(own: readonly (Time | null)[], idle: readonly boolean[]): Time | null {
    let least: Time | null = null;
    let active = false;
    for (const [i, input] of this.inputs.entries()) {
      // An input that has ended says nothing about where time is.
      if (idle[i] === true || input.ended) continue;
      const time = own[i] ?? null;
      if (time === null) return null;
      active = true;
      if (least === null || time < least) least = time;
    }
    if (active) return least;
    if (this.allIdle === 'hold') return null;
    const newest = this.inputs.reduce<Time | null>((time, input) => laterOf(time, input.newest), null);
    return newest === null ? null : timeAfter(newest);
  }

  /** Milliseconds until it is worth looking again although nothing came; null: not by itself. */
  nextChangeMs(nowMs: number): number | null {
    const waits = this.inputs.flatMap((input) => input.nextChangeMs(nowMs) ?? []);
    return waits.length === 0 ? null : Math.min(...waits);
  }

  snapshot(): JsonValue {
    return this.inputs.map((input) => input.snapshot());
  }

  restore(json: JsonValue, nowMs: number): void {
    const states = Array.isArray(json) ? (json as readonly JsonValue[]) : [];
    if (states.length !== this.inputs.length) {
      fail('FS_ERR_ARG_RANGE', `the snapshot has watermarks of ${states.length} inputs, not ${this.inputs.length}`);
    }
    for (const [i, input] of this.inputs.entries()) input.restore(states[i] ?? null, nowMs);
  }
}
