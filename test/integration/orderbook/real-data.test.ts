/** Real feeds through replayBook, against what the venues themselves say the book was. */
import { Table, type RecordBatch } from 'apache-arrow';
import { asofJoin, replayBook, type ReplayBookOptions } from '../../../lib/index.js';
import { describeWith, pathOf, textOf } from './data.js';

async function tableOf(source: AsyncIterable<RecordBatch>): Promise<Table> {
  const batches: RecordBatch[] = [];
  for await (const batch of source) batches.push(batch);
  return new Table(batches);
}

function lines(text: string): string[] {
  return text.trimEnd().split(/\r?\n/);
}

/** `ask price, ask size, bid price, bid size` per level of a LOBSTER row, as the columns of a side. */
function lobsterSide(row: string, side: 'bid' | 'ask'): (readonly [bigint, bigint])[] {
  const cells = row.split(',').map(BigInt);
  const levels: (readonly [bigint, bigint])[] = [];
  for (let at = side === 'ask' ? 0 : 2; at + 1 < cells.length; at += 4) {
    if (cells[at + 1]! > 0n) levels.push([cells[at]!, cells[at + 1]!]);
  }
  return levels;
}

function shownSide(table: Table, row: number, side: 'bid' | 'ask'): (readonly [bigint, bigint])[] {
  const levels: (readonly [bigint, bigint])[] = [];
  for (let k = 1; k <= 10; k++) {
    const price = table.getChild(`${side}_price_${k}`)!.get(row) as bigint | null;
    if (price === null) break;
    levels.push([price, table.getChild(`${side}_size_${k}`)!.get(row) as bigint]);
  }
  return levels;
}

describeWith(['messages', 'book'])('LOBSTER, AAPL', () => {
  const options: ReplayBookOptions = { format: 'lobster', prices: 'ticks', features: ['levels'] };

  it('every message turns row i-1 of the book into row i, 998 of 998', async () => {
    const messages = lines(textOf('messages'));
    const rows = lines(textOf('book'));
    expect([messages.length, rows.length]).toEqual([999, 999]);
    let exact = 0;
    for (let i = 1; i < rows.length; i++) {
      // The seed stands for the first message, which is the one before.
      const bytes = Buffer.from(`${messages[i - 1]}\n${messages[i]}\n`);
      const table = await tableOf(
        replayBook(bytes, { ...options, orderbook: Buffer.from(rows[i - 1]!), onReject: 'error' }),
      );
      const same = (['bid', 'ask'] as const).every((side) => {
        const found = shownSide(table, table.numRows - 1, side);
        const wanted = lobsterSide(rows[i]!, side);
        // A level left, so that the tenth comes from behind what the row before showed.
        const known = found.length === wanted.length - 1 ? wanted.slice(0, -1) : wanted;
        return JSON.stringify(found.map(String)) === JSON.stringify(known.map(String));
      });
      if (same) exact++;
    }
    expect(exact).toBe(998);
  });

  it('from row 0 on, the touch follows the file as long as it stays within what row 0 showed', async () => {
    const rows = lines(textOf('book'));
    const replay = replayBook(pathOf('messages'), {
      ...options,
      orderbook: pathOf('book'),
      date: '2012-06-21',
      utcOffset: '-04:00',
    });
    const table = await tableOf(replay);
    expect(table.numRows).toBe(rows.length);
    let touches = 0;
    for (let row = 0; row < rows.length; row++) {
      for (const side of ['bid', 'ask'] as const) {
        if (String(shownSide(table, row, side)[0]) === String(lobsterSide(rows[row]!, side)[0])) touches++;
      }
    }
    // Not all: prices move to levels whose orders nobody told. What is known is compared exactly above.
    expect(touches).toBeGreaterThan(rows.length);
    expect(String(table.schema.fields[0]!.type)).toBe('Timestamp<NANOSECOND, UTC>');
    expect(table.getChild('event_time')!.data[0]!.values[0]).toBe(1_340_285_400_004_241_176n);
    expect(replay.stats).toMatchObject({ messages: 999, events: 1019, gaps: 0 });
  });
});

