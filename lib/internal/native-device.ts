/** Types of what the addon takes and returns for devices, their memory, pinned pools and direct reads. */
import type { NativeTask } from './native.js';

declare const deviceBrand: unique symbol;
/** An open device; opaque. So are the next six. */
export interface NativeDevice {
  readonly [deviceBrand]: 'device';
}
/** A block of device memory, freed when it is released or collected. */
export interface NativeMemory {
  readonly [deviceBrand]: 'memory';
}
export interface NativePinnedPool {
  readonly [deviceBrand]: 'pinned pool';
}
export interface NativePinnedLease {
  readonly [deviceBrand]: 'pinned lease';
}
export interface NativeSlabHold {
  readonly [deviceBrand]: 'slab';
}
export interface NativeRegistration {
  readonly [deviceBrand]: 'registration';
}
export interface NativeDirectReader {
  readonly [deviceBrand]: 'reader';
}

export interface NativeDeviceOptions {
  /** -1: the host device; else the ordinal of a CUDA device. */
  readonly ordinal: number;
  /** Host device only: memory it may hand out; 0 for half of the machine's. */
  readonly memoryBytes: number;
  /** Streams that copy; 0 for the default. */
  readonly streams: number;
  /** Bytes of a staging chunk; 0 for the default. */
  readonly chunkBytes: number;
  /** Threads between pageable memory and chunks, at most one per stream; 0 for the default. */
  readonly stagingThreads: number;
}

export interface NativeDeviceInfo {
  readonly id: string;
  readonly name: string;
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
  readonly streams: number;
  readonly chunkBytes: number;
  readonly stagingThreads: number;
}

export interface NativeDeviceMemory {
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** Lent by the device's pool, and held by it in all. */
  readonly usedBytes: number;
  readonly pooledBytes: number;
  readonly allocations: number;
  readonly poolHits: number;
}

/** `host.byteLength` bytes between `host` and `memory` from `offset`. */
export interface NativeHostCopy {
  readonly memory: NativeMemory;
  readonly offset: number;
  readonly host: ArrayBufferView;
}

export interface NativeCopied {
  readonly bytes: number;
  /** Of them, from or to memory that the copy engine reads itself, and through pinned staging. */
  readonly pinnedBytes: number;
  readonly stagedBytes: number;
}

/** What all copies of a device did so far. */
export interface NativeTransferStats {
  readonly toDeviceBytes: number;
  readonly toHostBytes: number;
  /** The same bytes by what the host memory was. */
  readonly pageableBytes: number;
  readonly pinnedBytes: number;
  readonly registeredBytes: number;
  readonly stagedChunks: number;
  /** Copies given to streams. */
  readonly deviceCopies: number;
  /** Threads' time between pageable memory and chunks, and waiting for a chunk. */
  readonly stagingMs: number;
  readonly waitingMs: number;
  readonly failedCalls: number;
}

/** Numbers of `device::Call` in `cpp/include/flowstate/device/faults.h`. */
export const NativeFault = {
  allocate: 0,
  allocatePinned: 1,
  register: 2,
  create: 3,
  copy: 4,
  copyLater: 5,
  read: 6,
  readShort: 7,
  lost: 8,
  kernel: 9,
} as const;

/** One column of a feature matrix; offsets in bytes. */
export interface NativeMatrixColumn {
  readonly memory: NativeMemory;
  /** The number of a `FeatureType`. */
  readonly type: number;
  readonly length: number;
  readonly values: number;
  readonly validityMemory: NativeMemory | null;
  readonly validity: number | null;
  readonly indexMemory: NativeMemory | null;
  readonly index: number | null;
  readonly isMask: boolean;
  readonly mean: number;
  readonly wholeMean: bigint | null;
  readonly scale: number;
  readonly fill: number;
}

export interface NativeMatrixRequest {
  readonly rows: number;
  /** Numbers of a `MatrixType` and a `MatrixLayout`. */
  readonly type: number;
  readonly layout: number;
  readonly columns: readonly NativeMatrixColumn[];
}

export interface NativePinnedOptions {
  readonly slabBytes: number;
  readonly capBytes: number;
  /** 0 keep, 1 zero, 2 poison. */
  readonly onReturn: number;
}

export interface NativePinned {
  readonly lease: NativePinnedLease;
  readonly slab: number;
  readonly offset: number;
  /** As it counts against the cap: rounded to a size class. */
  readonly bytes: number;
  readonly pageLocked: boolean;
}

export interface NativeMappedSlab {
  readonly buffer: ArrayBuffer;
  readonly hold: NativeSlabHold;
}

