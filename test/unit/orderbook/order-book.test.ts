/** The book one command at a time: answers, queries, misuse, lifetime. Matching itself is tested in orderbook/test. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Table, makeVector } from 'apache-arrow';
import * as flowstate from '../../../lib/index.js';
import { OrderBook } from '../../../lib/index.js';
import { loadAddon } from '../../../lib/internal/native.js';
import { NativeBookStorage, NativeCommandKind } from '../../../lib/internal/native-book.js';

const ROOT = join(__dirname, '..', '..', '..');
const { addon, reason } = loadAddon();
const withAddon = addon ? describe : describe.skip;
if (!addon) console.warn(`order book tests skipped: ${reason}`);

/** `kDuplicateId` of an enum in a header, as `duplicate-id`, in order. */
function enumOf(header: string, name: string): string[] {
  const text = readFileSync(join(ROOT, header), 'utf8').replace(/\/\/.*$/gm, '');
  const body = new RegExp(`enum class ${name} [^{]*\\{([^}]*)\\}`).exec(text)?.[1] ?? '';
  return [...body.matchAll(/\bk([A-Z]\w+)/g)].map(([, key]) => key!.replace(/(?<!^)([A-Z])/g, '-$1').toLowerCase());
}

it.each([
  ['types.h', 'Side', flowstate.SIDES],
  ['order.h', 'OrderType', flowstate.ORDER_TYPES],
  ['order.h', 'PostOnly', flowstate.POST_ONLY],
  ['order.h', 'SelfTrade', flowstate.SELF_TRADE],
  ['order.h', 'OrderState', flowstate.ORDER_STATES],
  ['reject.h', 'Reject', flowstate.REJECTS],
  ['listener.h', 'CancelReason', flowstate.CANCEL_REASONS],
])('%s: %s has the names that TypeScript has, in order', (header, name, names) => {
  expect(enumOf(`orderbook/include/orderbook/${header}`, name)).toEqual([...names]);
});

it('numbers of the binding are those of its header', () => {
  const header = 'cpp/include/flowstate/book/matching_book.h';
  expect(enumOf(header, 'BookStorage')).toEqual(Object.keys(NativeBookStorage));
  expect(enumOf(header, 'CommandKind')).toEqual(Object.keys(NativeCommandKind));
  expect(flowstate.COMMAND_KINDS).toEqual(Object.keys(NativeCommandKind));
  expect(flowstate.TIMES_IN_FORCE).toHaveLength(enumOf('orderbook/include/orderbook/order.h', 'TimeInForce').length);
});

