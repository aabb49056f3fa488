/** Devices of the addon. Handles in, records turned into errors; no policy. */
import { markAsUntransferable } from 'node:worker_threads';

import { createError, fromNative } from '../errors/from-native.js';
import type { NativeTask } from '../internal/native.js';
import type {
  NativeDevice,
  NativeDeviceAddon,
  NativeDirectReader,
  NativeMemory,
  NativePinned,
  NativePinnedPool,
  NativeReaderStats,
  NativeTransferStats,
} from '../internal/native-device.js';
import type {
  NativeOwned,
  NativeTableAddon,
  NativeTableIndex,
  NativeTableJoin,
  NativeTableJoinResult,
  NativeTableRight,
} from '../internal/native-tables.js';
import { typeError } from '../internal/validate.js';
import { joinError } from '../join/native-executor.js';
import {
  type Copied,
  type DeviceBackend,
  type DeviceInfo,
  type DeviceMemoryInfo,
  FEATURE_TYPES,
  type FileRange,
  type HostCopy,
  MATRIX_DTYPES,
  MATRIX_LAYOUTS,
  type MatrixRequest,
  type Memory,
  type PinnedPiece,
  type PinnedSource,
  type PinnedSourceOptions,
  type PinnedStats,
  type RangeReader,
  type ReaderOptions,
} from './backend.js';
import { SlabViews } from './slab-views.js';

/** Runs a native call; records become the library's errors. */
export function callNative<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw fromNative(error);
  }
}

/** Awaits a native task, cancelled by the signal. */
export async function settle<T>(
  start: () => NativeTask<T>,
  signal: AbortSignal | null,
  toError: (thrown: unknown) => unknown = fromNative,
): Promise<T> {
  throwIfAborted(signal);
  const task = callNative(start);
  const cancel = (): void => task.cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    const result = await task.promise;
    // The work may have ended before it saw the signal; the caller must not be handed what it gave up.
    throwIfAborted(signal);
    return result;
  } catch (error) {
    throwIfAborted(signal);
    throw toError(error);
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}

export function throwIfAborted(signal: AbortSignal | null): void {
  if (signal?.aborted === true) throw createError('FS_ERR_ABORTED', 'the call was aborted', { cause: signal.reason });
}

class NativeDeviceBlock implements Memory {
  constructor(
    private readonly addon: NativeDeviceAddon,
    readonly handle: NativeMemory,
    readonly byteLength: number,
  ) {}

  address(): bigint {
    return callNative(() => this.addon.memoryAddress(this.handle));
  }
  isReady(): boolean {
    return callNative(() => this.addon.memoryIsReady(this.handle));
  }
  ready(): Promise<void> {
    return settle(() => this.addon.memoryReady(this.handle), null);
  }
  release(): void {
    callNative(() => this.addon.memoryRelease(this.handle));
  }
  affine(to: number, source: Memory, from: number, count: number, scale: number, offset: number): void {
    callNative(() => this.addon.memoryAffine(this.handle, to, handleOf(source), from, count, scale, offset));
  }
  matrix({ rows, dtype, layout, columns }: MatrixRequest, firstNull: Memory | null): void {
    const request = {
      rows,
      type: MATRIX_DTYPES.indexOf(dtype),
      layout: MATRIX_LAYOUTS.indexOf(layout),
      columns: columns.map((column) => ({
        ...column,
        type: FEATURE_TYPES.indexOf(column.type),
        memory: handleOf(column.memory),
        validityMemory: column.validityMemory === null ? null : handleOf(column.validityMemory),
        indexMemory: column.indexMemory === null ? null : handleOf(column.indexMemory),
      })),
    };
    callNative(() => this.addon.memoryMatrix(this.handle, request, firstNull === null ? null : handleOf(firstNull)));
  }
}

/** The addon's handle of a block. Throws FS_ERR_ARG_TYPE for memory of the JavaScript backend. */
export function handleOf(memory: Memory): NativeMemory {
  if (!(memory instanceof NativeDeviceBlock)) throw typeError('memory', 'memory of a native device', memory);
  return memory.handle;
}

export class NativeBackend implements DeviceBackend {
  private constructor(
    private readonly addon: NativeDeviceAddon & NativeTableAddon,
    /** For the addon's other functions that take a device. */
    readonly device: NativeDevice,
    readonly info: DeviceInfo,
  ) {}

  /** Throws FS_ERR_CUDA_UNAVAILABLE with the reason, FS_ERR_ARG_RANGE for a device that does not exist. */
  static open(
    addon: NativeDeviceAddon & NativeTableAddon,
    options: { ordinal: number; memoryBytes: number; streams: number; chunkBytes: number; stagingThreads: number },
  ): NativeBackend {
    const device = callNative(() => addon.deviceOpen(options));
    const info = callNative(() => addon.deviceInfo(device));
    return new NativeBackend(addon, device, {
      ...info,
      kind: options.ordinal < 0 ? 'host' : 'cuda',
      backend: 'native',
    });
  }

