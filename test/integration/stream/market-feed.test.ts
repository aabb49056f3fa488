import { type RecordBatch, Table } from 'apache-arrow';

import { alpacaFeed, type FeedGap, polygonFeed } from '../../../lib/stream/sources/feed/index.js';
import { type Connection, FeedServer } from '../../helpers/feed-server.js';

let server: FeedServer | null = null;
afterEach(async () => {
  await server?.stop();
  server = null;
});

const QUICK = { reconnect: { initialMs: 1, maxMs: 4 }, random: () => 0.5 };
const alpacaTrade = (i: number, t: string, S = 'AAPL') => ({
  T: 't',
  S,
  i,
  x: 'V',
  p: 100 + i,
  s: 10,
  t,
  c: ['@'],
  z: 'C',
});
const polygonTrade = (q: number, t: number | bigint, more: object = {}) =>
  `[{"ev":"T","sym":"MSFT","x":4,"i":"${q}","p":1.5,"s":100,"c":[0,12],"t":${t},"q":${q},"z":3${JSON.stringify(more)
    .slice(1, -1)
    .replace(/^(?=.)/, ',')}}]`;

/** Takes rows until there are `count`, then stops. */
async function take(source: AsyncIterable<RecordBatch>, count: number): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  for await (const batch of source) {
    const times = batch.getChild('timestamp')!.data[0]!.values as BigInt64Array;
    for (const [i, row] of new Table([batch]).toArray().entries()) {
      rows.push({ ...(row as { toJSON(): object }).toJSON(), timestamp: times[i] });
    }
    if (rows.length >= count) break;
  }
  return rows;
}

test('Alpaca: authenticates, subscribes, keeps every nanosecond and every column', async () => {
  server = await FeedServer.start('alpaca', (connection) => {
    connection.send([alpacaTrade(1, '2021-02-22T15:51:44.208123456Z')]);
    connection.send([
      { T: 'q', S: 'AMD', bx: 'U', bp: 87.66, bs: 1, ax: 'X', ap: 87.68, as: 4, t: '2021-02-22T15:51:45.3Z', c: ['R'] },
      { T: 'b', S: 'SPY', o: 1, h: 4, l: 0.5, c: 2, v: 9, t: '2021-02-22T10:51:00-05:00', vw: 1.25 },
      { T: 'x', S: 'SPY' },
    ]);
  });
  const feed = alpacaFeed({ key: 'k', secret: 's', url: server.url, trades: ['AAPL'], quotes: ['AMD'], bars: ['*'] });
  const [trades, quotes, bars] = await Promise.all([take(feed.trades, 1), take(feed.quotes, 1), take(feed.bars, 1)]);
  expect(trades).toEqual([
    expect.objectContaining({ timestamp: 1614009104208123456n, symbol: 'AAPL', price: 101, id: '1', sequence: null }),
  ]);
  expect(quotes).toEqual([
    expect.objectContaining({ timestamp: 1614009105300000000n, bid: 87.66, ask_size: 4, bid_exchange: 'U' }),
  ]);
  expect(bars[0]).toMatchObject({ timestamp: 1614009060000000000n, close: 2, vwap: 1.25 });
  expect(server.connections[0]!.received.map((text) => JSON.parse(text) as unknown)).toEqual([
    { action: 'auth', key: 'k', secret: 's' },
    { action: 'subscribe', trades: ['AAPL'], quotes: ['AMD'], bars: ['*'] },
  ]);
});

test('Polygon: nanoseconds beyond 2^53 are read from the text', async () => {
  server = await FeedServer.start('polygon', (connection) => {
    connection.send(polygonTrade(7, 1536036818784123457n, { note: 'a 1536036818784123457 in text' }));
  });
  const feed = polygonFeed({ key: 'k', url: server.url, trades: ['MSFT'], timestampUnit: 'ns' });
  expect(await take(feed.trades, 1)).toEqual([
    expect.objectContaining({ timestamp: 1536036818784123457n, exchange: '4', conditions: '0,12', sequence: 7n }),
  ]);
  expect(JSON.parse(server.connections[0]!.received[1]!)).toEqual({ action: 'subscribe', params: 'T.MSFT' });
});

