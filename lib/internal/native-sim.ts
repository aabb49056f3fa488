/** What the simulator of the addon takes and returns: `cpp/binding/book_sim_binding.cc`. */

export const NativeSimModel = { zeroIntelligence: 0, hawkes: 1 } as const;

export interface NativeSimSymbol {
  /** The tick is units / perWhole. */
  readonly units: number;
  readonly perWhole: number;
  /** Ticks; null for the preset's. */
  readonly initialBid: bigint | null;
  /** 0 deep and tight to 4 thin and wide; null: by the symbol's number. */
  readonly kind: number | null;
  readonly eventsPerSecond: number | null;
}

export interface NativeSimRequest {
  readonly seed: bigint;
  readonly startNs: bigint;
  readonly durationNs: bigint;
  readonly granularityNs: bigint;
  readonly model: number;
  readonly branching: number;
  readonly persistence: number;
  readonly kernels: readonly { readonly weight: number; readonly meanDelayNs: bigint }[];
  readonly activity: readonly number[];
  readonly eventsPerSecond: number;
  readonly symbols: readonly NativeSimSymbol[];
  readonly events: boolean;
  readonly trades: boolean;
  readonly quotes: boolean;
}

/** Columns in the order of the schemas in `lib/orderbook/simulate-columns.ts`. */
export interface NativeSimTable {
  readonly rows: number;
  readonly columns: readonly ArrayBuffer[];
}

export interface NativeSimQuotes extends NativeSimTable {
  readonly bidNulls: number;
  readonly askNulls: number;
  readonly bidValidity: ArrayBuffer | null;
  readonly askValidity: ArrayBuffer | null;
}

export interface NativeSimBatch {
  readonly events: NativeSimTable;
  readonly trades: NativeSimTable;
  readonly quotes: NativeSimQuotes;
  readonly done: boolean;
}

declare const simulationBrand: unique symbol;
/** A running market; opaque. */
export interface NativeSimulation {
  readonly [simulationBrand]: true;
}
