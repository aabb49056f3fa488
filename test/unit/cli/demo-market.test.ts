import { ageChart, formatDuration, matchRateChart } from '../../../lib/cli/demo/charts.js';
import { DAY_NS, makeMarket, OPEN_NS, SYMBOLS } from '../../../lib/cli/demo/market.js';
import { HALTED, LATE_SYMBOLS } from '../../../lib/cli/demo/market.js';
import { simulateDemoMarket } from '../../../lib/cli/demo/simulated-market.js';
import { formatClock } from '../../../lib/cli/demo/summary.js';
import { canSimulate } from '../../../lib/orderbook/simulate.js';

const SIZE = { trades: 4000, quotes: 20000, seed: 11 };
const { trades, quotes } = makeMarket(SIZE);

test('the same seed gives the same rows, another seed others', () => {
  expect(makeMarket(SIZE)).toEqual({ trades, quotes });
  expect(makeMarket({ ...SIZE, seed: 12 }).quotes.timestamp).not.toEqual(quotes.timestamp);
});

test('rows are in time order, within the day, interleaved over all symbols, with shared nanoseconds', () => {
  for (const side of [trades, quotes]) {
    let [descents, shared, crossings] = [0, 0, 0];
    for (let row = 1; row < side.timestamp.length; row++) {
      if (side.timestamp[row]! < side.timestamp[row - 1]!) descents++;
      if (side.timestamp[row] === side.timestamp[row - 1]) shared++;
      if (side.symbol[row] !== side.symbol[row - 1]) crossings++;
    }
    expect(descents).toBe(0);
    expect(new Set(side.symbol).size).toBe(SYMBOLS.length);
    expect(crossings).toBeGreaterThan(side.timestamp.length / 4);
    if (side === quotes) expect(shared).toBeGreaterThan(0);
    expect(side.timestamp[0]! >= OPEN_NS).toBe(true);
    expect(side.timestamp.at(-1)! < OPEN_NS + BigInt(DAY_NS)).toBe(true);
  }
});

test('the ask is above the bid, prices are whole ticks, and the first symbol is the busiest', () => {
  const counts = new Array<number>(SYMBOLS.length).fill(0);
  for (let row = 0; row < quotes.bid.length; row++) {
    counts[quotes.symbol[row]!]!++;
    expect(quotes.ask[row]!).toBeGreaterThan(quotes.bid[row]!);
    expect(Math.round(quotes.bid[row]! * 100) / 100).toBe(quotes.bid[row]);
  }
  expect(Math.max(...counts)).toBe(counts[0]);
});

test('durations and times of day as text', () => {
  expect([1, 999, 1500, 2.5e6, 340e6, 12e9, 90e9].map(formatDuration)).toEqual([
    '1 ns',
    '999 ns',
    '1.5 µs',
    '2.5 ms',
    '340 ms',
    '12 s',
    '1.5 min',
  ]);
  expect(formatClock(OPEN_NS + 123n)).toBe('13:30:00.000000123');
  expect(formatClock(-1n)).toBe('23:59:59.999999999');
});

test('names in charts are escaped', () => {
  expect(matchRateChart([{ symbol: '<b>&', rows: 2, matched: 1 }])).toContain('&lt;b&gt;&amp;');
  expect(ageChart([{ fromNs: 1, toNs: 10, count: 3 }], 2, 9)).toContain('<svg');
});

(canSimulate() ? describe : describe.skip)('the simulated market', () => {
  it('has the same shape, about as many rows, and the holes in the quotes that the page speaks of', async () => {
    const market = await simulateDemoMarket(SIZE);
    expect(Object.keys(market.quotes).sort()).toEqual(Object.keys(quotes).sort());
    expect(Object.keys(market.trades).sort()).toEqual(Object.keys(trades).sort());
    expect(market.quotes.timestamp.length / SIZE.quotes).toBeGreaterThan(0.6);
    expect(market.quotes.timestamp.length / SIZE.quotes).toBeLessThan(1.6);
    expect(await simulateDemoMarket(SIZE)).toEqual(market);
    for (const side of [market.trades, market.quotes]) {
      expect(new Set(side.symbol).size).toBe(SYMBOLS.length);
      for (let row = 0; row < side.timestamp.length; row++) {
        expect(side.timestamp[row]! >= (row === 0 ? OPEN_NS : side.timestamp[row - 1]!)).toBe(true);
        expect(side.timestamp[row]! < OPEN_NS + BigInt(DAY_NS)).toBe(true);
      }
    }
    const { timestamp, symbol, bid, ask } = market.quotes;
    for (let row = 0; row < timestamp.length; row++) {
      expect(ask[row]!).toBeGreaterThan(bid[row]!);
      const since = Number(timestamp[row]! - OPEN_NS);
      expect(since).toBeGreaterThanOrEqual(LATE_SYMBOLS.get(symbol[row]!) ?? 0);
      expect(symbol[row] === HALTED.symbol && since >= HALTED.from && since < HALTED.to).toBe(false);
    }
  });
});