withAddon('OrderBook', () => {
  let book: OrderBook;
  beforeEach(() => (book = new OrderBook({ tickSize: '0.01', deltas: true })));
  afterEach(() => book.close());

  it('rests, trades and tells', () => {
    expect(book.addOrder({ id: 1, side: 'sell', price: '100.02', quantity: 5 })).toMatchObject({
      ok: true,
      status: 'resting',
      remaining: 5n,
    });
    book.addOrder({ id: 2n, side: 'sell', price: 10_002n, quantity: 7n });
    const taken = book.addOrder({ id: 3, side: 'buy', price: '100.05', quantity: 8 });
    expect(taken).toEqual({
      ok: true,
      status: 'filled',
      id: 3n,
      filled: 8n,
      remaining: 0n,
      cancelled: 0n,
      fills: [
        { makerId: 1n, takerId: 3n, price: 10_002n, quantity: 5n, takerSide: 'buy' },
        { makerId: 2n, takerId: 3n, price: 10_002n, quantity: 3n, takerSide: 'buy' },
      ],
      removed: [],
      triggered: [],
    });
    expect(book.bbo()).toEqual({ bid: null, ask: { price: 10_002n, quantity: 4n, orders: 1 } });
    expect(book.priceOf(10_002n)).toBe('100.02');
    expect(book.find(2)).toMatchObject({ id: 2n, side: 'sell', quantity: 4n, pending: false });
    expect(book.find(1)).toBeNull();
    expect(book.stats()).toMatchObject({ trades: 2, tradedQuantity: 8n, activeOrders: 1, lastTradePrice: 10_002n });
    expect(book.takeDeltas()).toMatchObject({ length: 3 });
    expect(book.takeDeltas().length).toBe(0);
  });

  it('refuses by value, and nothing has changed', () => {
    book.addOrder({ id: 1, side: 'buy', price: 5, quantity: 1 });
    const before = book.checksum();
    expect(book.addOrder({ id: 1, side: 'buy', price: 5, quantity: 1 })).toEqual({
      ok: false,
      status: 'rejected',
      id: 1n,
      reason: 'duplicate-id',
    });
    expect(book.cancelOrder(9)).toMatchObject({ reason: 'unknown-id' });
    expect(book.addOrder({ id: 2, side: 'buy', price: 5, quantity: 0 })).toMatchObject({ reason: 'zero-quantity' });
    expect(book.addOrder({ id: 2, side: 'sell', price: 5, quantity: 1, postOnly: true })).toMatchObject({
      reason: 'would-cross',
    });
    expect(book.addOrder({ id: 2, side: 'sell', price: 5, quantity: 2, timeInForce: 'fok' })).toMatchObject({
      reason: 'unfillable',
    });
    expect(book.checksum()).toBe(before);
    expect(book.stats()).toMatchObject({ rejects: 5, activeOrders: 1 });
  });

  it('keeps the place where the quantity falls, loses it otherwise', () => {
    for (const id of [1, 2]) book.addOrder({ id, side: 'buy', price: 5, quantity: 5 });
    book.modifyOrder(1, { price: 5, quantity: 3 });
    expect(book.queuePosition(2)).toEqual({ ordersAhead: 1, quantityAhead: 3n });
    book.modifyOrder(1, { price: 5, quantity: 4 });
    expect(book.queuePosition(1)).toEqual({ ordersAhead: 1, quantityAhead: 5n });
    expect(book.replaceOrder(2, { newId: 7, price: 6, quantity: 1 })).toMatchObject({ ok: true, id: 7n });
    expect(book.orders('buy').map(({ id }) => id)).toEqual([7n, 1n]);
    expect(book.queuePosition(99)).toBeNull();
  });

  it('triggers stops and tells whose they are', () => {
    book.addOrder({ id: 1, side: 'sell', price: 10, quantity: 1 });
    book.addOrder({ id: 2, side: 'sell', price: 11, quantity: 5 });
    expect(book.addOrder({ id: 3, side: 'buy', type: 'stop', stopPrice: 10, quantity: 2 })).toMatchObject({
      status: 'pending',
    });
    expect(book.stops('buy')).toMatchObject([{ id: 3n, price: 10n, pending: true }]);
    const taken = book.addOrder({ id: 4, side: 'buy', type: 'market', quantity: 1 });
    expect(taken).toMatchObject({ triggered: [3n], status: 'filled', filled: 1n });
    expect(taken.ok && taken.fills.map(({ takerId, price }) => [takerId, price])).toEqual([
      [4n, 10n],
      [3n, 11n],
    ]);
  });

  it('prevents self-trades and says what left', () => {
    book.addOrder({ id: 1, side: 'sell', price: 10, quantity: 4, owner: 7 });
    const order = { id: 2, side: 'buy', price: 10, quantity: 3, owner: 7, selfTrade: 'cancel-oldest' } as const;
    expect(book.addOrder(order)).toMatchObject({
      status: 'resting',
      removed: [{ id: 1n, quantity: 4n, reason: 'self-trade' }],
    });
  });

  it('shows icebergs by slices', () => {
    book.addOrder({ id: 1, side: 'sell', price: 10, quantity: 10, displayQuantity: 3 });
    expect(book.askDepth()).toEqual([{ price: 10n, quantity: 3n, orders: 1 }]);
    expect(book.find(1)).toMatchObject({ quantity: 3n, hidden: 7n, displayQuantity: 3n });
  });

  it('cancels in mass by owner and side', () => {
    for (const id of [1, 2, 3])
      book.addOrder({ id, side: id === 3 ? 'sell' : 'buy', price: id * 10, quantity: 1, owner: id });
    expect(book.massCancel({ owner: 2 })).toBe(1);
    expect(book.massCancel({ side: 'sell' })).toBe(1);
    expect(book.massCancel()).toBe(1);
    expect(book.bbo()).toEqual({ bid: null, ask: null });
  });

  it('takes and restores snapshots; damaged ones change nothing', () => {
    book.addOrder({ id: 2n ** 64n - 1n, side: 'buy', price: -(2n ** 62n), quantity: 2n ** 60n, owner: 3 });
    const bytes = book.snapshot();
    const copy = OrderBook.restore(bytes);
    expect([copy.checksum(), copy.checksum('levels')]).toEqual([book.checksum(), book.checksum('levels')]);
    copy.addOrder({ id: 1, side: 'sell', price: 9, quantity: 1 });
    const before = copy.checksum();
    for (const bad of [bytes.subarray(1), bytes.map((byte, i) => (i === 30 ? byte ^ 1 : byte)), new Uint8Array(0)]) {
      expect(() => copy.restore(bad)).toThrow(expect.objectContaining({ code: 'FS_ERR_CORRUPT' }));
      expect(() => OrderBook.restore(bad)).toThrow(expect.objectContaining({ code: 'FS_ERR_CORRUPT' }));
    }
    expect(copy.checksum()).toBe(before);
    copy.close();
  });

  it.each([
    ['a float price', { price: 1.5 }, 'FS_ERR_ARG_RANGE'],
    ['a price that is off the tick', { price: '100.005' }, 'FS_ERR_ARG_RANGE'],
    ['a price that is no decimal', { price: '1e3' }, 'FS_ERR_ARG_RANGE'],
    ['a negative quantity', { quantity: -1n }, 'FS_ERR_ARG_RANGE'],
    ['an unsafe id', { id: 2 ** 53 }, 'FS_ERR_ARG_RANGE'],
    ['an id beyond 64 bits', { id: 2n ** 64n }, 'FS_ERR_ARG_RANGE'],
    ['no quantity', { quantity: undefined }, 'FS_ERR_ARG_TYPE'],
    ['no price', { price: undefined }, 'FS_ERR_ARG_TYPE'],
    ['a misspelt side', { side: 'bye' }, 'FS_ERR_OPTION_UNKNOWN'],
    ['a misspelt key', { quantitty: 1 }, 'FS_ERR_OPTION_UNKNOWN'],
    ['a price of a market order', { type: 'market' }, 'FS_ERR_ARG_RANGE'],
    ['a stop price of a limit order', { stopPrice: 1 }, 'FS_ERR_ARG_RANGE'],
    ['an owner that is no integer', { owner: 0.5 }, 'FS_ERR_ARG_RANGE'],
  ])('throws for %s', (_, change, code) => {
    const order = { id: 1, side: 'buy', price: 5, quantity: 1, ...change };
    expect(() => book.addOrder(order as never)).toThrow(expect.objectContaining({ code }));
    expect(book.stats()).toMatchObject({ acceptedOrders: 0, rejects: 0 });
  });

  it('needs a tick size for decimals and deltas: true for deltas', () => {
    const plain = new OrderBook();
    expect(() => plain.addOrder({ id: 1, side: 'buy', price: '1.5', quantity: 1 })).toThrow(
      expect.objectContaining({ code: 'FS_ERR_ARG_TYPE' }),
    );
    expect(() => plain.takeDeltas()).toThrow(expect.objectContaining({ code: 'FS_ERR_ARG_RANGE' }));
    plain.close();
  });

  it('is closed once and for all', () => {
    book.close();
    book.close();
    expect(book.closed).toBe(true);
    for (const call of [() => book.bbo(), () => book.cancelOrder(1), () => book.snapshot(), () => book.massCancel()]) {
      expect(call).toThrow(expect.objectContaining({ code: 'FS_ERR_CLOSED', name: 'StateError' }));
    }
    const other = new OrderBook();
    other[Symbol.dispose]();
    expect(other.closed).toBe(true);
  });

  it.each([
    ['an unknown option', { tick: 1 }, 'FS_ERR_OPTION_UNKNOWN'],
    ['a tick size of zero', { tickSize: '0' }, 'FS_ERR_ARG_RANGE'],
    ['a tick size as a number', { tickSize: 0.01 }, 'FS_ERR_ARG_TYPE'],
    ['a window that is too small', { windowTicks: 1 }, 'FS_ERR_ARG_RANGE'],
    ['an unknown storage', { storage: 'huge' }, 'FS_ERR_OPTION_UNKNOWN'],
  ])('throws for %s', (_, options, code) => {
    expect(() => new OrderBook(options as never)).toThrow(expect.objectContaining({ code }));
  });

  describe('batches', () => {
    const batch = () => ({
      kind: Uint8Array.of(0, 0, 1, 1),
      id: BigUint64Array.of(1n, 2n, 1n, 1n),
      side: Uint8Array.of(0, 1, 0, 0),
      price: BigInt64Array.of(5n, 9n, 0n, 0n),
      quantity: BigUint64Array.of(3n, 4n, 0n, 0n),
    });

    it('answer each row, from typed arrays and from Arrow alike', () => {
      const result = book.applyBatch(batch());
      expect([...result.status]).toEqual([0, 0, 0, 2]);
      expect([...result.cancelled]).toEqual([0n, 0n, 3n, 0n]);
      expect(result).toMatchObject({ rows: 4, rejected: 1 });
      expect(result.toArrow().get(3)?.toJSON()).toMatchObject({ status: 2, remaining: 0n });
      expect(result.fillsToArrow().numRows).toBe(0);
      const { kind, id, side, price, quantity } = batch();
      const vectors = { kind, id, side, price, quantity };
      const other = new OrderBook();
      const table = new Table(
        Object.fromEntries(Object.entries(vectors).map(([name, data]) => [name, makeVector(data)])),
      );
      expect([...other.applyBatch(table).status]).toEqual([0, 0, 0, 2]);
      expect([...other.applyBatch(table.batches[0]!).status]).toEqual([0, 1, 0, 2]);
      expect(other.applyBatch(table.concat(table)).rows).toBe(8);
      other.close();
    });

    it.each([
      ['columns of different lengths', { side: Uint8Array.of(0) }, 'FS_ERR_LENGTH'],
      ['an unknown kind', { kind: Uint8Array.of(0, 0, 9, 1) }, 'FS_ERR_ARG_RANGE'],
      ['an unknown side', { side: Uint8Array.of(0, 2, 0, 0) }, 'FS_ERR_ARG_RANGE'],
      ['a column of the wrong type', { price: new Float64Array(4) }, 'FS_ERR_ARG_TYPE'],
      ['no ids', { id: undefined }, 'FS_ERR_COLUMN_MISSING'],
      ['a misspelt column', { pricee: new BigInt64Array(4) }, 'FS_ERR_OPTION_UNKNOWN'],
    ])('with %s throw and change nothing', (_, change, code) => {
      expect(() => book.applyBatch({ ...batch(), ...change } as never)).toThrow(expect.objectContaining({ code }));
      expect(book.stats()).toMatchObject({ acceptedOrders: 0 });
    });

    it('in Arrow need exact types and no nulls', () => {
      const table = new Table({ kind: makeVector(Uint8Array.of(0)), id: makeVector(BigInt64Array.of(1n)) });
      expect(() => book.applyBatch(table)).toThrow(expect.objectContaining({ code: 'FS_ERR_SCHEMA' }));
    });

    it('may be empty', () => {
      expect(book.applyBatch({ kind: new Uint8Array(0), id: new BigUint64Array(0) })).toMatchObject({ rows: 0 });
    });
  });
});
