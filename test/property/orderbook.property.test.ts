/** applyBatch = one by one = a naive book, over random commands and any cuts of them into batches. */
import fc from 'fast-check';
import { type Accepted, type BatchResult, type CommandBatch, OrderBook, type OrderResult } from '../../lib/index.js';
import { loadAddon } from '../../lib/internal/native.js';
import {
  CANCEL_REASONS,
  ORDER_STATES,
  ORDER_TYPES,
  POST_ONLY,
  REJECTS,
  SELF_TRADE,
  SIDES,
  TIMES_IN_FORCE,
} from '../../lib/orderbook/names.js';
import { type NaiveAnswer, NaiveBook, type NaiveCommand, type NaiveFill } from '../helpers/naive-book.js';
import { runs } from '../helpers/property.js';

const { addon, reason } = loadAddon();
const withAddon = addon ? describe : describe.skip;
if (!addon) console.warn(`order book properties skipped: ${reason}`);

/** Few ids, prices and quantities: collisions, crossings and exact fills are common. */
const command = fc.record<NaiveCommand>({
  kind: fc.constantFrom(0, 0, 0, 0, 1, 2, 2, 3),
  id: fc.bigInt(0n, 12n),
  newId: fc.bigInt(0n, 12n),
  side: fc.constantFrom(0 as const, 1 as const),
  price: fc.bigInt(-3n, 4n),
  quantity: fc.bigInt(0n, 9n),
  type: fc.constantFrom(0, 0, 0, 1),
  timeInForce: fc.constantFrom(0, 0, 0, 1, 2),
  postOnly: fc.constantFrom(0, 0, 0, 0, 1, 2),
  selfTrade: fc.constantFrom(0, 1, 2, 3),
  display: fc.constantFrom(0n, 0n, 0n, 1n, 3n),
  owner: fc.constantFrom(0, 1, 2),
});

function columns(commands: readonly NaiveCommand[]): CommandBatch {
  return {
    kind: Uint8Array.from(commands, (c) => c.kind),
    id: BigUint64Array.from(commands, (c) => c.id),
    newId: BigUint64Array.from(commands, (c) => c.newId),
    side: Uint8Array.from(commands, (c) => c.side),
    price: BigInt64Array.from(commands, (c) => c.price),
    quantity: BigUint64Array.from(commands, (c) => c.quantity),
    type: Uint8Array.from(commands, (c) => c.type),
    timeInForce: Uint8Array.from(commands, (c) => c.timeInForce),
    postOnly: Uint8Array.from(commands, (c) => c.postOnly),
    selfTrade: Uint8Array.from(commands, (c) => c.selfTrade),
    displayQuantity: BigUint64Array.from(commands, (c) => c.display),
    owner: Uint32Array.from(commands, (c) => c.owner),
  };
}

interface Answers {
  readonly answers: NaiveAnswer[];
  readonly fills: NaiveFill[];
  readonly removed: { row: number; id: bigint; quantity: bigint; reason: string }[];
}

function fromBatch(result: BatchResult, offset: number, into: Answers): void {
  for (let i = 0; i < result.rows; i++) {
    into.answers.push({
      status: REJECTS[result.status[i]!]!,
      state: ORDER_STATES[result.state[i]!]!,
      filled: result.filled[i]!,
      remaining: result.remaining[i]!,
      cancelled: result.cancelled[i]!,
    });
  }
  const { fills, removed } = result;
  for (let i = 0; i < fills.length; i++) {
    const [makerId, takerId, price, quantity] = [fills.makerId, fills.takerId, fills.price, fills.quantity];
    const row = fills.row[i]! + offset;
    into.fills.push({ row, makerId: makerId[i]!, takerId: takerId[i]!, price: price[i]!, quantity: quantity[i]! });
  }
  for (let i = 0; i < removed.length; i++) {
    const row = removed.row[i]! + offset;
    into.removed.push({
      row,
      id: removed.id[i]!,
      quantity: removed.quantity[i]!,
      reason: CANCEL_REASONS[removed.reason[i]!]!,
    });
  }
}