test('after losses it connects, subscribes and goes on; repeated events are left out, gaps told', async () => {
  server = await FeedServer.start('polygon', (connection, number) => {
    const at = (q: number) => polygonTrade(q, 1536036818784 + q);
    if (number === 0) {
      connection.send(at(1), at(2), at(3));
      connection.socket.terminate();
    } else if (number === 1) {
      // Repeats two, out of order, then half a frame: a header that announces 100 bytes, and 3 of them.
      connection.send(at(3), at(2), at(4));
      connection.raw.write(Buffer.from([0x81, 100, 91, 123, 34]), () => connection.raw.destroy());
    } else {
      connection.send(at(4), at(8));
    }
  });
  const gaps: FeedGap[] = [];
  const lost: number[] = [];
  const feed = polygonFeed({
    ...QUICK,
    key: 'k',
    url: server.url,
    trades: ['MSFT'],
    onGap: (gap) => gaps.push(gap),
    onReconnect: ({ attempts }) => lost.push(attempts),
  });
  const rows = await take(feed.trades, 5);
  expect(rows.map((row) => row.sequence)).toEqual([1n, 2n, 3n, 4n, 8n]);
  expect(gaps).toEqual([{ kind: 'trades', symbol: 'MSFT', expected: 5n, received: 8n }]);
  expect(feed.stats).toMatchObject({ rows: 5, duplicates: 3, reconnects: 2, gaps: 1, missing: 3n });
  expect(lost).toHaveLength(2);
  for (const { received } of server.connections) expect(received).toHaveLength(2);
});

test('equal trades with different ids are both kept', async () => {
  const t = '2021-02-22T15:51:44.208Z';
  server = await FeedServer.start('alpaca', (connection) =>
    connection.send([
      { ...alpacaTrade(1, t), p: 5 },
      { ...alpacaTrade(2, t), p: 5 },
      { ...alpacaTrade(1, t), p: 5 },
    ]),
  );
  const feed = alpacaFeed({ key: 'k', secret: 's', url: server.url, trades: ['AAPL'] });
  expect((await take(feed.trades, 2)).map((row) => row.id)).toEqual(['1', '2']);
});

test('garbage is counted and told, and the rows around it are kept', async () => {
  server = await FeedServer.start('alpaca', (connection) => {
    connection.send('{not json', '42', '[{"T":"t","S":"AAPL"}]', '[null]', [alpacaTrade(1, 'yesterday')]);
    connection.send([alpacaTrade(2, '2021-02-30T00:00:00Z')], [{ ...alpacaTrade(3, '2021-02-22T00:00:00Z'), p: '3' }]);
    connection.socket.send(Buffer.from([1, 2, 3]));
    connection.send([alpacaTrade(4, '2021-02-22T00:00:00Z')]);
  });
  const told: string[] = [];
  const feed = alpacaFeed({
    key: 'k',
    secret: 's',
    url: server.url,
    trades: ['AAPL'],
    onMalformed: (_, reason) => told.push(reason),
  });
  expect((await take(feed.trades, 1)).map((row) => row.id)).toEqual(['4']);
  expect(feed.stats.malformed).toBe(8);
  expect(told).toHaveLength(8);
});

test('a refusal that would be repeated ends the feed, others are tried again', async () => {
  server = await FeedServer.start(
    'alpaca',
    (connection) => connection.send([alpacaTrade(1, '2021-02-22T00:00:00Z')]),
    (number) =>
      number === 0
        ? [{ T: 'error', code: 406, msg: 'connection limit exceeded' }]
        : number === 1
          ? [{ T: 'success', msg: 'authenticated' }]
          : [{ T: 'error', code: 402, msg: 'auth failed' }],
  );
  const feed = alpacaFeed({ ...QUICK, key: 'k', secret: 's', url: server.url, trades: ['AAPL'] });
  expect(await take(feed.trades, 1)).toHaveLength(1);
  const refused = alpacaFeed({ ...QUICK, key: 'k', secret: 's', url: server.url, trades: ['AAPL'] });
  await expect(take(refused.trades, 1)).rejects.toMatchObject({ code: 'FS_ERR_IO', details: { feedCode: '402' } });
});