describeWith(['binance'])('Binance, BTCUSDT', () => {
  it('the book equals bookTicker at the same update id, every time', async () => {
    const replay = replayBook(pathOf('binance'), {
      format: 'binance',
      levels: 1,
      features: ['levels'],
      prices: 'ticks',
    });
    const best = new Map<bigint, string>();
    for await (const batch of replay) {
      const column = (name: string) => batch.getChild(name)!;
      const [sequence, bid, bidSize] = [column('sequence'), column('bid_price_1'), column('bid_size_1')];
      const [ask, askSize] = [column('ask_price_1'), column('ask_size_1')];
      for (let i = 0; i < batch.numRows; i++) {
        best.set(sequence.get(i), [bid.get(i), bidSize.get(i), ask.get(i), askSize.get(i)].join(' '));
      }
    }
    const units = (text: string): string => BigInt(text.replace('.', '')).toString();
    let compared = 0;
    for (const line of lines(textOf('binance'))) {
      const message = JSON.parse(line.slice(line.indexOf('{'))) as Record<string, unknown>;
      const data = (message.data ?? message) as {
        e?: string;
        u?: number;
        b?: string;
        B?: string;
        a?: string;
        A?: string;
      };
      if (data.e === 'depthUpdate' || data.B === undefined || data.u === undefined) continue;
      const seen = best.get(BigInt(data.u));
      if (seen === undefined) continue;
      compared++;
      const told = [data.b!, data.B, data.a!, data.A!].map(units).join(' ');
      if (told !== seen) throw new Error(`update ${data.u}: ${told} is not ${seen}`);
    }
    expect(compared).toBeGreaterThan(100);
    expect(replay.stats).toMatchObject({ gaps: 0, rejected: 0 });
    expect(Object.keys(replay.stats.eventsByInstrument)).toEqual(['BTCUSDT']);
  });

  it('shows whole coins and dollars by default', async () => {
    for await (const batch of replayBook(pathOf('binance'), {
      format: 'binance',
      levels: 2,
      sample: { every: 1000 },
    })) {
      const row = batch.get(0)!.toJSON() as Record<string, number | string>;
      expect(row.symbol).toBe('BTCUSDT');
      expect(row.bid_price_1).toBeGreaterThan(50_000);
      expect(row.bid_price_1).toBeLessThan(80_000);
      expect(row.bid_size_1).toBeLessThan(1000);
      break;
    }
  });
});

describeWith(['dbn'])('Databento DBN, ES', () => {
  it('the day has no unknown cancel or modify, and no negative level', async () => {
    const replay = replayBook(pathOf('dbn'), { format: 'dbn', tickSize: '0.25', levels: 5 });
    // An event that took more than a level shows would be refused, and a refused event is an error by default.
    const table = await tableOf(replay);
    expect(table.numRows).toBeGreaterThan(10_000);
    expect(replay.stats).toMatchObject({ rejected: 0, rejectedBy: {}, gaps: 0, messages: 68_792 });
  });
});

describeWith(['itch'])('ITCH, the head of a day', () => {
  it('parses to the counts of the data', async () => {
    const replay = replayBook(pathOf('itch'), { format: 'itch' });
    await tableOf(replay);
    expect(replay.stats).toMatchObject({ messages: 1000, unknown: 0, skipped: 993, events: 7 });
    expect(replay.stats.eventsByKind).toMatchObject({ status: 7, add: 0 });
  });
});

describeWith(['binance', 'dbn'])('sampling', () => {
  it.each([
    ['binance', { format: 'binance', levels: 3, prices: 'ticks', features: ['levels', 'touch', 'imbalance'] }],
    ['dbn', { format: 'dbn', levels: 3, prices: 'ticks', features: ['levels', 'touch', 'imbalance'] }],
  ] as const)('%s: at times = as-of join of the times with the rows of every event', async (file, options) => {
    const events = await tableOf(replayBook(pathOf(file), options));
    const times = events.getChild('time')!;
    const at: bigint[] = [];
    for (let i = 0; i < events.numRows; i += 97) {
      const time = times.data.length === 1 ? times.data[0]!.values[i] : rawTime(events, i);
      // Before the first row there may be the beginning of a snapshot, which samples see and no row shows.
      if (i > 0) at.push(time - 1n);
      at.push(time, time + 1n);
    }
    at.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    const sampled = await tableOf(replayBook(pathOf(file), { ...options, sample: { at: BigInt64Array.from(at) } }));
    const left = sampled.select(['time']);
    const columns = events.schema.fields
      .map(({ name }) => name)
      .filter((name) => /^(bid|ask|mid|micro|spread|imb|seq)/.test(name));
    const joined = await asofJoin(left, events, { on: 'time', columns });
    expect(sampled.numRows).toBe(at.length);
    for (const name of columns) {
      expect([name, [...sampled.getChild(name)!]]).toEqual([name, [...joined.getChild(name)!]]);
    }
  });
});

/** The int64 nanoseconds of a row: `get` would give a number. */
function rawTime(table: Table, row: number): bigint {
  let at = row;
  for (const data of table.getChild('time')!.data) {
    if (at < data.length) return data.values[at] as bigint;
    at -= data.length;
  }
  throw new RangeError(String(row));
}