  memory(): DeviceMemoryInfo {
    return callNative(() => this.addon.deviceMemory(this.device));
  }
  transfers(): NativeTransferStats {
    return callNative(() => this.addon.deviceTransfers(this.device));
  }
  register(view: ArrayBufferView): (() => void) | null {
    const registration = callNative(() => this.addon.deviceRegister(this.device, view));
    return registration === null ? null : () => callNative(() => this.addon.registrationEnd(registration));
  }
  trim(): number {
    return callNative(() => this.addon.deviceTrim(this.device));
  }
  allocate(bytes: number): Memory {
    const handle = callNative(() => this.addon.deviceAllocate(this.device, bytes));
    return new NativeDeviceBlock(this.addon, handle, bytes);
  }
  upload(copies: readonly HostCopy[], signal: AbortSignal | null): Promise<Copied> {
    return settle(() => this.addon.deviceUpload(this.device, copies.map(nativeCopy)), signal);
  }
  download(copies: readonly HostCopy[], signal: AbortSignal | null): Promise<Copied> {
    return settle(() => this.addon.deviceDownload(this.device, copies.map(nativeCopy)), signal);
  }
  openPinned(options: PinnedSourceOptions): PinnedSource {
    return NativePinnedSource.open(this.addon, this.device, options);
  }
  openReader(options: ReaderOptions): RangeReader {
    return NativeRangeReader.open(this.addon, this.device, options);
  }
  indexTable(right: NativeTableRight, signal: AbortSignal | null): Promise<NativeTableIndex> {
    return settle(() => this.addon.tableIndex(this.device, right), signal);
  }
  indexBytes(index: NativeTableIndex): number {
    return callNative(() => this.addon.tableIndexBytes(index));
  }
  releaseIndex(index: NativeTableIndex): void {
    callNative(() => this.addon.tableIndexRelease(index));
  }
  joinTables(request: NativeTableJoin, signal: AbortSignal | null): Promise<NativeTableJoinResult> {
    return settle(() => this.addon.tableJoin(this.device, request), signal, joinError);
  }
  /** Memory that a join allocated. */
  adopt({ memory, byteLength }: NativeOwned): Memory {
    return new NativeDeviceBlock(this.addon, memory, byteLength);
  }
  arm(call: number, nth: number, times: number): void {
    callNative(() => this.addon.deviceArm(this.device, call, nth, times));
  }
  close(): void {
    callNative(() => this.addon.deviceClose(this.device));
  }
}

function nativeCopy({ memory, offset, host }: HostCopy): {
  memory: NativeMemory;
  offset: number;
  host: ArrayBufferView;
} {
  return { memory: handleOf(memory), offset, host };
}

class NativePinnedSource implements PinnedSource {
  private readonly views: SlabViews;

  private constructor(
    private readonly addon: NativeDeviceAddon,
    private readonly pool: NativePinnedPool,
  ) {
    this.views = new SlabViews({
      map: (slab) => {
        const mapped = callNative(() => addon.pinnedSlab(pool, slab));
        // Moved to another thread it could outlive the pool's memory.
        markAsUntransferable(mapped.buffer);
        return mapped;
      },
      unmap: ({ hold, buffer }) => callNative(() => addon.pinnedUnmap(hold, buffer)),
      giveBack: (lease) => callNative(() => addon.pinnedRelease(lease)),
    });
  }

  static open(addon: NativeDeviceAddon, device: NativeDevice, options: PinnedSourceOptions): NativePinnedSource {
    const pool = callNative(() =>
      addon.pinnedOpen(device, {
        slabBytes: options.slabBytes,
        capBytes: options.maxBytes,
        onReturn: options.zeroOnReturn ? 1 : 0,
      }),
    );
    return new NativePinnedSource(addon, pool);
  }

  tryTake(bytes: number): PinnedPiece | null {
    const lent = this.lend(bytes) ?? (this.views.recycle() > 0 ? this.lend(bytes) : null);
    if (lent === null) return null;
    return { ...this.views.view(lent, bytes), isPageLocked: lent.pageLocked };
  }

  private lend(bytes: number): NativePinned | null {
    return callNative(() => this.addon.pinnedTryLend(this.pool, bytes));
  }

  stats(): PinnedStats {
    const { leases, parkedBytes } = this.views;
    const stats = callNative(() => this.addon.pinnedStats(this.pool));
    return { ...stats, leases, parkedBytes, lentBytes: stats.lentBytes - parkedBytes };
  }
  trim(): number {
    this.views.recycle();
    return callNative(() => this.addon.pinnedTrim(this.pool));
  }
  close(): void {
    this.views.recycle();
    callNative(() => this.addon.pinnedClose(this.pool));
  }
}

const MODES = { auto: 0, direct: 1, posix: 2 } as const;

class NativeRangeReader implements RangeReader {
  private constructor(
    private readonly addon: NativeDeviceAddon,
    private readonly reader: NativeDirectReader,
  ) {}

  static open(addon: NativeDeviceAddon, device: NativeDevice, options: ReaderOptions): NativeRangeReader {
    const reader = callNative(() => addon.readerOpen(device, { ...options, mode: MODES[options.mode] }));
    return new NativeRangeReader(addon, reader);
  }

  async read(ranges: readonly FileRange[], signal: AbortSignal | null): Promise<void> {
    const native = ranges.map((range) => ({ ...range, memory: handleOf(range.memory) }));
    await settle(() => this.addon.readerRead(this.reader, native), signal);
  }
  stats(): NativeReaderStats {
    return callNative(() => this.addon.readerStats(this.reader));
  }
  close(): void {
    callNative(() => this.addon.readerClose(this.reader));
  }
}
