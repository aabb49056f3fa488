/**
 * Files into device memory without a detour over JavaScript: cuFile (GPUDirect Storage) on a CUDA device, direct I/O on
 * the host, and where a file or system has neither, ordinary reads through two pinned chunks a thread. Which way each
 * byte took is in `stats`.
 */
import { promises as fs } from 'node:fs';
import { resolve } from 'node:path';
import type { Table } from 'apache-arrow';

import {
  fail,
  rejectUnknown,
  requireInteger,
  requireName,
  requireOneOf,
  requireRecord,
  requireSignal,
  typeError,
} from '../internal/validate.js';
import { ioError } from '../storage/io-error.js';
import { mapArrowFile } from '../storage/arrow-map.js';
import type { NativeReaderStats } from '../internal/native-device.js';
import type { FileRange, HostCopy, RangeReader } from './backend.js';
import { planTable } from './column-plan.js';
import { defaultDevice, type Device } from './device.js';
import type { DeviceBuffer } from './device-buffer.js';
import { DeviceTable } from './device-table.js';
import { DeviceTensor } from './device-tensor.js';
import { bytesPerElement, type DType, elementCount, requireDType } from './dtype.js';
import { chooseFields, requireDevice } from './to-device.js';

export interface GpuDirectReaderOptions {
  /** Default: the process's default device. */
  readonly device?: Device;
  /** Threads that read, 1 to 64. Default 4. */
  readonly threads?: number;
  /** Bytes that one thread reads at a time, whole pages from 64 KiB to 1 GiB. Default 4 MiB. */
  readonly taskBytes?: number;
  /**
   * `auto`: direct where the file allows it, else ordinary reads. `direct`: direct or FS_ERR_GDS_UNAVAILABLE. `posix`:
   * ordinary reads.
   */
  readonly mode?: 'auto' | 'direct' | 'posix';
}

export interface DirectReaderStats extends NativeReaderStats {
  /** Bytes of Arrow columns that had to be made on the host first: bitmaps and offsets that do not start at a byte or 0. */
  readonly hostBytes: number;
}

/** A range of a file. */
export interface BinaryRange {
  readonly path: string;
  /** Bytes from the start of the file. Default 0. */
  readonly offset?: number;
  /** Default: to the end of the file. */
  readonly byteLength?: number;
}

export interface ReadBinaryOptions {
  readonly dtype: DType;
  /** Bytes from the start of the file. Default 0. */
  readonly offset?: number;
  /** Default: one axis, to the end of the file. */
  readonly shape?: readonly number[];
  readonly signal?: AbortSignal;
}

export interface ReadArrowOptions {
  /** Default: all, in the file's order. */
  readonly columns?: string | readonly string[];
  readonly signal?: AbortSignal;
}

const OPTION_KEYS = ['device', 'threads', 'taskBytes', 'mode'] as const;

export class GpuDirectReader {
  readonly device: Device;
  private readonly reader: RangeReader;
  private hostBytes = 0;
  private open = true;

  /** Throws FS_ERR_ARG_TYPE, FS_ERR_ARG_RANGE, FS_ERR_OPTION_UNKNOWN, FS_ERR_CLOSED (the device). */
  constructor(options: GpuDirectReaderOptions = {}) {
    const given = requireRecord(options, 'options');
    rejectUnknown(given, 'options', OPTION_KEYS);
    this.device = given.device === undefined ? defaultDevice() : requireDevice(given.device, 'options.device');
    const taskBytes = requireInteger(given.taskBytes ?? 4 * 2 ** 20, 'options.taskBytes', 2 ** 16, 2 ** 30);
    if (taskBytes % 4096 !== 0)
      fail('FS_ERR_ARG_RANGE', `options.taskBytes must be a multiple of 4096, got ${taskBytes}`);
    this.reader = this.device.backend.openReader({
      threads: requireInteger(given.threads ?? 4, 'options.threads', 1, 64),
      taskBytes,
      mode: requireOneOf(given.mode ?? 'auto', 'options.mode', ['auto', 'direct', 'posix']),
    });
  }

