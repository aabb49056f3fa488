/** The addon's time extent and its plain twin, over every type that can be a time. */
import fc from 'fast-check';

import { loadAddon } from '../../../lib/internal/native.js';
import { columnAt, nativeColumn } from '../../../lib/schema/arrow-columns.js';
import { timeExtentJavaScript } from '../../../lib/stream/time-extent.js';
import { makeTable, typeNamed } from '../../helpers/columns.js';

const { addon } = loadAddon();
const RANGES: Readonly<Record<string, readonly [bigint, bigint]>> = {
  int8: [-128n, 127n],
  uint8: [0n, 255n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
};

(addon === null ? describe.skip : describe)('time extent, native against JavaScript', () => {
  it.each(Object.keys(RANGES))('%s', (name) => {
    const [min, max] = RANGES[name]!;
    const cell = fc.option(fc.oneof(fc.bigInt({ min, max }), fc.constantFrom(min, max, 0n, 1n)), { freq: 6 });
    fc.assert(
      fc.property(
        fc.array(cell, { maxLength: 30, size: 'max' }),
        fc.boolean(),
        fc.constantFrom(1n, 1000n),
        (cells, sorted, scale) => {
          const values = sorted
            ? [...cells].sort((a, b) => Number((a ?? 0n) > (b ?? 0n)) - Number((a ?? 0n) < (b ?? 0n)))
            : cells;
          const table = makeTable([{ name: 't', type: typeNamed(name), cells: values }], {
            batches: [7, 5],
            hidden: 3,
          });
          const { where, type, chunks } = columnAt(table, 0, 'left');
          const time = { column: nativeColumn(where, type, chunks), scale, unit: 'ns' };
          const outcome = (call: () => unknown): unknown => {
            try {
              return call();
            } catch (error) {
              return (error as { code: string }).code;
            }
          };
          expect(outcome(() => addon!.timeExtent(time))).toEqual(outcome(() => timeExtentJavaScript(time)));
        },
      ),
      { seed: 11, numRuns: 300 },
    );
  });

  it('float64, NaN and infinities included', () => {
    const cell = fc.option(fc.oneof(fc.double(), fc.constantFrom(0, -0, Infinity, -Infinity, NaN, 1)), { freq: 6 });
    fc.assert(
      fc.property(fc.array(cell, { maxLength: 30, size: 'max' }), (cells) => {
        const table = makeTable([{ name: 't', type: typeNamed('float64'), cells }], { batches: [7, 5], hidden: 3 });
        const { where, type, chunks } = columnAt(table, 0, 'left');
        const time = { column: nativeColumn(where, type, chunks), scale: 1n, unit: '' };
        expect(addon!.timeExtent(time)).toEqual(timeExtentJavaScript(time));
      }),
      { seed: 12, numRuns: 300 },
    );
  });
});
