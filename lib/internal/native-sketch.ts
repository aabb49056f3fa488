/** Types of what the addon takes and returns for histograms, Bloom filters and slab pools. */

export interface NativeHistogram {
  readonly precision: number;
  /** u64: min, max, sum low, sum high, counts. */
  readonly words: ArrayBuffer;
}

declare const poolBrand: unique symbol;
/** A slab pool; opaque. */
export interface NativePool {
  readonly [poolBrand]: 'pool';
}
/** The right to one slab; opaque. */
export interface NativeSlabLease {
  readonly [poolBrand]: 'lease';
}

export interface NativePoolOptions {
  readonly slabBytes: number;
  readonly slabs: number;
  readonly zeroOnReturn: boolean;
}

export interface NativeSlab {
  readonly lease: NativeSlabLease;
  /** The slab itself. */
  readonly buffer: ArrayBuffer;
}

export interface NativePoolStats {
  readonly slabs: number;
  readonly slabBytes: number;
  readonly inUse: number;
  readonly peak: number;
  readonly lent: number;
  readonly refused: number;
}
