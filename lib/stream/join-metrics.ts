/**
 * What a running join tells its metrics, once per push and per emit: what the engine reports anyway, and the time of
 * one row. What is held and where the watermarks stand is looked up when somebody reads.
 */
import { types } from 'node:util';

import type { Data } from 'apache-arrow';

import { NativeLatePolicy } from '../internal/native-stream.js';
import { nativeColumn } from '../schema/arrow-columns.js';
import { canonicalValues } from '../schema/canonical.js';
import type { EngineOutput, PushReport, StreamEngine } from './engine/types.js';
import type { JoinWatermarks } from './join-watermarks.js';
import { HdrTimes } from './metrics/histogram.js';
import { StreamMetrics } from './metrics/stream-metrics.js';
import type { StreamingSettings } from './parse-streaming.js';
import { fromEngineTime, type StreamingPlan } from './streaming-plan.js';
import { laterOf, type Time } from './watermark/time-math.js';

interface Observed {
  readonly plan: StreamingPlan;
  readonly engine: StreamEngine;
  readonly watermarks: JoinWatermarks;
}

export class JoinMetrics {
  readonly metrics: StreamMetrics;
  /** Of the left rows taken. */
  #newest: Time | null = null;
  /** The engine's count, when last looked at. */
  #revisions = 0;

  /** `running` gives the join that is looked at, null before it runs and after it has been closed. */
  constructor(
    private readonly settings: StreamingSettings,
    private readonly running: () => Observed | null,
  ) {
    this.metrics = new StreamMetrics(settings.names, {
      clock: settings.clock,
      histogram: () => new HdrTimes(),
      temporal: () => running()?.plan.inputs[0]!.domain === 'temporal',
      refresh: () => this.#refresh(),
    });
  }

  /** `length` rows were pushed at `atMs`. */
  pushed({ plan }: Observed, input: number, source: number, length: number, report: PushReport, atMs: number): void {
    const { rows, late, tooFarAhead, maxTime } = report;
    const kept = this.settings.late[input] === NativeLatePolicy.sideOutput ? late : 0;
    const dropped = length - rows - tooFarAhead - kept;
    const last = input === 0 && maxTime !== null ? fromEngineTime(maxTime, plan.inputs[0]!) : null;
    this.#newest = laterOf(this.#newest, last);
    this.metrics.pushed(this.settings.names[input]!, source, { rows, late, tooFarAhead, dropped }, last, atMs);
  }

  /** `times`: the left's time column of the output. */
  emitted({ plan, engine }: Observed, { rows, ops }: EngineOutput, times: Data): void {
    const count = ops === null ? this.#revisions : engine.counters().revisions;
    const revisions = count - this.#revisions;
    this.#revisions = count;
    // Revisions come first, and of the other rows the latest last.
    const last = rows > revisions ? timeAt(plan, times, rows - 1) : null;
    const oldest = engine.oldestPending();
    const complete =
      engine.pendingRows() === 0 ? Infinity : oldest === null ? null : fromEngineTime(oldest, plan.inputs[0]!);
    this.metrics.emitted(rows, revisions, last, this.#newest, complete);
  }

  /** Begins anew with an engine that is new, restored or reset. */
  reset(engine: StreamEngine | null): void {
    this.metrics.reset();
    this.#newest = null;
    this.#revisions = engine?.counters().revisions ?? 0;
  }

  #refresh(): void {
    const running = this.running();
    const { names } = this.settings;
    const held = names.map((name, input): [string, number] => [name, running?.engine.stateRows(input) ?? 0]);
    const { engine, watermarks } = running ?? { engine: null, watermarks: null };
    this.metrics.state(Object.fromEntries(held), engine?.stateBytes() ?? 0, engine?.pendingRows() ?? 0);
    if (watermarks === null) return;
    names.forEach((name, input) => {
      const { time, idle, sources } = watermarks.progress(input);
      this.metrics.watermark(name, null, time, idle);
      for (const source of sources) this.metrics.watermark(name, source.id, source.time, source.idle);
    });
  }
}

/** As the API shows times; null for none. */
function timeAt({ inputs }: StreamingPlan, times: Data, row: number): Time | null {
  const left = inputs[0]!;
  const { values }: { values: unknown } = times;
  // Most times are int64 and none is null: no need to read them as a column of any type.
  if (times.nullCount === 0 && types.isBigInt64Array(values)) return fromEngineTime(values[row]!, left);
  const [cell] = canonicalValues(nativeColumn('left', times.type, [times.slice(row, 1)]), 1n);
  if (typeof cell !== 'number' && typeof cell !== 'bigint') return null;
  if (left.domain !== 'float') return fromEngineTime(BigInt(cell), left);
  return Number.isNaN(Number(cell)) ? null : Number(cell);
}
