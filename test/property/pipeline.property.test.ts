/** Whatever the batches, the depth and the cuts are: the rows of the join of the whole tables, as a plain matrix. */
import fc from 'fast-check';

import { alignStreams, type Device, GpuPipeline } from '../../lib/index.js';
import { type Cell, type ColumnSpec, makeTable, typeNamed } from '../helpers/columns.js';
import { onDevices } from '../helpers/devices.js';
import type { Dtype } from '../helpers/matrix-oracle.js';
import { batchesOf, drain, plainMatrix, Source } from '../helpers/pipeline.js';
import { runs } from '../helpers/property.js';

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
const number = fc.option(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { freq: 4 });
const side = fc
  .array(
    fc.record({
      step: fc.constantFrom(0n, 0n, 1n, 2n, 7n),
      key: fc.constantFrom('A', 'B', null),
      value: number,
      whole: fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { freq: 4 }),
      flag: fc.option(fc.boolean(), { freq: 4 }),
    }),
    { minLength: 1, maxLength: 120, size: 'max' },
  )
  .map((rows): readonly ColumnSpec[] => {
    let at = 0n;
    const columns: Readonly<Record<string, readonly [string, readonly Cell[]]>> = {
      t: ['ts_ns', rows.map(({ step }) => (at += step))],
      k: ['utf8', rows.map(({ key }) => key)],
      value: ['float64', rows.map(({ value }) => value)],
      whole: ['int64', rows.map(({ whole }) => whole)],
      flag: ['bool', rows.map(({ flag }) => flag)],
    };
    return Object.entries(columns).map(([name, [type, cells]]) => ({ name, type: typeNamed(type), cells }));
  });

const cases = fc.record({
  left: side,
  rights: fc.array(side, { minLength: 1, maxLength: 2 }),
  leftSizes: sizes,
  rightSizes: sizes,
  direction: fc.constantFrom('backward' as const, 'forward' as const, 'nearest' as const),
  tolerance: fc.constantFrom(undefined, 0n, 3n),
  how: fc.constantFrom('left' as const, 'inner' as const),
  by: fc.constantFrom(undefined, 'k'),
  batchRows: fc.integer({ min: 1, max: 70 }),
  depth: fc.integer({ min: 1, max: 4 }),
  dtype: fc.constantFrom('float32' as const, 'float64' as const, 'float16' as const, 'bfloat16' as const),
  masks: fc.boolean(),
  isLazy: fc.boolean(),
});

onDevices('GpuPipeline', ({ open }) => {
  let device: Device;
  beforeAll(() => {
    device = open({ memoryBytes: 2 ** 28 });
  });
  afterAll(() => device.close());

  it('gives the rows of the join', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ left, rights, leftSizes, rightSizes, by, batchRows, depth, dtype, ...rest }) => {
        const { direction, tolerance, how, masks, isLazy } = rest;
        const matching = { direction, ...(tolerance === undefined ? {} : { tolerance }), how };
        const on = { on: 't', ...(by === undefined ? {} : { by }) };
        const names = rights.map((_, i) => `r${i}`);
        const columns = ['value', 'whole', 'flag'];
        const features = ['value', ...names.flatMap((name) => columns.map((column) => `${name}_${column}`))];
        const { table } = await alignStreams(
          makeTable(left),
          Object.fromEntries(
            rights.map((right, i) => [`r${i}`, { table: makeTable(right), columns, ...matching }] as const),
          ),
          { ...on, backend: 'javascript' },
        );

        const sourceOf = (rows: readonly ColumnSpec[], cuts: readonly number[]): Source | Iterable<never> => {
          const batches = batchesOf(rows, cuts);
          return isLazy ? new Source(batches) : (batches as never);
        };
        const pipeline = new GpuPipeline({
          source: sourceOf(left, leftSizes),
          join: {
            ...on,
            streams: Object.fromEntries(
              rights.map(
                (right, i) => [`r${i}`, { source: sourceOf(right, rightSizes), columns, ...matching }] as const,
              ),
            ),
          },
          features,
          nulls: masks ? 'mask' : 'fill',
          fill: -3,
          dtype,
          labels: { columns: ['whole', 'flag'], nulls: 'fill', dtype: 'float64' },
          batchRows,
          depth,
          device,
        });
        const taken = await drain(pipeline);
        expect(taken.error).toBeNull();
        const whole = Math.floor(table.numRows / batchRows);
        const last = table.numRows % batchRows;
        expect(taken.rows).toEqual([...new Array<number>(whole).fill(batchRows), ...(last === 0 ? [] : [last])]);
        const expected = plainMatrix(table, features, { dtype: dtype satisfies Dtype, fill: -3, masks });
        expect(taken.features.equals(expected)).toBe(true);
        if (table.numRows > 0) {
          expect(taken.labels?.equals(plainMatrix(table, ['whole', 'flag'], { dtype: 'float64' }))).toBe(true);
        }
        expect(device.memoryInfo().usedBytes).toBe(0);
      }),
      runs(60),
    );
  });
});
