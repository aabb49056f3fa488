/** Several right tables at once, and the aligner that collects them. */
import { tableFromIPC, tableToIPC } from 'apache-arrow';

import { alignStreams, alignStreamsSync, asofJoinSync, TemporalAligner } from '../../../lib/index';
import { cellsOf, table } from '../../helpers/columns';

const trades = table({
  timestamp: ['ts_ns', [10n, 20n, 30n]],
  symbol: ['utf8', ['a', 'b', 'a']],
  price: ['float64', [1, 2, 3]],
});
const quotes = table({
  timestamp: ['ts_ns', [5n, 15n, 29n]],
  symbol: ['utf8', ['a', 'b', 'a']],
  bid: ['float64', [0.9, 1.9, 2.9]],
});
const bars = table({
  end: ['ts_us', [0n]],
  ticker: ['utf8', ['a']],
  close: ['float64', [42]],
});
const on = { on: 'timestamp', by: 'symbol', backend: 'javascript' } as const;
const bar = { table: bars, on: { left: 'timestamp', right: 'end' }, by: { left: 'symbol', right: 'ticker' } };

describe('alignStreams', () => {
  test('every stream has its own names, options and statistics', async () => {
    const {
      table: out,
      stats,
      explain,
    } = await alignStreams(
      trades,
      { quote: { table: quotes, tolerance: '2ns', age: 'quote_age' }, bar: { ...bar, prefix: 'b.' } },
      on,
    );
    expect(out.schema.fields.map((field) => field.name)).toEqual([
      ...['timestamp', 'symbol', 'price', 'quote_bid', 'quote_age', 'b.close'],
    ]);
    expect(cellsOf(out, 'quote_bid')).toEqual([null, null, 2.9]);
    expect(cellsOf(out, 'b.close')).toEqual([42, null, 42]);
    expect(stats.quote).toMatchObject({ matched: 1, toleranceExceeded: 2, noCandidate: 0 });
    expect(stats.bar).toMatchObject({ matched: 2, noCandidate: 1 });
    expect(explain).toBeUndefined();
  });

  test("options of the call are the streams' defaults", () => {
    const { stats } = alignStreamsSync(
      trades,
      { near: { table: quotes }, far: { table: quotes, tolerance: '10ns' } },
      { ...on, tolerance: '1ns' },
    );
    expect([stats.near.matched, stats.far.matched]).toEqual([1, 3]);
  });

  test('a suffix or an empty prefix takes the place of the stream prefix', () => {
    const { table: out } = alignStreamsSync(
      trades,
      { one: { table: quotes, suffix: '_1' }, two: { table: quotes, suffix: '_2' }, three: { ...bar, prefix: '' } },
      on,
    );
    expect(out.schema.fields.map((field) => field.name).slice(3)).toEqual(['bid', 'bid_2', 'close']);
  });

  test('a left row goes when any inner stream has no match', () => {
    const { table: out, stats } = alignStreamsSync(
      trades,
      { quote: { table: quotes }, bar: { ...bar, how: 'inner' } },
      on,
    );
    expect(cellsOf(out, 'price')).toEqual([1, 3]);
    expect(cellsOf(out, 'quote_bid')).toEqual([0.9, 2.9]);
    expect(stats.quote).toMatchObject({ rows: 3, matched: 3 });
  });

  test('explain is by stream', () => {
    const { explain } = alignStreamsSync(trades, { quote: { table: quotes } }, { ...on, explain: true });
    expect(explain?.streams.quote.plan).toBe('javascript');
  });

  test('N streams at once are N joins', () => {
    const streams = { quote: { table: quotes }, bar };
    const { table: out } = alignStreamsSync(trades, streams, on);
    const chained = asofJoinSync(asofJoinSync(trades, quotes, { ...on, prefix: 'quote_' }), bars, {
      ...on,
      on: bar.on,
      by: bar.by,
      prefix: 'bar_',
    });
    for (const { name } of chained.schema.fields) expect(cellsOf(out, name)).toEqual(cellsOf(chained, name));
  });
});

