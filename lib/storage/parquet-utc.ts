/**
 * Nanosecond timestamps in UTC, which DuckDB neither reads nor writes exactly: it takes INT64 nanoseconds with
 * isAdjustedToUTC=true as microseconds. The flag is one byte of the footer, so
 * - reading goes through a copy of the needed column chunks (sparse, a kernel copy) whose footer says false;
 * - a file just written gets its byte set to true in place.
 * The values are the same int64 nanoseconds either way; the Arrow type carries the zone.
 */
import { promises as fs } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { abortError, corrupt, ioError } from './io-error.js';
import { forgetTempFile, registerTempFile, uniqueName } from './temp-files.js';
import { readParquetFooter, type ParquetElement, type ParquetFooter } from './parquet-footer.js';

/** Header byte of a Thrift compact field: the low half is 1 for true, 2 for false. */
const TRUE = 1;
const FALSE = 2;

function isNanosecondUtc(element: ParquetElement): boolean {
  return element.logical === 'timestamp' && element.unit === 'ns' && element.utc && element.utcByteAt >= 0;
}

function collect(elements: readonly ParquetElement[], accept: (element: ParquetElement) => boolean): ParquetElement[] {
  return elements.flatMap((element) => [...(accept(element) ? [element] : []), ...collect(element.children, accept)]);
}

function setFlags(bytes: Uint8Array, elements: readonly ParquetElement[], value: number): Uint8Array {
  const changed = Uint8Array.from(bytes);
  for (const element of elements) {
    changed[element.utcByteAt] = ((changed[element.utcByteAt] ?? 0) & 0xf0) | value;
  }
  return changed;
}

/** A path to read in place of `path`, and what removes it. */
export interface ReadableCopy {
  readonly path: string;
  release(): Promise<void>;
}

/**
 * `path` itself where DuckDB reads the named top-level columns exactly; else a temporary file with their chunks.
 * O(bytes of the columns) then, on disk, not in memory.
 */
export async function exactlyReadable(
  path: string,
  footer: ParquetFooter,
  columns: readonly string[],
  signal: AbortSignal | undefined,
): Promise<ReadableCopy> {
  const needed = footer.columns.filter((element) => columns.includes(element.name));
  if (collect(needed, isNanosecondUtc).length === 0) return { path, release: () => Promise.resolve() };
  const copy = join(tmpdir(), `flowstate-${uniqueName()}.parquet`);
  registerTempFile(copy);
  const release = async (): Promise<void> => {
    await fs.rm(copy, { force: true });
    forgetTempFile(copy);
  };
  try {
    await copyChunks(path, copy, footer, new Set(needed.map((element) => element.name)), signal);
    return { path: copy, release };
  } catch (error) {
    await release();
    throw error;
  }
}

const BLOCK = 4 << 20;

async function copyChunks(
  path: string,
  copy: string,
  footer: ParquetFooter,
  columns: ReadonlySet<string>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const source = await fs.open(path, 'r').catch((error: unknown) => {
    throw ioError(error, path, 'open');
  });
  const target = await fs.open(copy, 'wx').catch(async (error: unknown) => {
    await source.close();
    throw ioError(error, copy, 'open');
  });
  try {
    const block = Buffer.allocUnsafe(BLOCK);
    const chunks = footer.rowGroups
      .flatMap((group) => group.columns.filter((chunk) => columns.has(chunk.path[0] ?? '')))
      .map(({ start, length }) => ({ start, length }))
      .sort((a, b) => a.start - b.start);
    for (const { start, length } of [{ start: 0, length: 4 }, ...chunks]) {
      for (let done = 0; done < length;) {
        if (signal?.aborted === true) throw abortError(`read of ${path}`);
        const want = Math.min(BLOCK, length - done);
        const { bytesRead } = await source.read(block, 0, want, start + done);
        if (bytesRead === 0) throw corrupt(path, 'the file became shorter while it was read');
        await target.write(block, 0, bytesRead, start + done);
        done += bytesRead;
      }
    }
    const flags = collect(footer.columns, isNanosecondUtc);
    await target.write(setFlags(footer.bytes, flags, FALSE), 0, footer.bytes.length, footer.start);
    const tail = Buffer.from('\0\0\0\0PAR1', 'latin1');
    tail.writeUInt32LE(footer.bytes.length, 0);
    await target.write(tail, 0, tail.length, footer.start + footer.bytes.length);
  } catch (error) {
    throw ioError(error, copy, 'write');
  } finally {
    await source.close();
    await target.close();
  }
}

/** Marks the named top-level nanosecond columns of a finished file as UTC. */
export async function markUtc(path: string, columns: readonly string[]): Promise<void> {
  if (columns.length === 0) return;
  const footer = await readParquetFooter(path);
  const flags = collect(footer.columns, (element) => columns.includes(element.name) && element.utcByteAt >= 0);
  const file = await fs.open(path, 'r+');
  try {
    await file.write(setFlags(footer.bytes, flags, TRUE), 0, footer.bytes.length, footer.start);
  } finally {
    await file.close();
  }
}
