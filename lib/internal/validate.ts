/**
 * The one vocabulary of argument checks. Every check names the place, what was expected and what came instead, and
 * throws ArgumentError with FS_ERR_ARG_TYPE, FS_ERR_ARG_RANGE or FS_ERR_OPTION_UNKNOWN.
 */
import type { ErrorCode } from '../errors/codes.js';
import { createError } from '../errors/from-native.js';
import type { FlowStateError } from '../errors/errors.js';
import { didYouMean, listNames, suggest } from './suggest.js';

/** A value as messages show it: its kind, and itself where that is short. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length <= 40 ? `the string '${value}'` : `a string of ${value.length} characters`;
    case 'number':
      return `the number ${Object.is(value, -0) ? '-0' : value}`;
    case 'bigint':
      return `the bigint ${value}n`;
    case 'boolean':
    case 'undefined':
      return String(value);
    case 'function':
      return 'a function';
    case 'symbol':
      return 'a symbol';
    default:
      if (value === null) return 'null';
      if (Array.isArray(value)) return `an array of ${value.length}`;
      return value?.constructor?.name ? `a ${value.constructor.name}` : 'an object';
  }
}

/** The error for a wrong type: `where must be expected, got value`. */
export function typeError(where: string, expected: string, received: unknown): FlowStateError {
  return createError('FS_ERR_ARG_TYPE', `${where} must be ${expected}, got ${describe(received)}`, {
    details: { where, expected, received },
  });
}

/** The error for a value out of range: `where must be expected, got value`. */
export function rangeError(where: string, expected: string, received: unknown): FlowStateError {
  return createError('FS_ERR_ARG_RANGE', `${where} must be ${expected}, got ${describe(received)}`, {
    details: { where, expected, received },
  });
}

/** Throws `code` with the given message; a shorthand that keeps call sites to one line. */
export function fail(code: ErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}): never {
  throw createError(code, message, { details });
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function requireRecord(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (!isRecord(value)) throw typeError(where, 'an object', value);
  return value;
}

export function requireString(value: unknown, where: string): string {
  if (typeof value !== 'string') throw typeError(where, 'a string', value);
  return value;
}

/** A name: a string that is not empty. */
export function requireName(value: unknown, where: string): string {
  const name = requireString(value, where);
  if (name === '') throw rangeError(where, 'a name', value);
  return name;
}

export function requireBoolean(value: unknown, where: string): boolean {
  if (typeof value !== 'boolean') throw typeError(where, 'true or false', value);
  return value;
}

export function requireInteger(value: unknown, where: string, min: number, max: number): number {
  if (typeof value !== 'number') throw typeError(where, 'an integer', value);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw rangeError(where, `an integer from ${min} to ${max}`, value);
  }
  return value;
}

/** One of a fixed set of strings; an unknown one is FS_ERR_OPTION_UNKNOWN with the nearest known value. */
export function requireOneOf<T extends string>(value: unknown, where: string, allowed: readonly T[]): T {
  const known = allowed.find((candidate) => candidate === value);
  if (known !== undefined) return known;
  if (typeof value !== 'string') throw typeError(where, `one of ${listNames(allowed)}`, value);
  return fail(
    'FS_ERR_OPTION_UNKNOWN',
    `${where} must be one of ${listNames(allowed)}, got '${value}'${didYouMean(value, allowed)}`,
    { where, received: value, allowed },
  );
}

/** A list of distinct names. One name may stand without its brackets. */
export function requireNames(value: unknown, where: string): readonly string[] {
  const list = typeof value === 'string' ? [value] : value;
  if (!Array.isArray(list)) throw typeError(where, 'a column name or an array of column names', value);
  const names = list.map((entry: unknown, i) => requireName(entry, `${where}[${i}]`));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    fail('FS_ERR_ARG_RANGE', `${where} must name each column once, got '${twice}' twice`, { where, received: twice });
  }
  return names;
}

/** Rejects keys that no option has, with the nearest that exists. */
export function rejectUnknown(
  object: Readonly<Record<string, unknown>>,
  where: string,
  known: readonly string[],
): void {
  for (const key of Object.keys(object)) {
    if (known.includes(key)) continue;
    fail('FS_ERR_OPTION_UNKNOWN', `${where} has no option '${key}'${didYouMean(key, known)}`, {
      where,
      received: key,
      nearest: suggest(key, known),
      known,
    });
  }
}

function isSignal(value: unknown): value is AbortSignal {
  return isRecord(value) && typeof value.aborted === 'boolean' && typeof value.addEventListener === 'function';
}

/** An AbortSignal, whichever realm made it. */
export function requireSignal(value: unknown, where: string): AbortSignal {
  if (isSignal(value)) return value;
  throw typeError(where, 'an AbortSignal', value);
}
