import { Script } from 'node:vm';
import { type RecordBatch, Table, vectorFromArray } from 'apache-arrow';

import { parseAt } from '../../../lib/cli/book/report-command.js';
import { MOST_FRAMES, reduceBook } from '../../../lib/cli/book/report-data.js';
import { renderBookReport } from '../../../lib/cli/book/report.js';
import { bookBatch, type BookRow } from '../../helpers/book-rows.js';

const T0 = 1_700_000_000_000_000_000n;

function makeRows(count: number): BookRow[] {
  return Array.from({ length: count }, (_, i) => {
    const bid = 100 + Math.round(10 * Math.sin(i / 50));
    const spread = 1 + (i % 7 === 0 ? 3 : 0);
    const bids = Array.from({ length: i % 11 === 0 ? 2 : 3 }, (_level, k) => [bid - k, 5 + ((i + k) % 9)] as const);
    const asks = Array.from({ length: 3 }, (_level, k) => [bid + spread + k, 4 + ((i * 3 + k) % 8)] as const);
    const restingSide = i % 2 === 0 ? ('sell' as const) : ('buy' as const);
    const trade = { price: restingSide === 'sell' ? bid + spread : bid, size: 1 + (i % 4), restingSide };
    return { timeNs: T0 + BigInt(i) * 1_000_003n, bids, asks, ...(i % 5 === 0 ? { trade } : {}) };
  });
}

const rows = makeRows(10_000);
const batches = [0, 3000, 3001, 9999].map((from, i, all) => bookBatch(rows.slice(from, all[i + 1]), 3));

test('few rows are all frames, as they are', async () => {
  const data = await reduceBook([bookBatch(rows.slice(0, 500), 3)]);
  expect(data.frames.map((frame) => frame.timeNs)).toEqual(rows.slice(0, 500).map((row) => row.timeNs));
  expect(data.frames[22]!.bidPrices).toEqual([...rows[22]!.bids.map(([price]) => price), NaN]);
  expect(data).toMatchObject({ rows: 500, levels: 3, symbol: 'SIM', isInstant: true, chosen: null, trades: 100 });
});

test('many rows: frames are rows of the input, evenly, and nothing between them is lost', async () => {
  const data = await reduceBook(batches);
  expect(data.rows).toBe(10_000);
  expect(data.frames.length).toBeGreaterThan(MOST_FRAMES / 2);
  expect(data.frames.length).toBeLessThanOrEqual(MOST_FRAMES + 1);
  const byTime = new Map(rows.map((row) => [row.timeNs, row]));
  for (const frame of data.frames) {
    const row = byTime.get(frame.timeNs)!;
    expect(frame.askPrices).toEqual(row.asks.map(([price]) => price));
    expect(frame.askSizes).toEqual(row.asks.map(([, size]) => size));
  }
  expect(data.frames[0]!.timeNs).toBe(rows[0]!.timeNs);
  expect(data.frames.at(-1)!.timeNs).toBe(rows.at(-1)!.timeNs);
  const traded = rows.flatMap(({ trade }) => (trade === undefined ? [] : [trade]));
  const volume = (side: 'buy' | 'sell'): number =>
    traded.filter((trade) => trade.restingSide === side).reduce((sum, trade) => sum + trade.size, 0);
  const sum = (pick: 'buys' | 'sells'): number => data.frames.reduce((total, frame) => total + frame[pick].volume, 0);
  // Who took is the opposite of who rested.
  expect([sum('buys'), sum('sells')]).toEqual([volume('sell'), volume('buy')]);
  expect(data).toMatchObject({ trades: traded.length, volume: volume('buy') + volume('sell') });
  expect(Math.max(...data.frames.map((frame) => frame.spread.high))).toBe(4);
  expect(Math.min(...data.frames.map((frame) => frame.spread.low))).toBe(1);
});

test('the chosen time is the last row at or before it, exactly, on the page even where its neighbours are not', async () => {
  for (const wanted of [0, 1, 4321, 9998, 9999]) {
    const at = rows[wanted]!.timeNs + 1_000_002n;
    const data = await reduceBook(batches, { at: () => at });
    const frame = data.frames[data.chosen!]!;
    expect(frame.timeNs).toBe(rows[wanted]!.timeNs);
    expect(frame.bidPrices.filter((price) => !Number.isNaN(price))).toEqual(rows[wanted]!.bids.map(([price]) => price));
    for (let i = 1; i < data.frames.length; i++) {
      expect(data.frames[i]!.timeNs >= data.frames[i - 1]!.timeNs).toBe(true);
    }
  }
});

