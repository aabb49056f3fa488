/** A file into device memory: direct, by ordinary reads through pinned chunks, and by `fs.read` with an upload. */
import { spawnSync } from 'node:child_process';
import { closeSync, fsyncSync, openSync, promises as fs, readSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type DeviceBuffer, GpuDirectReader } from '../../../device/index.js';
import { FlowStateError } from '../../../errors/errors.js';
import { createError } from '../../../errors/from-native.js';
import { ioError } from '../../../storage/io-error.js';
import { forgetTempFile, registerTempFile, uniqueName } from '../../../storage/temp-files.js';
import { type Contender, compare, fillPattern, requireSame } from './timing.js';
import type { Bench, Section } from './types.js';

const TITLE = 'A file into device memory';

interface Input {
  readonly path: string;
  readonly bytes: number;
  remove(): void;
}

/** The file that was named, or a new one that is removed afterwards. A file that was there is never changed. */
function openInput(bench: Bench, named: string | undefined): Input {
  const path = named ?? join(tmpdir(), `flowstate-bench-${uniqueName()}.bin`);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return writeInput(bench, path);
  const bytes = Math.min(found.size, bench.bytes);
  if (!found.isFile() || bytes === 0) {
    throw createError('FS_ERR_ARG_RANGE', `expected a file with bytes in it, found ${path}, in --file`, {
      details: { path },
    });
  }
  return { path, bytes, remove: () => undefined };
}

function writeInput(bench: Bench, path: string): Input {
  const content = new Uint8Array(bench.bytes);
  fillPattern(content, 11);
  const remove = (): void => {
    rmSync(path, { force: true });
    forgetTempFile(path);
  };
  let file: number;
  try {
    file = openSync(path, 'wx');
  } catch (error) {
    throw ioError(error, path, 'open');
  }
  registerTempFile(path);
  try {
    for (let at = 0; at < content.length;) at += writeSync(file, content, at, Math.min(2 ** 26, content.length - at));
    // Only what is on the disk can leave the page cache.
    fsyncSync(file);
  } catch (error) {
    remove();
    throw ioError(error, path, 'write');
  } finally {
    closeSync(file);
  }
  return { path, bytes: bench.bytes, remove };
}

/** Asks the system to forget the file's pages; null where it did, else why not. */
function dropPageCache(path: string): string | null {
  // posix_fadvise, which Node has not. `count=0` with nocache drops all of the file.
  const done = spawnSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none'], { encoding: 'utf8' });
  if (done.error !== undefined) return 'there is no dd to drop it with';
  if (done.status !== 0) return `dd could not drop it (${done.stderr.trim()})`;
  const left = spawnSync('fincore', ['--bytes', '--noheadings', '--output', 'RES', path], { encoding: 'utf8' });
  if (left.status !== 0) return null;
  const bytes = Number(left.stdout.trim());
  return bytes > 2 ** 20 ? `${bytes} bytes of it stayed` : null;
}

function readWhole(path: string, bytes: number): Uint8Array {
  const content = new Uint8Array(bytes);
  const file = openSync(path, 'r');
  try {
    for (let at = 0; at < bytes;) {
      const read = readSync(file, content, at, Math.min(2 ** 26, bytes - at), at);
      if (read === 0)
        throw createError('FS_ERR_CORRUPT', `${path}: expected ${bytes} bytes, the file ends after ${at}`);
      at += read;
    }
  } finally {
    closeSync(file);
  }
  return content;
}

/** By the reader, in one of its modes. */
function readerContender(
  bench: Bench,
  input: Input,
  content: Uint8Array,
  mode: 'direct' | 'posix',
): Contender & { readonly reader: GpuDirectReader } {
  const reader = new GpuDirectReader({ device: bench.device, mode });
  let made: DeviceBuffer | undefined;
  const label = mode === 'direct' ? 'GpuDirectReader, direct' : 'GpuDirectReader, ordinary reads';
  const run = async (): Promise<void> => {
    [made] = await reader.readRanges([{ path: input.path, byteLength: input.bytes }]);
  };
  return {
    name: `file.${mode}`,
    label,
    bytes: input.bytes,
    reader,
    run,
    after: () => made?.release(),
    async check() {
      await run();
      const out = new Uint8Array(input.bytes);
      await made?.download(out);
      made?.release();
      requireSame(out, content, label);
    },
  };
}

/** What one writes without the reader: the file into host memory, then up. */
function plainContender(bench: Bench, input: Input, content: Uint8Array): Contender {
  const host = new Uint8Array(input.bytes);
  let made: DeviceBuffer | undefined;
  const label = 'fs.read, then upload';
  const run = async (): Promise<void> => {
    const file = await fs.open(input.path, 'r');
    try {
      for (let at = 0; at < input.bytes;) {
        const { bytesRead } = await file.read(host, at, Math.min(2 ** 26, input.bytes - at), at);
        if (bytesRead === 0) throw createError('FS_ERR_CORRUPT', `${input.path} became shorter`);
        at += bytesRead;
      }
    } finally {
      await file.close();
    }
    made = bench.device.allocate(input.bytes);
    await made.upload(host);
  };
  return {
    name: 'file.plain',
    label,
    bytes: input.bytes,
    run,
    after: () => made?.release(),
    async check() {
      await run();
      const out = new Uint8Array(input.bytes);
      await made?.download(out);
      made?.release();
      requireSame(out, content, label);
    },
  };
}

export async function measureFiles(bench: Bench, named: string | undefined): Promise<Section> {
  const input = openInput(bench, named);
  const readers: GpuDirectReader[] = [];
  const notes: string[] = [];
  try {
    const content = readWhole(input.path, input.bytes);
    const contenders: Contender[] = [];
    for (const mode of ['direct', 'posix'] as const) {
      try {
        const contender = readerContender(bench, input, content, mode);
        readers.push(contender.reader);
        // A file without a direct path is found out by asking.
        await contender.check();
        const { directPath, directBytes } = contender.reader.stats;
        if (mode === 'direct' && directBytes === 0) {
          notes.push('direct: left out, nothing is read directly without the addon');
          continue;
        }
        if (mode === 'direct') notes.push(`direct: ${directPath}`);
        contenders.push(contender);
      } catch (error) {
        if (!(error instanceof FlowStateError) || mode === 'posix') throw error;
        notes.push(`direct: left out, ${error.message}`);
      }
    }
    contenders.push(plainContender(bench, input, content));
    const kept = dropPageCache(input.path);
    const cold = contenders.map((contender) => ({ ...contender, before: () => void dropPageCache(input.path) }));
    const measures = await compare(bench, cold);
    notes.push(
      kept === null
        ? 'the page cache was told to forget the file before every read'
        : `the file was read out of the page cache: ${kept}`,
    );
    return { title: TITLE, measures, notes };
  } finally {
    for (const reader of readers) reader.close();
    input.remove();
  }
}
