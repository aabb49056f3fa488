/**
 * What a live join is doing: counters, watermark lag, state, and how long rows wait. The join tells it what happened;
 * reading it costs nothing while rows flow. As an object for programs, as Prometheus text for scrapers.
 */
import { rangeError } from '../../internal/validate.js';
import { INT64_MAX } from '../../schema/duration.js';
import { msToNs, type Time } from '../watermark/time-math.js';
import { BucketHistogram, type Histogram } from './histogram.js';
import { isLabelName, isMetricName, type Labels, PrometheusText } from './prometheus.js';

/** What became of a pushed batch. */
export interface PushOutcome {
  /** Rows taken. */
  readonly rows: number;
  readonly late: number;
  readonly tooFarAhead: number;
  /** Rows let go: late ones under 'drop' or beyond the horizon, null times and keys of a right. */
  readonly dropped: number;
}

/** What `StreamingJoin.counters` and `StreamingAligner.counters` give, as far as it is used. */
export interface JoinCounters {
  readonly inputs: Readonly<
    Record<
      string,
      {
        readonly rows: number;
        readonly late: number;
        readonly tooFarAhead: number;
        readonly nullTime: number;
        readonly nullKey: number;
        readonly stateRows: number;
        readonly watermark: Time | null;
      }
    >
  >;
  readonly revisions: number;
  readonly pendingRows: number;
  readonly stateBytes: number;
}

export interface SourceMetrics {
  readonly rows: number;
  readonly late: number;
  readonly tooFarAhead: number;
  readonly dropped: number;
  readonly watermark: Time | null;
  /** Wall time minus watermark in ns, for temporal columns; null where there is none. */
  readonly watermarkLagNs: number | null;
  readonly idle: boolean;
}

export interface InputMetrics extends SourceMetrics {
  readonly stateRows: number;
  readonly sources: Readonly<Record<string, SourceMetrics>>;
}

export interface Distribution {
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export interface StreamMetricsReport {
  readonly inputs: Readonly<Record<string, InputMetrics>>;
  readonly emittedRows: number;
  readonly emittedBatches: number;
  readonly revisions: number;
  readonly pendingRows: number;
  readonly stateBytes: number;
  /** Time of the left's newest row minus that of the newest row emitted, at each emit, in ns. */
  readonly sealDelayNs: Distribution;
  /** From the push of a left batch to the emit that completed it, in ns. */
  readonly endToEndNs: Distribution;
}

class Progress {
  rows = 0;
  late = 0;
  tooFarAhead = 0;
  dropped = 0;
  watermark: Time | null = null;
  idle = false;

  add(outcome: PushOutcome): void {
    this.rows += outcome.rows;
    this.late += outcome.late;
    this.tooFarAhead += outcome.tooFarAhead;
    this.dropped += outcome.dropped;
  }

  report(nowMs: number): SourceMetrics {
    const { rows, late, tooFarAhead, dropped, watermark, idle } = this;
    // At the end of time nothing lags: the input has ended.
    const lag = typeof watermark === 'bigint' && watermark < INT64_MAX ? Number(msToNs(nowMs) - watermark) : null;
    return { rows, late, tooFarAhead, dropped, watermark, watermarkLagNs: lag, idle };
  }
}

class InputProgress extends Progress {
  stateRows = 0;
  readonly sources = new Map<number, Progress>();
}

export interface StreamMetricsOptions {
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly clock?: () => number;
  /** Makes the histograms. Default: exponential buckets, percentiles at most 9 % high. */
  readonly histogram?: () => Histogram;
  /** Whether bigint times are epoch nanoseconds, so that lag means something; asked at each report. Default true. */
  readonly temporal?: boolean | (() => boolean);
  /** Called before each report, to tell what is held and where watermarks stand. */
  readonly refresh?: () => void;
}

const QUANTILES = [0.5, 0.9, 0.99, 0.999] as const;
/** Left batches whose emission is still waited for; beyond it the oldest are forgotten, not the memory. */
const MAX_WAITING = 65_536;

export class StreamMetrics {
  readonly #clock: () => number;
  readonly #temporal: () => boolean;
  readonly #refresh: () => void;
  readonly #make: () => Histogram;
  readonly #inputs = new Map<string, InputProgress>();
  #sealDelay: Histogram;
  #endToEnd: Histogram;
  /** Left batches by their last time, ascending: when each was pushed. */
  #waiting: { readonly last: Time; readonly atMs: number }[] = [];
  #emittedRows = 0;
  #emittedBatches = 0;
  #revisions = 0;
  #pendingRows = 0;
  #stateBytes = 0;

