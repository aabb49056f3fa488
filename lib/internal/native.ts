/**
 * The only importer of the native addon, and the types of everything it takes and returns. The join request and
 * result types here are also what the JavaScript executor takes and returns, so the two can be exchanged.
 *
 * Native code never builds typed arrays or Error objects (inside Jest they fail `instanceof`): it returns
 * `ArrayBuffer`s and throws plain records, and TypeScript makes views and classes of them.
 */
import addonLoader from '#addon';

import type { NativeStreamEngineClass } from './native-stream.js';
import type { NativeDevice, NativeDeviceAddon } from './native-device.js';
import type { NativeTableAddon } from './native-tables.js';
import type { NativeOnnxAddon } from './native-onnx.js';
import type { NativeTfjsAddon } from './native-tfjs.js';
import type { NativeSimBatch, NativeSimRequest, NativeSimulation } from './native-sim.js';
import type {
  NativeBook,
  NativeBookOptions,
  NativeCommandEvents,
  NativeCommandResults,
  NativeCommands,
} from './native-book.js';
import type {
  NativeEventColumns,
  NativeFeatureBatch,
  NativeReplay,
  NativeReplayOptions,
  NativeReplayStats,
} from './native-replay.js';
import type {
  NativeHistogram,
  NativePool,
  NativePoolOptions,
  NativePoolStats,
  NativeSlab,
  NativeSlabLease,
} from './native-sketch.js';

/** Physical column layouts; the numbers are `ColumnType` in `cpp/include/flowstate/column.h`. */
export const NativeType = {
  Int8: 0,
  Int16: 1,
  Int32: 2,
  Int64: 3,
  UInt8: 4,
  UInt16: 5,
  UInt32: 6,
  UInt64: 7,
  Float16: 8,
  Float32: 9,
  Float64: 10,
  Bool: 11,
  Bytes32: 12,
  Bytes64: 13,
  Fixed: 14,
  Dictionary: 15,
} as const;
export type NativeType = (typeof NativeType)[keyof typeof NativeType];

/** One contiguous run of rows. `values` and `offsets` start at the first logical row; bitmaps start at `bitOffset`. */
export interface NativeChunk {
  readonly length: number;
  readonly bitOffset: number;
  readonly values: ArrayBufferView | null;
  readonly offsets: Int32Array | BigInt64Array | null;
  readonly validity: Uint8Array | null;
  /** Index into the column's `dictionaries`, -1 where there is none. */
  readonly dictionary: number;
}

export interface NativeColumn {
  /** As errors should say it: `left.timestamp`. */
  readonly name: string;
  readonly type: NativeType;
  /** Dictionary only: type of the indices. */
  readonly indexType: NativeType;
  /** Bytes per row where fixed, else 0. */
  readonly width: number;
  readonly chunks: readonly NativeChunk[];
  readonly dictionaries: readonly NativeColumn[];
}

/** A time column; the aligned time is value × scale. `unit` (of the aligned value) is for messages. */
export interface NativeTime {
  readonly column: NativeColumn;
  readonly scale: bigint;
  readonly unit: string;
}

export interface NativeKey {
  readonly column: NativeColumn;
  readonly scale: bigint;
  /** This side is uint64 and the other signed: values of 2^63 and more equal nothing. */
  readonly unsignedForeign: boolean;
}

export interface NativeSide {
  readonly time: NativeTime;
  readonly keys: readonly NativeKey[];
}

export const NativeDirection = { backward: 0, forward: 1, nearest: 2 } as const;
export const NativeTies = { auto: 0, last: 1, first: 2 } as const;
export const NativeNearestTie = { earlier: 0, later: 1 } as const;
export const NativeUnsorted = { sort: 0, error: 1 } as const;
export const NativePlan = { auto: 0, merge: 1, grouped: 2, sort: 3, probe: 4 } as const;

export interface NativeStream {
  /** Index into `leftSides`. */
  readonly leftSide: number;
  readonly right: NativeSide;
  readonly knownAt: NativeTime | null;
  /** Right columns to gather; dictionaries go as their plain indices. */
  readonly payload: readonly NativeColumn[];
  readonly direction: number;
  readonly allowExact: boolean;
  readonly ties: number;
  readonly nearestTie: number;
  /** Aligned unit: bigint for integer times, number for float times, null for none. Inclusive. */
  readonly tolerance: bigint | number | null;
  /** Aligned unit; right rows are visible at time + lag. */
  readonly lag: bigint | number;
  readonly inner: boolean;
  readonly nullKeysEqual: boolean;
  readonly unsorted: number;
  readonly plan: number;
  readonly wantIndices: boolean;
  readonly wantMatched: boolean;
  readonly wantAge: boolean;
  readonly ageScale: bigint;
}

