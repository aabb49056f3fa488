/** What the report and the terminal say about the joined file: rates, ages, minutes, first rows. O(rows). */
import { DataType, type Table, type Vector } from 'apache-arrow';
import type { AgeBucket, SymbolRate, Timeline } from './charts.js';
import { formatDuration } from './charts.js';
import { DAY_NS, OPEN_NS } from './market.js';

const MINUTE_NS = 60_000_000_000n;
const MINUTES = Math.ceil(DAY_NS / Number(MINUTE_NS));
const BUCKETS_PER_DECADE = 6;

export interface Summary {
  readonly symbols: readonly SymbolRate[];
  readonly ages: readonly AgeBucket[];
  readonly medianAgeNs: number;
  readonly p99AgeNs: number;
  readonly timeline: Timeline;
}

function columnOf(table: Table, name: string): Vector {
  const vector = table.getChild(name);
  if (vector === null) throw new Error(`the joined file has no column ${name}`);
  return vector;
}

/** int64 values of a column, and which are there. Times never pass through a JavaScript number. */
export function int64Column(table: Table, name: string): { values: BigInt64Array; valid: Uint8Array } {
  const values = new BigInt64Array(table.numRows);
  const valid = new Uint8Array(table.numRows);
  let at = 0;
  for (const data of columnOf(table, name).data) {
    const chunk: unknown = data.values;
    if (!(chunk instanceof BigInt64Array)) throw new Error(`column ${name} of the joined file is not int64`);
    values.set(chunk.subarray(0, data.length), at);
    for (let row = 0; row < data.length; row++) valid[at + row] = data.nullCount === 0 || data.getValid(row) ? 1 : 0;
    at += data.length;
  }
  return { values, valid };
}

function minuteOf(time: bigint): number {
  return Math.min(MINUTES - 1, Number((time - OPEN_NS) / MINUTE_NS));
}

function perMinute(times: BigInt64Array): number[] {
  const counts = new Array<number>(MINUTES).fill(0);
  for (const time of times) counts[minuteOf(time)]!++;
  return counts;
}

function histogram(sorted: Float64Array): AgeBucket[] {
  const first = Math.floor(Math.log10(Math.max(1, sorted[0] ?? 1)) * BUCKETS_PER_DECADE);
  const last = Math.ceil(Math.log10(Math.max(10, sorted[sorted.length - 1] ?? 10)) * BUCKETS_PER_DECADE);
  // Thin tails would stretch the axis; they are counted in the first bucket that is drawn.
  const start = Math.max(first, Math.floor(Math.log10(Math.max(1, quantile(sorted, 0.0005))) * BUCKETS_PER_DECADE));
  const counts = new Array<number>(Math.max(1, last - start)).fill(0);
  for (const age of sorted) {
    const bucket = Math.floor(Math.log10(Math.max(1, age)) * BUCKETS_PER_DECADE) - start;
    counts[Math.min(counts.length - 1, Math.max(0, bucket))]!++;
  }
  return counts.map((count, i) => ({
    fromNs: 10 ** ((start + i) / BUCKETS_PER_DECADE),
    toNs: 10 ** ((start + i + 1) / BUCKETS_PER_DECADE),
    count,
  }));
}

function quantile(sorted: Float64Array, share: number): number {
  return sorted.length === 0 ? 0 : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

/** Minute since the open, as UTC. */
function clockLabel(minute: number): string {
  const total = 13 * 60 + 30 + minute;
  return `${String(Math.floor(total / 60)).padStart(2, '0')}:${String(total % 60).padStart(2, '0')}`;
}

/** Sums up `joined`, whose age column is `age`; `quoteTimes` are the times of the right side. */
export function summarize(joined: Table, age: string, quoteTimes: BigInt64Array): Summary {
  const { values, valid } = int64Column(joined, age);
  const times = int64Column(joined, 'timestamp').values;
  const symbol = columnOf(joined, 'symbol');
  const rates = new Map<string, { rows: number; matched: number }>();
  const unmatched = new Array<number>(MINUTES).fill(0);
  const ages = new Float64Array(valid.reduce((sum, bit) => sum + bit, 0));
  let filled = 0;
  for (let row = 0; row < joined.numRows; row++) {
    const name = String(symbol.get(row));
    const rate = rates.get(name) ?? { rows: 0, matched: 0 };
    rates.set(name, rate);
    rate.rows++;
    if (valid[row] === 1) {
      rate.matched++;
      ages[filled++] = Number(values[row]!);
    } else {
      unmatched[minuteOf(times[row]!)]!++;
    }
  }
  ages.sort();
  const symbols = [...rates].map(([name, rate]) => ({ symbol: name, ...rate })).sort((a, b) => b.rows - a.rows);
  const hours = [30, 90, 150, 210, 270, 330].map((minute) => [minute, clockLabel(minute)] as const);
  return {
    symbols,
    ages: histogram(ages),
    medianAgeNs: quantile(ages, 0.5),
    p99AgeNs: quantile(ages, 0.99),
    timeline: {
      ticks: [[0, clockLabel(0)], ...hours, [MINUTES, `${clockLabel(MINUTES)} UTC`]],
      quotes: perMinute(quoteTimes),
      trades: perMinute(times),
      unmatched,
    },
  };
}

/** `13:30:00.000123456`, exactly, from ns since the epoch. */
export function formatClock(ns: bigint): string {
  const ofDay = ((ns % 86_400_000_000_000n) + 86_400_000_000_000n) % 86_400_000_000_000n;
  const pad = (value: bigint, width = 2): string => String(value).padStart(width, '0');
  const seconds = ofDay / 1_000_000_000n;
  return `${pad(seconds / 3600n)}:${pad((seconds / 60n) % 60n)}:${pad(seconds % 60n)}.${pad(ofDay % 1_000_000_000n, 9)}`;
}

/** Some rows of the joined file as text; an empty text stands for null. */
export function rowsAsText(joined: Table, durations: readonly string[], from: number, count: number): string[][] {
  const rows: string[][] = [];
  const part = joined.slice(from, from + count);
  const columns = part.schema.fields.map((field) => {
    const vector = columnOf(part, field.name);
    if (DataType.isTimestamp(field.type) || DataType.isInt(field.type)) {
      if (DataType.isInt(field.type) && field.type.bitWidth !== 64) return (row: number) => textOf(vector.get(row));
      const { values, valid } = int64Column(part, field.name);
      const format = DataType.isTimestamp(field.type)
        ? formatClock
        : durations.includes(field.name)
          ? (ns: bigint) => formatDuration(Number(ns))
          : String;
      return (row: number) => (valid[row] === 1 ? format(values[row]!) : '');
    }
    if (DataType.isFloat(field.type)) {
      return (row: number) => {
        const value: unknown = vector.get(row);
        return typeof value === 'number' ? value.toFixed(2) : '';
      };
    }
    return (row: number) => textOf(vector.get(row));
  });
  for (let row = 0; row < part.numRows; row++) rows.push(columns.map((format) => format(row)));
  return rows;
}

function textOf(value: unknown): string {
  return value === null || value === undefined ? '' : String(value);
}
