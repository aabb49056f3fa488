/** `flowstate book simulate` and `flowstate book report`, from files to files, and the page in a real browser. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { Table } from 'apache-arrow';

import { renderBookReport } from '../../../lib/cli/book/report.js';
import { readTable, writeTable } from '../../../lib/storage/index.js';
import { canSimulate, simulateMarket } from '../../../lib/orderbook/simulate.js';
import { bookBatch, eventsOf, NaiveBook, type BookRow } from '../../helpers/book-rows.js';
import { ensureBuilt, flowstate, ROOT, temporaryFolder } from './run-cli.js';

const LOBSTER = join(ROOT, '..', 'shared', 'data', 'AAPL_2012-06-21_34200000_57600000_');
const BROWSER = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);
const withAddon = canSimulate() ? describe : describe.skip;

let folder = '';
beforeAll(() => {
  ensureBuilt();
  folder = temporaryFolder().dir;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The page's text once its script has run; null where there is no browser. */
function inBrowser(page: string): string | null {
  if (BROWSER === undefined) return null;
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--virtual-time-budget=5000', '--dump-dom'];
  const profile = `--user-data-dir=${join(folder, 'browser')}`;
  const done = spawnSync(BROWSER, [...flags, profile, pathToFileURL(page).href], { encoding: 'utf8', timeout: 90_000 });
  return done.status === 0 ? done.stdout : fail(done.stderr);
}

function fail(message: string): never {
  throw new Error(message);
}

withAddon('book simulate', () => {
  test('writes what simulateMarket makes, by the same seed', async () => {
    const out = join(folder, 'market');
    const args = [
      'book',
      'simulate',
      '--out-dir',
      out,
      '--symbols',
      '3',
      '--duration',
      '20s',
      '--seed',
      '9',
      '--stats',
    ];
    const done = await flowstate(args);
    expect(done).toMatchObject({ code: 0 });
    const stats = JSON.parse(done.stderr) as { files: Record<string, { rows: number; bytes: number }> };
    const market = await simulateMarket({ symbols: 3, duration: '20s', seed: 9 });
    for (const name of ['trades', 'quotes', 'events'] as const) {
      const table = await readTable(join(out, `${name}.parquet`));
      expect(table.numRows).toBe(market[name].numRows);
      expect(stats.files[name]?.rows).toBe(table.numRows);
      for (const at of [0, table.numRows >> 1, table.numRows - 1]) {
        expect(String(table.get(at))).toBe(String(market[name].get(at)));
      }
    }
    expect(readdirSync(out).sort()).toEqual(['events.parquet', 'quotes.parquet', 'trades.parquet']);
  });

  test('other formats, tables and names', async () => {
    const out = join(folder, 'csv');
    const args = ['book', 'simulate', '--out-dir', out, '--symbols', 'AA,BB', '--duration', '2s', '--format', 'csv'];
    const done = await flowstate([
      ...args,
      '--tables',
      'quotes',
      '--start',
      '2024-01-02T00:00:00',
      '--model',
      'zero-intelligence',
    ]);
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(readdirSync(out)).toEqual(['quotes.csv']);
    expect(readFileSync(join(out, 'quotes.csv'), 'utf8')).toMatch(
      /^timestamp,symbol,bid[^\n]*\n2024-01-02T00:00:00[^\n]*,AA,/,
    );
  });

  test.each([
    [['--branching', '1'], 'FS_ERR_ARG_RANGE'],
    [['--branching', 'x'], 'FS_ERR_ARG_TYPE'],
    [['--seed', '-3'], 'FS_ERR_ARG_TYPE'],
    [['--duration', 'soon'], 'FS_ERR_ARG_RANGE'],
    [['--start', 'noon'], 'FS_ERR_ARG_TYPE'],
    [['--tables', 'bars'], 'FS_ERR_OPTION_UNKNOWN'],
    [['--durations', '1h'], 'FS_ERR_OPTION_UNKNOWN'],
  ])('%j is refused with exit code 2 and nothing is written', async (flags, code) => {
    const out = join(folder, 'refused');
    const done = await flowstate(['book', 'simulate', '--out-dir', out, ...flags]);
    expect(done.code).toBe(2);
    expect(done.stderr).toMatch(new RegExp(`^flowstate: ${code}: [^\\n]+\\n$`));
    expect(existsSync(out)).toBe(false);
  });
});