test('errors have their codes', async () => {
  const one = bookBatch(rows.slice(0, 3), 3);
  await expect(reduceBook([])).rejects.toMatchObject({ code: 'FS_ERR_ARG_RANGE' });
  await expect(reduceBook([one], { symbol: 'NONE' })).rejects.toMatchObject({ code: 'FS_ERR_ARG_RANGE' });
  await expect(reduceBook([one], { at: (first) => first - 1n })).rejects.toMatchObject({ code: 'FS_ERR_ARG_RANGE' });
  await expect(reduceBook([bookBatch(rows.slice(3, 6), 3), one])).rejects.toMatchObject({ code: 'FS_ERR_UNSORTED' });
  await expect(reduceBook([one.select(['symbol', 'bid_price_1'])])).rejects.toMatchObject({
    code: 'FS_ERR_COLUMN_MISSING',
  });
  await expect(reduceBook([one.select(['time', 'bid_price_1'])])).rejects.toMatchObject({
    code: 'FS_ERR_COLUMN_MISSING',
  });
});

test('one symbol is shown, the others are counted', async () => {
  const data = await reduceBook([bookBatch(rows.slice(0, 5), 3, 'A'), bookBatch(rows.slice(5, 9), 3, 'B')], {
    symbol: 'B',
  });
  expect(data).toMatchObject({ symbol: 'B', rows: 4, otherSymbols: 1 });
});

test('instruments without names are chosen by number', async () => {
  const numbered = (rowsOf: BookRow[], number: number): RecordBatch => {
    const table = new Table([bookBatch(rowsOf, 3)]);
    const names = table.schema.fields.map(({ name }) => name).filter((name) => name !== 'symbol');
    const columns = Object.fromEntries(names.map((name) => [name, table.getChild(name)!]));
    const instrument = vectorFromArray(new Uint32Array(rowsOf.length).fill(number));
    return new Table({ instrument, ...columns }).batches[0]!;
  };
  const [first, second] = [numbered(rows.slice(0, 5), 3), numbered(rows.slice(5, 9), 4)];
  expect(await renderBookReport([first])).toContain('<h1>Order book</h1>');
  expect(await renderBookReport([first, second], { symbol: '4' })).toContain('<h1>Order book of instrument 4</h1>');
});

test('the page is one file: no address, no script that does not compile, names escaped, data as JSON', async () => {
  const page = await renderBookReport(batches, {
    title: '<b>&"',
    source: '</script><script>alert(1)',
    versions: 'x<y',
  });
  expect(page).not.toMatch(/https?:|src=|@import|url\(|<link/);
  expect(page).not.toContain('<b>&"');
  expect(page).not.toContain('<script>alert');
  expect(page.match(/<script/g)).toHaveLength(2);
  const [, json] = /<script type="application\/json" id="data">([\s\S]*?)<\/script>/.exec(page)!;
  const data = JSON.parse(json!) as { t: number[]; bp: (number | null)[][]; digits: number; marks: unknown[] };
  expect(data.t).toHaveLength(data.bp.length);
  expect(data.bp.some((levels) => levels.includes(null))).toBe(true);
  expect(data.marks.length).toBeLessThanOrEqual(200);
  const [, script] = /<\/script>\n<script>([\s\S]*?)<\/script>/.exec(page)!;
  expect(() => new Script(script!)).not.toThrow();
});

test('times of --at: of the day of the first row, ISO, nanoseconds', () => {
  const day = 1_700_006_400_000_000_000n;
  expect(parseAt('09:30')(day + 5n)).toBe(day + 34_200_000_000_000n);
  expect(parseAt('9:30:00.25')(day)).toBe(day + 34_200_250_000_000n);
  expect(parseAt('00:00:00.000000001')(-5n)).toBe(-86_400_000_000_000n + 1n);
  expect(parseAt('2023-11-15T00:00:00.123456789Z')(0n)).toBe(day + 123_456_789n);
  expect(parseAt('2023-11-15 01:00+01:00')(0n)).toBe(day);
  expect(parseAt(String(day))(0n)).toBe(day);
  for (const bad of ['', 'noon', '25:00', '1e9', '2023-13-40T00:00Z']) {
    expect(() => parseAt(bad)(0n)).toThrow(expect.objectContaining({ code: 'FS_ERR_ARG_TYPE' }));
  }
});
