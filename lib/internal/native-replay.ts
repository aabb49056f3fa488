/** Types of what the addon takes and returns for replays of feeds. Enumerations are numbers of the C++ headers. */

declare const replayBrand: unique symbol;
/** A replay under way; opaque. */
export interface NativeReplay {
  readonly [replayBrand]: true;
}

/** `FeedFormat` in `cpp/include/flowstate/book/feed_replay.h`. */
export const NativeFeedFormat = { itch: 0, lobster: 1, dbn: 2, binance: 3, csv: 4, columns: 5 } as const;
/** `FeedBook` there. */
export const NativeFeedBook = { levels: 0, orders: 1, places: 2 } as const;
/** `SampleMode` in `orderbook/include/orderbook/replay/options.h`. */
export const NativeSampleMode = { atTimes: 0, everyEvent: 1, everyNth: 2 } as const;

export interface NativeReplayOptions {
  readonly format: number;
  readonly book: number;
  readonly tick: bigint;
  readonly midnight: bigint;
  readonly symbols: readonly string[];
  readonly gapIsError: boolean;
  readonly clearOnGap: boolean;
  readonly denseSequences: boolean;
  readonly priceDecimals: number;
  readonly quantityDecimals: number;
  readonly seedRow: string;
  readonly mode: number;
  readonly every: number;
  readonly levels: number;
  readonly orderFlow: boolean;
  readonly wholeGroups: boolean;
  readonly rejectIsError: boolean;
  readonly lateIsError: boolean;
  readonly instruments: Uint32Array;
  readonly sampleTimes: BigInt64Array;
  readonly sampleInstruments: Uint32Array;
  readonly trackedInstruments: Uint32Array;
  readonly trackedOrders: BigUint64Array;
  readonly batchRows: number;
  readonly pricesInTicks: boolean;
  readonly sizesAsFloats: boolean;
  readonly wantsLevels: boolean;
  readonly wantsOrders: boolean;
  readonly wantsTouch: boolean;
  readonly wantsImbalance: boolean;
  readonly wantsTrades: boolean;
}

/** Events as columns; null is 0 in every row. */
export interface NativeEventColumns {
  readonly time: BigInt64Array;
  readonly kind: Uint8Array;
  readonly side: Uint8Array | null;
  readonly price: BigInt64Array | null;
  readonly quantity: BigUint64Array | null;
  readonly orderId: BigUint64Array | null;
  readonly newOrderId: BigUint64Array | null;
  readonly sequence: BigUint64Array | null;
  readonly instrument: Uint32Array | null;
  readonly flags: Uint8Array | null;
}

/**
 * Level k of a group of columns begins at k × capacity values, its bitmap at k × bitmapBytes. Null: not asked for.
 * Without rows and not `done`: more input is needed.
 */
export interface NativeFeatureBatch {
  readonly rows: number;
  readonly done: boolean;
  readonly capacity: number;
  readonly bitmapBytes: number;
  readonly time: ArrayBuffer | null;
  readonly instrument: ArrayBuffer | null;
  readonly sequence: ArrayBuffer | null;
  readonly eventTime: ArrayBuffer | null;
  readonly bidPrice: ArrayBuffer | null;
  readonly askPrice: ArrayBuffer | null;
  readonly bidSize: ArrayBuffer | null;
  readonly askSize: ArrayBuffer | null;
  readonly bidOrders: ArrayBuffer | null;
  readonly askOrders: ArrayBuffer | null;
  readonly mid: ArrayBuffer | null;
  readonly spread: ArrayBuffer | null;
  readonly microprice: ArrayBuffer | null;
  readonly imbalance: ArrayBuffer | null;
  readonly orderFlow: ArrayBuffer | null;
  readonly tradeCount: ArrayBuffer | null;
  readonly tradeVolume: ArrayBuffer | null;
  readonly lastTradePrice: ArrayBuffer | null;
  readonly lastTradeSize: ArrayBuffer | null;
  readonly lastTradeSide: ArrayBuffer | null;
  readonly ordersAhead: ArrayBuffer | null;
  readonly quantityAhead: ArrayBuffer | null;
  readonly seenValid: ArrayBuffer | null;
  readonly bidValid: ArrayBuffer | null;
  readonly askValid: ArrayBuffer | null;
  readonly bothValid: ArrayBuffer | null;
  readonly eitherValid: ArrayBuffer | null;
  readonly tradeValid: ArrayBuffer | null;
  readonly sideValid: ArrayBuffer | null;
  readonly queueValid: ArrayBuffer | null;
  readonly seenNulls: number;
  readonly bothNulls: number;
  readonly eitherNulls: number;
  readonly tradeNulls: number;
  readonly sideNulls: number;
  readonly queueNulls: number;
  readonly bidNulls: readonly number[];
  readonly askNulls: readonly number[];
}

export interface NativeReplayStats {
  readonly bytes: number;
  readonly messages: number;
  readonly skipped: number;
  readonly unknown: number;
  readonly stale: number;
  readonly timeRegressions: number;
  readonly events: number;
  readonly filtered: number;
  readonly rows: number;
  readonly lateEvents: number;
  readonly rejected: number;
  readonly openGroupEvents: number;
  readonly gaps: number;
  /** By number of the reject. */
  readonly rejectedBy: readonly number[];
  /** By number of the event kind. */
  readonly eventsByKind: readonly number[];
  readonly eventsByInstrument: readonly (readonly [number, number])[];
  readonly firstGaps: readonly {
    readonly byteOffset: number;
    readonly message: number;
    readonly expected: bigint;
    readonly found: bigint;
  }[];
}
