/** What goes into an order book and comes out of it, one object at a time. For batches see `batch.ts`. */
import type {
  CancelReason,
  OrderState,
  OrderType,
  PostOnly,
  RejectReason,
  SelfTrade,
  Side,
  TimeInForce,
} from './names.js';
import type { PriceLike, Whole } from './numbers.js';

export interface OrderRequest {
  /** Unique among the orders that rest or wait. 0 to 2^64 - 1. */
  readonly id: Whole;
  readonly side: Side;
  /** Limit and stop-limit orders. */
  readonly price?: PriceLike;
  readonly quantity: Whole;
  /** Default `limit`. */
  readonly type?: OrderType;
  /** Default `gtc`. */
  readonly timeInForce?: TimeInForce;
  /** `true` is `reject`. Default `off`. */
  readonly postOnly?: PostOnly | boolean;
  /** Stop and stop-limit orders: they wait for a trade at this price or beyond (at or above to buy, below to sell). */
  readonly stopPrice?: PriceLike;
  /** Iceberg: the quantity shown at a time. */
  readonly displayQuantity?: Whole;
  /** Who sent it, for self-trade prevention: 1 to 2^32 - 1. 0, the default, is nobody. */
  readonly owner?: number;
  /** Default `allow`. */
  readonly selfTrade?: SelfTrade;
  /** Nanoseconds; kept with the order and not interpreted. */
  readonly time?: bigint;
}

export interface ChangeRequest {
  readonly price: PriceLike;
  /** The new open quantity, hidden part included. */
  readonly quantity: Whole;
  readonly time?: bigint;
}

export interface ReplaceRequest extends ChangeRequest {
  /** May be the old id. */
  readonly newId: Whole;
}

/** One trade, at the resting order's price. */
export interface Fill {
  readonly makerId: bigint;
  readonly takerId: bigint;
  /** Ticks. */
  readonly price: bigint;
  readonly quantity: bigint;
  readonly takerSide: Side;
}

/** An order that left other than by trades and not because the call asked for it. */
export interface Removal {
  readonly id: bigint;
  /** Open until then, hidden part included. */
  readonly quantity: bigint;
  readonly reason: CancelReason;
}

/** quantity = filled + remaining + cancelled. */
export interface Accepted {
  readonly ok: true;
  readonly status: OrderState;
  readonly id: bigint;
  readonly filled: bigint;
  /** Rests or waits now, hidden part included. */
  readonly remaining: bigint;
  /** Of the order itself: remainders of market and IOC orders, self-trade prevention, a cancel. */
  readonly cancelled: bigint;
  /** Everything that traded, stops that were triggered included. */
  readonly fills: readonly Fill[];
  readonly removed: readonly Removal[];
  /** Stops that became orders, in order. */
  readonly triggered: readonly bigint[];
}

/** The book is as it was. */
export interface Rejected {
  readonly ok: false;
  readonly status: 'rejected';
  readonly id: bigint;
  readonly reason: RejectReason;
}

export type OrderResult = Accepted | Rejected;

/** Level 2: one price. */
export interface DepthLevel {
  /** Ticks. */
  readonly price: bigint;
  readonly quantity: bigint;
  readonly orders: number;
}

/** Level 1; null for a side without orders. */
export interface Bbo {
  readonly bid: DepthLevel | null;
  readonly ask: DepthLevel | null;
}

/** Level 3: one order. */
export interface RestingOrder {
  readonly id: bigint;
  readonly side: Side;
  /** Ticks; the stop price while it waits. */
  readonly price: bigint;
  /** Shown. */
  readonly quantity: bigint;
  readonly hidden: bigint;
  /** Size of a fresh slice; 0n where it is no iceberg. */
  readonly displayQuantity: bigint;
  readonly owner: number;
  readonly time: bigint;
  /** A stop that has not been triggered. */
  readonly pending: boolean;
}

export interface QueuePosition {
  readonly ordersAhead: number;
  /** Shown quantity only. */
  readonly quantityAhead: bigint;
}

export interface BookStats {
  readonly acceptedOrders: number;
  readonly trades: number;
  readonly tradedQuantity: bigint;
  /** Whole orders that left other than by trades. */
  readonly cancels: number;
  readonly rejects: number;
  readonly triggeredStops: number;
  readonly activeOrders: number;
  readonly pendingStops: number;
  readonly bidLevels: number;
  readonly askLevels: number;
  /** Ticks; null before the first trade. */
  readonly lastTradePrice: bigint | null;
  readonly memoryBytes: number;
}

/** Changes of prices since the last call, columns of the same length. A later one makes an earlier one obsolete. */
export interface LevelDeltas {
  readonly length: number;
  /** From 1, without gaps. */
  readonly sequence: BigUint64Array;
  /** 0 buy, 1 sell. */
  readonly side: Uint8Array;
  /** Ticks. */
  readonly price: BigInt64Array;
  /** Now shown; 0: the level is gone. */
  readonly quantity: BigUint64Array;
  readonly orders: Uint32Array;
}
