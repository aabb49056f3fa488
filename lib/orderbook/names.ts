/** The enumerations of the order book: their names here, in the order of their numbers in `orderbook/include/orderbook`. */

export const SIDES = ['buy', 'sell'] as const;
export type Side = (typeof SIDES)[number];

/** `limit` rests; `market` trades at any price; `stop` and `stop-limit` wait for a trade at `stopPrice` or beyond. */
export const ORDER_TYPES = ['limit', 'market', 'stop', 'stop-limit'] as const;
export type OrderType = (typeof ORDER_TYPES)[number];

/** Good till cancelled; immediate or cancel; fill or kill. */
export const TIMES_IN_FORCE = ['gtc', 'ioc', 'fok'] as const;
export type TimeInForce = (typeof TIMES_IN_FORCE)[number];

/** `reject` refuses an order that would trade, `slide` rests it one tick away from the opposite best. */
export const POST_ONLY = ['off', 'reject', 'slide'] as const;
export type PostOnly = (typeof POST_ONLY)[number];

/** What an incoming order does when it meets a resting one of the same owner. */
export const SELF_TRADE = ['allow', 'cancel-newest', 'cancel-oldest', 'cancel-both', 'decrement'] as const;
export type SelfTrade = (typeof SELF_TRADE)[number];

export const ORDER_STATES = ['resting', 'filled', 'cancelled', 'pending'] as const;
/** `pending` is a stop that waits for its trade. */
export type OrderState = (typeof ORDER_STATES)[number];

/** Why a command was refused; it has changed nothing. The order is permanent: batches carry the numbers. */
export const REJECTS = [
  'none',
  'duplicate-id',
  'unknown-id',
  'zero-quantity',
  'quantity-too-large',
  'bad-price',
  'bad-id',
  'bad-display',
  'bad-order',
  'would-cross',
  'unfillable',
  'pending-stop',
  'over-execution',
  'negative-level',
  'crossed',
  'wrong-kind',
  'mixed-level',
  'no-side',
  'full',
  'bad-book',
  'sequence-gap',
] as const;
export type RejectReason = Exclude<(typeof REJECTS)[number], 'none'>;

/** Why an order left other than by a trade. The first and the fourth are the caller's own doing and are not told. */
export const CANCEL_REASONS = ['requested', 'remainder', 'self-trade', 'replaced', 'unfillable'] as const;
export type CancelReason = (typeof CANCEL_REASONS)[number];

/** Kinds of commands in a batch, by number. */
export const COMMAND_KINDS = ['add', 'cancel', 'modify', 'replace'] as const;
export type CommandKind = (typeof COMMAND_KINDS)[number];

/** What an event of a feed says, by number. */
export const EVENT_KINDS = [
  'add',
  'reduce',
  'delete',
  'execute',
  'replace',
  'modify',
  'trade',
  'level',
  'clear',
  'status',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** Number of a name, which is known to be one. */
export function numberOf<T extends string>(names: readonly T[], name: T): number {
  return names.indexOf(name);
}