export interface NativeJoinRequest {
  readonly leftRows: number;
  readonly leftSides: readonly NativeSide[];
  /** Left columns to gather; used only when a stream is inner. */
  readonly leftPayload: readonly NativeColumn[];
  readonly streams: readonly NativeStream[];
  /** 0: all threads of the pool. */
  readonly threads: number;
  readonly explain: boolean;
  /** Finds the matches of all streams. */
  readonly device?: NativeDevice;
}

/** Null slots are zero bytes; `validity` is null when `nullCount` is 0. Bitmaps start at bit 0. */
export interface NativeOutputColumn {
  readonly length: number;
  readonly nullCount: number;
  readonly values: ArrayBuffer | null;
  readonly offsets: ArrayBuffer | null;
  readonly validity: ArrayBuffer | null;
}

export interface NativeStreamStats {
  readonly rows: number;
  readonly matched: number;
  readonly noCandidate: number;
  readonly toleranceExceeded: number;
  readonly rightRows: number;
}

export interface NativeExplain {
  readonly plan: string;
  readonly reason: string;
  readonly statistics: Readonly<Record<string, number>>;
  readonly phases: readonly { readonly name: string; readonly ns: number; readonly bytes: number }[];
}

export interface NativeStreamResult {
  /** int32 right row per output row, -1 for none. */
  readonly indices: ArrayBuffer | null;
  readonly columns: readonly NativeOutputColumn[];
  readonly age: NativeOutputColumn | null;
  readonly matched: NativeOutputColumn | null;
  readonly stats: NativeStreamStats;
  readonly explain: NativeExplain | null;
}

export interface NativeJoinResult {
  readonly rows: number;
  /** int32 left row per output row when some stream was inner, else null. */
  readonly selection: ArrayBuffer | null;
  readonly left: readonly NativeOutputColumn[];
  readonly streams: readonly NativeStreamResult[];
}

/** Handle of a running join; `cancel()` makes it reject with FS_ERR_ABORTED at the next block. */
export interface NativeTask<T> {
  readonly promise: Promise<T>;
  cancel(): void;
}

export interface NativeBuildInfo {
  readonly version: string;
  readonly compiler: string;
  readonly cuda: string | null;
  readonly napi: number;
  readonly threads: number;
}

/** The addon's exports. A test compares these names with the real ones. */
/** Range of a time column in its aligned unit, and whether it ascends. */
export interface NativeTimeExtent {
  readonly rows: number;
  /** Rows with a time: not null, not NaN. */
  readonly valid: number;
  /** bigint, or number for float columns; null when no row has a time. */
  readonly min: bigint | number | null;
  readonly max: bigint | number | null;
  /** First row before its predecessor, -1 when all ascend. */
  readonly descentRow: number;
  readonly descentPreviousRow: number;
}

export interface NativeDeviceProbe {
  readonly builtWithCuda: boolean;
  /** CUDA runtime the addon carries, `13.0`; null when built without. */
  readonly runtimeVersion: string | null;
  /** Newest CUDA the driver supports; null without a driver. */
  readonly driverVersion: string | null;
  readonly devices: readonly {
    readonly name: string;
    readonly memoryBytes: number;
    readonly computeCapability: string;
    readonly multiprocessors: number;
    /** Copies that can run beside each other and beside kernels. */
    readonly copyEngines: number;
    /** `0000:1b:00.0`. */
    readonly pciBusId: string;
    /** Host and device pointers share one address space. */
    readonly unifiedAddressing: boolean;
    /** Stream-ordered allocation is the driver's. */
    readonly memoryPools: boolean;
  }[];
  /** Why no device can be used; null when one can. */
  readonly reason: string | null;
}

export interface NativeBufferStats {
  readonly cachedBytes: number;
  readonly liveBytes: number;
  readonly hits: number;
  readonly misses: number;
  /** Order books and replays of this thread whose memory is held. */
  readonly books: number;
}

