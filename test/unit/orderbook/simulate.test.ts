import { type Table, tableToIPC } from 'apache-arrow';

import { loadAddon } from '../../../lib/internal/native.js';
import { simulateMarket, simulateMarketBatches } from '../../../lib/orderbook/simulate.js';
import { parseSimulateOptions, tickFraction } from '../../../lib/orderbook/simulate-options.js';
import { eventsOf, NaiveBook } from '../../helpers/book-rows.js';

const SMALL = { symbols: 4, duration: '20s', eventsPerSecond: 400, seed: 5 } as const;
const bytes = (table: Table): Buffer => Buffer.from(tableToIPC(table, 'stream'));

describe('options', () => {
  it.each([
    [{ seed: -1 }, 'FS_ERR_ARG_RANGE'],
    [{ seed: 1.5 }, 'FS_ERR_ARG_TYPE'],
    [{ seed: 2n ** 63n }, 'FS_ERR_ARG_RANGE'],
    [{ symbols: 0 }, 'FS_ERR_ARG_RANGE'],
    [{ symbols: [] }, 'FS_ERR_ARG_RANGE'],
    [{ symbols: ['A', 'A'] }, 'FS_ERR_ARG_RANGE'],
    [{ symbols: [{ name: 'A', prise: 3 }] }, 'FS_ERR_OPTION_UNKNOWN'],
    [{ symbols: [{ name: 'A', price: 0.001 }] }, 'FS_ERR_ARG_RANGE'],
    [{ symbols: [{ name: 'A', book: 'deeep' }] }, 'FS_ERR_OPTION_UNKNOWN'],
    [{ duration: '0s' }, 'FS_ERR_ARG_RANGE'],
    [{ duration: 5 }, 'FS_ERR_ARG_TYPE'],
    [{ start: 12 }, 'FS_ERR_ARG_TYPE'],
    [{ start: 2n ** 63n - 1n }, 'FS_ERR_ARG_RANGE'],
    [{ granularity: 0n }, 'FS_ERR_ARG_RANGE'],
    [{ eventsPerSecond: 0 }, 'FS_ERR_ARG_RANGE'],
    [{ eventsPerSecond: NaN }, 'FS_ERR_ARG_RANGE'],
    [{ model: 'hawks' }, 'FS_ERR_OPTION_UNKNOWN'],
    [{ hawkes: { branchingRatio: 1 } }, 'FS_ERR_ARG_RANGE'],
    [{ hawkes: { kernels: [] } }, 'FS_ERR_ARG_TYPE'],
    [{ hawkes: { kernels: [{ weight: 1, meanDelay: '0ns' }] } }, 'FS_ERR_ARG_RANGE'],
    [{ activity: [0, 0] }, 'FS_ERR_ARG_RANGE'],
    [{ tickSize: 0 }, 'FS_ERR_ARG_RANGE'],
    [{ tables: ['bars'] }, 'FS_ERR_OPTION_UNKNOWN'],
    [{ durations: '1h' }, 'FS_ERR_OPTION_UNKNOWN'],
    [{ signal: {} }, 'FS_ERR_ARG_TYPE'],
  ])('%p is refused', (options, code) => {
    expect(() => parseSimulateOptions(options)).toThrow(expect.objectContaining({ code }));
  });

  it('a tick is a fraction of whole numbers', () => {
    expect(tickFraction(0.01, 'tick')).toEqual({ units: 1, perWhole: 100 });
    expect(tickFraction(0.25, 'tick')).toEqual({ units: 25, perWhole: 100 });
    expect(tickFraction(1e-8, 'tick')).toEqual({ units: 1, perWhole: 1e8 });
    expect(tickFraction(5, 'tick')).toEqual({ units: 5, perWhole: 1 });
    expect(() => tickFraction(1 / 3, 'tick')).toThrow(expect.objectContaining({ code: 'FS_ERR_ARG_RANGE' }));
  });
});

