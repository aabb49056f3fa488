/** Every executor that can run here, and comparison of their results bit for bit. */
import { createHash } from 'node:crypto';

import { createJavascriptExecutor } from '../../lib/join/javascript-executor';
import { createNativeExecutor } from '../../lib/join/native-executor';
import {
  loadAddon,
  type NativeJoinRequest,
  type NativeJoinResult,
  type NativeOutputColumn,
  NativePlan,
} from '../../lib/internal/native';

export const { addon, reason } = loadAddon();
export const javascript = createJavascriptExecutor();
export const native = addon === null ? null : createNativeExecutor(addon);

/** Matches found on a device; null without the addon. */
export function device(id: 'host' | `cuda:${number}` = 'host') {
  if (addon === null) return null;
  const ordinal = id === 'host' ? -1 : Number(id.slice('cuda:'.length));
  return createNativeExecutor(
    addon,
    addon.deviceOpen({ ordinal, memoryBytes: 0, streams: 0, chunkBytes: 0, stagingThreads: 0 }),
  );
}

/** Plans and thread counts that every case runs on natively. */
export const VARIANTS = Object.entries(NativePlan).flatMap(([name, plan]) =>
  [1, 2, 3, 4].map((threads) => ({ name: `${name} × ${threads}`, plan, threads })),
);

/** The request with another plan and thread count. */
export function variant(request: NativeJoinRequest, plan: number, threads: number): NativeJoinRequest {
  return { ...request, threads, streams: request.streams.map((stream) => ({ ...stream, plan })) };
}

/** A result, or the code it failed with. */
export function attempt(run: () => NativeJoinResult): NativeJoinResult | string {
  try {
    return run();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** The bytes that count: padding and bits past the end do not. */
function hex(buffer: ArrayBuffer | null, byteLength: number, lastBits = 8): string {
  if (buffer === null) return byteLength === 0 ? '' : 'absent';
  const bytes = new Uint8Array(buffer).slice(0, byteLength);
  if (lastBits < 8 && byteLength > 0) bytes[byteLength - 1]! &= (1 << lastBits) - 1;
  if (bytes.length < byteLength) return 'short';
  return byteLength <= 4096 ? Buffer.from(bytes).toString('hex') : createHash('sha1').update(bytes).digest('hex');
}

function columnText(column: NativeOutputColumn | null, width: number | 'bits' | 'bytes32' | 'bytes64'): object | null {
  if (column === null) return null;
  const { length, nullCount, values, offsets, validity } = column;
  const bitBytes = (length + 7) >> 3;
  const tail = length % 8 || 8;
  const shown = { length, nullCount, validity: nullCount === 0 ? null : hex(validity, bitBytes, tail) };
  if (width === 'bits') return { ...shown, values: hex(values, bitBytes, tail) };
  if (typeof width === 'number') return { ...shown, values: hex(values, length * width) };
  const size = width === 'bytes32' ? 4 : 8;
  const total =
    offsets === null ? 0 : Number((size === 4 ? new Int32Array(offsets) : new BigInt64Array(offsets))[length] ?? 0);
  return { ...shown, offsets: hex(offsets, (length + 1) * size), values: hex(values, total) };
}

const LAYOUT_BY_TYPE = { 11: 'bits', 12: 'bytes32', 13: 'bytes64' } as const;

function widthOf(column: { readonly type: number; readonly width: number }): number | 'bits' | 'bytes32' | 'bytes64' {
  return LAYOUT_BY_TYPE[column.type as keyof typeof LAYOUT_BY_TYPE] ?? column.width;
}

/** Everything of a result that callers can see, as plain values for `toEqual`. */
export function resultText(request: NativeJoinRequest, result: NativeJoinResult | string): unknown {
  if (typeof result === 'string') return result;
  return {
    rows: result.rows,
    selection: result.selection === null ? null : hex(result.selection, result.rows * 4),
    left: result.left.map((column, i) => columnText(column, widthOf(request.leftPayload[i]!))),
    streams: result.streams.map((stream, s) => ({
      indices: stream.indices === null ? null : hex(stream.indices, result.rows * 4),
      columns: stream.columns.map((column, i) => columnText(column, widthOf(request.streams[s]!.payload[i]!))),
      age: columnText(stream.age, 8),
      matched: columnText(stream.matched, 'bits'),
      stats: { ...stream.stats },
    })),
  };
}
