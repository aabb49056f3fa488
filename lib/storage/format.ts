/** What a path is: its format by extension, and whether there is a readable file at all. */
import { promises as fs } from 'node:fs';
import { createError } from '../errors/from-native.js';
import { ioError } from './io-error.js';
import type { FileFormat } from './types.js';

const EXTENSIONS: readonly (readonly [string, FileFormat])[] = [
  ['.parquet', 'parquet'],
  ['.arrow', 'arrow'],
  ['.ipc', 'arrow'],
  ['.feather', 'arrow'],
  ['.arrows', 'arrows'],
  ['.csv', 'csv'],
  ['.csv.gz', 'csv'],
];

/** The format that a path's extension names. FS_ERR_ARG_RANGE for any other. */
export function formatOf(path: string): FileFormat {
  const lower = path.toLowerCase();
  for (const [extension, format] of EXTENSIONS) if (lower.endsWith(extension)) return format;
  const known = EXTENSIONS.map(([extension]) => extension).join(', ');
  throw createError('FS_ERR_ARG_RANGE', `the format of ${path} is not known: expected one of ${known}`, {
    details: { path },
  });
}

/** Size of a regular, non-empty file. FS_ERR_IO when missing, unreadable or a directory; FS_ERR_CORRUPT when empty. */
export async function inputSize(path: string): Promise<number> {
  const stat = await fs.stat(path).catch((error: unknown) => {
    throw ioError(error, path, 'stat');
  });
  if (stat.isDirectory()) {
    throw createError('FS_ERR_IO', `expected a file, found a directory: ${path}`, {
      details: { errno: 'EISDIR', syscall: 'open', path },
    });
  }
  await fs.access(path, fs.constants.R_OK).catch((error: unknown) => {
    throw ioError(error, path, 'open');
  });
  if (stat.size === 0) {
    throw createError('FS_ERR_CORRUPT', `${path} is empty: expected data, found 0 bytes`, { details: { path } });
  }
  return stat.size;
}
