/** Types of what the addon takes and returns for joins of tables in device memory. */
import type { NativeDevice, NativeMemory } from './native-device.js';
import type { NativeStreamStats, NativeTask, NativeType } from './native.js';

declare const tableBrand: unique symbol;
/** A right side put in order; opaque. Its memory is freed when it is released or collected. */
export interface NativeTableIndex {
  readonly [tableBrand]: 'table index';
}

/** Bytes of device memory. */
export interface NativeRegion {
  readonly memory: NativeMemory;
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** A flat column, or a dictionary column's indices. Bitmaps from bit 0, offsets from 0. */
export interface NativeCells {
  readonly type: NativeType;
  /** Bytes per row where fixed, else 0. */
  readonly width: number;
  readonly values: NativeRegion | null;
  readonly offsets: NativeRegion | null;
  readonly validity: NativeRegion | null;
}

export interface NativeTableTime {
  readonly name: string;
  readonly unit: string;
  readonly rows: number;
  readonly scale: bigint;
  readonly cells: NativeCells;
}

export interface NativeTableKey {
  readonly name: string;
  readonly rows: number;
  readonly scale: bigint;
  readonly unsignedForeign: boolean;
  readonly cells: NativeCells;
  /** A dictionary's values where they are of a fixed width. */
  readonly entries: NativeCells | null;
  readonly entryCount: number;
  /** A dictionary of text: a number per entry, below `known` where the right has the value, -1 for null. */
  readonly number: Int32Array | null;
  readonly known: number;
  /** Of all values of this side. */
  readonly numbers: number;
}

/** Numbers of `functors::TimeDomain`. */
export const NativeTimeDomain = { signed: 0, unsigned: 1, float: 2 } as const;
export type NativeTimeDomain = (typeof NativeTimeDomain)[keyof typeof NativeTimeDomain];

export interface NativeTableRight {
  readonly time: NativeTableTime;
  readonly known: NativeTableTime | null;
  readonly keys: readonly NativeTableKey[];
  readonly domain: NativeTimeDomain;
  readonly lag: bigint | number;
  readonly nullsEqual: boolean;
  /** Without keys: rows have codes all the same, because some row of either side may lack a time. */
  readonly coded: boolean;
}

/** Numbers of `device::TakeKind`. */
export const NativeTakeKind = { flat: 0, null: 1, struct: 2, fixedList: 3, list: 4, largeList: 5 } as const;
export type NativeTakeKind = (typeof NativeTakeKind)[keyof typeof NativeTakeKind];

export interface NativeTake {
  readonly name: string;
  readonly kind: NativeTakeKind;
  readonly rows: number;
  readonly listSize: number;
  /** Flat only. */
  readonly cells: NativeCells | null;
  /** Others. */
  readonly offsets: NativeRegion | null;
  readonly validity: NativeRegion | null;
  readonly children: readonly NativeTake[];
}

/** Numbers of `device::MatchPlan`. */
export const NativeMatchPlan = { auto: 0, merge: 1, probe: 2 } as const;

export interface NativeTableStream {
  readonly leftTime: NativeTableTime;
  readonly leftKeys: readonly NativeTableKey[];
  readonly right: NativeTableRight;
  /** Null: made by the join. */
  readonly index: NativeTableIndex | null;
  readonly payload: readonly NativeTake[];
  readonly direction: number;
  readonly allowExact: boolean;
  readonly ties: number;
  readonly nearestTie: number;
  readonly tolerance: bigint | number | null;
  readonly inner: boolean;
  readonly unsorted: number;
  readonly plan: number;
  readonly wantMatched: boolean;
  readonly wantAge: boolean;
  readonly ageScale: bigint;
}

export interface NativeTableJoin {
  readonly leftRows: number;
  /** Taken only when some stream is inner. */
  readonly leftPayload: readonly NativeTake[];
  readonly streams: readonly NativeTableStream[];
  readonly explain: boolean;
}

export interface NativeTableExplain {
  readonly phases: readonly { readonly name: string; readonly ns: number; readonly bytes: number }[];
  /** Of a large copy within the device's memory, bytes read and written. */
  readonly copyBytesPerSecond: number;
}

/** Memory of its own, to be released by its owner. */
export interface NativeOwned {
  readonly memory: NativeMemory;
  readonly byteLength: number;
}

/** Null slots are zeros; `validity` is null where nothing is null, and as bitmaps are, a multiple of 4 bytes. */
export interface NativeTaken {
  readonly length: number;
  readonly nullCount: number;
  readonly values: NativeOwned | null;
  readonly offsets: NativeOwned | null;
  readonly validity: NativeOwned | null;
  readonly children: readonly NativeTaken[];
}

export interface NativeTableStreamResult {
  readonly columns: readonly NativeTaken[];
  readonly age: NativeTaken | null;
  readonly matched: NativeTaken | null;
  readonly stats: NativeStreamStats;
  /** A number of `NativeMatchPlan`. */
  readonly plan: number;
  /** Null where the join was given one. */
  readonly index: NativeTableIndex | null;
}

export interface NativeTableJoinResult {
  readonly rows: number;
  readonly left: readonly NativeTaken[];
  readonly streams: readonly NativeTableStreamResult[];
  readonly explain: NativeTableExplain | null;
}

/** The addon's functions for joins of device tables. All throw records. */
export interface NativeTableAddon {
  tableIndex(device: NativeDevice, right: NativeTableRight): NativeTask<NativeTableIndex>;
  tableIndexBytes(index: NativeTableIndex): number;
  /** Idempotent; joins under way keep it. */
  tableIndexRelease(index: NativeTableIndex): void;
  tableJoin(device: NativeDevice, request: NativeTableJoin): NativeTask<NativeTableJoinResult>;
}
