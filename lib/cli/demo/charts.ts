/**
 * The report's charts as inline SVG. Colours are CSS variables of the page, so the same drawing serves light and dark;
 * every mark carries a <title>, so that hovering says the exact number.
 */
import { grouped } from '../terminal.js';

export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** `1500` ns as `1.5 µs`. */
export function formatDuration(ns: number): string {
  const units: readonly [number, string][] = [
    [60e9, 'min'],
    [1e9, 's'],
    [1e6, 'ms'],
    [1e3, 'µs'],
    [1, 'ns'],
  ];
  const [scale, unit] = units.find(([size]) => ns >= size) ?? [1, 'ns'];
  const value = ns / scale;
  return `${value >= 100 ? Math.round(value) : Number(value.toPrecision(2))} ${unit}`;
}

function percent(share: number): string {
  return share === 1 ? '100%' : `${Math.min(99.9, Math.round(share * 1000) / 10).toFixed(1)}%`;
}

function svg(width: number, height: number, label: string, body: string): string {
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(label)}">${body}</svg>`;
}

function text(x: number, y: number, content: string, extra = ''): string {
  return `<text x="${round(x)}" y="${round(y)}" ${extra}>${escapeHtml(content)}</text>`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

export interface SymbolRate {
  readonly symbol: string;
  readonly rows: number;
  readonly matched: number;
}

/** One bar per symbol, busiest first: share of rows with a match, and the number of rows. */
export function matchRateChart(rates: readonly SymbolRate[]): string {
  const [width, rowHeight, left, right, top] = [520, 20, 52, 118, 22];
  const span = width - left - right;
  const height = top + rates.length * rowHeight + 4;
  const parts = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const x = left + share * span;
    return `<line class="grid" x1="${x}" x2="${x}" y1="${top - 4}" y2="${height}"/>${text(x, 11, `${share * 100}%`, 'class="tick" text-anchor="middle"')}`;
  });
  parts.push(text(width, 11, 'trades', 'class="tick" text-anchor="end"'));
  for (const [index, { symbol, rows, matched }] of rates.entries()) {
    const y = top + index * rowHeight;
    const share = rows === 0 ? 0 : matched / rows;
    const hint = `${symbol}: ${grouped(matched)} of ${grouped(rows)} trades matched`;
    parts.push(
      `<g><title>${hint}</title><rect class="miss" x="${left}" y="${y + 3}" width="${span}" height="${rowHeight - 8}" rx="2"/>`,
      `<rect class="bar" x="${left}" y="${y + 3}" width="${round(span * share)}" height="${rowHeight - 8}" rx="2"/>`,
      text(left - 8, y + 13, symbol, 'class="name" text-anchor="end"'),
      text(left + span + 8, y + 13, percent(share), `class="value${share < 0.95 ? ' low' : ''}"`),
      text(width, y + 13, grouped(rows), 'class="tick" text-anchor="end"'),
      '</g>',
    );
  }
  return svg(width, height, 'Match rate per symbol', parts.join(''));
}

export interface AgeBucket {
  readonly fromNs: number;
  readonly toNs: number;
  readonly count: number;
}

/** Histogram over a logarithmic axis, with the median and the 99th percentile marked. */
export function ageChart(buckets: readonly AgeBucket[], medianNs: number, p99Ns: number): string {
  const [width, height, left, right, top, bottom] = [520, 424, 44, 10, 34, 30];
  const low = Math.log10(buckets[0]!.fromNs);
  const high = Math.log10(buckets[buckets.length - 1]!.toNs);
  const most = niceCeiling(Math.max(1, ...buckets.map((bucket) => bucket.count)));
  const x = (ns: number): number => left + ((Math.log10(ns) - low) / (high - low)) * (width - left - right);
  const y = (count: number): number => height - bottom - (count / most) * (height - top - bottom);
  const parts = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const line = y(most * share);
    return `<line class="grid" x1="${left}" x2="${width - right}" y1="${round(line)}" y2="${round(line)}"/>${text(left - 6, line + 4, compact(most * share), 'class="tick" text-anchor="end"')}`;
  });
  for (const { fromNs, toNs, count } of buckets) {
    const x0 = x(fromNs) + 0.75;
    const barHeight = height - bottom - y(count);
    parts.push(
      `<rect class="bar" x="${round(x0)}" y="${round(y(count))}" width="${round(x(toNs) - x0 - 0.75)}" height="${round(barHeight)}" rx="1.5"><title>${formatDuration(fromNs)} to ${formatDuration(toNs)}: ${grouped(count)} trades</title></rect>`,
    );
  }
  for (let decade = Math.ceil(low); decade <= high; decade++) {
    parts.push(
      text(x(10 ** decade), height - bottom + 18, formatDuration(10 ** decade), 'class="tick" text-anchor="middle"'),
    );
  }
  for (const [name, ns, anchor, dx] of [
    ['median', medianNs, 'end', -5],
    ['99%', p99Ns, 'start', 5],
  ] as const) {
    const at = Math.min(Math.max(x(ns), left), width - right);
    const side = name === '99%' && at > width - 110 ? { anchor: 'end', dx: -5 } : { anchor, dx };
    parts.push(
      `<line class="marker" x1="${round(at)}" x2="${round(at)}" y1="${top - 14}" y2="${height - bottom}"/>`,
      text(at + side.dx, top - 6, `${name} ${formatDuration(ns)}`, `class="value" text-anchor="${side.anchor}"`),
    );
  }
  return svg(width, height, 'Distribution of quote age', parts.join(''));
}

