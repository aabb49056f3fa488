/**
 * Two live joins of the same options on the two engines, led through one random script: after every step both have said
 * the same. What may differ is listed at `Lockstep.#compareState`.
 */
import type { Table } from 'apache-arrow';

import type { LateRowsReport, StreamingCounters } from '../../lib/stream/streaming-core';
import { cellsOf } from './columns';
import { pick, randomOf, type Time } from './streaming';

export type EngineName = 'native' | 'javascript';

/** What `StreamingJoin` and `StreamingAligner` have in common, with inputs by number. */
export interface LiveJoin {
  push(input: number, batch: ReturnType<typeof pick>, source: number): void;
  advance(input: number, time: bigint | number, source: number | null): void;
  emit(maxRows: number): Table;
  flush(): Table;
  takeLate(): readonly LateRowsReport[];
  snapshot(): Uint8Array;
  restore(blob: Uint8Array): void;
  reset(): void;
  close(): void;
  counters(): StreamingCounters;
}

export type LockstepStep =
  | { readonly kind: 'push'; readonly input: number; readonly source: number; readonly rows: readonly number[] }
  | {
      readonly kind: 'advance';
      readonly input: number;
      readonly source: number | null;
      readonly time: bigint | number;
    }
  | { readonly kind: 'emit'; readonly maxRows: number }
  | { readonly kind: 'restart'; readonly crossed: boolean }
  | { readonly kind: 'flush' }
  | { readonly kind: 'takeLate' | 'reset' };

export interface ScriptShape {
  /** How far rows stray from the order of time: 0 in order, 1 anywhere. */
  readonly disorder: number;
  readonly maxBatch: number;
  /** Chance that a promise will be kept. */
  readonly honesty: number;
  readonly sources: number;
  readonly restarts: number;
  readonly resets: number;
}

const isTime = (time: Time | undefined): time is bigint | number =>
  time !== null && time !== undefined && !Number.isNaN(time);

