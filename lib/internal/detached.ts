/** Tells a detached ArrayBuffer from an empty one (Node 20 has no `ArrayBuffer.prototype.detached`). */
export function isDetached(view: ArrayBufferView | undefined): boolean {
  if (view === undefined || view.buffer.byteLength > 0) return false;
  try {
    return new Uint8Array(view.buffer).byteLength > 0;
  } catch {
    return true;
  }
}