export interface Timeline {
  /** Label of the first minute and of others, as [minute, label]. */
  readonly ticks: readonly (readonly [number, string])[];
  readonly quotes: readonly number[];
  readonly trades: readonly number[];
  readonly unmatched: readonly number[];
}

/** Two panels over one time axis: quotes per minute, and trades per minute with those without a match marked. */
export function timelineChart({ ticks, quotes, trades, unmatched }: Timeline): string {
  const [width, left, right, panel, gap, top, bottom] = [1080, 52, 8, 104, 34, 18, 24];
  const height = top + panel * 2 + gap + bottom;
  const step = (width - left - right) / trades.length;
  const parts: string[] = [];
  const drawPanel = (
    values: readonly number[],
    offset: number,
    label: string,
    css: string,
    marks?: readonly number[],
  ): void => {
    const most = niceCeiling(Math.max(1, ...values));
    const y = (value: number): number => offset + panel - (value / most) * panel;
    for (const share of [0, 0.5, 1]) {
      const line = round(y(most * share));
      parts.push(`<line class="grid" x1="${left}" x2="${width - right}" y1="${line}" y2="${line}"/>`);
      parts.push(text(left - 6, line + 4, compact(most * share), 'class="tick" text-anchor="end"'));
    }
    parts.push(text(left, offset - 7, label, 'class="name"'));
    const edge = values.map(
      (value, i) => `${round(left + i * step)},${round(y(value))} ${round(left + (i + 1) * step)},${round(y(value))}`,
    );
    parts.push(`<path class="${css}" d="M${left},${y(0)} L${edge.join(' ')} L${width - right},${y(0)} Z"/>`);
    if (marks !== undefined) {
      for (const [i, count] of marks.entries()) {
        if (count === 0) continue;
        const barHeight = Math.max(1.5, (count / most) * panel);
        parts.push(
          `<rect class="missed" x="${round(left + i * step)}" y="${round(y(0) - barHeight)}" width="${round(step + 0.1)}" height="${round(barHeight)}"/>`,
        );
      }
    }
  };
  drawPanel(quotes, top, 'quotes per minute', 'area2');
  drawPanel(trades, top + panel + gap, 'trades per minute', 'area', unmatched);
  for (const [minute, label] of ticks) {
    const x = left + minute * step;
    const anchor = minute === 0 ? 'start' : minute >= trades.length ? 'end' : 'middle';
    parts.push(text(x, height - 6, label, `class="tick" text-anchor="${anchor}"`));
  }
  for (let i = 0; i < trades.length; i++) {
    const hint = `minute ${i}: ${grouped(quotes[i]!)} quotes, ${grouped(trades[i]!)} trades, ${grouped(unmatched[i]!)} without a quote`;
    parts.push(
      `<rect class="hover" x="${round(left + i * step)}" y="${top}" width="${round(step)}" height="${height - top - bottom}"><title>${hint}</title></rect>`,
    );
  }
  return svg(width, height, 'Rows through time', parts.join(''));
}

/** The next round number whose half is round too. */
function niceCeiling(value: number): number {
  const decade = 10 ** Math.floor(Math.log10(value));
  return [1, 1.2, 1.6, 2, 2.4, 3.2, 4, 5, 6, 8, 10].map((step) => step * decade).find((nice) => nice >= value) ?? value;
}

function compact(value: number): string {
  return value >= 1e3 ? `${Number((value / 1e3).toPrecision(3))}k` : String(Number(value.toPrecision(3)));
}