function one(book: OrderBook, c: NaiveCommand): OrderResult {
  if (c.kind === 1) return book.cancelOrder(c.id);
  if (c.kind === 2) return book.modifyOrder(c.id, { price: c.price, quantity: c.quantity });
  if (c.kind === 3) return book.replaceOrder(c.id, { newId: c.newId, price: c.price, quantity: c.quantity });
  return book.addOrder({
    id: c.id,
    side: SIDES[c.side],
    quantity: c.quantity,
    type: ORDER_TYPES[c.type]!,
    ...(c.type === 0 ? { price: c.price } : {}),
    timeInForce: TIMES_IN_FORCE[c.timeInForce]!,
    postOnly: POST_ONLY[c.postOnly]!,
    selfTrade: SELF_TRADE[c.selfTrade]!,
    displayQuantity: c.display,
    owner: c.owner,
  });
}

function fromResult(result: OrderResult, row: number, into: Answers): void {
  if (!result.ok) {
    into.answers.push({ status: result.reason, state: 'resting', filled: 0n, remaining: 0n, cancelled: 0n });
    return;
  }
  const { status: state, filled, remaining, cancelled }: Accepted = result;
  into.answers.push({ status: 'none', state, filled, remaining, cancelled });
  for (const { makerId, takerId, price, quantity } of result.fills) {
    into.fills.push({ row, makerId, takerId, price, quantity });
  }
  for (const removal of result.removed) into.removed.push({ row, ...removal });
}

const fresh = (): Answers => ({ answers: [], fills: [], removed: [] });

withAddon('an order book', () => {
  it.each(['wide', 'compact', 'dense'] as const)('%s: batches, single calls and the naive book agree', (storage) => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 120 }), fc.integer({ min: 1, max: 40 }), (commands, size) => {
        const naive = new NaiveBook();
        const expected = commands.map((each, row) => naive.apply(each, row));
        const single = new OrderBook({ storage });
        const batched = new OrderBook({ storage, deltas: true, expectedOrders: 1, windowTicks: 64 });
        try {
          const [a, b] = [fresh(), fresh()];
          commands.forEach((each, row) => fromResult(one(single, each), row, a));
          for (let at = 0; at < commands.length; at += size) {
            fromBatch(batched.applyBatch(columns(commands.slice(at, at + size))), at, b);
          }
          const want = { answers: expected, fills: naive.fills, removed: naive.removed };
          expect(a).toEqual(want);
          expect(b).toEqual(want);
          for (const [side, name] of [
            [0, 'buy'],
            [1, 'sell'],
          ] as const) {
            const rest = naive.side(side).map(({ id, price, shown, hidden }) => ({ id, price, shown, hidden }));
            const orders = batched
              .orders(name)
              .map(({ id, price, quantity, hidden }) => ({ id, price, shown: quantity, hidden }));
            expect(orders).toEqual(rest);
          }
          expect(single.checksum()).toBe(batched.checksum());
          const copy = OrderBook.restore(batched.snapshot(), { storage });
          expect([copy.checksum(), copy.stats().trades]).toEqual([batched.checksum(), batched.stats().trades]);
          copy.close();
          expect(followed(batched)).toEqual([batched.bidDepth(64), batched.askDepth(64)]);
        } finally {
          single.close();
          batched.close();
        }
      }),
      runs(250),
    );
  });
});

/** Levels rebuilt from the deltas alone. */
function followed(book: OrderBook): unknown {
  const deltas = book.takeDeltas();
  const sides = [new Map<bigint, object>(), new Map<bigint, object>()] as const;
  for (let i = 0; i < deltas.length; i++) {
    expect(deltas.sequence[i]).toBe(BigInt(i + 1));
    const [price, quantity] = [deltas.price[i]!, deltas.quantity[i]!];
    const levels = sides[deltas.side[i] as 0 | 1];
    if (quantity === 0n) levels.delete(price);
    else levels.set(price, { price, quantity, orders: deltas.orders[i]! });
  }
  const sorted = (levels: Map<bigint, object>, sign: number): object[] =>
    [...levels].sort(([a], [b]) => (a < b ? -sign : sign)).map(([, level]) => level);
  return [sorted(sides[0], -1), sorted(sides[1], 1)];
}
