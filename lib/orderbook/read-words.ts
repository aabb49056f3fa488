/** What the addon packs into 64-bit words, as objects. The layouts are in `cpp/binding/orderbook_binding.cc`. */
import { SIDES } from './names.js';
import type { BookStats, DepthLevel, LevelDeltas, RestingOrder } from './types.js';

const LEVEL_WORDS = 3;
const ORDER_WORDS = 8;
const DELTA_WORDS = 5;
const PENDING = 2n;

export function readLevels(buffer: ArrayBuffer): DepthLevel[] {
  const words = new BigUint64Array(buffer);
  const signed = new BigInt64Array(buffer);
  const levels: DepthLevel[] = [];
  for (let at = 0; at < words.length; at += LEVEL_WORDS) {
    levels.push({ price: signed[at]!, quantity: words[at + 1]!, orders: Number(words[at + 2]!) });
  }
  return levels;
}

export function readOrders(buffer: ArrayBuffer): RestingOrder[] {
  const words = new BigUint64Array(buffer);
  const signed = new BigInt64Array(buffer);
  const orders: RestingOrder[] = [];
  for (let at = 0; at < words.length; at += ORDER_WORDS) {
    const flags = words[at + 7]!;
    orders.push({
      id: words[at]!,
      side: SIDES[Number(flags & 1n)]!,
      price: signed[at + 1]!,
      quantity: words[at + 2]!,
      hidden: words[at + 3]!,
      displayQuantity: words[at + 4]!,
      owner: Number(words[at + 6]!),
      time: signed[at + 5]!,
      pending: (flags & PENDING) !== 0n,
    });
  }
  return orders;
}

export function readBookStats(buffer: ArrayBuffer): BookStats {
  const words = new BigUint64Array(buffer);
  const count = (index: number): number => Number(words[index]!);
  return {
    acceptedOrders: count(0),
    trades: count(1),
    tradedQuantity: words[2]!,
    cancels: count(3),
    rejects: count(4),
    triggeredStops: count(5),
    activeOrders: count(7),
    pendingStops: count(8),
    bidLevels: count(9),
    askLevels: count(10),
    lastTradePrice: words[11] === 0n ? null : new BigInt64Array(buffer)[12]!,
    memoryBytes: count(13),
  };
}

export function readDeltas(buffer: ArrayBuffer): LevelDeltas {
  const words = new BigUint64Array(buffer);
  const signed = new BigInt64Array(buffer);
  const length = words.length / DELTA_WORDS;
  const deltas = {
    length,
    sequence: new BigUint64Array(length),
    side: new Uint8Array(length),
    price: new BigInt64Array(length),
    quantity: new BigUint64Array(length),
    orders: new Uint32Array(length),
  };
  for (let row = 0, at = 0; row < length; row++, at += DELTA_WORDS) {
    deltas.sequence[row] = words[at]!;
    deltas.side[row] = Number(words[at + 1]!);
    deltas.price[row] = signed[at + 2]!;
    deltas.quantity[row] = words[at + 3]!;
    deltas.orders[row] = Number(words[at + 4]!);
  }
  return deltas;
}
