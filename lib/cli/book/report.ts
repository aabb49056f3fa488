/**
 * The order book's page: the ladder at a chosen time, depth, spread and imbalance through time, trades as marks. One
 * file: no network, no library, light and dark; it works from a folder.
 */
import type { RecordBatch } from 'apache-arrow';

import { escapeHtml, formatDuration } from '../demo/charts.js';
import { STYLE } from '../demo/report-style.js';
import { formatClock } from '../demo/summary.js';
import { grouped } from '../terminal.js';
import { type BookReportData, type Frame, reduceBook, type ReduceOptions } from './report-data.js';
import { BOOK_SCRIPT } from './report-script.js';
import { BOOK_STYLE } from './report-style.js';

/** Marks beyond these would hide what they mark; the largest are drawn, and the page says so. */
const MOST_MARKS = 200;

export interface BookReportOptions extends ReduceOptions {
  /** Heading; default: the symbol, or "Order book". */
  readonly title?: string;
  /** What made the input, for the head of the page: a command or a file. */
  readonly source?: string;
  /** Foot of the page. */
  readonly versions?: string;
}

type Mark = readonly [frame: number, buys: 0 | 1, price: number, volume: number];

function decimalsOf(frames: readonly Frame[]): number {
  let most = 0;
  for (const { bidPrices, askPrices } of frames) {
    for (const price of [bidPrices[0]!, askPrices[0]!]) {
      if (Number.isFinite(price)) most = Math.max(most, Number(price.toFixed(8)).toString().split('.')[1]?.length ?? 0);
    }
  }
  return most;
}

/** NaN becomes null; digits that only binary fractions have are dropped. */
function tidy(value: number, decimals = 8): number | null {
  return Number.isFinite(value) ? Number(value.toFixed(decimals)) : null;
}

function marksOf(frames: readonly Frame[]): Mark[] {
  const marks: Mark[] = [];
  for (const [i, { buys, sells }] of frames.entries()) {
    if (buys.volume > 0) marks.push([i, 1, Number((buys.notional / buys.volume).toFixed(6)), buys.volume]);
    if (sells.volume > 0) marks.push([i, 0, Number((sells.notional / sells.volume).toFixed(6)), sells.volume]);
  }
  return marks.sort((a, b) => b[3] - a[3]);
}

function payload(data: BookReportData, marks: readonly Mark[]): string {
  const { frames } = data;
  const base = frames[0]!.timeNs;
  const all = (pick: (frame: Frame) => readonly number[]): (number | null)[][] =>
    frames.map((frame) => pick(frame).map((value) => tidy(value)));
  const range = ({ low, high }: { low: number; high: number }): [number | null, number | null] | null =>
    low > high ? null : [tidy(low), tidy(high)];
  const json = JSON.stringify({
    base: String(base),
    t: frames.map(({ timeNs }) => Number(timeNs - base)),
    levels: data.levels,
    digits: decimalsOf(frames),
    chosen: data.chosen ?? Math.floor(frames.length / 2),
    bp: all((frame) => frame.bidPrices),
    bs: all((frame) => frame.bidSizes),
    ap: all((frame) => frame.askPrices),
    as: all((frame) => frame.askSizes),
    micro: frames.map(({ microprice }) => tidy(microprice)),
    imb: frames.map(({ imbalance }) => tidy(imbalance, 4)),
    imbLevels: data.imbalanceLevels,
    spread: frames.map(({ spread }) => range(spread)),
    imbs: frames.map(({ imbalances }) => range(imbalances)),
    marks,
    largest: marks[0]?.[3] ?? 1,
  });
  // Inside a script element only these could end it.
  return json.replaceAll('<', '\\u003c');
}

function tile(label: string, value: string, note: string): string {
  return `<div class="tile"><div class="label">${escapeHtml(label)}</div><div class="big">${escapeHtml(value)}</div><div class="note">${escapeHtml(note)}</div></div>`;
}

function tiles(data: BookReportData): string {
  const { frames } = data;
  const [first, last] = [frames[0]!, frames[frames.length - 1]!];
  const mids = frames.map(({ bidPrices, askPrices }) => (bidPrices[0]! + askPrices[0]!) / 2).filter(Number.isFinite);
  const spreads = frames
    .map(({ bidPrices, askPrices }) => askPrices[0]! - bidPrices[0]!)
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  const digits = decimalsOf(frames);
  const money = (value: number): string =>
    value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits + 1 });
  const [low, high] = [Math.min(...mids), Math.max(...mids)];
  const zone = data.isInstant ? ' UTC' : '';
  const made = [
    tile(
      'rows',
      grouped(data.rows),
      frames.length < data.rows ? `${grouped(frames.length)} of them are on this page` : 'all of them are on this page',
    ),
    tile(
      'time',
      formatDuration(Math.max(1, Number(last.timeNs - first.timeNs))),
      `${formatClock(first.timeNs).slice(0, 12)} to ${formatClock(last.timeNs).slice(0, 12)}${zone}`,
    ),
  ];
  if (mids.length > 0) {
    made.push(
      tile(
        'last mid price',
        money(mids[mids.length - 1]!),
        `from ${money(mids[0]!)}, between ${money(low)} and ${money(high)}`,
      ),
    );
    made.push(
      tile(
        'median spread',
        money(spreads[spreads.length >> 1]!),
        `widest shown ${money(spreads[spreads.length - 1]!)}`,
      ),
    );
  }
  if (data.trades !== null) made.push(tile('trades', grouped(data.trades), `volume ${grouped(data.volume ?? 0)}`));
  return `<div class="tiles">${made.join('')}</div>`;
}