  constructor(inputs: readonly string[], options: StreamMetricsOptions = {}) {
    this.#clock = options.clock ?? Date.now;
    const { temporal = true } = options;
    this.#temporal = typeof temporal === 'boolean' ? () => temporal : temporal;
    this.#refresh = options.refresh ?? (() => undefined);
    this.#make = options.histogram ?? (() => new BucketHistogram());
    this.#sealDelay = this.#make();
    this.#endToEnd = this.#make();
    for (const name of inputs) this.#inputs.set(name, new InputProgress());
  }

  #input(name: string): InputProgress {
    const input = this.#inputs.get(name);
    if (input === undefined) throw rangeError('input', `one of ${[...this.#inputs.keys()].join(', ')}`, name);
    return input;
  }

  #source(name: string, source: number): Progress {
    const { sources } = this.#input(name);
    let progress = sources.get(source);
    if (progress === undefined) sources.set(source, (progress = new Progress()));
    return progress;
  }

  /**
   * A batch was pushed. `last`: for the left, the latest time of its rows, by which its emission is recognised. `atMs`:
   * when, where not now.
   */
  pushed(input: string, source: number, outcome: PushOutcome, last: Time | null = null, atMs = this.#clock()): void {
    this.#input(input).add(outcome);
    this.#source(input, source).add(outcome);
    if (last !== null) this.arrived(last, atMs);
  }

  /** A left batch came whose last row is of this time: its waiting begins. Part of `pushed`. */
  arrived(last: Time, atMs = this.#clock()): void {
    const entry = { last, atMs };
    let at = this.#waiting.length;
    while (at > 0 && this.#waiting[at - 1]!.last > last) at--;
    if (at === this.#waiting.length) this.#waiting.push(entry);
    else this.#waiting.splice(at, 0, entry);
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
  }

  /** The watermark of an input (`source` null) or of one source. */
  watermark(input: string, source: number | null, time: Time | null, idle = false): void {
    const progress = source === null ? this.#input(input) : this.#source(input, source);
    progress.watermark = time;
    progress.idle = idle;
  }

  /** What is held now. */
  state(stateRows: Readonly<Record<string, number>>, stateBytes: number, pendingRows: number): void {
    for (const [name, rows] of Object.entries(stateRows)) this.#input(name).stateRows = rows;
    this.#stateBytes = stateBytes;
    this.#pendingRows = pendingRows;
  }

  /**
   * Rows were emitted. `last`: the latest time among them; `newest`: the left's newest so far; `complete`: every left
   * row before this time has been emitted.
   */
  emitted(rows: number, revisions: number, last: Time | null, newest: Time | null, complete: Time | null): void {
    this.#emittedRows += rows;
    this.#revisions += revisions;
    if (rows > 0) this.#emittedBatches++;
    if (last !== null && newest !== null) {
      this.#sealDelay.record(typeof last === 'bigint' ? Number((newest as bigint) - last) : (newest as number) - last);
    }
    if (complete === null) return;
    const now = this.#clock();
    let done = 0;
    while (done < this.#waiting.length && this.#waiting[done]!.last < complete) {
      this.#endToEnd.record(Math.round((now - this.#waiting[done]!.atMs) * 1e6));
      done++;
    }
    if (done > 0) this.#waiting.splice(0, done);
  }

  /**
   * Takes over what a join counts itself, in place of `pushed`'s, `watermark`'s and `state`'s numbers. Emitted rows and
   * waiting times still come from `emitted`.
   */
  update(counters: JoinCounters): void {
    for (const [name, input] of Object.entries(counters.inputs)) {
      const progress = this.#input(name);
      progress.rows = input.rows;
      progress.late = input.late;
      progress.tooFarAhead = input.tooFarAhead;
      progress.dropped = input.nullTime + input.nullKey;
      progress.watermark = input.watermark;
      progress.stateRows = input.stateRows;
    }
    this.#revisions = counters.revisions;
    this.#pendingRows = counters.pendingRows;
    this.#stateBytes = counters.stateBytes;
  }

  /** Begins anew: all counts 0, nothing waits. */
  reset(): void {
    for (const name of this.#inputs.keys()) this.#inputs.set(name, new InputProgress());
    this.#sealDelay = this.#make();
    this.#endToEnd = this.#make();
    this.#waiting = [];
    this.#emittedRows = 0;
    this.#emittedBatches = 0;
    this.#revisions = 0;
    this.#pendingRows = 0;
    this.#stateBytes = 0;
  }

  toJSON(): StreamMetricsReport {
    this.#refresh();
    const temporal = this.#temporal();
    const now = this.#clock();
    const own = (progress: Progress): SourceMetrics => {
      const report = progress.report(now);
      return temporal ? report : { ...report, watermarkLagNs: null };
    };
    return {
      inputs: Object.fromEntries(
        [...this.#inputs].map(([name, input]) => [
          name,
          {
            ...own(input),
            stateRows: input.stateRows,
            sources: Object.fromEntries([...input.sources].map(([id, progress]) => [String(id), own(progress)])),
          },
        ]),
      ),
      emittedRows: this.#emittedRows,
      emittedBatches: this.#emittedBatches,
      revisions: this.#revisions,
      pendingRows: this.#pendingRows,
      stateBytes: this.#stateBytes,
      sealDelayNs: distribution(this.#sealDelay),
      endToEndNs: distribution(this.#endToEnd),
    };
  }

  /** Prometheus text. FS_ERR_ARG_RANGE for a prefix or label that Prometheus would refuse. */
  toPrometheus(options: { readonly prefix?: string; readonly labels?: Labels } = {}): string {
    const { prefix = 'flowstate_stream_', labels = {} } = options;
    if (!isMetricName(prefix)) throw rangeError('prefix', 'a Prometheus metric name', prefix);
    for (const label of Object.keys(labels)) {
      if (!isLabelName(label)) throw rangeError('labels', 'Prometheus label names', label);
    }
    const report = this.toJSON();
    const text = new PrometheusText(prefix, labels);
    const inputs = Object.entries(report.inputs);
    // A join's own counters know inputs only.
    const sources = inputs.flatMap(([input, own]): { labels: Labels; metrics: SourceMetrics }[] => {
      const each = Object.entries(own.sources);
      if (each.length === 0) return [{ labels: { input }, metrics: own }];
      return each.map(([source, metrics]) => ({ labels: { input, source }, metrics }));
    });
    const perSource = (
      name: string,
      type: 'counter' | 'gauge',
      help: string,
      value: (metrics: SourceMetrics) => number | null,
    ): void => {
      const sample = text.metric(name, type, help);
      for (const { labels, metrics } of sources) {
        const found = value(metrics);
        if (found !== null) sample(found, labels);
      }
    };
    perSource('rows_total', 'counter', 'Rows taken.', ({ rows }) => rows);
    perSource('late_rows_total', 'counter', 'Rows before the watermark.', ({ late }) => late);
    perSource('too_far_ahead_rows_total', 'counter', 'Rows dated too far ahead.', (metrics) => metrics.tooFarAhead);
    perSource('dropped_rows_total', 'counter', 'Rows let go.', ({ dropped }) => dropped);
    perSource('source_watermark_lag_seconds', 'gauge', "Wall time minus a source's watermark.", (metrics) =>
      seconds(metrics.watermarkLagNs),
    );
    perSource('source_idle', 'gauge', 'Whether a source counts as idle.', ({ idle }) => (idle ? 1 : 0));
    const perInput = (name: string, help: string, value: (metrics: InputMetrics) => number | null): void => {
      const sample = text.metric(name, 'gauge', help);
      for (const [input, metrics] of inputs) {
        const found = value(metrics);
        if (found !== null) sample(found, { input });
      }
    };
    perInput('watermark_lag_seconds', "Wall time minus an input's watermark.", (metrics) =>
      seconds(metrics.watermarkLagNs),
    );
    perInput('state_rows', 'Rows held for an input.', ({ stateRows }) => stateRows);
    text.metric('state_bytes', 'gauge', 'Bytes held, about.')(report.stateBytes);
    text.metric('pending_rows', 'gauge', 'Left rows that are not final yet.')(report.pendingRows);
    text.metric('emitted_rows_total', 'counter', 'Rows emitted.')(report.emittedRows);
    text.metric('revisions_total', 'counter', 'Emitted rows taken back and repeated.')(report.revisions);
    summary(text, 'seal_delay_seconds', 'Newest left time minus newest emitted time.', this.#sealDelay);
    summary(text, 'end_to_end_seconds', 'From the push of a left batch to its last row.', this.#endToEnd);
    return text.toString();
  }
}

function seconds(ns: number | null): number | null {
  return ns === null ? null : ns / 1e9;
}

function summary(text: PrometheusText, name: string, help: string, histogram: Histogram): void {
  const sample = text.metric(name, 'summary', help);
  for (const quantile of QUANTILES) {
    sample(histogram.percentile(quantile * 100) / 1e9, { quantile: String(quantile) });
  }
  sample((histogram.mean * histogram.count) / 1e9, {}, '_sum');
  sample(histogram.count, {}, '_count');
}

function distribution(histogram: Histogram): Distribution {
  const { count, min, max, mean } = histogram;
  const at = (p: number): number => histogram.percentile(p);
  return { count, min, mean, p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max };
}
