/**
 * Turns what the operating system, DuckDB and apache-arrow say into the library's errors. DuckDB reports text only;
 * its first words name the kind, and the text of the operating system's reason is kept inside.
 */
import { createError } from '../errors/from-native.js';
import { FlowStateError } from '../errors/errors.js';

interface SystemError {
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly path?: unknown;
  readonly message?: unknown;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function messageOf(error: unknown): string {
  if (isObject(error) && 'message' in error && typeof error.message === 'string') return error.message;
  return String(error);
}

/** FS_ERR_IO with errno, syscall and path, for what `node:fs` throws. The library's own errors pass through. */
export function ioError(error: unknown, path: string, syscall: string): FlowStateError {
  if (error instanceof FlowStateError) return error;
  const system: SystemError = isObject(error) ? error : {};
  const errno = typeof system.code === 'string' ? system.code : undefined;
  const call = typeof system.syscall === 'string' ? system.syscall : syscall;
  const reason = messageOf(error).split(',')[0] ?? '';
  if (errno === 'ERR_FS_FILE_TOO_LARGE' || errno === 'ENOMEM') {
    return createError('FS_ERR_OUT_OF_MEMORY', `${path} does not fit in memory: ${reason}`, { cause: error });
  }
  return createError('FS_ERR_IO', `cannot ${call} ${path}: ${reason}`, {
    details: { errno, syscall: call, path },
    cause: error,
  });
}

const ERRNO_TEXT: readonly (readonly [RegExp, string])[] = [
  [/no space left/i, 'ENOSPC'],
  [/disk quota/i, 'EDQUOT'],
  [/permission denied/i, 'EACCES'],
  [/no such file|no files found/i, 'ENOENT'],
  [/read-only file system/i, 'EROFS'],
  [/too many open files/i, 'EMFILE'],
  [/is a directory/i, 'EISDIR'],
  [/file too large/i, 'EFBIG'],
  [/input\/output error/i, 'EIO'],
];

function firstLine(text: string): string {
  return (text.split('\n').find((line) => line.trim() !== '') ?? text).trim();
}

/** The error for what DuckDB said about `path`. */
export function duckError(error: unknown, path: string, action: 'read' | 'write'): FlowStateError {
  if (error instanceof FlowStateError) return error;
  const text = messageOf(error);
  const details: Record<string, unknown> = { path };
  const fail = (code: Parameters<typeof createError>[0], message: string): FlowStateError =>
    createError(code, message, { details, cause: error });

  if (/^INTERRUPT/i.test(text)) return fail('FS_ERR_ABORTED', `${action} of ${path} was aborted`);
  if (/^Out of Memory/i.test(text)) return fail('FS_ERR_OUT_OF_MEMORY', `out of memory: ${firstLine(text)}`);
  const line = /CSV Error on Line: (\d+)/.exec(text);
  if (line !== null) return csvError(text, path, Number(line[1]), error);
  const errno = ERRNO_TEXT.find(([pattern]) => pattern.test(text))?.[1];
  if (errno !== undefined || action === 'write') {
    details.errno = errno;
    details.syscall = action;
    return fail('FS_ERR_IO', `cannot ${action} ${path}: ${firstLine(text)}`);
  }
  if (/overflow|out of range/i.test(text)) return fail('FS_ERR_OVERFLOW', `${path}: ${firstLine(text)}`);
  if (/^INTERNAL/i.test(text)) return fail('FS_ERR_CORRUPT', `${path} could not be decoded: ${firstLine(text)}`);
  return fail('FS_ERR_CORRUPT', `${path} is damaged or not of its format: ${firstLine(text)}`);
}

function csvError(text: string, path: string, line: number, cause: unknown): FlowStateError {
  const lines = text.split('\n').map((each) => each.trim());
  const original = lines
    .find((each) => each.startsWith('Original Line:'))
    ?.slice('Original Line:'.length)
    .trim();
  const at = lines.findIndex((each) => each.startsWith('Original Line:'));
  const reason = (at >= 0 ? lines[at + 1] : undefined) ?? firstLine(text);
  const column = /column "((?:[^"]|"")*)"/.exec(text)?.[1];
  const hint = /Could not convert/.test(text) ? ' (give the column another type in the schema)' : '';
  return createError('FS_ERR_CORRUPT', `${path} line ${line}: ${reason}${hint}`, {
    details: { path, line, column, text: original },
    cause,
  });
}

export function abortError(action: string): FlowStateError {
  return createError('FS_ERR_ABORTED', `${action} was aborted by its signal`);
}

/** FS_ERR_CORRUPT for a file that a parser could not make sense of. */
export function corrupt(
  path: string,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): FlowStateError {
  return createError('FS_ERR_CORRUPT', `${path}: ${message}`, { details: { path, ...details }, cause });
}
