/** Joins on a GPU: random requests with every option against the JavaScript executor, and larger ones against the CPU's. */
import { Field, Int32, Int64, makeData, RecordBatch, Schema, Struct, Table } from 'apache-arrow';
import fc from 'fast-check';

import { asofJoin } from '../../lib/index.js';
import { parseAsofJoin } from '../../lib/join/parse-options.js';
import { buildRequest } from '../../lib/join/request.js';
import { attempt, device, javascript, resultText } from '../helpers/executors.js';
import { joinCase } from '../helpers/join-cases.js';
import { runs } from '../helpers/property.js';
import { describeOnGpu, GPU } from './cuda.js';

describeOnGpu('the join', () => {
  const before = process.env.FLOWSTATE_DEVICE;
  beforeAll(() => {
    process.env.FLOWSTATE_DEVICE = GPU;
  });
  afterAll(() => {
    if (before === undefined) delete process.env.FLOWSTATE_DEVICE;
    else process.env.FLOWSTATE_DEVICE = before;
  });

  test('gives the JavaScript result bit for bit, whatever the options', () => {
    const onGpu = device(GPU);
    fc.assert(
      fc.property(joinCase, (join) => {
        const { request } = buildRequest(parseAsofJoin(join.left, join.right, join.options));
        const expected = attempt(() => javascript.runSync(request));
        const found = attempt(() => onGpu!.runSync(request));
        expect(resultText(request, found)).toEqual(resultText(request, expected));
      }),
      runs(400),
    );
  });

  function side(rows: number, symbols: number, skewed: boolean, seed: number): Table {
    let state = seed;
    const next = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
    const times = new BigInt64Array(rows);
    let t = seed % 2 === 0 ? -(2n ** 63n) : 0n;
    for (let i = 0; i < rows; i++) times[i] = t += BigInt(Math.floor(next() * 3));
    const keys = Int32Array.from({ length: rows }, () => (skewed && next() < 0.9 ? 1 : Math.floor(next() * symbols)));
    const rowIds = Int32Array.from({ length: rows }, (_, i) => i);
    const fields = [new Field('t', new Int64()), new Field('k', new Int32()), new Field('row', new Int32())];
    const children = [
      makeData({ type: new Int64(), length: rows, nullCount: 0, data: times }),
      makeData({ type: new Int32(), length: rows, nullCount: 0, data: keys }),
      makeData({ type: new Int32(), length: rows, nullCount: 0, data: rowIds }),
    ];
    const schema = new Schema(fields);
    return new Table(schema, [
      new RecordBatch(schema, makeData({ type: new Struct(fields), length: rows, nullCount: 0, children })),
    ]);
  }

  test.each([
    [1_000, 1_000, 10],
    [2_047, 2_049, 3],
    [100_000, 100_000, 1_000],
    [1_000_003, 999_999, 100_000],
    [10_000_000, 10_000_000, 1_000],
    [1_000, 10_000_000, 50],
  ])('%i x %i rows of %i symbols: the rows of the CPU', async (lefts, rights, symbols) => {
    for (const skewed of [false, true]) {
      const [left, right] = [side(lefts, symbols, skewed, 2), side(rights, symbols, skewed, 4)];
      for (const direction of ['backward', 'forward', 'nearest'] as const) {
        const options = { on: 't', by: 'k', columns: ['row'], direction, tolerance: 1000n, stats: true } as const;
        const cpu = await asofJoin(left, right, { ...options, backend: 'native' });
        const gpu = await asofJoin(left, right, { ...options, backend: 'device' });
        expect(gpu.stats).toEqual(cpu.stats);
        const bytes = ({ table }: typeof cpu) => {
          const [data] = table.getChild('row_right')!.data;
          return Buffer.concat(
            [data!.values, data!.nullBitmap].map((view) => Buffer.from(view.buffer, view.byteOffset, view.byteLength)),
          );
        };
        expect(Buffer.compare(bytes(gpu), bytes(cpu))).toBe(0);
      }
    }
  });
});
