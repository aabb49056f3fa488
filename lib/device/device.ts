/**
 * An accelerator, or the CPU in its place. Everything that allocates, copies or computes on a device starts from one of
 * these; `host` works on every machine and gives the same bytes.
 */
import { isArrayBufferView } from 'node:util/types';

import { createError } from '../errors/from-native.js';
import type { NativeTransferStats } from '../internal/native-device.js';
import { loadAddon, type NativeAddon, type NativeDeviceProbe } from '../internal/native.js';
import {
  rangeError,
  rejectUnknown,
  requireInteger,
  requireRecord,
  requireString,
  typeError,
} from '../internal/validate.js';
import type { DeviceBackend, DeviceInfo, DeviceMemoryInfo } from './backend.js';
import { DeviceBuffer } from './device-buffer.js';
import { JavaScriptBackend } from './javascript-backend.js';
import { NativeBackend } from './native-backend.js';

/** `auto`: the first CUDA device that can be used, else `host`; the environment's FLOWSTATE_DEVICE decides first. */
export type DeviceId = 'auto' | 'host' | `cuda:${number}`;

export interface DeviceOptions {
  /** Host device only: memory it may hand out. Default: half of the machine's. */
  readonly memoryBytes?: number;
  /** Streams that copy side by side, 1 to 16. Default: what the device's copy engines use. */
  readonly streams?: number;
  /** Bytes of one staging chunk, whole pages from 64 KiB to 256 MiB. Default: measured. */
  readonly chunkBytes?: number;
  /** Threads that copy between pageable memory and staging chunks, at most one per stream. Default: half of the cores. */
  readonly stagingThreads?: number;
}

/** Memory locked for the copy engine until `release`; idempotent. */
export interface HostRegistration extends Disposable {
  release(): void;
}

const KEYS = ['memoryBytes', 'streams', 'chunkBytes', 'stagingThreads'] as const;
/** The transfer's own default. */
const STREAMS = 2;
const MOST_BYTES = 2 ** 50;

export class Device {
  readonly info: DeviceInfo;
  /** Why `auto` took the host; null where it did not have to. */
  readonly fallbackReason: string | null;
  private open = true;

  private constructor(
    private readonly implementation: DeviceBackend,
    fallbackReason: string | null,
  ) {
    this.info = implementation.info;
    this.fallbackReason = fallbackReason;
  }

  /**
   * Opens a device. Throws FS_ERR_CUDA_UNAVAILABLE with the reason where `cuda:n` cannot be used (no driver, driver
   * older than the runtime, built without CUDA, no such device), FS_ERR_ARG_TYPE, FS_ERR_ARG_RANGE and
   * FS_ERR_OPTION_UNKNOWN for bad arguments. Never falls back in silence: only `auto` does, and says so.
   */
  static open(id: DeviceId = 'auto', options: DeviceOptions = {}): Device {
    const parsed = parseDeviceOptions(options);
    const wanted = parseDeviceId(id === 'auto' ? (process.env.FLOWSTATE_DEVICE ?? 'auto') : id);
    const addon = deviceAddon();
    if (wanted !== 'auto') return new Device(openBackend(addon, wanted, parsed), null);
    const reason = addon === null ? noAddonReason() : addon.probeDevice().reason;
    const ordinal = reason === null ? 0 : -1;
    return new Device(openBackend(addon, ordinal, parsed), reason);
  }

  /** What accelerator there is, or why there is none. Opens nothing. */
  static probe(): NativeDeviceProbe {
    const addon = deviceAddon();
    if (addon !== null) return addon.probeDevice();
    return { builtWithCuda: false, runtimeVersion: null, driverVersion: null, devices: [], reason: noAddonReason() };
  }

  /** `host`, `cuda:0` … */
  get id(): string {
    return this.info.id;
  }
  get kind(): 'host' | 'cuda' {
    return this.info.kind;
  }
  get isClosed(): boolean {
    return !this.open;
  }

  memoryInfo(): DeviceMemoryInfo {
    return this.backend.memory();
  }

  /**
   * A block of the device's memory, 256-byte aligned (page-aligned from 4 KiB on), its contents undefined. Throws
   * FS_ERR_OUT_OF_MEMORY, FS_ERR_DEVICE_LOST, FS_ERR_CLOSED.
   */
  allocate(byteLength: number): DeviceBuffer {
    requireInteger(byteLength, 'byteLength', 0, MOST_BYTES);
    return new DeviceBuffer(this, this.backend.allocate(byteLength));
  }

