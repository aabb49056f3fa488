/** Batches with dictionaries of their own in a format that has one per column: right values, or an error and no file. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Table } from 'apache-arrow';

import { readTable, writeTable } from '../../../lib/index.js';
import { cellsOf, makeTable, typeNamed } from '../../helpers/columns.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fs-dictionaries-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Two batches of `half` values each, none in both. */
function twoBatches(type: string, half: number): Table {
  const cells = Array.from({ length: 2 * half }, (_, i) => `value ${i}`);
  return makeTable([{ name: 'd', type: typeNamed(type), cells }], { batches: [half, half], hidden: 3 });
}

it.each([
  ['dict:int8:utf8', 64],
  ['dict:uint8:utf8', 128],
  ['dict:int16:utf8', 200],
  ['dict:int32:utf8', 200],
])('%s: %d values a batch fit', async (type, half) => {
  const path = join(folder, `fits-${type.replaceAll(':', '-')}.arrow`);
  const source = twoBatches(type, half);
  await writeTable(path, source);
  expect(cellsOf(await readTable(path), 'd')).toEqual(cellsOf(source, 'd'));
});

it.each([
  ['dict:int8:utf8', 65, 130, 128],
  ['dict:uint8:utf8', 129, 258, 256],
])('%s: %d values a batch would wrap around', async (type, half, values, most) => {
  const path = join(folder, `wraps-${type.replaceAll(':', '-')}.arrow`);
  await expect(writeTable(path, twoBatches(type, half))).rejects.toMatchObject({
    code: 'FS_ERR_OVERFLOW',
    details: { column: 'd', values, most },
  });
  expect(existsSync(path)).toBe(false);
});