  /**
   * Reads ranges, of any number of files, each into a buffer of its own; all are under way at once. Any offset and size
   * is right; whole pages are fast. Throws FS_ERR_IO (with errno), FS_ERR_CORRUPT where a file ends before its range (or
   * shrinks while it is read), FS_ERR_GDS_UNAVAILABLE with mode `direct`, FS_ERR_OUT_OF_MEMORY, FS_ERR_DEVICE_LOST,
   * FS_ERR_ABORTED, FS_ERR_CLOSED. On any error nothing stays on the device.
   */
  async readRanges(
    ranges: readonly BinaryRange[],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<DeviceBuffer[]> {
    this.check();
    if (!Array.isArray(ranges)) throw typeError('ranges', 'an array of ranges', ranges);
    const parsed = await Promise.all(ranges.map((range: unknown, i) => parseRange(range, `ranges[${i}]`)));
    const buffers: DeviceBuffer[] = [];
    try {
      for (const { byteLength } of parsed) buffers.push(this.device.allocate(byteLength));
      await this.read(
        parsed.flatMap((range, i) => {
          const buffer = buffers[i];
          return buffer === undefined ? [] : [{ ...range, memory: buffer.memory, memoryOffset: 0 }];
        }),
        options.signal,
      );
      return buffers;
    } catch (error) {
      for (const buffer of buffers) buffer.release();
      throw error;
    }
  }

  /** Reads raw little-endian elements as a tensor. Throws as `readRanges` does; FS_ERR_CORRUPT for a cut element. */
  async readBinary(path: string, options: ReadBinaryOptions): Promise<DeviceTensor> {
    const given = requireRecord(options, 'options');
    rejectUnknown(given, 'options', ['dtype', 'offset', 'shape', 'signal']);
    const dtype = requireDType(given.dtype, 'options.dtype');
    const size = bytesPerElement(dtype);
    const wanted = options.shape === undefined ? undefined : elementCount(options.shape, 'options.shape') * size;
    const range = await parseRange({ path, offset: given.offset, byteLength: wanted }, 'range');
    if (range.byteLength % size !== 0) {
      fail('FS_ERR_CORRUPT', `${path}: expected whole ${dtype} values, found ${range.byteLength} bytes`, {
        path,
        byteLength: range.byteLength,
      });
    }
    const [buffer] = await this.readRanges([range], options.signal === undefined ? {} : { signal: options.signal });
    if (buffer === undefined) return fail('FS_ERR_INTERNAL', 'a read brought no buffer');
    return new DeviceTensor(buffer, dtype, options.shape ?? [range.byteLength / size]);
  }

  /**
   * Reads columns of an Arrow IPC file. Its metadata is parsed and checked on the host; column buffers go from the file
   * straight into device memory, batches end to end. Bitmaps and offsets that must be recomputed are made on the host
   * (`stats.hostBytes`). Throws also FS_ERR_COLUMN_MISSING, FS_ERR_SCHEMA (compressed buffers, as `toDevice`) and
   * FS_ERR_CORRUPT naming what is damaged.
   */
  async readArrow(path: string, options: ReadArrowOptions = {}): Promise<DeviceTable> {
    this.check();
    const given = requireRecord(options, 'options');
    rejectUnknown(given, 'options', ['columns', 'signal']);
    const file = await mapArrowFile(requireName(path, 'path'));
    const fields = chooseFields(file.table, given.columns);
    const plan = planTable(file.table, fields);
    const buffer = this.device.allocate(plan.byteLength);
    try {
      const ranges: FileRange[] = [];
      const copies: HostCopy[] = [];
      for (const { offset, source } of plan.copies) {
        // What still lies where it was mapped has its place in the file; the rest was made here.
        if (source.buffer === file.bytes.buffer) {
          const at = source.byteOffset - file.bytes.byteOffset;
          ranges.push({ path, offset: at, byteLength: source.byteLength, memory: buffer.memory, memoryOffset: offset });
        } else {
          copies.push({ memory: buffer.memory, offset, host: source });
          this.hostBytes += source.byteLength;
        }
      }
      const signal = given.signal === undefined ? null : requireSignal(given.signal, 'options.signal');
      await Promise.all([this.read(ranges, signal ?? undefined), this.device.backend.upload(copies, signal)]);
      return tableOf(buffer, file.table, fields, plan.columns);
    } catch (error) {
      buffer.release();
      throw error;
    }
  }

  private async read(ranges: readonly FileRange[], signal: AbortSignal | undefined): Promise<void> {
    const own = ranges
      .filter((range) => range.byteLength > 0)
      .map((range) => ({ ...range, path: resolve(range.path) }));
    await this.reader.read(own, signal ?? null);
  }

  get stats(): DirectReaderStats {
    return { ...this.reader.stats(), hostBytes: this.hostBytes };
  }

  /** Ends the reading threads; idempotent. What was read stays. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    this.reader.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  private check(): void {
    if (!this.open) fail('FS_ERR_CLOSED', 'the reader was closed');
  }
}

function tableOf(
  buffer: DeviceBuffer,
  table: Table,
  fields: ReturnType<typeof chooseFields>,
  columns: ReturnType<typeof planTable>['columns'],
): DeviceTable {
  return new DeviceTable(
    [buffer],
    fields.map(({ field }) => field),
    columns,
    table.numRows,
  );
}

async function parseRange(
  range: unknown,
  where: string,
): Promise<{ readonly path: string; readonly offset: number; readonly byteLength: number }> {
  const given = requireRecord(range, where);
  rejectUnknown(given, where, ['path', 'offset', 'byteLength']);
  const path = requireName(given.path, `${where}.path`);
  const offset = requireInteger(given.offset ?? 0, `${where}.offset`, 0, Number.MAX_SAFE_INTEGER);
  if (given.byteLength !== undefined) {
    return { path, offset, byteLength: requireInteger(given.byteLength, `${where}.byteLength`, 0, 2 ** 50) };
  }
  const { size } = await fs.stat(path).catch((error: unknown) => {
    throw ioError(error, path, 'stat');
  });
  if (offset > size) {
    fail('FS_ERR_ARG_RANGE', `${where}.offset must lie in ${path} of ${size} bytes, got ${offset}`, {
      path,
      size,
      offset,
    });
  }
  return { path, offset, byteLength: size - offset };
}
