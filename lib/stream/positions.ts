/**
 * Where the sources stand: after the last batch read, and after the last one of which (and of all before it) every row
 * has had its effect: left rows are emitted, and no pending left row is as early as a right row. One entry per batch that
 * has not settled.
 */
import { fail, isRecord } from '../internal/validate.js';
import { type JsonValue, type Time, timeFromJson, timeToJson } from './watermark/time-math.js';

/** Positions by input and source number. */
export type SourcePositions = Readonly<Record<string, Readonly<Record<number, JsonValue>>>>;

interface Entry {
  readonly position: JsonValue;
  /** Newest time of the batch's rows; null: none was taken. */
  readonly maxTime: Time | null;
}

interface Line {
  readonly input: number;
  readonly source: number;
  read: JsonValue;
  settled: JsonValue | undefined;
  open: Entry[];
}

export class PositionTracker {
  #lines = new Map<string, Line>();

  constructor(private readonly names: readonly string[]) {}

  read(input: number, source: number, position: JsonValue, maxTime: Time | null): void {
    const name = `${input}:${source}`;
    let line = this.#lines.get(name);
    if (line === undefined) {
      line = { input, source, read: null, settled: undefined, open: [] };
      this.#lines.set(name, line);
    }
    line.read = position;
    line.open.push({ position, maxTime });
  }

  get isEmpty(): boolean {
    return this.#lines.size === 0;
  }

  /** Rows before `left` (left input) or `right` are through; null: none are, undefined: all are. */
  settle(left: Time | null | undefined, right: Time | null | undefined): void {
    for (const line of this.#lines.values()) {
      const low = line.input === 0 ? left : right;
      let count = 0;
      for (const { maxTime } of line.open) {
        const through = maxTime === null || low === undefined || (low !== null && maxTime < low);
        if (!through) break;
        count++;
      }
      if (count === 0) continue;
      line.settled = line.open[count - 1]!.position;
      line.open.splice(0, count);
    }
  }

  get settled(): SourcePositions {
    return this.#collect(({ settled }) => settled);
  }

  get last(): SourcePositions {
    return this.#collect(({ read }) => read);
  }

  clear(): void {
    this.#lines.clear();
  }

  snapshot(): JsonValue {
    return [...this.#lines.values()].map(({ input, source, read, settled, open }) => ({
      ...{ input, source, read },
      ...(settled === undefined ? {} : { settled }),
      open: open.map(({ position, maxTime }) => [position, timeToJson(maxTime)]),
    }));
  }

  restore(json: JsonValue): void {
    this.#lines.clear();
    if (!Array.isArray(json)) return;
    for (const entry of json as readonly JsonValue[]) {
      if (!isRecord(entry)) return fail('FS_ERR_CORRUPT', 'the snapshot has positions that are none');
      const { input, source, read, settled, open } = entry as Record<string, JsonValue>;
      const line: Line = { input: Number(input), source: Number(source), read: read ?? null, settled, open: [] };
      for (const [position, maxTime] of open as readonly (readonly [JsonValue, JsonValue])[]) {
        line.open.push({ position, maxTime: timeFromJson(maxTime, 'positions') });
      }
      this.#lines.set(`${line.input}:${line.source}`, line);
    }
  }

  #collect(value: (line: Line) => JsonValue | undefined): SourcePositions {
    const all: Record<string, Record<number, JsonValue>> = {};
    for (const line of this.#lines.values()) {
      const position = value(line);
      if (position !== undefined) (all[this.names[line.input]!] ??= {})[line.source] = position;
    }
    return all;
  }
}
