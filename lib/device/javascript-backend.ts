/**
 * The host device where there is no addon: the same rules over ArrayBuffers. Memory has no address, nothing is locked,
 * copies run on the event loop in pieces that let others in between.
 */
import { promises as fs } from 'node:fs';
import { totalmem } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createError } from '../errors/from-native.js';
import type { NativeReaderStats, NativeTransferStats } from '../internal/native-device.js';
import { fail, typeError } from '../internal/validate.js';
import { ioError } from '../storage/io-error.js';
import type {
  Copied,
  DeviceBackend,
  DeviceInfo,
  DeviceMemoryInfo,
  FileRange,
  HostCopy,
  MatrixRequest,
  Memory,
  PinnedSource,
  PinnedSourceOptions,
  RangeReader,
} from './backend.js';
import { fusedMultiplyAdd } from './fused.js';
import { PlainMatrix } from './plain-matrix.js';
import { PlainPinned } from './plain-pinned.js';
import { throwIfAborted } from './native-backend.js';
import { IS_LITTLE_ENDIAN } from './small-float.js';

const PIECE = 4 << 20;

class PlainMemory implements Memory {
  /** Null after release. */
  bytes: Uint8Array<ArrayBuffer> | null;

  constructor(
    private readonly account: Account,
    readonly byteLength: number,
  ) {
    this.bytes = account.take(byteLength);
  }

  get(): Uint8Array<ArrayBuffer> {
    return this.bytes ?? fail('FS_ERR_CLOSED', 'the device memory was released');
  }
  address(): bigint {
    return fail('FS_ERR_ADDON_UNAVAILABLE', 'memory has no address without the addon; `flowstate doctor` says why');
  }
  isReady(): boolean {
    this.get();
    return true;
  }
  ready(): Promise<void> {
    this.get();
    return Promise.resolve();
  }
  release(): void {
    if (this.bytes === null) return;
    this.bytes = null;
    this.account.used -= this.byteLength;
  }
  affine(to: number, source: Memory, from: number, count: number, scale: number, offset: number): void {
    const target = floats(this.get(), to, count);
    const values = floats(bytesOf(source), from, count);
    for (let i = 0; i < count; i++) target[i] = fusedMultiplyAdd(values[i] ?? 0, scale, offset);
  }
  matrix(request: MatrixRequest, firstNull: Memory | null): void {
    const first = new PlainMatrix(this.get(), request, bytesOf).write();
    if (firstNull === null) return;
    const cell = bytesOf(firstNull);
    new DataView(cell.buffer, cell.byteOffset).setBigUint64(0, first ?? 2n ** 64n - 1n, IS_LITTLE_ENDIAN);
  }
}

function floats(bytes: Uint8Array, at: number, count: number): Float32Array {
  return new Float32Array(bytes.buffer, bytes.byteOffset + at, count);
}

/** The very bytes of a block of this device. Throws FS_ERR_ARG_TYPE for memory of the addon. */
export function bytesOf(memory: Memory): Uint8Array<ArrayBuffer> {
  if (!(memory instanceof PlainMemory)) throw typeError('memory', 'memory of this device', memory);
  return memory.get();
}

class Account {
  used = 0;
  allocations = 0;
  constructor(readonly total: number) {}

  take(bytes: number): Uint8Array<ArrayBuffer> {
    if (bytes > this.total - this.used) throw outOfMemory(bytes);
    let memory: Uint8Array<ArrayBuffer>;
    try {
      memory = new Uint8Array(new ArrayBuffer(bytes));
    } catch (cause) {
      throw createError('FS_ERR_OUT_OF_MEMORY', `could not allocate ${bytes} bytes of device memory`, { cause });
    }
    this.used += bytes;
    this.allocations++;
    return memory;
  }
}

function outOfMemory(bytes: number): Error {
  return createError('FS_ERR_OUT_OF_MEMORY', `the host device could not allocate ${bytes} bytes of device memory`, {
    details: { bytes },
  });
}

export class JavaScriptBackend implements DeviceBackend {
  readonly info: DeviceInfo;
  private readonly account: Account;
  private readonly moved = { toDeviceBytes: 0, toHostBytes: 0 };
  private chunks = 0;

