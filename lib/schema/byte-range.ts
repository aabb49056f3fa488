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

/** What a typed array of elements of `elementBytes` is made of to view the bytes: nothing is copied. */
export function viewArguments(
  bytes: ArrayBuffer | ByteRange | null,
  elementBytes: number,
): [buffer: ArrayBuffer, byteOffset: number, length: number] {
  if (bytes === null) return [new ArrayBuffer(0), 0, 0];
  if (!('buffer' in bytes)) return [bytes, 0, bytes.byteLength / elementBytes];
  return [bytes.buffer, bytes.byteOffset, bytes.byteLength / elementBytes];
}

export function bytesOf(bytes: ArrayBuffer | ByteRange): Uint8Array<ArrayBuffer> {
  return new Uint8Array(...viewArguments(bytes, 1));
}
