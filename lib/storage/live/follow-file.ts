/**
 * The bytes of a file that grows, as they are appended. The system's notice of a change wakes the reader, and a poll
 * makes up for file systems that give none. A file that was cut or replaced is an error: what follows would not be the
 * continuation of what was read.
 */
import { type FSWatcher, promises as fs, watch } from 'node:fs';

import { createError } from '../../errors/from-native.js';
import { abortError, ioError } from '../io-error.js';

export interface FollowOptions {
  /** Milliseconds between looks where no notice comes; default 250. */
  readonly pollMs?: number;
  readonly signal?: AbortSignal;
  /** Ends the reading at the next end of the file, and gives what is there by then. */
  readonly until?: AbortSignal;
}

const BLOCK = 1 << 18;

/** FS_ERR_CORRUPT with `details.reason` 'truncated' or 'replaced'; FS_ERR_IO; FS_ERR_ABORTED. */
export async function* followFile(path: string, options: FollowOptions = {}): AsyncGenerator<Buffer, void, undefined> {
  const { signal, until, pollMs = 250 } = options;
  const stopped = (): void => {
    if (signal?.aborted === true) throw abortError(`following ${path}`);
  };
  const file = await fs.open(path, 'r').catch((error: unknown) => {
    throw ioError(error, path, 'open');
  });
  const notice = new Notice(path, pollMs, [signal, until]);
  try {
    const { ino, dev } = await file.stat();
    let at = 0;
    for (;;) {
      stopped();
      // Asked before the read: what was appended until then is read before the end is believed.
      const last = until?.aborted === true;
      const buffer = Buffer.allocUnsafe(BLOCK);
      const { bytesRead } = await file.read(buffer, 0, BLOCK, at);
      if (bytesRead > 0) {
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
        continue;
      }
      const { size } = await file.stat();
      if (size < at) throw changed(path, 'truncated', `${size} bytes are left of ${at} that were read`, at);
      if (size > at) continue;
      const named = await fs.stat(path).catch(() => null);
      if (named === null || named.ino !== ino || named.dev !== dev) {
        throw changed(path, 'replaced', named === null ? 'it is no longer there' : 'another file has its name', at);
      }
      if (last) return;
      await notice.wait();
    }
  } catch (error) {
    throw ioError(error, path, 'read');
  } finally {
    notice.close();
    await file.close();
  }
}

function changed(path: string, reason: 'truncated' | 'replaced', what: string, at: number): Error {
  return createError('FS_ERR_CORRUPT', `${path} was ${reason} while it was followed: ${what}`, {
    details: { path, reason, position: at },
  });
}

/** Wakes a reader when the file may have changed. */
class Notice {
  #watcher: FSWatcher | null = null;
  #timer: NodeJS.Timeout | null = null;
  #wake: (() => void) | null = null;
  /** A notice that came while nobody waited. */
  #missed = false;

  constructor(
    path: string,
    private readonly pollMs: number,
    private readonly signals: readonly (AbortSignal | undefined)[],
  ) {
    try {
      this.#watcher = watch(path, this.#notify);
      this.#watcher.on('error', () => undefined);
    } catch {
      // Too many watches, or a file system without them: the poll remains.
    }
    for (const signal of signals) signal?.addEventListener('abort', this.#notify);
  }

  wait(): Promise<void> {
    if (this.#missed) {
      this.#missed = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#timer = setTimeout(this.#notify, this.pollMs);
    });
  }

  readonly #notify = (): void => {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#wake === null) this.#missed = true;
    this.#wake?.();
    this.#wake = null;
  };

  close(): void {
    this.#watcher?.close();
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const signal of this.signals) signal?.removeEventListener('abort', this.#notify);
  }
}
