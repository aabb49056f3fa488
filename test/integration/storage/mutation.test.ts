/**
 * Damaged files: any flipped byte or cut gives a typed error or a table that can be read to its last value, never a
 * crash, a hang or an untyped error. Seeded, so that a failure can be run again.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { FlowStateError } from '../../../lib/errors/errors.js';
import { readTable, writeTable } from '../../../lib/storage/index.js';
import { everyType, exactColumns, nestedTable } from '../../unit/storage/tables.js';

const RUNS = Number(process.env.FLOWSTATE_MUTATIONS ?? 150);

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'fs-mutation-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const mutation = fc.record({
  /** Where, as a share of the file; small shares and those near 1 hit headers and footers. */
  at: fc.oneof(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.double({ min: 0.9, max: 0.9999, noNaN: true })),
  value: fc.oneof(fc.constantFrom(0, 1, 127, 128, 255), fc.nat(255)),
  flip: fc.boolean(),
});

const damage = fc.record({
  mutations: fc.array(mutation, { minLength: 1, maxLength: 4 }),
  keep: fc.oneof(
    { weight: 5, arbitrary: fc.constant(1) },
    { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
  ),
});

test.each([
  ['arrow', 'flat'],
  ['arrow', 'nested'],
  ['arrows', 'flat'],
  ['parquet', 'flat'],
  ['parquet', 'nested'],
  ['csv', 'flat'],
  ['csv.gz', 'flat'],
])('%s (%s)', async (extension, shape) => {
  const path = join(directory, `whole-${shape}.${extension}`);
  const all = shape === 'flat' ? everyType() : nestedTable();
  const table = extension.startsWith('csv') ? all.select(['i64', 'f64', 'ts_ns', 'utc_ns', 'text']) : all;
  await writeTable(path, table);
  const whole = readFileSync(path);
  await fc.assert(
    fc.asyncProperty(damage, async ({ mutations, keep }) => {
      const bytes = Buffer.from(whole);
      for (const { at, value, flip } of mutations) {
        const index = Math.floor(at * bytes.length);
        bytes[index] = flip ? (bytes[index] ?? 0) ^ value : value;
      }
      const damaged = join(directory, `damaged.${extension}`);
      // A new file each time: the one before may still be mapped.
      rmSync(damaged, { force: true });
      writeFileSync(damaged, bytes.subarray(0, Math.floor(keep * bytes.length)));
      try {
        exactColumns(await readTable(damaged));
      } catch (error) {
        if (!(error instanceof FlowStateError)) throw error;
        expect(['FS_ERR_CORRUPT', 'FS_ERR_OVERFLOW', 'FS_ERR_SCHEMA', 'FS_ERR_NAME_COLLISION']).toContain(error.code);
      }
    }),
    { numRuns: RUNS, seed: 20240808 },
  );
});
