/** The demo's HTML report: one file, no network, no script, light and dark. Everything in it was measured by the run. */
import { grouped } from '../terminal.js';
import {
  type AgeBucket,
  ageChart,
  escapeHtml,
  formatDuration,
  matchRateChart,
  type SymbolRate,
  type Timeline,
  timelineChart,
} from './charts.js';
import { STYLE } from './report-style.js';

export interface ReportData {
  readonly command: string;
  readonly executor: string;
  readonly versions: string;
  readonly seed: number;
  readonly leftRows: number;
  readonly rightRows: number;
  readonly matched: number;
  readonly noCandidate: number;
  readonly toleranceExceeded: number;
  readonly tolerance: string;
  readonly joinMs: number;
  readonly totalMs: number;
  readonly symbols: readonly SymbolRate[];
  readonly ages: readonly AgeBucket[];
  readonly medianAgeNs: number;
  readonly p99AgeNs: number;
  readonly timeline: Timeline;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What `--explain` printed, as text. */
  readonly explain: string;
}

function tile(label: string, value: string, note: string): string {
  return `<div class="tile"><div class="label">${escapeHtml(label)}</div><div class="big">${escapeHtml(value)}</div><div class="note">${escapeHtml(note)}</div></div>`;
}

function card(title: string, note: string, body: string, css = ''): string {
  return `<section class="card ${css}"><h2>${escapeHtml(title)}</h2><p>${note}</p>${body}</section>`;
}

function rowsTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const numeric = header.map((_, column) =>
    rows.every((row) => /^(-?[\d.,]+( [n\u00b5m]?s| min)?|)$/.test(row[column] ?? '')),
  );
  const cell = (tag: string, value: string, column: number): string => {
    const css = [numeric[column] === true ? 'num' : '', value === '' ? 'null' : '']
      .filter((name) => name !== '')
      .join(' ');
    return `<${tag}${css === '' ? '' : ` class="${css}"`}>${value === '' ? 'null' : escapeHtml(value)}</${tag}>`;
  };
  const line = (tag: string, cells: readonly string[]): string =>
    `<tr>${cells.map((value, i) => cell(tag, value, i)).join('')}</tr>`;
  return `<div class="scroll"><table><thead>${line('th', header)}</thead><tbody>${rows.map((row) => line('td', row)).join('')}</tbody></table></div>`;
}

/** The whole page. */
export function renderReport(data: ReportData): string {
  const rate = data.matched / data.leftRows;
  const perSecond = (data.leftRows + data.rightRows) / (data.joinMs / 1000) / 1e6;
  const missed = data.leftRows - data.matched;
  const tiles = [
    tile('trades joined', grouped(data.leftRows), `against ${grouped(data.rightRows)} quotes`),
    tile('matched', `${(rate * 100).toFixed(1)}%`, `${grouped(missed)} without a quote: null, never a guess`),
    tile('median quote age', formatDuration(data.medianAgeNs), `99% are younger than ${formatDuration(data.p99AgeNs)}`),
    tile(
      'join',
      `${data.joinMs.toFixed(data.joinMs < 10 ? 1 : 0)} ms`,
      `${perSecond.toFixed(0)}M rows/s, ${data.executor} executor`,
    ),
    tile('file to file', `${(data.totalMs / 1000).toFixed(2)} s`, 'read, join, write, process start included'),
  ];
  const reasons = `${grouped(data.noCandidate)} trades came before any quote of their symbol, ${grouped(data.toleranceExceeded)} found only quotes older than ${escapeHtml(data.tolerance)}.`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>FlowState: trades with the quote that was current</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header>
<div class="brand">FlowState</div>
<h1>Every trade with the quote that was current at its nanosecond</h1>
<pre class="command"><span>$</span> ${escapeHtml(data.command)}</pre>
</header>
<div class="tiles">${tiles.join('')}</div>
<div class="pair">
${card('Match rate per symbol', reasons, matchRateChart(data.symbols))}
${card('Age of the matched quote', 'Trade time minus quote time, on a logarithmic axis. Never negative: no row from the future.', ageChart(data.ages, data.medianAgeNs, data.p99AgeNs))}
</div>
${card('Rows through time', 'One day, minute by minute. <span class="key missed-key"></span> marks trades without a match: two symbols start quoting late, one stops for a while.', timelineChart(data.timeline))}
${card('First rows', 'As they stand in the output file. Columns from the quote side are null where nothing matched.', rowsTable(data.header, data.rows))}
${card('How it was joined', 'The plan that was chosen, the statistics it was chosen by, and where the time went.', `<pre class="explain">${escapeHtml(data.explain)}</pre>`)}
<footer>Made-up market, seed ${data.seed}; the same seed gives the same rows. ${escapeHtml(data.versions)}</footer>
</main>
</body>
</html>
`;
}
