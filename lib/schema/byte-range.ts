/** Parts of ArrayBuffers as typed arrays. */

/** What a view of bytes says of itself, without being one: an engine gives many, and most are viewed as something else. */
export interface ByteRange {
  readonly buffer: ArrayBuffer;
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** A column as an engine gives it: `NativeOutputColumn`, or the same in parts of buffers. */
export interface OutputBuffers {
  readonly length: number;
  readonly nullCount: number;
  readonly values: ArrayBuffer | ByteRange | null;
  readonly offsets: ArrayBuffer | ByteRange | null;
  readonly validity: ArrayBuffer | ByteRange | null;
}

const NOTHING: ByteRange = { buffer: new ArrayBuffer(0), byteOffset: 0, byteLength: 0 };

export function rangeOf(bytes: ArrayBuffer | ByteRange | null): ByteRange {
  if (bytes === null) return NOTHING;
  return 'buffer' in bytes ? bytes : { buffer: bytes, byteOffset: 0, byteLength: bytes.byteLength };
}

/** A view, not a copy. */
export function bytesOf(bytes: ArrayBuffer | ByteRange): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = rangeOf(bytes);
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** A view of int64s, not a copy. */
export function int64sOf(bytes: ArrayBuffer | ByteRange | null): BigInt64Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = rangeOf(bytes);
  return new BigInt64Array(buffer, byteOffset, byteLength / 8);
}