/** How a DuckDB vector becomes an Arrow column; the numbers are `ScanKind` in `cpp/include/flowstate/io/scan.h`. */
export const NativeScanKind = { fixed: 0, bool: 1, string: 2, binary: 3, fixedBinary: 4, interval: 5 } as const;

export interface NativeScanRequest {
  /** Path of libduckdb. */
  readonly library: string;
  /** 0: all of the machine's. */
  readonly threads: number;
  readonly columns: readonly {
    readonly name: string;
    readonly kind: number;
    readonly width: number;
    readonly expression: string;
  }[];
  readonly from: string;
  readonly where: string | null;
  /** SQL of each row's position, null where unknown. */
  readonly rowNumber: string | null;
  /** -1 where unknown. */
  readonly rows: number;
}

export interface NativeScannedColumn {
  readonly length: number;
  readonly nullCount: number;
  readonly values: ArrayBuffer;
  /** Binary, and text that came plain. */
  readonly offsets: ArrayBuffer | null;
  readonly validity: ArrayBuffer | null;
  /** Text: null when plain, or when the dictionary is the one of the piece before. */
  readonly dictionaryOffsets: ArrayBuffer | null;
  readonly dictionaryValues: ArrayBuffer | null;
}

export interface NativeScanned {
  readonly rows: number;
  readonly columns: readonly NativeScannedColumn[];
}

declare const cursorBrand: unique symbol;
/** An open scan; opaque. */
export interface NativeCursor {
  readonly [cursorBrand]: true;
}

/** A type of the Arrow C data interface. */
export interface NativeArrowType {
  readonly format: string;
  readonly name: string;
  readonly children: readonly NativeArrowType[];
  readonly dictionary: NativeArrowType | null;
}

/** A column's buffers in the order of the Arrow C data interface, all starting at the first row (bitmaps at bit 0). */
export interface NativeArrowData {
  readonly length: number;
  readonly nullCount: number;
  readonly buffers: readonly (ArrayBufferView | null)[];
  readonly children: readonly NativeArrowData[];
  readonly dictionary: NativeArrowData | null;
}

export interface NativeCopyRequest {
  readonly library: string;
  readonly threads: number;
  /** Name of the view that `sql` copies from; unique in the process. */
  readonly view: string;
  readonly sql: string;
  readonly schema: NativeArrowType;
}

/** A running COPY; opaque. */
export interface NativeCopy {
  readonly [cursorBrand]: 'copy';
}

