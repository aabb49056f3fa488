/** replayBook over event tables and bytes made here: sources, sampling, options, errors, lifetime. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type RecordBatch, Table, makeVector, vectorFromArray } from 'apache-arrow';
import { type FeedSource, replayBook, type ReplayBookOptions } from '../../../lib/index.js';
import { loadAddon } from '../../../lib/internal/native.js';
import { parseMidnight } from '../../../lib/orderbook/replay/midnight.js';
import { parseReplayOptions } from '../../../lib/orderbook/replay/options.js';

const { addon, reason } = loadAddon();
const withAddon = addon ? describe : describe.skip;
if (!addon) console.warn(`replay tests skipped: ${reason}`);

const CSV = [
  'time_ns,kind,side,price,quantity,order_id',
  '100,add,buy,10,5,1',
  '100,add,sell,12,4,2',
  '200,execute,sell,12,1,2',
  '300,add,buy,11,2,3',
  '400,delete,,,,1',
].join('\n');
const csv = (): Uint8Array => Buffer.from(CSV);
const options = (more: Partial<ReplayBookOptions> = {}): ReplayBookOptions => ({
  format: 'events',
  levels: 2,
  prices: 'ticks',
  ...more,
});

async function rowsOf(source: FeedSource, given: ReplayBookOptions): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  for await (const batch of replayBook(source, given)) for (const row of batch) rows.push(row.toJSON());
  return rows;
}

const code = (expected: string): Error => expect.objectContaining({ code: expected }) as Error;

withAddon('replayBook', () => {
  it('makes a row per event, missing levels null', async () => {
    const rows = await rowsOf(csv(), options());
    expect(rows).toHaveLength(5);
    expect(rows[0]).toMatchObject({ bid_price_1: 10n, bid_size_1: 5n, ask_price_1: null, ask_size_1: null, mid: null });
    expect(rows[1]).toMatchObject({ mid: 11, spread: 2n, imbalance_1: 1 / 9, bid_price_2: null, trade_count: 0 });
    expect(rows[1]!.microprice).toBeCloseTo((10 * 4 + 12 * 5) / 9, 12);
    expect(rows[2]).toMatchObject({ ask_size_1: 3n, trade_count: 1, trade_volume: 1n, last_trade_price: 12n });
    expect(rows[2]).toMatchObject({ last_trade_size: 1n, last_trade_side: 1, ofi_1: 1n });
    expect(rows[3]).toMatchObject({
      bid_price_1: 11n,
      bid_price_2: 10n,
      last_trade_price: null,
      last_trade_side: null,
    });
    expect(rows[4]).toMatchObject({ bid_price_1: 11n, bid_price_2: null, sequence: 5n, instrument: 0 });
  });

  it('is the same in any pieces, compressed or not, from every kind of source', async () => {
    const expected = await rowsOf(csv(), options());
    const folder = mkdtempSync(join(tmpdir(), 'flowstate-replay-'));
    try {
      const [plain, packed] = [join(folder, 'a.csv'), join(folder, 'a.bin')];
      writeFileSync(plain, CSV);
      writeFileSync(packed, gzipSync(CSV));
      async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      }
      const halves = [join(folder, '1'), join(folder, '2')];
      writeFileSync(halves[0]!, CSV.slice(0, 70));
      writeFileSync(halves[1]!, CSV.slice(70));
      const sources: FeedSource[] = [plain, packed, halves, gzipSync(CSV), pieces(csv(), 1), pieces(csv(), 7)];
      sources.push(pieces(gzipSync(CSV), 3), [csv().subarray(0, 50), csv().subarray(50)]);
      for (const source of sources) expect(await rowsOf(source, options())).toEqual(expected);
      for (const batchRows of [1, 2, 5]) expect(await rowsOf(csv(), options({ batchRows }))).toEqual(expected);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('reads Arrow tables with numbers or words, whole or in batches', async () => {
    const expected = await rowsOf(csv(), options());
    const columns = {
      price: makeVector(BigInt64Array.of(10n, 12n, 12n, 11n, 0n)),
      quantity: makeVector(BigUint64Array.of(5n, 4n, 1n, 2n, 0n)),
      order_id: makeVector(BigUint64Array.of(1n, 2n, 2n, 3n, 1n)),
    };
    const time = makeVector(BigInt64Array.of(100n, 100n, 200n, 300n, 400n));
    const numbers = new Table({
      time_ns: time,
      kind: makeVector(Uint8Array.of(0, 0, 3, 0, 2)),
      side: makeVector(Uint8Array.of(0, 1, 1, 0, 2)),
      ...columns,
    });
    const words = new Table({
      timestamp: time,
      kind: vectorFromArray(['add', 'add', 'execute', 'add', 'delete']),
      side: vectorFromArray(['buy', 'sell', 'sell', 'buy', null]),
      ...columns,
    });
    expect(await rowsOf(numbers, options())).toEqual(expected);
    expect(await rowsOf(words, options())).toEqual(expected);
    expect(await rowsOf([numbers.slice(0, 2), numbers.slice(2)], options())).toEqual(expected);
    expect(await rowsOf(numbers.batches, options())).toEqual(expected);
    const bad = words.setChild('kind', vectorFromArray(['add', 'add', 'exec', 'add', 'delete']));
    await expect(rowsOf(bad, options())).rejects.toEqual(code('FS_ERR_SCHEMA'));
    await expect(rowsOf(new Table({ kind: columns.order_id }), options())).rejects.toEqual(
      code('FS_ERR_COLUMN_MISSING'),
    );
    await expect(rowsOf(numbers, options({ format: 'dbn' }))).rejects.toEqual(code('FS_ERR_ARG_TYPE'));
  });

  it('samples at times: up to and with the time, and stops reading after the last', async () => {
    const at = BigInt64Array.of(99n, 100n, 250n, 300n);
    const rows = await rowsOf(csv(), options({ sample: { at } }));
    expect(rows.map(({ sequence, bid_price_1, trade_count }) => [sequence, bid_price_1, trade_count])).toEqual([
      [null, null, 0],
      [2n, 10n, 0],
      [3n, 10n, 1],
      [4n, 11n, 0],
    ]);
    const replay = replayBook(csv(), options({ sample: { at: BigInt64Array.of(150n) } }));
    for await (const batch of replay) expect(batch.numRows).toBe(1);
    expect(replay.stats.events).toBe(2);
    const late = await rowsOf(csv(), options({ sample: { at: BigInt64Array.of(9999n, 9999n) } }));
    expect(late.map(({ sequence }) => sequence)).toEqual([5n, 5n]);
    await expect(rowsOf(csv(), options({ sample: { at: BigInt64Array.of(2n, 1n) } }))).rejects.toEqual(
      code('FS_ERR_UNSORTED'),
    );
    expect(await rowsOf(csv(), options({ sample: { every: 2 } }))).toHaveLength(2);
  });

  it('shows prices in the currency and sizes in whole coins', async () => {
    const text = 'time_ns,kind,side,price,quantity,order_id\n1,add,buy,187.25,1.5,1\n2,add,sell,187.50,2,2';
    const rows = await rowsOf(Buffer.from(text), {
      format: 'events',
      tickSize: '0.25',
      quantityDecimals: 3,
      levels: 1,
    });
    expect(rows[1]).toMatchObject({
      bid_price_1: 187.25,
      ask_price_1: 187.5,
      spread: 0.25,
      mid: 187.375,
      bid_size_1: 1.5,
    });
    const off = 'time_ns,kind,side,price,quantity,order_id\n1,add,buy,187.30,1,1';
    await expect(rowsOf(Buffer.from(off), { format: 'events', tickSize: '0.25' })).rejects.toMatchObject({
      code: 'FS_ERR_CORRUPT',
      details: { message: 2 },
    });
  });

  it('follows an order in its queue', async () => {
    const text =
      'time_ns,kind,side,price,quantity,order_id\n1,add,buy,10,5,1\n2,add,buy,10,2,2\n3,reduce,,,1,1\n4,delete,,,,1';
    const rows = await rowsOf(Buffer.from(text), options({ queueOf: 2 }));
    const ahead = rows.map(({ queue_orders_ahead, queue_quantity_ahead }) => [
      queue_orders_ahead,
      queue_quantity_ahead,
    ]);
    expect(ahead).toEqual([
      [null, null],
      [1, 5n],
      [1, 4n],
      [0, 0n],
    ]);
  });

  it('tells what it did', async () => {
    const replay = replayBook(csv(), options());
    expect(replay.stats.events).toBe(0);
    for await (const batch of replay) expect(batch.numRows).toBe(5);
    expect(replay.stats).toMatchObject({ events: 5, rows: 5, rejected: 0, gaps: 0, eventsByInstrument: { 0: 5 } });
    expect(replay.stats.eventsByKind).toMatchObject({ add: 3, execute: 1, delete: 1, trade: 0 });
    await expect(replay[Symbol.asyncIterator]().next()).rejects.toEqual(code('FS_ERR_CLOSED'));
  });

  it('gives the rows before a fault, and names its place', async () => {
    const bad = Buffer.from(`${CSV}\n500,add,buy,ten,1,9`);
    let rows = 0;
    const read = async (): Promise<void> => {
      for await (const batch of replayBook(bad, options())) rows += batch.numRows;
    };
    await expect(read()).rejects.toMatchObject({
      code: 'FS_ERR_CORRUPT',
      details: { message: 7, byteOffset: CSV.length + 1 },
    });
    expect(rows).toBe(5);
    const unknown = Buffer.from(`${CSV}\n500,delete,,,,77`);
    await expect(rowsOf(unknown, options())).rejects.toMatchObject({
      code: 'FS_ERR_BOOK_EVENT',
      details: { event: 6 },
    });
    const counted = replayBook(unknown, options({ onReject: 'count' }));
    for await (const batch of counted) expect(batch.numRows).toBeGreaterThan(0);
    expect(counted.stats).toMatchObject({ rejected: 1, rejectedBy: { 'unknown-id': 1 } });
    const back = Buffer.from(`${CSV}\n50,add,buy,1,1,9`);
    await expect(rowsOf(back, options())).rejects.toEqual(code('FS_ERR_UNSORTED'));
    expect(await rowsOf(back, options({ lateEvents: 'arrival' }))).toHaveLength(6);
  });

  it('finds gaps where sequences are dense', async () => {
    const text = 'time_ns,kind,side,price,quantity,order_id,sequence\n1,add,buy,10,5,1,7\n2,add,buy,10,2,2,9';
    const dense = { ...options(), denseSequences: true };
    await expect(rowsOf(Buffer.from(text), dense)).rejects.toEqual(code('FS_ERR_SEQUENCE_GAP'));
    const replay = replayBook(Buffer.from(text), { ...dense, onGap: 'report' });
    for await (const batch of replay) expect(batch.numRows).toBe(2);
    expect(replay.stats).toMatchObject({ gaps: 1, firstGaps: [{ message: 3, expected: 8n, found: 9n }] });
  });

  it('yields one empty batch, with its schema, for a feed without events', async () => {
    const batches: RecordBatch[] = [];
    for await (const batch of replayBook(Buffer.from('time_ns,kind\n'), options())) batches.push(batch);
    expect(batches.map(({ numRows }) => numRows)).toEqual([0]);
    expect(batches[0]!.schema.fields.map(({ name }) => name)).toContain('ask_size_2');
  });

  it('stops when told, lets its source go, and holds nothing back', async () => {
    let released = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        yield Buffer.from('time_ns,kind,side,price,quantity,order_id\n');
        for (let i = 1; ; i++) yield Buffer.from(`${i},add,buy,${i % 9},1,${i}\n`);
      } finally {
        released = true;
      }
    }
    for await (const batch of replayBook(endless(), options({ batchRows: 100 }))) {
      expect(batch.numRows).toBe(100);
      break;
    }
    expect(released).toBe(true);
    released = false;
    const controller = new AbortController();
    const read = async (): Promise<void> => {
      for await (const batch of replayBook(endless(), options({ batchRows: 50, signal: controller.signal }))) {
        if (batch.numRows > 0) controller.abort();
      }
    };
    await expect(read()).rejects.toEqual(code('FS_ERR_ABORTED'));
    expect(released).toBe(true);
    await expect(rowsOf('/does/not/exist.csv', options())).rejects.toMatchObject({
      code: 'FS_ERR_IO',
      details: { errno: 'ENOENT', path: '/does/not/exist.csv' },
    });
    await expect(rowsOf(gzipSync(CSV).subarray(0, 40), options())).rejects.toEqual(code('FS_ERR_CORRUPT'));
  });

  it.each([
    ['no format', { format: undefined }, 'FS_ERR_ARG_TYPE'],
    ['an unknown format', { format: 'fix' }, 'FS_ERR_OPTION_UNKNOWN'],
    ['an unknown option', { level: 3 }, 'FS_ERR_OPTION_UNKNOWN'],
    ['no levels', { levels: 0 }, 'FS_ERR_ARG_RANGE'],
    ['a date for a feed that has one', { format: 'dbn', date: '2020-01-01' }, 'FS_ERR_ARG_RANGE'],
    ['symbols for a feed without', { symbols: ['A'] }, 'FS_ERR_ARG_RANGE'],
    ['a tick finer than the feed', { format: 'itch', tickSize: '0.00001' }, 'FS_ERR_ARG_RANGE'],
    ['samples that are no times', { sample: { at: new Float64Array(1) } }, 'FS_ERR_ARG_TYPE'],
    ['an unknown feature', { features: ['depth'] }, 'FS_ERR_OPTION_UNKNOWN'],
    [
      'two orders of one instrument',
      {
        queueOf: [
          { instrument: 1, order: 1 },
          { instrument: 1, order: 2 },
        ],
      },
      'FS_ERR_ARG_RANGE',
    ],
  ])('refuses %s before it reads', (_, change, expected) => {
    expect(() => replayBook(csv(), { ...options(), ...change } as never)).toThrow(code(expected));
  });
});

it('midnight of a venue is exact', () => {
  expect(parseMidnight('2012-06-21', '-04:00')).toBe(1_340_251_200_000_000_000n);
  expect(parseMidnight('1970-01-01', undefined)).toBe(0n);
  expect(parseMidnight(undefined, undefined)).toBe(0n);
  for (const bad of ['2012-06-31', '21.6.2012', '']) expect(() => parseMidnight(bad, undefined)).toThrow();
  expect(() => parseMidnight('2012-06-21', 'EST')).toThrow(code('FS_ERR_ARG_RANGE'));
  expect(() => parseMidnight(undefined, '-04:00')).toThrow(code('FS_ERR_ARG_RANGE'));
});

it('times of any unit become nanoseconds; nulls and other types are refused', () => {
  const times = (at: unknown) => parseReplayOptions({ format: 'dbn', sample: { at } }).native.sampleTimes;
  expect([...times(vectorFromArray([new Date(5), new Date(7)]))]).toEqual([5_000_000n, 7_000_000n]);
  expect([...times(makeVector(BigInt64Array.of(3n)))]).toEqual([3n]);
  expect(() => times(vectorFromArray([new Date(5), null]))).toThrow(code('FS_ERR_SCHEMA'));
  expect(() => times(vectorFromArray(['x']))).toThrow(code('FS_ERR_SCHEMA'));
});