  /** What all copies to and from the device did so far. */
  transferStats(): NativeTransferStats {
    return this.backend.transfers();
  }

  /**
   * Locks a view's memory, so that copies from and to it need no staging; for arrays that are uploaded again and again.
   * Null where the system refuses (a limit on locked memory). Locking takes longer than copying once. Throws
   * FS_ERR_ARG_RANGE where the memory overlaps one that is registered or pinned.
   */
  register(view: ArrayBufferView): HostRegistration | null {
    if (!isArrayBufferView(view)) throw typeError('view', 'a typed array', view);
    const end = this.backend.register(view);
    return end === null ? null : { release: end, [Symbol.dispose]: end };
  }

  /** Returns the pool's free blocks to the device; how many bytes. */
  trim(): number {
    return this.backend.trim();
  }

  /** Ends the device's use; idempotent. What it holds stays readable in JavaScript only until it is released. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    this.implementation.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal Throws FS_ERR_CLOSED after `close`. */
  get backend(): DeviceBackend {
    if (!this.open) throw createError('FS_ERR_CLOSED', `the device ${this.info.id} was closed`);
    return this.implementation;
  }
}

/** Null: the JavaScript backend serves. FLOWSTATE_BACKEND=javascript insists on it. */
function deviceAddon(): NativeAddon | null {
  if (process.env.FLOWSTATE_BACKEND === 'javascript') return null;
  const { addon } = loadAddon();
  return typeof addon?.deviceOpen === 'function' ? addon : null;
}

function noAddonReason(): string {
  if (process.env.FLOWSTATE_BACKEND === 'javascript') return 'FLOWSTATE_BACKEND=javascript';
  return `there is no addon: ${loadAddon().reason ?? 'it is older than this package'}`;
}

interface ParsedOptions {
  readonly memoryBytes: number;
  readonly streams: number;
  readonly chunkBytes: number;
  readonly stagingThreads: number;
}

function parseDeviceOptions(options: unknown): ParsedOptions {
  const given = requireRecord(options, 'options');
  rejectUnknown(given, 'options', KEYS);
  const { memoryBytes, streams, chunkBytes, stagingThreads } = given;
  const parsed = {
    memoryBytes: memoryBytes === undefined ? 0 : requireInteger(memoryBytes, 'options.memoryBytes', 1, MOST_BYTES),
    streams: streams === undefined ? 0 : requireInteger(streams, 'options.streams', 1, 16),
    chunkBytes: chunkBytes === undefined ? 0 : requireInteger(chunkBytes, 'options.chunkBytes', 2 ** 16, 2 ** 28),
    stagingThreads: stagingThreads === undefined ? 0 : requireInteger(stagingThreads, 'options.stagingThreads', 1, 16),
  };
  if (parsed.stagingThreads > (parsed.streams === 0 ? STREAMS : parsed.streams)) {
    throw rangeError('options.stagingThreads', 'at most one per stream', stagingThreads);
  }
  if (parsed.chunkBytes % 4096 !== 0) throw rangeError('options.chunkBytes', 'a multiple of 4096', chunkBytes);
  return parsed;
}

/** -1 for the host, the ordinal of a CUDA device, or `auto`. */
function parseDeviceId(id: unknown): number | 'auto' {
  const text = requireString(id, 'device');
  if (text === 'auto') return 'auto';
  if (text === 'host') return -1;
  const match = /^cuda:(\d{1,4})$/.exec(text);
  if (match === null) throw rangeError('device', "'host', 'auto' or 'cuda:' and a number", id);
  return Number(match[1]);
}

function openBackend(addon: NativeAddon | null, ordinal: number, options: ParsedOptions): DeviceBackend {
  if (addon !== null) return NativeBackend.open(addon, { ...options, ordinal });
  if (ordinal >= 0) throw createError('FS_ERR_CUDA_UNAVAILABLE', `cuda:${ordinal} cannot be used: ${noAddonReason()}`);
  return new JavaScriptBackend(options);
}

let shared: Device | undefined;

/** The device that is used where none is named: FLOWSTATE_DEVICE, else `auto`. Opened once. */
export function defaultDevice(): Device {
  if (shared === undefined || shared.isClosed) shared = Device.open('auto');
  return shared;
}
