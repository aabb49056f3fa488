/** The watermark of an input: the least of its sources', and what was said for the input as a whole. */
import { createError } from '../errors/from-native.js';
import type { EngineTime } from '../internal/native-stream.js';

export class InputWatermark {
  #whole: EngineTime | null = null;
  readonly #sources = new Map<number, EngineTime | null>();

  /** Rows of this source have come, or will. */
  meet(source: number): void {
    if (!this.#sources.has(source)) this.#sources.set(source, null);
  }

  /** Null: no promise yet. */
  get current(): EngineTime | null {
    let least: EngineTime | null = null;
    for (const time of this.#sources.values()) {
      if (time === null) return this.#whole;
      if (least === null || time < least) least = time;
    }
    if (least === null || (this.#whole !== null && this.#whole > least)) return this.#whole;
    return least;
  }

  /** Throws FS_ERR_WATERMARK_REGRESSED for a lower time where `strict`, and ignores it elsewhere. */
  advance(time: EngineTime, source: number | null, where: string, strict: boolean): void {
    const before = source === null ? this.#whole : (this.#sources.get(source) ?? null);
    if (before !== null && time < before) {
      if (!strict) return;
      throw createError('FS_ERR_WATERMARK_REGRESSED', `${where}: the watermark ${time} is below ${before}`, {
        details: { time, watermark: before, source },
      });
    }
    if (source === null) this.#whole = time;
    else this.#sources.set(source, time);
  }

  clear(): void {
    this.#whole = null;
    this.#sources.clear();
  }

  export(): WatermarkState {
    return { whole: this.#whole, sources: [...this.#sources] };
  }

  restore({ whole, sources }: WatermarkState): void {
    this.clear();
    this.#whole = whole;
    for (const [source, time] of sources) this.#sources.set(source, time);
  }
}

export interface WatermarkState {
  readonly whole: EngineTime | null;
  readonly sources: readonly (readonly [number, EngineTime | null])[];
}
