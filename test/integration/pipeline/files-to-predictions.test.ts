/**
 * The whole way: Parquet files, the as-of join, the matrix on the host device, an ONNX model over that memory. Rows and
 * predictions are those of a plain computation that shares nothing with it.
 * @jest-environment ./test/helpers/onnx-environment.cjs
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Device, GpuPipeline, OnnxSession, readBatches, writeTable } from '../../../lib/index.js';
import { type Cell, type ColumnSpec, makeTable } from '../../helpers/columns.js';
import { onDevices } from '../../helpers/devices.js';
import { encodeDense } from '../../helpers/onnx-model.js';
import { market } from '../../helpers/pipeline.js';

const TOLERANCE_NS = 5_000_000_000n;
const WEIGHTS = Float32Array.of(0.5, -0.25, 0.125, 1);
const BIAS = Float32Array.of(-2);

const cellsOf = (columns: readonly ColumnSpec[], name: string): readonly Cell[] =>
  columns.find((column) => column.name === name)!.cells;

/** Every trade with the last quote of its symbol that is not later, and not older than the tolerance. Quadratic. */
function plainRows(trades: readonly ColumnSpec[], quotes: readonly ColumnSpec[]): Float32Array[] {
  const [times, symbols, prices, sizes] = ['timestamp', 'symbol', 'price', 'size'].map((name) => cellsOf(trades, name));
  const [quoted, names, bids, asks] = ['timestamp', 'symbol', 'bid', 'ask'].map((name) => cellsOf(quotes, name));
  return times!.map((time, row) => {
    let match = -1;
    quoted!.forEach((at, i) => {
      if (names![i] === symbols![row] && (at as bigint) <= (time as bigint)) match = i;
    });
    const isTooOld = match >= 0 && (time as bigint) - (quoted![match] as bigint) > TOLERANCE_NS;
    const value = (cells: readonly Cell[] | undefined): number => Number(cells?.[match] ?? 0);
    const [bid, ask] = match < 0 || isTooOld ? [0, 0] : [value(bids), value(asks)];
    return Float32Array.of(Number(prices![row] ?? 0), bid, ask, Number(sizes![row]));
  });
}

/** As ONNX Runtime's float32 would, up to the order of its sums. */
const predict = (row: Float32Array): number => row.reduce((sum, value, i) => sum + value * WEIGHTS[i]!, BIAS[0]!);

onDevices('files to predictions', ({ open, backend }) => {
  const { trades, quotes } = market(1500, 1200, 41);
  let folder: string;
  let device: Device;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'flowstate-pipeline-'));
    device = open({ memoryBytes: 2 ** 28 });
    await writeTable(join(folder, 'trades.parquet'), makeTable(trades), { rowGroupSize: 400 });
    await writeTable(join(folder, 'quotes.parquet'), makeTable(quotes), { rowGroupSize: 300 });
  });
  afterAll(() => {
    expect(device.memoryInfo().usedBytes).toBe(0);
    device.close();
    rmSync(folder, { recursive: true });
  });

  it.each([1, 2, 4])('at queue depth %d', async (depth) => {
    const model = encodeDense([{ weights: WEIGHTS, bias: BIAS, units: 1 }], { input: 'x', output: 'y' });
    using session = await OnnxSession.create(model, { device, queueDepth: depth });
    const pipeline = new GpuPipeline({
      source: readBatches(join(folder, 'trades.parquet'), { batchRows: 170 }),
      join: {
        on: 'timestamp',
        by: 'symbol',
        streams: {
          quote: {
            source: readBatches(join(folder, 'quotes.parquet'), { batchRows: 90 }),
            columns: ['bid', 'ask'],
            tolerance: TOLERANCE_NS,
          },
        },
      },
      features: ['price', 'quote_bid', 'quote_ask', 'size'],
      fill: 0,
      batchRows: 128,
      depth,
      device,
    });

    const rows = plainRows(trades, quotes);
    const before = device.transferStats();
    let seen = 0;
    let taken = 0;
    const addresses = new Map<number, bigint>();
    const fed = (async function* () {
      for await (const batch of pipeline) {
        taken++;
        if (backend === 'native') addresses.set(batch.index, batch.features.devicePointer);
        yield batch;
      }
    })();
    for await (const { batch, outputs } of session.predict(fed, { depth })) {
      // The very memory that the pipeline filled is what the model read: nothing was made in between.
      if (backend === 'native') expect(batch.features.devicePointer).toBe(addresses.get(batch.index));
      const features = (await batch.features.toHost()) as Float32Array;
      const y = (await outputs.y!.toHost()) as Float32Array;
      for (let row = 0; row < batch.rows; row++, seen++) {
        expect(features.subarray(row * 4, row * 4 + 4)).toEqual(rows[seen]);
        const expected = predict(rows[seen]!);
        expect(Math.abs(y[row]! - expected)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(expected)) * 4);
      }
      outputs.y!.release();
      batch.release();
    }
    expect(seen).toBe(1500);
    expect(taken).toBe(Math.ceil(1500 / 128));
    expect(session.stats).toMatchObject({ runs: taken });
    expect(session.stats.peakInFlight).toBeLessThanOrEqual(depth);
    // What went down: the rows, once. What came back: what this test looked at.
    const after = device.transferStats();
    expect(after.toDeviceBytes - before.toDeviceBytes).toBe(pipeline.stats().bytes);
    expect(after.toHostBytes - before.toHostBytes).toBe(1500 * (4 + 1) * 4);
    expect(pipeline.stats()).toMatchObject({ rows: 1500, held: 0, depth });
  });

  it('reads what is in the tensor now: a change in place changes the prediction', async () => {
    const model = encodeDense([{ weights: WEIGHTS, bias: BIAS, units: 1 }], { input: 'x', output: 'y' });
    using session = await OnnxSession.create(model, { device });
    const source = makeTable(trades);
    const pipeline = new GpuPipeline({
      source,
      features: ['price', 'size', 'size', 'price'].map((column, i) => ({ column, name: `f${i}` })),
      fill: 0,
      batchRows: 100,
      device,
    });
    for await (using batch of pipeline) {
      const { y: first } = await session.run({ x: batch.features });
      batch.features.affine(2, 0, true).release();
      const { y: second } = await session.run({ x: batch.features });
      const [a, b] = [(await first!.toHost()) as Float32Array, (await second!.toHost()) as Float32Array];
      a.forEach((value, row) => expect(b[row]! - BIAS[0]!).toBeCloseTo(2 * (value - BIAS[0]!), 2));
      first!.release();
      second!.release();
      break;
    }
    const lost = new GpuPipeline({ source, features: ['price', 'size'], device });
    for await (const batch of lost) {
      await expect(session.run({ x: batch.features })).rejects.toMatchObject({ code: 'FS_ERR_ARG_RANGE' });
      batch.release();
      await expect(session.run({ x: batch.features })).rejects.toMatchObject({ code: 'FS_ERR_CLOSED' });
      break;
    }
  });
});
