/** Messages name the place, what was expected, and what came. */
import { describe as show, requireInteger, requireNames, requireOneOf } from '../../../lib/internal/validate';

test.each([
  [undefined, 'undefined'],
  [null, 'null'],
  ['x', "the string 'x'"],
  ['x'.repeat(50), 'a string of 50 characters'],
  [-0, 'the number -0'],
  [5n, 'the bigint 5n'],
  [[1], 'an array of 1'],
  [new Map(), 'a Map'],
  [() => 0, 'a function'],
  [Object.create(null), 'an object'],
])('%p is shown as %s', (value, text) => {
  expect(show(value)).toBe(text);
});

test('checks pass what they describe', () => {
  expect(requireInteger(3, 'x', 1, 3)).toBe(3);
  expect(requireNames('a', 'x')).toEqual(['a']);
  expect(requireOneOf('b', 'x', ['a', 'b'])).toBe('b');
  expect(() => requireInteger(4, 'x', 1, 3)).toThrow('x must be an integer from 1 to 3, got the number 4');
  expect(() => requireOneOf('c', 'x', ['a', 'b'])).toThrow("x must be one of 'a', 'b', got 'c'");
});
