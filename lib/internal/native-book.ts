/** Types of what the addon takes and returns for the order book. Enumerations are numbers of the C++ headers. */

declare const bookBrand: unique symbol;
/** An open order book; opaque. */
export interface NativeBook {
  readonly [bookBrand]: true;
}

/** `BookStorage` in `cpp/include/flowstate/book/matching_book.h`. */
export const NativeBookStorage = { wide: 0, compact: 1, dense: 2 } as const;
/** `CommandKind` there. */
export const NativeCommandKind = { add: 0, cancel: 1, modify: 2, replace: 3 } as const;

export interface NativeBookOptions {
  readonly storage: number;
  readonly windowTicks: number;
  readonly expectedOrders: number;
  readonly maxOrders: number;
  readonly maxDenseId: number;
  readonly minPrice: bigint;
  readonly maxPrice: bigint;
  readonly deltas: boolean;
}

/** A row is a command; a column that is null is 0 in every row. */
export interface NativeCommands {
  readonly rows: number;
  readonly kind: Uint8Array;
  readonly id: BigUint64Array;
  readonly newId: BigUint64Array | null;
  readonly side: Uint8Array | null;
  readonly price: BigInt64Array | null;
  readonly quantity: BigUint64Array | null;
  readonly type: Uint8Array | null;
  readonly timeInForce: Uint8Array | null;
  readonly postOnly: Uint8Array | null;
  readonly selfTrade: Uint8Array | null;
  readonly stopPrice: BigInt64Array | null;
  readonly display: BigUint64Array | null;
  readonly owner: Uint32Array | null;
  readonly time: BigInt64Array | null;
}

/** What commands caused: a block of columns each (`lib/orderbook/blocks.ts`). Null: none. */
export interface NativeCommandEvents {
  readonly fills: ArrayBuffer | null;
  readonly removals: ArrayBuffer | null;
  readonly triggers: ArrayBuffer | null;
}

export interface NativeCommandResults extends NativeCommandEvents {
  readonly rows: number;
  readonly rejected: number;
  /** A block of columns. */
  readonly answers: ArrayBuffer;
}