test('a server that answers nothing counts as lost: in the handshake, and while streaming', async () => {
  server = await FeedServer.start('alpaca', (connection, number) => {
    connection.send([alpacaTrade(number, '2021-02-22T00:00:00Z')]);
    // The socket stops reading, so that pings are not answered.
    connection.raw.pause();
  });
  const feed = alpacaFeed({
    ...QUICK,
    key: 'k',
    secret: 's',
    url: server.url,
    trades: ['AAPL'],
    heartbeatMs: 20,
    silenceMs: 60,
  });
  expect((await take(feed.trades, 3)).map((row) => row.id)).toEqual(['0', '1', '2']);
  const silent = await FeedServer.start(
    'alpaca',
    () => undefined,
    () => [],
  );
  try {
    const never = alpacaFeed({
      random: () => 0.5,
      key: 'k',
      secret: 's',
      url: silent.url,
      trades: ['AAPL'],
      handshakeMs: 30,
      reconnect: { initialMs: 1, maxMs: 2, maxAttempts: 3 },
    });
    await expect(take(never.trades, 1)).rejects.toMatchObject({ code: 'FS_ERR_IO', details: { attempts: 3 } });
    expect(silent.connections).toHaveLength(3);
  } finally {
    await silent.stop();
  }
});

describe('a consumer slower than the feed', () => {
  const flood = (connection: Connection, number: number) => {
    const rows = Array.from({ length: 50 }, (_, i) => alpacaTrade(number * 50 + i, '2021-02-22T00:00:00Z'));
    connection.send(rows);
  };
  const options = { ...QUICK, key: 'k', secret: 's', trades: ['AAPL'], bufferRows: 20, batchRows: 8 };

  test('ends with an error after the rows held', async () => {
    server = await FeedServer.start('alpaca', flood);
    const feed = alpacaFeed({ ...options, url: server.url });
    await feed.open();
    let rows = 0;
    const reading = (async () => {
      for await (const batch of feed.trades) {
        rows += batch.numRows;
        while (feed.stats.connected) await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'FS_ERR_BACKPRESSURE' });
    expect(rows).toBe(20);
    expect(feed.stats.dropped).toBe(1);
  });

  test('drops the newest and counts them', async () => {
    server = await FeedServer.start('alpaca', flood);
    const feed = alpacaFeed({ ...options, url: server.url, overflow: 'dropNewest' });
    await feed.open();
    while (feed.stats.messages < 4) await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await take(feed.trades, 20)).map((row) => row.id)).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`));
    expect(feed.stats).toMatchObject({ rows: 20, dropped: 30 });
  });

  test('closes, and opens again once there is room', async () => {
    server = await FeedServer.start('alpaca', flood);
    const feed = alpacaFeed({ ...options, url: server.url, overflow: 'close' });
    const rows = await take(feed.trades, 40);
    expect(server.connections.length).toBeGreaterThanOrEqual(2);
    expect(rows.slice(0, 20).map((row) => row.id)).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`));
    expect(feed.stats.reconnects).toBeGreaterThanOrEqual(1);
  });
});

test('an abort, a close and a consumer that leaves end the connection', async () => {
  server = await FeedServer.start('alpaca', () => undefined);
  const controller = new AbortController();
  const common = { key: 'k', secret: 's', url: server.url, trades: ['AAPL'] };
  const aborted = alpacaFeed({ ...common, signal: controller.signal });
  const reading = take(aborted.trades, 1);
  await server.connected(1);
  controller.abort();
  await expect(reading).rejects.toMatchObject({ code: 'FS_ERR_ABORTED' });
  const closed = alpacaFeed(common);
  const ending = take(closed.trades, 1);
  await server.connected(2);
  closed.close();
  closed.close();
  expect(await ending).toEqual([]);
});

test('leaving a silent feed closes its connection', async () => {
  server = await FeedServer.start('alpaca', () => undefined);
  const feed = alpacaFeed({ key: 'k', secret: 's', url: server.url, trades: ['AAPL'] });
  const iterator = feed.trades[Symbol.asyncIterator]();
  const waiting = iterator.next();
  const { socket } = await server.connected(1);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await iterator.return!();
  expect((await waiting).done).toBe(true);
  await closed;
});

test('mistakes in options are named', () => {
  const code = (code: string) => expect.objectContaining({ code }) as Error;
  expect(() => alpacaFeed({ key: 'k', secret: 's' })).toThrow(code('FS_ERR_ARG_RANGE'));
  expect(() => alpacaFeed({ key: '', secret: 's', trades: ['A'] })).toThrow(code('FS_ERR_ARG_RANGE'));
  expect(() => polygonFeed({ key: 'k', trade: ['A'] } as never)).toThrow(code('FS_ERR_OPTION_UNKNOWN'));
  expect(() => polygonFeed({ key: 'k', trades: ['A'], overflow: 'block' as never })).toThrow(
    code('FS_ERR_OPTION_UNKNOWN'),
  );
  expect(() => polygonFeed({ key: 'k', trades: ['A'] }).quotes).toThrow(code('FS_ERR_ARG_RANGE'));
});