export interface NativeAddon extends NativeDeviceAddon, NativeTableAddon, NativeOnnxAddon, NativeTfjsAddon {
  readonly StreamEngine: NativeStreamEngineClass;
  copyOpen(request: NativeCopyRequest): NativeCopy;
  /** The batch's buffers must not change until the job is finished or closed. */
  copyPush(job: NativeCopy, batch: NativeArrowData): void;
  copyRoom(job: NativeCopy): NativeTask<void>;
  copyFinish(job: NativeCopy): NativeTask<void>;
  copyClose(job: NativeCopy): void;
  /** A file mapped into memory; null where the runtime forbids external memory. */
  mapFile(path: string): ArrayBuffer | null;
  /** Loads libduckdb and opens an instance on a thread, so that the first scan need not wait for them. */
  warmEngine(request: Pick<NativeScanRequest, 'library' | 'threads'>): NativeTask<void>;
  scanTable(request: NativeScanRequest): NativeTask<NativeScanned>;
  scanOpen(request: NativeScanRequest): NativeCursor;
  /** At most `rows` rows, none at the end. */
  scanNext(cursor: NativeCursor, rows: number): NativeTask<NativeScanned>;
  scanClose(cursor: NativeCursor): void;
  buildInfo(): NativeBuildInfo;
  probeDevice(): NativeDeviceProbe;
  /** Result memory: what is kept for reuse and what JavaScript still holds. */
  bufferStats(): NativeBufferStats;
  trimBuffers(): void;
  joinSync(request: NativeJoinRequest): NativeJoinResult;
  join(request: NativeJoinRequest): NativeTask<NativeJoinResult>;
  timeExtent(time: NativeTime): NativeTimeExtent;
  simulateOpen(request: NativeSimRequest): NativeSimulation;
  /** Goes on for at most so many arrivals; one call at a time. */
  simulateNext(simulation: NativeSimulation, arrivals: number): NativeTask<NativeSimBatch>;
  bookOpen(options: NativeBookOptions): NativeBook;
  bookApply(book: NativeBook, commands: NativeCommands): NativeCommandResults;
  /** Runs the command in the slot (`lib/orderbook/command-row.ts`) and puts its answer there; null: it caused nothing. */
  bookCommand(book: NativeBook, slot: BigUint64Array): NativeCommandEvents | null;
  bookMassCancel(book: NativeBook, owner: number | null, side: number | null): number;
  /** Words: see `cpp/binding/orderbook_binding.cc`. So are the next four. */
  bookDepth(book: NativeBook, side: number, levels: number): ArrayBuffer;
  bookOrders(book: NativeBook, side: number, stops: boolean): ArrayBuffer;
  bookFind(book: NativeBook, id: bigint): ArrayBuffer;
  bookQueue(book: NativeBook, id: bigint): ArrayBuffer;
  bookStats(book: NativeBook): ArrayBuffer;
  bookTakeDeltas(book: NativeBook): ArrayBuffer;
  bookChecksum(book: NativeBook, levelsOnly: boolean): bigint;
  bookSnapshot(book: NativeBook): ArrayBuffer;
  bookRestore(book: NativeBook, bytes: ArrayBufferView): void;
  bookClose(book: NativeBook): void;
  replayOpen(options: NativeReplayOptions): NativeReplay;
  /** Input is copied. Only at the beginning and when `replayRun` has asked for it. */
  replayFeed(replay: NativeReplay, bytes: Uint8Array): void;
  replayFeedColumns(replay: NativeReplay, columns: NativeEventColumns): void;
  replayFinish(replay: NativeReplay): void;
  replayRun(replay: NativeReplay): NativeTask<NativeFeatureBatch>;
  replayStats(replay: NativeReplay): NativeReplayStats;
  replaySymbols(replay: NativeReplay): string[];
  replayClose(replay: NativeReplay): void;
  histogramRecord(precision: number, words: BigUint64Array, values: BigUint64Array | BigInt64Array): void;
  histogramPercentiles(precision: number, words: BigUint64Array, percentiles: Float64Array): ArrayBuffer;
  histogramSerialise(precision: number, words: BigUint64Array): ArrayBuffer;
  histogramDeserialise(bytes: Uint8Array): NativeHistogram;
  bloomAdd(blocks: Uint8Array, width: number, values: ArrayBufferView): void;
  /** One byte per value: 1 where it may be there. */
  bloomContains(blocks: Uint8Array, width: number, values: ArrayBufferView): ArrayBuffer;
  /** Value i is `data[offsets[i]] … data[offsets[i + 1] - 1]`. */
  bloomAddBytes(blocks: Uint8Array, data: Uint8Array, offsets: Int32Array): void;
  bloomContainsBytes(blocks: Uint8Array, data: Uint8Array, offsets: Int32Array): ArrayBuffer;
  poolOpen(options: NativePoolOptions): NativePool;
  /** Null when all slabs are lent. */
  poolLend(pool: NativePool): NativeSlab | null;
  /** Detaches the slab's buffer and gives the slab back; idempotent. */
  poolReturn(lease: NativeSlabLease, buffer: ArrayBuffer): void;
  poolStats(pool: NativePool): NativePoolStats;
}

export interface AddonLoad {
  readonly addon: NativeAddon | null;
  /** File the addon came from, or null. */
  readonly path: string | null;
  /** Why there is no addon, one line; null where there is one. */
  readonly reason: string | null;
}

let loaded: AddonLoad | undefined;

/** Loads the addon once. Never throws: without one the JavaScript executor serves. */
export function loadAddon(): AddonLoad {
  loaded ??= addonLoader.load() as AddonLoad;
  return loaded;
}

/** Folder of the installed package, where `package.json` lies. */
export function packageRoot(): string {
  return addonLoader.packageRoot();
}

/** The libduckdb that was installed with @duckdb/node-api, or null. */
export function duckdbLibrary(): string | null {
  return addonLoader.duckdbLibrary();
}

/** The libonnxruntime that was installed with onnxruntime-node, or null. */
export function onnxruntimeLibrary(): string | null {
  return addonLoader.onnxruntimeLibrary();
}
