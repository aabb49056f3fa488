/**
 * Errors as the command shows them: one line `flowstate: CODE: message` on stderr, the stack only with --verbose.
 * Exit codes: 2 for bad arguments or bad data, 1 for anything else, 130 after SIGINT.
 */
import { isNativeError } from 'node:util/types';
import { ArgumentError, DataError, FlowStateError } from '../errors/errors.js';

export const EXIT_OK = 0;
export const EXIT_FAILURE = 1;
export const EXIT_USAGE = 2;
export const EXIT_INTERRUPTED = 130;

/** The exit code that an error stands for. */
export function exitCodeOf(error: unknown): number {
  return error instanceof ArgumentError || error instanceof DataError ? EXIT_USAGE : EXIT_FAILURE;
}

/** Memory that V8 or the allocator could not give, which JavaScript reports as a RangeError. */
function isOutOfMemory(error: unknown): boolean {
  // By name: inside Jest, errors of V8's own making come from another realm.
  return (
    isNativeError(error) &&
    error.name === 'RangeError' &&
    /allocation failed|Invalid typed array length|Invalid array length/.test(error.message)
  );
}

/** The line for stderr, without its line break. Line breaks inside messages become spaces: it stays one line. */
export function errorLine(error: unknown): string {
  if (error instanceof FlowStateError) return `flowstate: ${error.code}: ${oneLine(error.message)}`;
  if (isOutOfMemory(error)) {
    return `flowstate: FS_ERR_OUT_OF_MEMORY: expected memory for the result, found none left (${oneLine(String(error))})`;
  }
  return `flowstate: FS_ERR_INTERNAL: ${oneLine(isNativeError(error) ? error.message : String(error))}`;
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}

/** Writes the line, and with `verbose` the stacks of the error and of its causes. */
export function reportError(error: unknown, verbose: boolean): void {
  process.stderr.write(`${errorLine(error)}\n`);
  for (let cause = error; verbose && cause instanceof Error; cause = cause.cause) {
    process.stderr.write(`${cause.stack ?? String(cause)}\n`);
  }
}
