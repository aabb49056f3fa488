/** A whole file as bytes: mapped by the addon, so that only what is used is read; read into memory where there is none. */
import { promises as fs } from 'node:fs';
import { createError, fromNative } from '../errors/from-native.js';
import { loadAddon } from '../internal/native.js';
import { corrupt, ioError } from './io-error.js';

const BLOCK = 1 << 30;

/** The file's bytes, 8-byte aligned. Mapped memory is unmapped when the last view is collected. */
export async function mapFile(path: string): Promise<Uint8Array> {
  const { addon } = loadAddon();
  if (addon !== null && typeof addon.mapFile === 'function') {
    const mapped = mapNative(addon.mapFile, path);
    if (mapped !== null) return mapped;
  }
  const file = await fs.open(path, 'r').catch((error: unknown) => {
    throw ioError(error, path, 'open');
  });
  try {
    const { size } = await file.stat();
    const bytes = new Uint8Array(new ArrayBuffer(size));
    for (let at = 0; at < size;) {
      const { bytesRead } = await file.read(bytes, at, Math.min(BLOCK, size - at), at);
      if (bytesRead === 0) throw corrupt(path, 'the file became shorter while it was read');
      at += bytesRead;
    }
    return bytes;
  } catch (error) {
    throw ioError(error, path, 'read');
  } finally {
    await file.close();
  }
}

function mapNative(map: (path: string) => ArrayBuffer | null, path: string): Uint8Array | null {
  try {
    const buffer = map(path);
    return buffer === null ? null : new Uint8Array(buffer);
  } catch (error) {
    const failure = fromNative(error);
    const message = failure instanceof Error ? failure.message : String(failure);
    throw createError('FS_ERR_IO', message, { details: { syscall: 'mmap', path }, cause: error });
  }
}
