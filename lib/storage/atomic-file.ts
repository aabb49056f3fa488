/**
 * Files that appear whole or not at all: written beside the target under a name of their own, synced, renamed over it,
 * and the directory synced. Whatever goes wrong (an error, an abort, an interrupt) removes the temporary file and
 * leaves a file that was there before as it was. Targets that are no regular files (pipes, devices) are written
 * directly.
 */
import { constants, promises as fs, type Stats } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { createError } from '../errors/from-native.js';
import { abortError, ioError } from './io-error.js';
import { forgetTempFile, registerTempFile, uniqueName } from './temp-files.js';

async function statOf(path: string): Promise<Stats | null> {
  return fs.stat(path).catch((error: unknown) => {
    const failure = ioError(error, path, 'stat');
    if (failure.details.errno === 'ENOENT') return null;
    throw failure;
  });
}

/** Resolves links, so that a rename replaces the file and not the link. Throws where nothing could be written. */
async function targetOf(path: string): Promise<{ readonly path: string; readonly regular: boolean }> {
  const stat = await statOf(path);
  if (stat === null) return { path: resolve(path), regular: true };
  if (stat.isDirectory()) {
    throw createError('FS_ERR_IO', `cannot write ${path}: it is a directory`, {
      details: { errno: 'EISDIR', syscall: 'open', path },
    });
  }
  await fs.access(path, constants.W_OK).catch((error: unknown) => {
    throw ioError(error, path, 'open');
  });
  return { path: await fs.realpath(path), regular: stat.isFile() };
}

/**
 * Runs `produce` with a path to write to, then puts the finished file at `path`. Returns what `produce` returned and
 * the file's size. FS_ERR_IO with errno, syscall and the target's path.
 */
export async function writeAtomically<T>(
  path: string,
  signal: AbortSignal | undefined,
  produce: (path: string) => Promise<T>,
): Promise<{ readonly result: T; readonly bytes: number }> {
  const aborted = (): boolean => signal?.aborted === true;
  if (aborted()) throw abortError(`write of ${path}`);
  const target = await targetOf(path);
  if (!target.regular) {
    const result = await produce(target.path);
    return { result, bytes: 0 };
  }
  const directory = dirname(target.path);
  const temporary = join(directory, `.${basename(target.path)}.${uniqueName()}.tmp`);
  registerTempFile(temporary);
  try {
    // Early, so that a missing or forbidden directory costs no work; exclusively, so that no file is ever shared.
    await (await fs.open(temporary, 'wx')).close();
    const result = await produce(temporary);
    const bytes = await sync(temporary);
    if (aborted()) throw abortError(`write of ${path}`);
    await fs.rename(temporary, target.path);
    await syncDirectory(directory);
    return { result, bytes };
  } catch (error) {
    await fs.rm(temporary, { force: true }).catch(() => undefined);
    if (aborted()) throw abortError(`write of ${path}`);
    throw onTarget(error, temporary, path);
  } finally {
    forgetTempFile(temporary);
  }
}

async function sync(path: string): Promise<number> {
  const file = await fs.open(path, 'r+');
  try {
    await file.sync();
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await fs.open(directory, 'r').catch(() => null);
  if (handle === null) return;
  try {
    await handle.sync();
  } catch {
    // Some file systems refuse; the file itself is synced.
  } finally {
    await handle.close();
  }
}

/** Errors speak of the path that the caller knows. */
function onTarget(error: unknown, temporary: string, path: string): unknown {
  const failure = ioError(error, path, 'write');
  if (!failure.message.includes(temporary) && failure.details.path !== temporary) return failure;
  return createError(failure.code, failure.message.replaceAll(temporary, path), {
    details: { ...failure.details, path },
    cause: failure.cause,
  });
}

/** Where bytes of a stream-like format go. */
export interface ByteSink {
  write(pieces: readonly Uint8Array[]): Promise<void>;
  close(): Promise<void>;
  readonly bytes: number;
}

/** A sink into a file that exists already (or a device). */
export async function openFileSink(path: string): Promise<ByteSink> {
  const file = await fs.open(path, 'w').catch((error: unknown) => {
    throw ioError(error, path, 'open');
  });
  let bytes = 0;
  return {
    async write(pieces) {
      for (const piece of pieces) {
        for (let at = 0; at < piece.byteLength;) {
          const { bytesWritten } = await file.write(piece, at).catch((error: unknown) => {
            throw ioError(error, path, 'write');
          });
          at += bytesWritten;
          bytes += bytesWritten;
        }
      }
    },
    async close() {
      await file.close().catch((error: unknown) => {
        throw ioError(error, path, 'close');
      });
    },
    get bytes() {
      return bytes;
    },
  };
}

/** A sink into standard output that waits when the reader is slow. */
export function stdoutSink(stream: NodeJS.WritableStream): ByteSink {
  let bytes = 0;
  return {
    async write(pieces) {
      for (const piece of pieces) {
        bytes += piece.byteLength;
        await new Promise<void>((done, fail) => {
          stream.write(piece, (error?: Error | null) => {
            if (error === undefined || error === null) done();
            else fail(ioError(error, 'standard output', 'write'));
          });
        });
      }
    },
    close: () => Promise.resolve(),
    get bytes() {
      return bytes;
    },
  };
}