export interface NativePinnedStats {
  readonly hits: number;
  readonly misses: number;
  readonly slabs: number;
  readonly leases: number;
  readonly lentBytes: number;
  readonly heldBytes: number;
  readonly peakLentBytes: number;
  readonly peakHeldBytes: number;
}

export interface NativeReaderOptions {
  readonly threads: number;
  readonly taskBytes: number;
  /** 0 auto, 1 direct, 2 posix. */
  readonly mode: number;
}

export interface NativeFileRange {
  readonly path: string;
  readonly offset: number;
  readonly byteLength: number;
  readonly memory: NativeMemory;
  readonly memoryOffset: number;
}

export interface NativeReaderStats {
  /** Ranges read whole. */
  readonly ranges: number;
  readonly bytes: number;
  /** Bytes that went straight into device memory, and bytes that went through pinned chunks. */
  readonly directBytes: number;
  readonly posixBytes: number;
  /** Answers of the system with fewer bytes than asked for, and reads repeated for the rest. */
  readonly shortReads: number;
  readonly retries: number;
  /** Reads that a signal interrupted. */
  readonly interrupted: number;
  /** Why files had no direct path, and how many. */
  readonly fallbacks: readonly { readonly reason: string; readonly files: number }[];
  /** What the direct path was: `cufile`, `cufile compatibility mode`, `direct I/O`; empty before there was one. */
  readonly directPath: string;
}

/** The addon's functions for devices. All throw records; addresses are bigint. */
export interface NativeDeviceAddon {
  deviceOpen(options: NativeDeviceOptions): NativeDevice;
  deviceInfo(device: NativeDevice): NativeDeviceInfo;
  deviceMemory(device: NativeDevice): NativeDeviceMemory;
  deviceTransfers(device: NativeDevice): NativeTransferStats;
  /** Locks a view's memory for the copy engine; null where the system refuses. */
  deviceRegister(device: NativeDevice, view: ArrayBufferView): NativeRegistration | null;
  registrationEnd(registration: NativeRegistration): void;
  /** Gives free blocks of its pool back to the device; returns their bytes. */
  deviceTrim(device: NativeDevice): number;
  /** Later calls with the device throw CLOSED; memory stays until it is released. */
  deviceClose(device: NativeDevice): void;
  /** Host device: the `nth` call of a kind from now, and `times - 1` after it, fail. For tests. */
  deviceArm(device: NativeDevice, call: number, nth: number, times: number): void;
  deviceAllocate(device: NativeDevice, bytes: number): NativeMemory;
  deviceUpload(device: NativeDevice, copies: readonly NativeHostCopy[]): NativeTask<NativeCopied>;
  deviceDownload(device: NativeDevice, copies: readonly NativeHostCopy[]): NativeTask<NativeCopied>;
  memoryAddress(memory: NativeMemory): bigint;
  /** False while work on the memory is under way; throws what that work failed with. */
  memoryIsReady(memory: NativeMemory): boolean;
  memoryReady(memory: NativeMemory): NativeTask<void>;
  /** Idempotent. */
  memoryRelease(memory: NativeMemory): void;
  /** target[i] = source[i] × scale + offset in float32, queued on the device. Offsets in bytes. */
  memoryAffine(
    target: NativeMemory,
    targetOffset: number,
    source: NativeMemory,
    sourceOffset: number,
    count: number,
    scale: number,
    offset: number,
  ): void;
  /** target = the matrix, queued; `firstNull` as in `Memory.matrix`. */
  memoryMatrix(target: NativeMemory, request: NativeMatrixRequest, firstNull: NativeMemory | null): void;
  pinnedOpen(device: NativeDevice, options: NativePinnedOptions): NativePinnedPool;
  /** Null where it does not fit under the cap. */
  pinnedTryLend(pool: NativePinnedPool, bytes: number): NativePinned | null;
  pinnedRelease(lease: NativePinnedLease): void;
  /** The slab's memory as a new ArrayBuffer, which keeps it until it is unmapped or collected. */
  pinnedSlab(pool: NativePinnedPool, slab: number): NativeMappedSlab;
  /** Detaches the buffer and lets the slab go. */
  pinnedUnmap(hold: NativeSlabHold, buffer: ArrayBuffer): void;
  pinnedStats(pool: NativePinnedPool): NativePinnedStats;
  pinnedTrim(pool: NativePinnedPool): number;
  pinnedClose(pool: NativePinnedPool): void;
  readerOpen(device: NativeDevice, options: NativeReaderOptions): NativeDirectReader;
  readerRead(reader: NativeDirectReader, ranges: readonly NativeFileRange[]): NativeTask<void>;
  readerStats(reader: NativeDirectReader): NativeReaderStats;
  readerClose(reader: NativeDirectReader): void;
}
