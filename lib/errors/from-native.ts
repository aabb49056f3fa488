/** Rebuilds error classes from the plain records that native code throws or rejects with. */
import { ERROR_CODES, type ErrorCode } from './codes.js';
import { ERROR_CLASSES, type FlowStateError } from './errors.js';

/** What the addon reports: never an Error of its own making (see the style notes on realms). */
export interface NativeErrorRecord {
  readonly flowstateError: true;
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export function isNativeErrorRecord(value: unknown): value is NativeErrorRecord {
  return typeof value === 'object' && value !== null && (value as { flowstateError?: unknown }).flowstateError === true;
}

/** Creates the error of the class that `code` belongs to. */
export function createError(
  code: ErrorCode,
  message: string,
  options?: { details?: Readonly<Record<string, unknown>>; cause?: unknown; fatal?: boolean },
): FlowStateError {
  return new ERROR_CLASSES[ERROR_CODES[code]](code, message, options);
}

/** The error for whatever native code threw: records become classes, anything else is passed through. */
export function fromNative(thrown: unknown): unknown {
  if (!isNativeErrorRecord(thrown)) return thrown;
  const code = (thrown.code in ERROR_CODES ? thrown.code : 'FS_ERR_INTERNAL') as ErrorCode;
  const error = createError(code, thrown.message, { details: thrown.details, fatal: code === 'FS_ERR_INTERNAL' });
  Error.captureStackTrace(error, fromNative);
  return error;
}
