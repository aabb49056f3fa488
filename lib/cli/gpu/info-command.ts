/** `flowstate gpu info`: the device in use and why, and what of it works here, found out by trying. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  Device,
  type DeviceInfo,
  type DeviceMemoryInfo,
  GpuDirectReader,
  PinnedBufferPool,
} from '../../device/index.js';
import { createError } from '../../errors/from-native.js';
import { FlowStateError } from '../../errors/errors.js';
import type { GpuInfoFlags } from '../gpu-command.js';
import { formatSize } from '../parse-size.js';
import { paint } from '../terminal.js';
import { openDevice, whyThisDevice } from './open-device.js';

export interface GpuInfo {
  readonly device: DeviceInfo;
  /** Why it is this one. */
  readonly why: string;
  readonly memory: DeviceMemoryInfo;
  readonly cuda: {
    readonly builtWithCuda: boolean;
    readonly runtimeVersion: string | null;
    readonly driverVersion: string | null;
    readonly devices: number;
    /** Why no CUDA device can be used; null when one can. */
    readonly reason: string | null;
  };
  /** `reason` says why pages are not locked; null when they are. So for direct reads. */
  readonly pinned: { readonly isPageLocked: boolean; readonly reason: string | null };
  readonly directReads: {
    readonly folder: string;
    /** `cufile`, `cufile compatibility mode`, `direct I/O`; null where there is no direct path. */
    readonly path: string | null;
    readonly reason: string | null;
  };
}

/** Asks the device and tries its parts. What fails is reported, not thrown; what is left behind is nothing. */
export async function gpuInfo(asked: string): Promise<GpuInfo> {
  const device = openDevice(asked);
  try {
    const { devices, builtWithCuda, runtimeVersion, driverVersion, reason } = Device.probe();
    return {
      device: device.info,
      why: whyThisDevice(asked, device),
      memory: device.memoryInfo(),
      cuda: { builtWithCuda, runtimeVersion, driverVersion, devices: devices.length, reason },
      pinned: tryPinned(device),
      directReads: await tryDirectRead(device),
    };
  } finally {
    device.close();
  }
}

const NO_ADDON = 'there is no addon, and JavaScript cannot do it';

function tryPinned(device: Device): GpuInfo['pinned'] {
  if (device.info.backend === 'javascript') return { isPageLocked: false, reason: NO_ADDON };
  try {
    using pool = new PinnedBufferPool({ device, maxBytes: 2 ** 16, slabBytes: 2 ** 16 });
    const lease = pool.tryLease(2 ** 16);
    const isPageLocked = lease?.isPageLocked === true;
    lease?.release();
    return { isPageLocked, reason: isPageLocked ? null : `the system refused: ${lockLimit()}` };
  } catch (error) {
    return { isPageLocked: false, reason: messageOf(error) };
  }
}

/** What this process may lock. */
function lockLimit(): string {
  const file = '/proc/self/limits';
  const line = existsSync(file) ? /^Max locked memory +(\S+)/m.exec(readFileSync(file, 'utf8')) : null;
  return line?.[1] === undefined ? 'its limit on locked memory' : `limit on locked memory (ulimit -l) ${line[1]} bytes`;
}

async function tryDirectRead(device: Device): Promise<GpuInfo['directReads']> {
  const folder = mkdtempSync(join(tmpdir(), 'flowstate-gpu-'));
  try {
    const path = join(folder, 'probe.bin');
    const content = new Uint8Array(2 ** 17).map((_, i) => (i * 31) & 255);
    writeFileSync(path, content);
    using reader = new GpuDirectReader({ device, taskBytes: 2 ** 16, threads: 1 });
    const [buffer] = await reader.readRanges([{ path }]);
    const out = new Uint8Array(content.length);
    await buffer?.download(out);
    buffer?.release();
    if (Buffer.compare(out, content) !== 0) {
      throw createError('FS_ERR_INTERNAL', 'expected the bytes of the file, found others');
    }
    const { directBytes, directPath, fallbacks } = reader.stats;
    if (directBytes > 0) return { folder: tmpdir(), path: directPath, reason: null };
    return { folder: tmpdir(), path: null, reason: fallbacks[0]?.reason ?? NO_ADDON };
  } catch (error) {
    return { folder: tmpdir(), path: null, reason: messageOf(error) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function messageOf(error: unknown): string {
  return error instanceof FlowStateError ? `${error.code}: ${error.message}` : String(error);
}

/** One line per fact. */
export function formatGpuInfo(found: GpuInfo, color: boolean): string {
  const { device, memory, cuda, pinned, directReads } = found;
  const lines: [string, string][] = [
    ['device', paint(device.id, 'bold', color)],
    ['why', found.why],
    ['name', device.kind === 'cuda' ? device.name : 'the CPU and its memory'],
    ['implementation', device.backend === 'native' ? 'native addon' : 'JavaScript: right, not fast'],
  ];
  if (device.kind === 'cuda') {
    lines.push(
      ['compute capability', device.computeCapability ?? 'unknown'],
      ['multiprocessors', String(device.multiprocessors)],
      ['copy engines', String(device.copyEngines)],
      ['PCI bus', device.pciBusId ?? 'unknown'],
      ['unified addressing', device.unifiedAddressing === true ? 'yes' : 'no'],
      ['memory pools', device.memoryPools === true ? "the driver's" : 'none'],
    );
  }
  lines.push(
    ['memory', `${formatSize(memory.totalBytes)}, ${formatSize(memory.freeBytes)} free`],
    [
      'copies',
      `${device.streams === 1 ? '1 stream' : `${device.streams} streams`}, chunks of ${formatSize(device.chunkBytes)}`,
    ],
    ['pinned memory', pinned.isPageLocked ? 'pages are locked' : `not locked: ${pinned.reason ?? 'unknown'}`],
    ['direct reads', `${directReads.path ?? `none: ${directReads.reason ?? 'unknown'}`} (in ${directReads.folder})`],
    ['CUDA in addon', cuda.builtWithCuda ? `runtime ${cuda.runtimeVersion ?? 'unknown'}` : 'none'],
    ['driver', cuda.driverVersion === null ? 'none' : `for CUDA up to ${cuda.driverVersion}`],
    ['CUDA devices', cuda.devices === 0 ? `none: ${cuda.reason ?? 'unknown'}` : String(cuda.devices)],
  );
  const width = Math.max(...lines.map(([name]) => name.length));
  return `${lines.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n')}\n`;
}

export async function runGpuInfo(flags: GpuInfoFlags): Promise<void> {
  const found = await gpuInfo(flags.device);
  process.stdout.write(
    flags.json === true ? `${JSON.stringify(found, null, 2)}\n` : formatGpuInfo(found, process.stdout.isTTY),
  );
}
