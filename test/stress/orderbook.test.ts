/** Native books and replays give their memory back, closed or forgotten, and a worker may end in the middle of one. */
import { Worker } from 'node:worker_threads';
import { OrderBook, replayBook } from '../../lib/index.js';
import { loadAddon } from '../../lib/internal/native.js';
import { collectNow, forceGc } from '../helpers/gc.js';

const { addon, path, reason } = loadAddon();
const withAddon = addon ? describe : describe.skip;
if (!addon) console.warn(`order book stress tests skipped: ${reason}`);

const ORDERS = 100_000;

function filled(): OrderBook {
  const book = new OrderBook({ expectedOrders: ORDERS });
  book.applyBatch({
    kind: new Uint8Array(ORDERS),
    id: BigUint64Array.from({ length: ORDERS }, (_, i) => BigInt(i + 1)),
    price: BigInt64Array.from({ length: ORDERS }, (_, i) => BigInt(i % 500)),
    quantity: new BigUint64Array(ORDERS).fill(3n),
  });
  return book;
}

function feed(rows: number): Uint8Array {
  const lines = Array.from(
    { length: rows },
    (_, i) => `${i},add,${i % 2 ? 'buy' : 'sell'},${i % 2 ? 10 : 20},1,${i + 1}`,
  );
  return Buffer.from(['time_ns,kind,side,price,quantity,order_id', ...lines].join('\n'));
}

withAddon('memory', () => {
  it('of a book is given back by close(), and by the collector where it was forgotten', async () => {
    await forceGc();
    const before = addon!.bufferStats().books;
    const book = filled();
    expect(book.stats().memoryBytes).toBeGreaterThan(ORDERS * 16);
    expect(addon!.bufferStats().books).toBe(before + 1);
    book.close();
    expect(addon!.bufferStats().books).toBe(before);
    for (let i = 0; i < 30; i++) filled();
    await forceGc();
    expect(addon!.bufferStats().books).toBe(before);
  });

  it('of answers is given back to a loop of batches that leaves the event loop no turn', () => {
    const book = filled();
    const unknown = { kind: new Uint8Array(ORDERS).fill(1), id: new BigUint64Array(ORDERS) };
    const held = (): number => process.memoryUsage().arrayBuffers + addon!.bufferStats().liveBytes;
    collectNow();
    const before = held();
    const { buffer } = book.applyBatch(unknown).filled;
    expect(held() - before).toBeGreaterThanOrEqual(buffer.byteLength);
    for (let i = 0; i < 20; i++) book.applyBatch(unknown);
    collectNow();
    expect(held() - before).toBeLessThan(3 * buffer.byteLength);
    book.close();
  });

  it('of batches and replays is given back, finished or abandoned', async () => {
    await forceGc();
    const before = addon!.bufferStats();
    const bytes = feed(20_000);
    // In a function of their own: a suspended one keeps what its variables held last.
    const round = async (abandon: boolean): Promise<void> => {
      for await (const batch of replayBook(bytes, { format: 'events', batchRows: 5000 })) {
        expect(batch.numRows).toBeGreaterThan(0);
        if (abandon) break;
      }
      filled().close();
    };
    for (let i = 0; i < 6; i++) await round(i % 2 === 0);
    await forceGc();
    const { liveBytes, books } = addon!.bufferStats();
    expect({ liveBytes, books }).toEqual({ liveBytes: before.liveBytes, books: before.books });
  });
});

/** Over the raw addon: a worker cannot load TypeScript. */
const script = `
const { parentPort, workerData } = require('node:worker_threads');
const addon = require(workerData.path);
const u32 = new Uint32Array(0);
const replay = addon.replayOpen({ format: 4, book: 1, tick: 1n, midnight: 0n, symbols: [], gapIsError: true, clearOnGap: false,
  denseSequences: false, priceDecimals: 0, quantityDecimals: 0, seedRow: '', mode: 1, every: 1, levels: 10, orderFlow: true,
  wholeGroups: true, rejectIsError: true, lateIsError: true, instruments: u32, sampleTimes: new BigInt64Array(0),
  sampleInstruments: u32, trackedInstruments: u32, trackedOrders: new BigUint64Array(0), batchRows: 1 << 17, pricesInTicks: false,
  sizesAsFloats: false, wantsLevels: true, wantsOrders: true, wantsTouch: true, wantsImbalance: true, wantsTrades: true });
addon.replayFeed(replay, workerData.bytes);
const book = addon.bookOpen({ storage: 0, windowTicks: 64, expectedOrders: 1000, maxOrders: 1000, maxDenseId: 10, minPrice: 0n,
  maxPrice: 9n, deltas: true });
const { promise } = addon.replayRun(replay);
parentPort.postMessage('started');
if (workerData.exit) process.exit(0);
if (workerData.wait) promise.then(() => parentPort.postMessage('done'));
`;

withAddon('worker_threads', () => {
  const bytes = feed(60_000);
  it.each([
    ['ends by itself', { wait: true }],
    ['is terminated', {}],
    ['exits', { exit: true }],
  ])('a worker %s while its replay runs', async (_, data) => {
    for (let i = 0; i < 4; i++) {
      const worker = new Worker(script, { eval: true, workerData: { path, bytes, ...data } });
      const exited = new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
      await new Promise((resolve) => worker.once('message', resolve));
      if (!('wait' in data) && !('exit' in data)) await worker.terminate();
      await exited;
    }
  });

  it('refuses a second call while one runs', async () => {
    const open = new Worker(
      `${script}\nlet code; try { addon.replayRun(replay); } catch (e) { code = e.code; } parentPort.postMessage(code);`,
      { eval: true, workerData: { path, bytes, wait: true } },
    );
    const messages: unknown[] = [];
    open.on('message', (message) => messages.push(message));
    await new Promise((resolve, reject) => open.once('exit', resolve).once('error', reject));
    expect(messages).toContain('FS_ERR_BUSY');
  });
});
