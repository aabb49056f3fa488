/**
 * The error classes. Each names the caller's remedy; `code` says exactly what happened and never changes.
 * Classes are branded with `Symbol.for`, so `instanceof` holds across realms (Jest) and duplicate installs.
 */
import type { ErrorCode } from './codes.js';

/** Facts about a failure: rows, columns, expected and received values. Times and row numbers may be bigint. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

export interface ErrorOptionsWithDetails {
  readonly details?: ErrorDetails;
  readonly cause?: unknown;
  /** True when the process, device or object cannot go on. */
  readonly fatal?: boolean;
}

/** Base of every error the library throws on purpose. */
export class FlowStateError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
  readonly fatal: boolean;

  constructor(code: ErrorCode, message: string, options: ErrorOptionsWithDetails = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.details = options.details ?? {};
    this.fatal = options.fatal ?? false;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    const brand = brandOf(this);
    return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[brand] === true;
  }
}

function brandOf(klass: { name: string }): symbol {
  return Symbol.for(`flowstate.error.${klass.name}`);
}

/** Fix the call. */
export class ArgumentError extends FlowStateError {}
/** Fix the data. */
export class DataError extends FlowStateError {}
/** Fix the order of calls. */
export class StateError extends FlowStateError {}
/** Shed load, or give the process more. */
export class ResourceError extends FlowStateError {}
/** Inspect the system: `details` has `errno`, `syscall` and `path` where known. */
export class IoError extends FlowStateError {}
/** Fall back to the CPU. */
export class DeviceError extends FlowStateError {}
/** Report a bug. */
export class InternalError extends FlowStateError {}

/** Every class by name, for rebuilding errors that native code reports as records. */
export const ERROR_CLASSES = {
  ArgumentError,
  DataError,
  StateError,
  ResourceError,
  IoError,
  DeviceError,
  InternalError,
} as const;

for (const klass of [FlowStateError, ...Object.values(ERROR_CLASSES)]) {
  Object.defineProperty(klass.prototype, brandOf(klass), { value: true });
}
