/**
 * `flowstate demo`: makes a market, joins it from the command line as anyone would, prints what came out, and writes
 * an HTML report. The join runs in a child process, so what it prints and what it takes is what a user gets.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { createError } from '../errors/from-native.js';
import { isRecord } from '../internal/validate.js';
import { packageRoot } from '../internal/native.js';
import { readTable, writeTable } from '../storage/index.js';
import { formatDuration } from './demo/charts.js';
import { canSimulate } from '../orderbook/simulate.js';
import { makeMarket } from './demo/market.js';
import { simulateDemoMarket } from './demo/simulated-market.js';
import { renderReport } from './demo/report.js';
import { rowsAsText, summarize } from './demo/summary.js';
import { quotesTable, tradesTable } from './demo/tables.js';
import { grouped, paint, textTable } from './terminal.js';
import { flowstateVersion } from './version.js';

const TOLERANCE = '30s';
const AGE = 'quote_age';
const SHOWN_ROWS = 12;

export interface DemoOptions {
  readonly dir: string;
  readonly trades: number;
  readonly quotes: number;
  readonly seed: number;
}

interface JoinRun {
  readonly wallMs: number;
  /** The JSON line of `--stats`. */
  readonly stats: Readonly<Record<string, unknown>>;
  /** What `--explain` printed. */
  readonly explain: string;
}

/** Runs `flowstate join` in a process of its own. */
async function runCommand(args: readonly string[]): Promise<JoinRun> {
  const started = performance.now();
  const child = spawn(process.execPath, [join(packageRoot(), 'bin', 'flowstate.js'), ...args], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const code = await new Promise<number | null>((resolve, reject) =>
    child.once('error', reject).once('close', resolve),
  );
  const wallMs = performance.now() - started;
  const lines = stderr.trimEnd().split('\n');
  if (code !== 0)
    throw createError('FS_ERR_INTERNAL', `expected the join to end with 0, found ${code}: ${lines.join(' ')}`);
  const json = lines.pop() ?? '{}';
  const parsed: unknown = JSON.parse(json);
  if (!isRecord(parsed)) throw createError('FS_ERR_INTERNAL', `expected statistics, found ${json}`);
  return {
    wallMs,
    stats: parsed,
    explain: lines
      .filter((line) => !line.startsWith('flowstate: '))
      .join('\n')
      .trim(),
  };
}

function numberAt(record: unknown, ...path: readonly string[]): number {
  let value = record;
  for (const key of path) value = isRecord(value) ? value[key] : undefined;
  return typeof value === 'number' ? value : 0;
}

function print(text = ''): void {
  process.stdout.write(`${text}\n`);
}

/** Runs the demo; everything it makes lies in `options.dir`. */
export async function runDemo(options: DemoOptions): Promise<void> {
  const color = process.stdout.isTTY;
  const heading = (text: string): void => print(`\n${paint(text, 'bold', color)}`);
  mkdirSync(options.dir, { recursive: true });
  const file = (name: string): string => join(options.dir, name);

  heading('1. A market');
  const simulated = process.env.FLOWSTATE_BACKEND !== 'javascript' && canSimulate();
  const { trades, quotes } = simulated ? await simulateDemoMarket(options) : makeMarket(options);
  const [tradeRows, quoteRows] = [trades.timestamp.length, quotes.timestamp.length];
  const made = simulated ? 'simulated on the order book' : 'made up';
  await writeTable(file('trades.parquet'), tradesTable(trades));
  await writeTable(file('quotes.parquet'), quotesTable(quotes));
  for (const [name, rows] of [
    ['trades.parquet', tradeRows],
    ['quotes.parquet', quoteRows],
  ] as const) {
    const mib = statSync(file(name)).size / 2 ** 20;
    print(`   ${file(name)}: ${grouped(rows)} rows, ${mib.toFixed(1)} MiB (${made}, seed ${options.seed})`);
  }

  const args = ['join', '--left', file('trades.parquet'), '--right', file('quotes.parquet'), '--on', 'timestamp'];
  args.push(
    '--by',
    'symbol',
    '--tolerance',
    TOLERANCE,
    // A trade changes the quote at its own nanosecond: what it saw is the one before.
    '--no-exact',
    '--columns',
    'bid,ask',
    '--right-time',
    'quote_time',
    '--age',
    AGE,
  );
  args.push('--out', file('aligned.parquet'), '--stats', '--explain');
  heading('2. The join');
  print(`   $ flowstate ${args.join(' ')}`);
  const run = await runCommand(args);

  heading('3. What came out');
  const joined = await readTable(file('aligned.parquet'));
  const header = joined.schema.fields.map((field) => field.name);
  print(
    indent(
      textTable(
        header,
        rowsAsText(joined, [AGE], 0, SHOWN_ROWS).map((row) => row.map((cell) => cell || 'null')),
      ),
    ),
  );

  const summary = summarize(joined, AGE, quotes.timestamp);
  const joinMs = numberAt(run.stats, 'ms', 'join');
  const matched = summary.symbols.reduce((sum, each) => sum + each.matched, 0);
  const executor = String(run.stats.executor);
  const perSecond = (tradeRows + quoteRows) / (joinMs / 1000) / 1e6;
  const counts = {
    noCandidate: numberAt(run.stats, 'streams', 'right', 'noCandidate'),
    tooFar: numberAt(run.stats, 'streams', 'right', 'toleranceExceeded'),
  };
  heading('4. Statistics');
  const facts: [string, string][] = [
    ['rows', `${grouped(joined.numRows)}, in the order of the trades`],
    ['matched', `${grouped(matched)} (${((matched / joined.numRows) * 100).toFixed(2)}%)`],
    [
      'unmatched',
      `${grouped(counts.noCandidate)} before any quote, ${grouped(counts.tooFar)} with a quote older than ${TOLERANCE}`,
    ],
    ['quote age', `median ${formatDuration(summary.medianAgeNs)}, 99% below ${formatDuration(summary.p99AgeNs)}`],
    ['join', `${joinMs.toFixed(1)} ms, ${perSecond.toFixed(1)}M rows/s, ${executor} executor`],
    ['file to file', `${(run.wallMs / 1000).toFixed(2)} s, process start included`],
  ];
  for (const [name, value] of facts) print(`   ${name.padEnd(12)}  ${value}`);

  const report = file('report.html');
  writeFileSync(
    report,
    renderReport({
      ...summary,
      command: `flowstate ${args.join(' ')}`,
      executor,
      versions: `FlowState ${flowstateVersion()}, Node ${process.version}, ${process.platform}-${process.arch}.`,
      market: `Market ${made}, seed ${options.seed}`,
      leftRows: joined.numRows,
      rightRows: quoteRows,
      matched,
      noCandidate: counts.noCandidate,
      toleranceExceeded: counts.tooFar,
      tolerance: TOLERANCE,
      joinMs,
      totalMs: run.wallMs,
      header,
      rows: rowsAsText(joined, [AGE], 0, SHOWN_ROWS),
      explain: run.explain,
    }),
  );
  heading('5. The report');
  print(`   ${relative(process.cwd(), report) || report}: open it in a browser\n`);
}

function indent(text: string): string {
  return text.replace(/^/gm, '   ');
}