withAddon('book report', () => {
  test('of a simulated book: the ladder at the chosen time is the book then', async () => {
    const { events } = await simulateMarket({ symbols: 2, duration: '60s', eventsPerSecond: 60, seed: 4 });
    const book = new NaiveBook();
    const rows: BookRow[] = [];
    for (const event of eventsOf(events, 'HELI')) {
      book.apply(event);
      const levels = (side: 'buy' | 'sell'): [number, number][] =>
        book.depth(side, 5).map(([ticks, size]) => [ticks / 100, size]);
      const trade = { price: event.price / 100, size: event.quantity, restingSide: event.side };
      const row = { timeNs: event.timeNs, bids: levels('buy'), asks: levels('sell') };
      rows.push(event.kind === 'execute' ? { ...row, trade } : row);
    }
    const [input, page] = [join(folder, 'book.parquet'), join(folder, 'book.html')];
    await writeTable(input, new Table([bookBatch(rows, 5, 'HELI')]));
    const wanted = rows[Math.floor(rows.length * 0.6)]!;
    const last = rows.findLast((row) => row.timeNs <= wanted.timeNs)!;
    const done = await flowstate(['book', 'report', '--in', input, '--out', page, '--at', String(wanted.timeNs)]);
    expect(done).toMatchObject({ code: 0, stderr: '' });
    const html = readFileSync(page, 'utf8');
    expect(html).toContain('Order book of HELI');
    expect(html).not.toMatch(/https?:/);
    const dom = inBrowser(page);
    if (dom === null) return console.log('skipped: no browser to open the page in');
    expect(dom).toContain('data-ready="yes"');
    const cells = [...dom.matchAll(/class="price is(bid|ask)">([\d.,]+)</g)].map(([, side, price]) => [
      side,
      Number(price),
    ]);
    expect(cells).toEqual([
      ...last.asks.map(([price]) => ['ask', price]).reverse(),
      ...last.bids.map(([price]) => ['bid', price]),
    ]);
  });

  test.each([
    [['--in', 'missing.parquet', '--out', 'x.html'], 1, 'FS_ERR_IO'],
    [['--in', 'market/trades.parquet', '--out', 'x.html'], 2, 'FS_ERR_COLUMN_MISSING'],
    [['--in', 'book.parquet', '--out', 'x.html', '--at', 'noon'], 2, 'FS_ERR_ARG_TYPE'],
    [['--in', 'book.parquet', '--out', 'x.html', '--at', '00:00'], 2, 'FS_ERR_ARG_RANGE'],
    [['--in', 'book.parquet', '--out', 'x.html', '--symbol', 'NONE'], 2, 'FS_ERR_ARG_RANGE'],
    [['--in', 'book.parquet'], 2, 'FS_ERR_ARG_TYPE'],
  ])('%j ends with %i', async (flags, exit, code) => {
    const done = await flowstate(['book', 'report', ...flags], { cwd: folder });
    expect(done.code).toBe(exit);
    expect(done.stderr).toMatch(new RegExp(`^flowstate: ${code}: [^\\n]+\\n$`));
    expect(existsSync(join(folder, 'x.html'))).toBe(false);
  });
});

test('the page of a real day: every LOBSTER row is a frame, prices to the cent', async () => {
  if (!existsSync(`${LOBSTER}message_10_first998.csv.gz`)) return console.log('skipped: no ../shared/data');
  const read = (name: string): string[][] =>
    gunzipSync(readFileSync(`${LOBSTER}${name}`))
      .toString()
      .trim()
      .split('\n')
      .map((line) => line.split(','));
  const books = read('orderbook_10_first998.csv.gz').map((line) => line.map(Number));
  const rows = read('message_10_first998.csv.gz').map((line, i): BookRow => {
    const [seconds = '', fraction = ''] = line[0]!.split('.');
    const levels = (first: number): [number, number][] =>
      Array.from({ length: 10 }, (_, k) => [books[i]![4 * k + first]! / 1e4, books[i]![4 * k + first + 1]!]);
    const timeNs = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9));
    return { timeNs, asks: levels(0), bids: levels(2) };
  });
  const html = await renderBookReport([bookBatch(rows, 10, 'AAPL')]);
  const json = /id="data">([\s\S]*?)<\/script>/.exec(html)![1]!;
  const data = JSON.parse(json) as { t: number[]; bp: number[][]; digits: number };
  expect(data.t).toHaveLength(rows.length);
  expect(data.digits).toBe(2);
  expect(data.bp.at(-1)).toEqual(rows.at(-1)!.bids.map(([price]) => price));
});