describe('TemporalAligner', () => {
  const make = (retain = false) =>
    new TemporalAligner({
      primary: 'trade',
      on: 'timestamp',
      by: 'symbol',
      backend: 'javascript',
      streams: { quote: { columns: ['bid'] } },
      retain,
    });

  test('pieces count as one table, in the order they came', async () => {
    const aligner = make().addData('trade', trades.slice(0, 2)).addData('quote', quotes.slice(0, 1));
    aligner.addData('quote', quotes.slice(1)).addData('trade', trades.slice(2));
    expect(aligner.pending).toEqual({ trade: 3, quote: 3 });
    const answer = await aligner.flush();
    expect(cellsOf(answer!.table, 'quote_bid')).toEqual([0.9, 1.9, 2.9]);
    expect(answer!.stats.quote).toMatchObject({ rows: 3, matched: 3 });
    expect(aligner.pending).toEqual({ trade: 0, quote: 0 });
    expect(tableFromIPC(tableToIPC(answer!.table)).numRows).toBe(3);
  });

  test('totals add up over flushes, and reset forgets them', async () => {
    const aligner = make();
    for (let i = 0; i < 2; i++) await aligner.addData('trade', trades).addData('quote', quotes.slice(0, 1)).flush();
    expect(aligner.totals).toEqual({ flushes: 2, aligned: 6, streams: { quote: { rows: 6, matched: 4 } } });
    aligner.addData('trade', trades).reset();
    expect(aligner.totals).toEqual({ flushes: 0, aligned: 0, streams: {} });
    expect(await aligner.flush()).toBeNull();
  });

  test('every flush joins what came since the last, or all streams with retain', () => {
    const later = table({ timestamp: ['ts_ns', [100n]], symbol: ['utf8', ['b']], price: ['float64', [9]] });
    for (const retain of [false, true]) {
      const aligner = make(retain).addData('quote', quotes).addData('trade', trades);
      aligner.flushSync();
      aligner.addData('trade', later);
      expect(cellsOf(aligner.flushSync()!.table, 'quote_bid')).toEqual([retain ? 1.9 : null]);
    }
  });

  test('a stream without data needs a schema', () => {
    expect(() => make().addData('trade', trades).flushSync()).toThrow(
      expect.objectContaining({ code: 'FS_ERR_SCHEMA' }),
    );
    const aligner = new TemporalAligner({
      primary: 'trade',
      ...on,
      streams: { quote: { schema: quotes.schema } },
    });
    expect(cellsOf(aligner.addData('trade', trades).flushSync()!.table, 'quote_bid')).toEqual([null, null, null]);
  });

  test('refusals', async () => {
    const aligner = make();
    expect(() => aligner.addData('quotes', quotes)).toThrow(/did you mean 'quote'/);
    expect(() => aligner.addData('quote', quotes).addData('quote', trades)).toThrow(
      expect.objectContaining({ code: 'FS_ERR_SCHEMA' }),
    );
    expect(() => aligner.addStream('trade')).toThrow(expect.objectContaining({ code: 'FS_ERR_NAME_COLLISION' }));
    expect(() => aligner.addStream('bar', { colums: ['x'] } as object)).toThrow(
      expect.objectContaining({ code: 'FS_ERR_OPTION_UNKNOWN' }),
    );
    aligner.addData('trade', trades);
    const running = aligner.flush();
    expect(() => aligner.addData('trade', trades)).toThrow(expect.objectContaining({ code: 'FS_ERR_BUSY' }));
    await running;
    expect(() => aligner.addData('trade', trades)).not.toThrow();
  });

  test('a failed flush forgets nothing', async () => {
    const aligner = new TemporalAligner({ primary: 'trade', ...on, unsorted: 'error', streams: { quote: {} } });
    const backwards = table({ timestamp: ['ts_ns', [9n, 5n]], symbol: ['utf8', ['a', 'a']], bid: ['float64', [1, 2]] });
    aligner.addData('trade', trades).addData('quote', backwards);
    await expect(aligner.flush()).rejects.toMatchObject({ code: 'FS_ERR_UNSORTED' });
    expect(aligner.pending).toEqual({ trade: 3, quote: 2 });
  });
});
