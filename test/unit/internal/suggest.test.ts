/** Hints for misspelled names. */
import { didYouMean, listNames, suggest } from '../../../lib/internal/suggest';

test('the nearest name, when it is near', () => {
  const names = ['direction', 'tolerance', 'allowExactMatches'];
  expect(suggest('tolerence', names)).toBe('tolerance');
  expect(suggest('Direction', names)).toBe('direction');
  expect(suggest('allowExactMatch', names)).toBe('allowExactMatches');
  expect(suggest('colour', names)).toBeNull();
  expect(suggest('x', [])).toBeNull();
  expect(didYouMean('tolerence', names)).toBe("; did you mean 'tolerance'?");
  expect(didYouMean('colour', names)).toBe('');
});

test('long lists are cut', () => {
  expect(listNames([])).toBe('none');
  expect(listNames(['a', 'b'])).toBe("'a', 'b'");
  expect(listNames(['a', 'b', 'c'], 2)).toBe("'a', 'b', and 1 more");
});
