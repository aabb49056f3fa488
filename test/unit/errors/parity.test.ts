/** The error table of C++, the TypeScript list and docs/errors.md say the same. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ERROR_CODES } from '../../../lib/errors/codes.js';
import { createError, fromNative } from '../../../lib/errors/from-native.js';
import { ERROR_CLASSES, FlowStateError } from '../../../lib/errors/errors.js';

const ROOT = resolve(__dirname, '..', '..', '..');
const source = readFileSync(resolve(ROOT, 'cpp/include/flowstate/error_codes.def'), 'utf8');
const page = readFileSync(resolve(ROOT, 'docs/errors.md'), 'utf8');
const table = [...source.matchAll(/^FS_ERROR\((\w+), (\w+), "([^"]+)"\)$/gm)].map(([, name, owner, meaning]) => ({
  code: `FS_ERR_${name ?? ''}`,
  owner: owner ?? '',
  meaning: meaning ?? '',
}));

/** Codes of the page with their class (the heading above) and first paragraph. */
function documented(): { code: string; owner: string; meaning: string; body: string }[] {
  return page
    .split(/^## /m)
    .slice(1)
    .flatMap((section) => {
      const owner = section.split('\n')[0]!.trim();
      const codes = section.split(/^### /m).slice(1);
      return codes.map((text) => {
        const [code = '', , meaning = ''] = text.split('\n');
        return { code: code.trim(), owner, meaning: meaning.trim(), body: text };
      });
    });
}

test('the table is not empty and every line of it was understood', () => {
  expect(table.length).toBe(source.split('\n').filter((line) => line.startsWith('FS_ERROR(')).length);
  expect(table.length).toBeGreaterThan(20);
});

test('lib/errors/codes.ts has the codes of the C++ table, in order, with their classes', () => {
  expect(Object.entries(ERROR_CODES)).toEqual(table.map(({ code, owner }) => [code, owner]));
});

test('docs/errors.md explains every code once, under its class, with its meaning and a remedy', () => {
  const pageCodes = documented();
  expect(pageCodes.map(({ code, owner }) => `${owner} ${code}`).sort()).toEqual(
    table.map(({ code, owner }) => `${owner} ${code}`).sort(),
  );
  for (const { code, meaning, body } of pageCodes) {
    const expected = table.find((row) => row.code === code)?.meaning ?? '';
    expect([code, meaning.toLowerCase()]).toEqual([code, expect.stringMatching(startOf(expected))]);
    expect([code, body]).toEqual([code, expect.stringMatching(/^- Remedy: ./m)]);
  }
});

/** The page may say more than the table, but begins with its words. */
function startOf(meaning: string): RegExp {
  return new RegExp(`^${meaning.toLowerCase().replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`);
}

test.each(Object.entries(ERROR_CODES))('%s makes an instance of %s', (code, owner) => {
  const error = fromNative({ flowstateError: true, code, message: 'expected a, found b', details: { row: 3n } });
  expect(error).toBeInstanceOf(ERROR_CLASSES[owner]);
  expect(error).toBeInstanceOf(FlowStateError);
  expect(error).toMatchObject({ code, name: owner, message: 'expected a, found b', details: { row: 3n } });
});

test('an error of one class is not an instance of another, and other values pass through unchanged', () => {
  expect(createError('FS_ERR_IO', 'x')).not.toBeInstanceOf(ERROR_CLASSES.DataError);
  const other = new TypeError('x');
  expect(fromNative(other)).toBe(other);
  expect(other).not.toBeInstanceOf(FlowStateError);
});
