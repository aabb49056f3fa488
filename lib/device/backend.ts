/**
 * What a device is made of, below the public classes: the addon's device, or plain JavaScript memory where there is no
 * addon. Both follow the rules of `cpp/include/flowstate/device/device.h`.
 */
import type { NativeReaderStats, NativeTransferStats } from '../internal/native-device.js';

export interface DeviceInfo {
  readonly id: string;
  readonly kind: 'host' | 'cuda';
  readonly name: string;
  /** What the device may hand out. */
  readonly memoryBytes: number;
  /** `9.0`; null on the host. */
  readonly computeCapability: string | null;
  /** The next five: null on the host. */
  readonly multiprocessors: number | null;
  /** Copies that can run beside each other and beside kernels. */
  readonly copyEngines: number | null;
  /** `0000:1b:00.0`. */
  readonly pciBusId: string | null;
  /** Host and device pointers share one address space. */
  readonly unifiedAddressing: boolean | null;
  /** Stream-ordered allocation is the driver's own. */
  readonly memoryPools: boolean | null;
  /** Streams that copy side by side. */
  readonly streams: number;
  /** Bytes of one staging chunk. */
  readonly chunkBytes: number;
  /** Threads between pageable memory and staging chunks. */
  readonly stagingThreads: number;
  /** Which implementation serves: `native`, or `javascript` where there is no addon. */
  readonly backend: 'native' | 'javascript';
}

export interface DeviceMemoryInfo {
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** Held by buffers, tensors and tables. */
  readonly usedBytes: number;
  /** Held by the device's pool in all, for reuse. */
  readonly pooledBytes: number;
  /** Buffers ever made, and those that came out of the pool. */
  readonly allocations: number;
  readonly poolHits: number;
}

/** What one copy did. */
export interface Copied {
  readonly bytes: number;
  /** Of them, from or to memory that the copy engine reads itself (pinned, registered). */
  readonly pinnedBytes: number;
  /** Of them, from or to pageable memory: through pinned staging. */
  readonly stagedBytes: number;
}

/** A block of the device's memory. */
export interface Memory {
  readonly byteLength: number;
  /** Throws FS_ERR_ADDON_UNAVAILABLE on the JavaScript backend, whose memory has none. */
  address(): bigint;
  /** False while queued work is under way; throws what it failed with. */
  isReady(): boolean;
  ready(): Promise<void>;
  /** Idempotent. Work under way is waited for by the device, not by the caller. */
  release(): void;
  /** this[i] = source[i] × scale + offset in float32, queued. Offsets in bytes. */
  affine(to: number, source: Memory, from: number, count: number, scale: number, offset: number): void;
  /**
   * This = the matrix, queued. `firstNull` (8 bytes), where given, becomes the least row × columns + column of a null as
   * uint64, or all ones.
   */
  matrix(request: MatrixRequest, firstNull: Memory | null): void;
}

/** Values of a column of a feature matrix; by their place, the numbers of `FeatureType` in `functors/feature.h`. */
export const FEATURE_TYPES = [
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'float16',
  'float32',
  'float64',
  'bool',
] as const;
export type FeatureType = (typeof FEATURE_TYPES)[number];

/** Likewise of `MatrixType` and `MatrixLayout` in `device/feature_matrix.h`. */
export const MATRIX_DTYPES = ['float32', 'float16', 'bfloat16', 'float64'] as const;
export type MatrixDType = (typeof MATRIX_DTYPES)[number];
export const MATRIX_LAYOUTS = ['row', 'column'] as const;
export type MatrixLayout = (typeof MATRIX_LAYOUTS)[number];

/** One column of a feature matrix. Offsets in bytes. */
export interface MatrixColumn {
  readonly memory: Memory;
  readonly type: FeatureType;
  /** Rows of the column. */
  readonly length: number;
  readonly values: number;
  /** Null: no row is null. */
  readonly validityMemory: Memory | null;
  readonly validity: number | null;
  /** int32: the column's row by row of the matrix, outside [0, length) for null; null: the same row. */
  readonly indexMemory: Memory | null;
  readonly index: number | null;
  /** 1 where the row has a value, else 0. */
  readonly isMask: boolean;
  readonly mean: number;
  /** In place of `mean`: subtracted exactly. */
  readonly wholeMean: bigint | null;
  readonly scale: number;
  /** What null becomes, as it is. */
  readonly fill: number;
}

export interface MatrixRequest {
  readonly rows: number;
  readonly dtype: MatrixDType;
  readonly layout: MatrixLayout;
  readonly columns: readonly MatrixColumn[];
}

/** `host.byteLength` bytes between `host` and `memory` from `offset`. */
export interface HostCopy {
  readonly memory: Memory;
  readonly offset: number;
  readonly host: ArrayBufferView;
}

export interface FileRange {
  readonly path: string;
  readonly offset: number;
  readonly byteLength: number;
  readonly memory: Memory;
  readonly memoryOffset: number;
}

export interface RangeReader {
  /** All ranges, or the first error once everything under way has settled. */
  read(ranges: readonly FileRange[], signal: AbortSignal | null): Promise<void>;
  stats(): NativeReaderStats;
  close(): void;
}

/** A piece of pinned memory. `view` dies with `release`: its buffer is detached before the memory is lent again. */
export interface PinnedPiece {
  readonly view: Uint8Array;
  readonly isPageLocked: boolean;
  release(): void;
}

export interface PinnedStats {
  /** Leases out of memory that was there, and leases that had to allocate. */
  readonly hits: number;
  readonly misses: number;
  readonly slabs: number;
  readonly leases: number;
  /** Lent now and at most, rounded to the pool's size classes, as it counts against the cap. */
  readonly lentBytes: number;
  readonly peakLentBytes: number;
  /** Given back, but kept until nothing else of their slab is lent, so that no old view can show new data. */
  readonly parkedBytes: number;
  /** Held now and at most, lent or not. */
  readonly heldBytes: number;
  readonly peakHeldBytes: number;
}

export interface PinnedSource {
  /** Null where it does not fit under the cap. */
  tryTake(bytes: number): PinnedPiece | null;
  stats(): PinnedStats;
  /** Frees what nobody uses; returns its bytes. */
  trim(): number;
  close(): void;
}

export interface PinnedSourceOptions {
  readonly slabBytes: number;
  readonly maxBytes: number;
  readonly zeroOnReturn: boolean;
}

export interface ReaderOptions {
  readonly threads: number;
  readonly taskBytes: number;
  readonly mode: 'auto' | 'direct' | 'posix';
}

export interface DeviceBackend {
  readonly info: DeviceInfo;
  memory(): DeviceMemoryInfo;
  transfers(): NativeTransferStats;
  /** Locks a view's memory for the copy engine; the function ends that. Null where the system refuses. */
  register(view: ArrayBufferView): (() => void) | null;
  trim(): number;
  allocate(bytes: number): Memory;
  upload(copies: readonly HostCopy[], signal: AbortSignal | null): Promise<Copied>;
  download(copies: readonly HostCopy[], signal: AbortSignal | null): Promise<Copied>;
  openPinned(options: PinnedSourceOptions): PinnedSource;
  openReader(options: ReaderOptions): RangeReader;
  /** Plans a failure (host device of the addon only); for tests. */
  arm(call: number, nth: number, times: number): void;
  close(): void;
}