(loadAddon().addon === null ? describe.skip : describe)('a market', () => {
  it.each(['hawkes', 'zero-intelligence'] as const)(
    '%s: same seed, same bytes, whatever the batches',
    async (model) => {
      const whole = await simulateMarket({ ...SMALL, model });
      const cut = await simulateMarket({ ...SMALL, model, batchSize: 37 });
      const other = await simulateMarket({ ...SMALL, model, seed: 6 });
      for (const name of ['trades', 'quotes', 'events'] as const) {
        expect(whole[name].numRows).toBeGreaterThan(100);
        expect(cut[name].batches.length).toBeGreaterThan(10);
        expect(cut[name].toArray().map(String)).toEqual(whole[name].toArray().map(String));
        expect(bytes(whole[name]).equals(bytes(other[name]))).toBe(false);
      }
      const again = await simulateMarket({ ...SMALL, model });
      expect(bytes(again.events).equals(bytes(whole.events))).toBe(true);
    },
  );

  it('its events, applied to a naive book, give every quote and every trade', async () => {
    const { events, quotes, trades } = await simulateMarket({ ...SMALL, tickSize: 0.05 });
    for (const symbol of ['NOVA', 'BRSK']) {
      const feed = eventsOf(events, symbol);
      const quoted = quotes.toArray().filter((row) => row.symbol === symbol);
      const book = new NaiveBook();
      let at = 0;
      let executed = 0;
      for (const quote of quoted) {
        while (at < feed.length && feed[at]!.sequence <= quote.sequence) {
          executed += feed[at]!.kind === 'execute' ? feed[at]!.quantity : 0;
          book.apply(feed[at++]!);
        }
        const [bid, ask] = [book.depth('buy', 1)[0], book.depth('sell', 1)[0]];
        expect([quote.bid, Number(quote.bid_size)]).toEqual(
          bid === undefined ? [null, 0] : [(bid[0] * 5) / 100, bid[1]],
        );
        expect([quote.ask, Number(quote.ask_size)]).toEqual(
          ask === undefined ? [null, 0] : [(ask[0] * 5) / 100, ask[1]],
        );
      }
      expect(quoted.length).toBeGreaterThan(50);
      for (; at < feed.length; at++) executed += feed[at]!.kind === 'execute' ? feed[at]!.quantity : 0;
      const traded = trades.toArray().filter((row) => row.symbol === symbol);
      expect(traded.reduce((sum, row) => sum + Number(row.size), 0)).toBe(executed);
    }
  });

  it('rows are in time order, from the start to the end, with the names and prices asked for', async () => {
    const start = 1_600_000_000_000_000_000n;
    const market = await simulateMarket({
      symbols: [{ name: 'ES', price: 4000.25, tickSize: 0.25, book: 'deep' }, 'ZN'],
      start,
      duration: '10s',
      granularity: '1ms',
      eventsPerSecond: 500,
    });
    for (const table of [market.trades, market.quotes, market.events]) {
      let last = start;
      for (const data of table.getChild('timestamp')!.data) {
        for (const time of data.values as BigInt64Array) {
          expect(time >= last && (time - start) % 1_000_000n === 0n).toBe(true);
          last = time;
        }
      }
      expect(last < start + 10_000_000_000n).toBe(true);
      expect(new Set(table.getChild('symbol')!.toArray())).toEqual(new Set(['ES', 'ZN']));
    }
    const first = market.quotes.toArray().find((row) => row.symbol === 'ES');
    expect([first!.bid, first!.ask]).toEqual([4000.25, 4000.5]);
    const instruments = market.events.getChild('instrument')!;
    const names = market.events.getChild('symbol')!;
    for (let row = 0; row < 100; row++) expect(['ES', 'ZN'][instruments.get(row) as number]).toBe(names.get(row));
  });

  it('only the tables asked for have rows', async () => {
    const market = await simulateMarket({ ...SMALL, tables: ['quotes'] });
    expect([market.trades.numRows, market.events.numRows]).toEqual([0, 0]);
    expect(market.quotes.numRows).toBe((await simulateMarket(SMALL)).quotes.numRows);
    expect(market.trades.schema.fields.map((field) => field.name)).toContain('taker_id');
  });

  it('an empty side of the book is a null price and a size of zero', async () => {
    const { quotes } = await simulateMarket({
      symbols: [{ name: 'THIN', book: 'thin' }],
      duration: '2h',
      eventsPerSecond: 3,
      hawkes: { branchingRatio: 0.95, persistence: 1 },
      tables: ['quotes'],
    });
    const bid = quotes.getChild('bid')!;
    const empty = quotes.toArray().filter((row) => row.bid === null || row.ask === null);
    expect(empty.length).toBeGreaterThan(0);
    for (const row of empty) expect(Number(row.bid === null ? row.bid_size : row.ask_size)).toBe(0);
    expect(bid.nullCount).toBe(quotes.toArray().filter((row) => row.bid === null).length);
  });

  it('stops at its signal, before and during', async () => {
    await expect(simulateMarket({ ...SMALL, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'FS_ERR_ABORTED',
    });
    const controller = new AbortController();
    const running = simulateMarket({
      symbols: 50,
      duration: '1000h',
      signal: controller.signal,
      batchSize: 16_777_216,
    });
    setTimeout(() => controller.abort(), 20);
    await expect(running).rejects.toMatchObject({ code: 'FS_ERR_ABORTED' });
  });

  it('the addon checks what it is given, and one call runs at a time', async () => {
    const addon = loadAddon().addon!;
    const { request } = parseSimulateOptions(SMALL);
    const open = (change: object) => () => addon.simulateOpen({ ...request, ...change });
    const rejected = (code: string): Error => expect.objectContaining({ flowstateError: true, code }) as Error;
    expect(open({ branching: 1 })).toThrow(rejected('FS_ERR_ARG_RANGE'));
    expect(open({ branching: NaN })).toThrow(rejected('FS_ERR_ARG_RANGE'));
    expect(open({ kernels: [] })).toThrow(rejected('FS_ERR_ARG_RANGE'));
    expect(open({ durationNs: 0n })).toThrow(rejected('FS_ERR_ARG_RANGE'));
    expect(open({ symbols: [] })).toThrow(rejected('FS_ERR_ARG_RANGE'));
    expect(open({ eventsPerSecond: Infinity })).toThrow(rejected('FS_ERR_ARG_RANGE'));
    expect(open({ model: 7 })).toThrow(rejected('FS_ERR_ARG_RANGE'));
    expect(open({ seed: 'x' })).toThrow(rejected('FS_ERR_ARG_TYPE'));
    expect(() => addon.simulateOpen(undefined as never)).toThrow(rejected('FS_ERR_ARG_TYPE'));
    const simulation = addon.simulateOpen(request);
    expect(() => addon.simulateNext(simulation, 0)).toThrow(rejected('FS_ERR_ARG_RANGE'));
    const first = addon.simulateNext(simulation, 5000);
    expect(() => addon.simulateNext(simulation, 1)).toThrow(rejected('FS_ERR_BUSY'));
    await first.promise;
    await addon.simulateNext(simulation, 1).promise;
  });

  it('batches are made as they are asked for, and share their dictionaries', async () => {
    const schemas = new Set<string>();
    let rows = 0;
    for await (const batch of simulateMarketBatches({ ...SMALL, batchSize: 500 })) {
      schemas.add(String(batch.events.schema));
      rows += batch.events.numRows;
      if (rows > 2000) break;
    }
    expect(schemas.size).toBe(1);
    expect(rows).toBeLessThan(5000);
  });
});
