/**
 * Gathers rows of a flat column by index, on raw buffers: what the native gather does, byte for byte. An index of -1
 * makes a null; slots of nulls are zero bytes, or the empty string; the bitmap is there only when something is null.
 * O(rows out), plus the bytes of strings.
 */
import { fail } from '../internal/validate.js';
import { type NativeChunk, type NativeColumn, type NativeOutputColumn, NativeType } from '../internal/native.js';

/** For each output row the chunk it comes from (-1 where the output is null) and its row there. */
export interface Located {
  readonly chunkOf: Int32Array;
  readonly rowOf: Int32Array;
}

/** Resolves global row numbers against chunk lengths. */
export function locateRows(lengths: readonly number[], indices: Int32Array): Located {
  const starts = [0];
  for (const length of lengths) starts.push(starts[starts.length - 1]! + length);
  const total = starts[starts.length - 1]!;
  const chunkOf = new Int32Array(indices.length).fill(-1);
  const rowOf = new Int32Array(indices.length);
  let chunk = 0;
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i]!;
    if (index < 0) continue;
    if (index >= total) fail('FS_ERR_INTERNAL', `row ${index} of a column with ${total} rows`, { row: index, total });
    if (index < starts[chunk]! || index >= starts[chunk + 1]!) {
      let low = 0;
      let high = lengths.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (starts[middle]! <= index) low = middle;
        else high = middle - 1;
      }
      chunk = low;
    }
    chunkOf[i] = chunk;
    rowOf[i] = index - starts[chunk]!;
  }
  return { chunkOf, rowOf };
}

export function isValidInChunk(chunk: NativeChunk, row: number): boolean {
  if (chunk.validity === null) return true;
  const bit = chunk.bitOffset + row;
  return (chunk.validity[bit >> 3]! & (1 << (bit & 7))) !== 0;
}

/** Bytes of a view, moved only when `alignment` asks for it. */
function alignedBytes(view: ArrayBufferView | null, alignment: number): Uint8Array<ArrayBufferLike> {
  if (view === null) return new Uint8Array(0);
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return bytes.byteOffset % alignment === 0 ? bytes : bytes.slice();
}

function words(view: ArrayBufferView | null): Uint32Array {
  const bytes = alignedBytes(view, 4);
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
}

/** Marks rows without a source, or with a null one, as chunk -1, so that later loops look at one thing. */
function dropNulls(chunks: readonly NativeChunk[], located: Located): { located: Located; nullCount: number } {
  const { chunkOf, rowOf } = located;
  const nullable = chunks.some((chunk) => chunk.validity !== null);
  const kept = nullable ? chunkOf.slice() : chunkOf;
  let nullCount = 0;
  for (let i = 0; i < kept.length; i++) {
    const chunk = kept[i]!;
    if (chunk >= 0 && (!nullable || isValidInChunk(chunks[chunk]!, rowOf[i]!))) continue;
    kept[i] = -1;
    nullCount++;
  }
  return { located: { chunkOf: kept, rowOf }, nullCount };
}

/** One bit per row that is not null; null where every row is valid. */
export function validityBits(chunkOf: Int32Array, nullCount: number): ArrayBuffer | null {
  if (nullCount === 0) return null;
  const bits = new Uint8Array((chunkOf.length + 7) >> 3);
  for (let i = 0; i < chunkOf.length; i++) {
    if (chunkOf[i]! >= 0) bits[i >> 3]! |= 1 << (i & 7);
  }
  return bits.buffer;
}

function gatherWords(chunks: readonly NativeChunk[], { chunkOf, rowOf }: Located, stride: number): ArrayBuffer {
  const sources = chunks.map((chunk) => words(chunk.values));
  const out = new Uint32Array(chunkOf.length * stride);
  for (let i = 0; i < chunkOf.length; i++) {
    const chunk = chunkOf[i]!;
    if (chunk < 0) continue;
    const source = sources[chunk]!;
    const from = rowOf[i]! * stride;
    const to = i * stride;
    for (let k = 0; k < stride; k++) out[to + k] = source[from + k]!;
  }
  return out.buffer;
}

