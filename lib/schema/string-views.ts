/**
 * String and binary views (Arrow's 16-byte view structs): as plain bytes with offsets, for keys, and gathered as
 * views, for payloads. A view of at most 12 bytes holds its bytes; a longer one names a buffer and a position there.
 */
import type { Data } from 'apache-arrow';

import { isDetached } from '../internal/detached.js';
import { fail } from '../internal/validate.js';
import type { NativeChunk } from '../internal/native.js';

const VIEW_BYTES = 16;
const INLINE_BYTES = 12;

interface Views {
  readonly bytes: Uint8Array;
  readonly words: DataView;
  readonly buffers: readonly Uint8Array[];
}

function viewsOf(where: string, data: Data): Views {
  const bytes: Uint8Array | undefined = data.values;
  if (bytes === undefined || bytes.byteLength < data.length * VIEW_BYTES) {
    const code = isDetached(bytes) ? 'FS_ERR_DETACHED' : 'FS_ERR_LENGTH';
    return fail(code, `${where}: its views buffer must hold ${data.length * VIEW_BYTES} bytes`, { column: where });
  }
  return {
    bytes,
    words: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    buffers: data.variadicBuffers ?? [],
  };
}

function bytesOf(where: string, views: Views, row: number): Uint8Array {
  const at = row * VIEW_BYTES;
  const size = views.words.getInt32(at, true);
  if (size <= INLINE_BYTES) return views.bytes.subarray(at + 4, at + 4 + Math.max(size, 0));
  const buffer = views.buffers[views.words.getInt32(at + 8, true)];
  const begin = views.words.getInt32(at + 12, true);
  if (buffer === undefined || begin < 0 || begin + size > buffer.byteLength) {
    return fail('FS_ERR_CORRUPT', `${where}: the view of row ${row} points outside its buffers`, {
      column: where,
      row,
    });
  }
  return buffer.subarray(begin, begin + size);
}

/** Whether row `row` of an Arrow chunk is not null. */
export function isValid(data: Data, row: number): boolean {
  if (data.nullCount === 0) return true;
  const bit = data.offset + row;
  return ((data.nullBitmap[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0;
}

/** The chunk as bytes with int32 offsets. Copies: O(rows + bytes). Throws FS_ERR_LENGTH past 2^31 bytes. */
export function viewsToBytes(where: string, data: Data): NativeChunk {
  const views = viewsOf(where, data);
  const offsets = new Int32Array(data.length + 1);
  let total = 0;
  for (let row = 0; row < data.length; row++) {
    if (isValid(data, row)) total += bytesOf(where, views, row).byteLength;
    if (total > 0x7fffffff) fail('FS_ERR_LENGTH', `${where} holds more than 2^31 - 1 bytes`, { column: where });
    offsets[row + 1] = total;
  }
  const values = new Uint8Array(total);
  for (let row = 0; row < data.length; row++) {
    if (isValid(data, row)) values.set(bytesOf(where, views, row), offsets[row]);
  }
  const validity: Uint8Array | null = data.nullCount === 0 ? null : data.nullBitmap;
  return { length: data.length, bitOffset: data.offset, values, offsets, validity, dictionary: -1 };
}

/** Views gathered by (chunk, row); -1 as chunk leaves 16 zero bytes. Buffers are shared, their numbers moved up. */
export function gatherViews(
  where: string,
  chunks: readonly Data[],
  chunkOf: Int32Array,
  rowOf: Int32Array,
): { readonly values: Uint8Array; readonly buffers: readonly Uint8Array[] } {
  const views = chunks.map((data) => viewsOf(where, data));
  const firstBuffer: number[] = [];
  const buffers: Uint8Array[] = [];
  for (const view of views) {
    firstBuffer.push(buffers.length);
    buffers.push(...view.buffers);
  }
  const values = new Uint8Array(chunkOf.length * VIEW_BYTES);
  const words = new DataView(values.buffer);
  for (let i = 0; i < chunkOf.length; i++) {
    const chunk = chunkOf[i]!;
    const view = views[chunk];
    if (view === undefined) continue;
    const from = rowOf[i]! * VIEW_BYTES;
    const to = i * VIEW_BYTES;
    values.set(view.bytes.subarray(from, from + VIEW_BYTES), to);
    if (words.getInt32(to, true) > INLINE_BYTES) {
      words.setInt32(to + 8, words.getInt32(to + 8, true) + firstBuffer[chunk]!, true);
    }
  }
  return { values, buffers };
}
