import { createError } from '../../../lib/errors/from-native.js';
import { ERROR_CODES, type ErrorCode } from '../../../lib/errors/codes.js';
import { errorLine, exitCodeOf } from '../../../lib/cli/report-error.js';

test.each(Object.entries(ERROR_CODES))('%s (%s) has its exit code', (code, owner) => {
  const expected = owner === 'ArgumentError' || owner === 'DataError' ? 2 : 1;
  expect(exitCodeOf(createError(code as ErrorCode, 'x'))).toBe(expected);
});

test('every error is one line with a code', () => {
  expect(errorLine(createError('FS_ERR_SCHEMA', 'expected a,\n  found b'))).toBe(
    'flowstate: FS_ERR_SCHEMA: expected a, found b',
  );
  expect(errorLine(new TypeError('x is not a function'))).toBe('flowstate: FS_ERR_INTERNAL: x is not a function');
  expect(errorLine('text')).toBe('flowstate: FS_ERR_INTERNAL: text');
  expect(exitCodeOf('text')).toBe(1);
});

test('memory that JavaScript could not allocate is reported as such', () => {
  let thrown: unknown;
  try {
    new ArrayBuffer(2 ** 53 - 1);
  } catch (error) {
    thrown = error;
  }
  expect(errorLine(thrown)).toMatch(/^flowstate: FS_ERR_OUT_OF_MEMORY: /);
});