  constructor(options: { memoryBytes: number }) {
    this.account = new Account(options.memoryBytes === 0 ? Math.floor(totalmem() / 2) : options.memoryBytes);
    this.info = {
      id: 'host',
      kind: 'host',
      name: 'host',
      memoryBytes: this.account.total,
      computeCapability: null,
      multiprocessors: null,
      copyEngines: null,
      pciBusId: null,
      unifiedAddressing: null,
      memoryPools: null,
      streams: 1,
      chunkBytes: PIECE,
      stagingThreads: 0,
      backend: 'javascript',
    };
  }

  memory(): DeviceMemoryInfo {
    const { used, total, allocations } = this.account;
    return { freeBytes: total - used, totalBytes: total, usedBytes: used, pooledBytes: used, allocations, poolHits: 0 };
  }
  transfers(): NativeTransferStats {
    const { toDeviceBytes, toHostBytes } = this.moved;
    return {
      toDeviceBytes,
      toHostBytes,
      pageableBytes: toDeviceBytes + toHostBytes,
      pinnedBytes: 0,
      registeredBytes: 0,
      stagedChunks: 0,
      deviceCopies: this.chunks,
      stagingMs: 0,
      waitingMs: 0,
      failedCalls: 0,
    };
  }
  register(): null {
    return null;
  }
  trim(): number {
    return 0;
  }
  allocate(bytes: number): Memory {
    return new PlainMemory(this.account, bytes);
  }
  upload(copies: readonly HostCopy[], signal: AbortSignal | null): Promise<Copied> {
    return this.copy(copies, signal, 'toDeviceBytes', (device, host) => device.set(host));
  }
  download(copies: readonly HostCopy[], signal: AbortSignal | null): Promise<Copied> {
    return this.copy(copies, signal, 'toHostBytes', (device, host) => host.set(device));
  }

  private async copy(
    copies: readonly HostCopy[],
    signal: AbortSignal | null,
    direction: 'toDeviceBytes' | 'toHostBytes',
    move: (device: Uint8Array, host: Uint8Array) => void,
  ): Promise<Copied> {
    let bytes = 0;
    let chunks = 0;
    for (const { memory, offset, host } of copies) {
      for (let at = 0; at < host.byteLength; at += PIECE) {
        throwIfAborted(signal);
        const size = Math.min(PIECE, host.byteLength - at);
        move(
          bytesOf(memory).subarray(offset + at, offset + at + size),
          new Uint8Array(host.buffer, host.byteOffset + at, size),
        );
        bytes += size;
        if (++chunks % 4 === 0) await nextTurn();
      }
    }
    this.moved[direction] += bytes;
    this.chunks += chunks;
    return { bytes, pinnedBytes: 0, stagedBytes: bytes };
  }

  openPinned(options: PinnedSourceOptions): PinnedSource {
    return new PlainPinned(options);
  }
  openReader(): RangeReader {
    return new PlainReader();
  }
  arm(): void {
    fail('FS_ERR_ADDON_UNAVAILABLE', 'faults are planned on the native host device');
  }
  close(): void {
    // Memory is the collector's.
  }
}

class PlainReader implements RangeReader {
  private bytes = 0;
  private ranges = 0;
  private shortReads = 0;

  async read(ranges: readonly FileRange[], signal: AbortSignal | null): Promise<void> {
    for (const range of ranges) {
      throwIfAborted(signal);
      await this.readRange(range);
      this.ranges++;
    }
  }

  private async readRange({ path, offset, byteLength, memory, memoryOffset }: FileRange): Promise<void> {
    const target = bytesOf(memory).subarray(memoryOffset, memoryOffset + byteLength);
    const file = await fs.open(path, 'r').catch((error: unknown) => {
      throw ioError(error, path, 'open');
    });
    try {
      let done = 0;
      while (done < byteLength) {
        const { bytesRead } = await file.read(target, done, Math.min(PIECE, byteLength - done), offset + done);
        if (bytesRead === 0) {
          this.shortReads++;
          const details = { path, offset, expected: byteLength, received: done };
          fail(
            'FS_ERR_CORRUPT',
            `${path}: expected ${byteLength} bytes at ${offset}, the file ends after ${done}`,
            details,
          );
        }
        done += bytesRead;
        this.bytes += bytesRead;
      }
    } catch (error) {
      throw ioError(error, path, 'read');
    } finally {
      await file.close();
    }
  }

  stats(): NativeReaderStats {
    return {
      ranges: this.ranges,
      bytes: this.bytes,
      directBytes: 0,
      posixBytes: this.bytes,
      shortReads: this.shortReads,
      retries: 0,
      interrupted: 0,
      fallbacks: [],
      directPath: '',
    };
  }
  close(): void {
    // Nothing is kept open.
  }
}