function chart(id: string, css: string, label: string): string {
  return `<div class="chart"><canvas id="${id}" class="${css}" role="img" aria-label="${escapeHtml(label)}"></canvas><div class="cursor"></div></div>`;
}

function card(title: string, note: string, body: string): string {
  return `<section class="card"><h2>${escapeHtml(title)}</h2><p>${note}</p>${body}</section>`;
}

function depthNote(data: BookReportData): string {
  const when = data.isInstant ? 'time in UTC' : 'time of day';
  return `Price against ${when}; the stronger the colour, the more is shown at that price (logarithmic). Click or drag to choose a time.`;
}

function legend(marks: number, drawn: number): string {
  const trades =
    marks === 0
      ? ''
      : `<span><i class="tri up"></i>buys and <i class="tri down"></i>sells that took, by size${drawn < marks ? `: the largest ${grouped(drawn)} of ${grouped(marks)}` : ''}</span>`;
  return `<div class="legend"><span><i class="ramp bid"></i>bids</span><span><i class="ramp ask"></i>asks</span><span><i class="rule"></i>mid price</span>${trades}</div>`;
}

function titleOf({ symbol, hasNames, otherSymbols }: BookReportData): string {
  if (symbol !== null && hasNames) return `Order book of ${symbol}`;
  return symbol !== null && otherSymbols > 0 ? `Order book of instrument ${symbol}` : 'Order book';
}

/** The page of data that is reduced already. */
export function renderBookPage(data: BookReportData, options: BookReportOptions = {}): string {
  const title = options.title ?? titleOf(data);
  const marks = marksOf(data.frames);
  const drawn = marks.slice(0, MOST_MARKS);
  const band = '<span class="key band"></span> is the range over the rows between two that are on the page';
  const others =
    data.otherSymbols === 0
      ? ''
      : ` ${grouped(data.otherSymbols)} others of the input are left out (--symbol chooses).`;
  const depthLabel = 'Heat map of the quantity at each price through time, with the mid price and trades';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>FlowState: ${escapeHtml(title)}</title>
<style>${STYLE}${BOOK_STYLE}.cursor{position:absolute;top:4px;bottom:24px;width:0;border-left:1px dashed var(--ink);pointer-events:none}</style>
</head>
<body>
<main>
<header>
<div class="brand">FlowState</div>
<h1>${escapeHtml(title)}</h1>
${options.source === undefined ? '' : `<pre class="command">${escapeHtml(options.source)}</pre>`}
</header>
${tiles(data)}
<noscript><section class="card"><p>The charts are drawn by a script inside this page; nothing is loaded from anywhere.</p></section></noscript>
<div class="board">
<div>
${card('Depth through time', depthNote(data), chart('heat', 'heat', depthLabel) + legend(marks.length, drawn.length))}
${card('Spread', `Best ask minus best bid, in units of price; ${band}.`, chart('spread', 'line', 'Spread through time'))}
${card('Imbalance', `(bid size − ask size) / (bid size + ask size) over ${data.imbalanceLevels} level${data.imbalanceLevels === 1 ? '' : 's'}: above zero more is bid than offered; ${band}.`, chart('imbalance', 'line', 'Imbalance through time'))}
</div>
<div class="side">
<section class="card"><h2>The ladder</h2><p>As it stood at this time${data.isInstant ? ', UTC' : ''}: an exact row, none from later.</p>
<div class="clock" id="clock"></div>
<input type="range" id="slider" min="0" max="${data.frames.length - 1}" step="1" aria-label="Time">
<dl class="facts" id="facts"></dl>
<table class="ladder"><thead><tr><th class="bid">bid size</th><th class="price">price</th><th class="ask">ask size</th></tr></thead><tbody id="ladder"></tbody></table>
</section>
</div>
</div>
<footer>${escapeHtml(`${grouped(data.rows)} rows, ${data.levels} levels of each side.${others} ${options.versions ?? ''}`.trim())}</footer>
</main>
<script type="application/json" id="data">${payload(data, drawn)}</script>
<script>${BOOK_SCRIPT}</script>
</body>
</html>
`;
}

/** The page of a replay's batches (see `report-data.ts` for the columns and the errors). */
export async function renderBookReport(
  batches: Iterable<RecordBatch> | AsyncIterable<RecordBatch>,
  options: BookReportOptions = {},
): Promise<string> {
  return renderBookPage(await reduceBook(batches, options), options);
}