function gatherBytes(chunks: readonly NativeChunk[], { chunkOf, rowOf }: Located, width: number): ArrayBuffer {
  const sources = chunks.map((chunk) => alignedBytes(chunk.values, 1));
  const out = new Uint8Array(chunkOf.length * width);
  for (let i = 0; i < chunkOf.length; i++) {
    const chunk = chunkOf[i]!;
    if (chunk < 0) continue;
    const source = sources[chunk]!;
    const from = rowOf[i]! * width;
    const to = i * width;
    for (let k = 0; k < width; k++) out[to + k] = source[from + k]!;
  }
  return out.buffer;
}

function gatherBits(chunks: readonly NativeChunk[], { chunkOf, rowOf }: Located): ArrayBuffer {
  const sources = chunks.map((chunk) => alignedBytes(chunk.values, 1));
  const out = new Uint8Array((chunkOf.length + 7) >> 3);
  for (let i = 0; i < chunkOf.length; i++) {
    const chunk = chunkOf[i]!;
    if (chunk < 0) continue;
    const bit = chunks[chunk]!.bitOffset + rowOf[i]!;
    if ((sources[chunk]![bit >> 3]! & (1 << (bit & 7))) !== 0) out[i >> 3]! |= 1 << (i & 7);
  }
  return out.buffer;
}

function gatherStrings(
  column: NativeColumn,
  { chunkOf, rowOf }: Located,
): { readonly values: ArrayBuffer; readonly offsets: ArrayBuffer } {
  const sources = column.chunks.map((chunk) => alignedBytes(chunk.values, 1));
  const starts = column.chunks.map((chunk) => chunk.offsets ?? new Int32Array(1));
  const offsets = new Float64Array(chunkOf.length + 1);
  for (let i = 0; i < chunkOf.length; i++) {
    const chunk = chunkOf[i]!;
    const row = rowOf[i]!;
    const size = chunk < 0 ? 0 : Number(starts[chunk]![row + 1]!) - Number(starts[chunk]![row]!);
    offsets[i + 1] = offsets[i]! + size;
  }
  const total = offsets[chunkOf.length]!;
  const large = column.type === NativeType.Bytes64;
  if (!large && total > 0x7fffffff) {
    fail('FS_ERR_LENGTH', `${column.name}: the result would hold ${total} bytes, 32-bit offsets reach 2147483647`, {
      column: column.name,
      byteLength: total,
    });
  }
  const values = new Uint8Array(total);
  for (let i = 0; i < chunkOf.length; i++) {
    const chunk = chunkOf[i]!;
    if (chunk < 0) continue;
    const to = offsets[i]!;
    const size = offsets[i + 1]! - to;
    const from = Number(starts[chunk]![rowOf[i]!]!);
    const source = sources[chunk]!;
    if (size > 64) values.set(source.subarray(from, from + size), to);
    else for (let k = 0; k < size; k++) values[to + k] = source[from + k]!;
  }
  if (!large) return { values: values.buffer, offsets: Int32Array.from(offsets).buffer };
  return { values: values.buffer, offsets: BigInt64Array.from(offsets, BigInt).buffer };
}

/** The rows of `column` that `located` names. Dictionary columns are gathered by their plain indices' layout. */
export function gatherLocated(column: NativeColumn, rows: Located): NativeOutputColumn {
  const { located, nullCount } = dropNulls(column.chunks, rows);
  const base = {
    length: rows.chunkOf.length,
    nullCount,
    offsets: null,
    validity: validityBits(located.chunkOf, nullCount),
  };
  switch (column.type) {
    case NativeType.Bool:
      return { ...base, values: gatherBits(column.chunks, located) };
    case NativeType.Bytes32:
    case NativeType.Bytes64:
      return { ...base, ...gatherStrings(column, located) };
    default:
      return {
        ...base,
        values:
          column.width % 4 === 0
            ? gatherWords(column.chunks, located, column.width / 4)
            : gatherBytes(column.chunks, located, column.width),
      };
  }
}

/** The rows of `column` at `indices`, -1 for null. */
export function gatherColumn(column: NativeColumn, indices: Int32Array): NativeOutputColumn {
  return gatherLocated(
    column,
    locateRows(
      column.chunks.map((chunk) => chunk.length),
      indices,
    ),
  );
}