/** A script over inputs whose rows have these times (of the API): every row once. */
export function script(inputs: readonly (readonly Time[])[], seed: number, shape: ScriptShape): LockstepStep[] {
  const random = randomOf(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const queues = inputs.map((times) =>
    times
      .map((time, row) => ({ row, time: isTime(time) ? time : times[below(times.length)]! }))
      .sort((a, b) => (isTime(a.time) && isTime(b.time) ? (a.time < b.time ? -1 : a.time > b.time ? 1 : 0) : 0))
      .map(({ row }, i) => ({ row, at: i + shape.disorder * times.length * random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ row }) => row),
  );
  const steps: LockstepStep[] = [];
  const mark = (input: number): void => {
    const times = inputs[input]!;
    const coming = queues[input]!.map((row) => times[row]).filter(isTime);
    const from = random() < shape.honesty ? coming : times.filter(isTime);
    if (from.length === 0) return;
    const base = from === coming ? from.reduce((low, time) => (time < low ? time : low)) : from[below(from.length)]!;
    const off = below(4) === 0 ? below(3) - 1 : 0;
    const time = typeof base === 'bigint' ? base + BigInt(off) : base + off;
    const source = shape.sources > 1 && random() < 0.7 ? below(shape.sources) : null;
    steps.push({ kind: 'advance', input, source, time });
  };
  while (queues.some((queue) => queue.length > 0)) {
    const input = below(inputs.length);
    const queue = queues[input]!;
    if (queue.length > 0) {
      steps.push({
        kind: 'push',
        input,
        source: below(shape.sources),
        rows: queue.splice(0, below(shape.maxBatch + 1)),
      });
    }
    if (random() < 0.6) mark(below(inputs.length));
    if (random() < 0.5) steps.push({ kind: 'emit', maxRows: below(3) === 0 ? 1 + below(5) : Infinity });
    if (random() < 0.2) steps.push({ kind: 'takeLate' });
    if (random() < shape.restarts) steps.push({ kind: 'restart', crossed: random() < 0.5 });
    if (random() < shape.resets) steps.push({ kind: 'reset' });
  }
  steps.push({ kind: 'emit', maxRows: 2 }, { kind: 'flush' }, { kind: 'takeLate' });
  return steps;
}

const plain = (_: string, value: unknown): unknown => {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number' && !Number.isSafeInteger(value)) return `${value}`;
  return Object.is(value, -0) ? '-0' : value;
};

/** The rows of a table, one text each. */
export function rowTexts(table: Table, columns = table.schema.fields.map(({ name }) => name)): string[] {
  const cells = columns.map((name) => cellsOf(table, name));
  return Array.from({ length: table.numRows }, (_, row) =>
    JSON.stringify(
      cells.map((column) => column[row]),
      plain,
    ),
  );
}

function tableText(table: Table): object {
  return { fields: table.schema.fields.map((field) => `${field}`), rows: rowTexts(table) };
}

function lateText({ input, table, sources, sequences, reasons, affected }: LateRowsReport): object {
  const numbers = (values: Iterable<bigint | number>): string => [...values].join(' ');
  return {
    input,
    ...tableText(table),
    sources: numbers(sources),
    sequences: numbers(sequences),
    reasons,
    affected: affected.map(numbers),
  };
}

/** `toEqual`, where the texts differ: on every step it would be most of the work. */
function same(native: unknown, javascript: unknown): void {
  if (JSON.stringify(native, plain) !== JSON.stringify(javascript, plain)) expect(native).toEqual(javascript);
}

type Outcome<T> = { readonly value: T } | { readonly code: string };

function attempt<T>(run: () => T): Outcome<T> {
  try {
    return { value: run() };
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (typeof code !== 'string' || code === 'FS_ERR_INTERNAL') throw error;
    return { code };
  }
}

export interface LockstepOptions {
  readonly make: (engine: EngineName) => LiveJoin;
  readonly tables: readonly Table[];
  /** Both sweep at every emit: then both hold the same rows after it. A cap makes one sweep more often. */
  readonly swept: boolean;
  /** The engine that has a cap on its state: what it refuses, the other one is not given. */
  readonly capped?: EngineName;
  /** Emitted rows are kept for late ones: the engines then keep different right rows for them. */
  readonly retains: boolean;
}

export class Lockstep {
  readonly #options: LockstepOptions;
  readonly #joins: LiveJoin[];
  /** Batches for which the capped engine had no room. */
  refused = 0;

  constructor(options: LockstepOptions) {
    this.#options = options;
    this.#joins = (['native', 'javascript'] as const).map(options.make);
  }

  /** The engines' tables, where the step gave one. Throws (jest) where the engines differ. */
  step(step: LockstepStep): Table | null {
    switch (step.kind) {
      case 'push': {
        const batch = pick(this.#options.tables[step.input]!, step.rows);
        this.#push((join) => join.push(step.input, batch, step.source));
        break;
      }
      case 'advance':
        this.#both((join) => (join.advance(step.input, step.time, step.source), null));
        break;
      case 'emit':
      case 'flush': {
        const maxRows = step.kind === 'emit' ? step.maxRows : null;
        const tables = this.#both((join) => (maxRows === null ? join.flush() : join.emit(maxRows)), tableText);
        this.#compareState(maxRows === null || maxRows === Infinity);
        return tables[0] ?? null;
      }
      case 'takeLate':
        this.#both(
          (join) => join.takeLate(),
          (late) => late.map(lateText),
        );
        break;
      case 'reset':
        this.#both((join) => (join.reset(), null));
        break;
      case 'restart':
        this.#restart(step.crossed);
        break;
      default:
        step satisfies never;
    }
    this.#compareState(false);
    return null;
  }

  close(): void {
    for (const join of this.#joins) join.close();
  }

  #both<T>(run: (join: LiveJoin) => T, text: (value: T) => unknown = (value) => value): (T | null)[] {
    const outcomes = this.#joins.map((join) => attempt(() => run(join)));
    const [native, javascript] = outcomes.map((outcome) =>
      'value' in outcome ? { value: text(outcome.value) } : outcome,
    );
    same(native, javascript);
    return outcomes.map((outcome) => ('value' in outcome ? outcome.value : null));
  }

  /** The engines count bytes each in its own way, so only one has a cap; a refusal has to change nothing. */
  #push(run: (join: LiveJoin) => void): void {
    const { capped } = this.#options;
    if (capped === undefined) {
      this.#both((join) => (run(join), null));
      return;
    }
    const joins = capped === 'native' ? this.#joins : [...this.#joins].reverse();
    const first = attempt(() => run(joins[0]!));
    if ('code' in first && first.code === 'FS_ERR_BACKPRESSURE') {
      this.refused++;
      return;
    }
    expect(attempt(() => run(joins[1]!))).toEqual(first);
  }

  #restart(crossed: boolean): void {
    const blobs = this.#both(
      (join) => join.snapshot(),
      () => null,
    );
    if (blobs.some((blob) => blob === null)) return;
    this.close();
    (['native', 'javascript'] as const).forEach((name, i) => {
      this.#joins[i] = this.#options.make(name);
      this.#joins[i].restore(blobs[crossed ? 1 - i : i]!);
    });
  }

  /**
   * All counters are equal but for: bytes, which each engine counts as it holds them; rows held, which are equal once
   * all that can go has gone, where nothing that was emitted is kept (for that the JavaScript engine holds whatever was
   * a candidate, the native one what was a match); and of unmatched rows why, where a sweep may have taken what was too
   * far.
   */
  #compareState(settled: boolean): void {
    const { retains, capped } = this.#options;
    const swept = this.#options.swept && capped === undefined;
    const [native, javascript] = this.#joins.map((join) => join.counters());
    const text = ({ inputs, streams, stateBytes: _, ...rest }: StreamingCounters): object => ({
      ...rest,
      inputs: Object.entries(inputs).map(([name, { stateRows, storedValues: __, ...counts }], i) => ({
        name,
        ...counts,
        stateRows: swept && settled && (i === 0 || !retains) ? stateRows : null,
      })),
      streams: Object.entries(streams).map(([name, { noCandidate, toleranceExceeded, ...stats }]) => ({
        name,
        ...stats,
        why: swept && !retains ? [noCandidate, toleranceExceeded] : null,
      })),
    });
    same(text(native!), text(javascript!));
    if (!swept || !settled) return;
    for (const [name, { stateRows }] of Object.entries(native!.inputs)) {
      expect(stateRows).toBeLessThanOrEqual(javascript!.inputs[name]!.stateRows);
    }
  }
}
