/** Many batches: memory stays flat, of the process, of the device and of the staging pool. */
import { setImmediate as nextTurn } from 'node:timers/promises';

import { makeVector, type RecordBatch, Table } from 'apache-arrow';

import { type Device, GpuPipeline } from '../../lib/index.js';
import { onDevices } from '../helpers/devices.js';
import { forceGc } from '../helpers/gc.js';

const ROWS = 1000;

/** Batches without end, made as they are asked for. */
function* rowsWithoutEnd(columns: readonly string[], step: bigint): Generator<RecordBatch> {
  for (let at = 0n; ; at += BigInt(ROWS) * step) {
    const t = makeVector(BigInt64Array.from({ length: ROWS }, (_, i) => at + BigInt(i) * step));
    const values = columns.map((name, c) => [name, makeVector(Float64Array.from({ length: ROWS }, (_, i) => i + c))]);
    yield new Table({ t, ...Object.fromEntries(values) }).batches[0]!;
  }
}

onDevices('a pipeline that goes on', ({ open, backend }) => {
  let device: Device;
  beforeAll(() => {
    device = open({ memoryBytes: 2 ** 28 });
  });
  afterAll(() => device.close());

  function endless(depth: number): GpuPipeline {
    return new GpuPipeline({
      source: rowsWithoutEnd(['a', 'b', 'target'], 2n),
      join: { on: 't', streams: { other: { source: rowsWithoutEnd(['x', 'y'], 3n), tolerance: 50n } } },
      features: ['a', 'b', 'other_x', 'other_y'],
      nulls: 'mask',
      labels: 'target',
      batchRows: 700,
      depth,
      device,
    });
  }

  it.each(['fast', 'slow'])('uses no more memory with a %s consumer', async (pace) => {
    const [warmUp, batches] = pace === 'fast' && backend === 'native' ? [300, 1500] : [100, 400];
    const pipeline = endless(3);
    let index = 0;
    let before = { rss: 0, used: 0, pooled: 0, held: 0, allocations: 0 };
    const look = async (): Promise<typeof before> => {
      await forceGc();
      const { usedBytes, pooledBytes, allocations } = device.memoryInfo();
      const { heldBytes } = pipeline.stats().pinned;
      return { rss: process.memoryUsage.rss(), used: usedBytes, pooled: pooledBytes, held: heldBytes, allocations };
    };
    for await (const batch of pipeline) {
      if (index === warmUp) before = await look();
      if (pace === 'slow') await nextTurn();
      batch.release();
      if (++index === warmUp + batches) break;
    }
    const after = await look();
    expect(device.memoryInfo().usedBytes).toBe(0);
    expect(pipeline.stats()).toMatchObject({ held: 0, ahead: 0 });
    expect(pipeline.stats().pinned).toMatchObject({ leases: 0, lentBytes: 0 });
    // Batches that leaked would be some 40 KB each.
    expect(after.rss - before.rss).toBeLessThan(pace === 'fast' && backend === 'native' ? 24 * 2 ** 20 : 12 * 2 ** 20);
    expect(after.pooled).toBeLessThanOrEqual(before.pooled + 2 ** 20);
    expect(pipeline.stats().pinned.misses).toBeLessThanOrEqual(4);
    expect(pipeline.stats().pinned.peakHeldBytes).toBeLessThan(2 ** 20);
  });

  it('leaves nothing of pipelines that are aborted, left or broken in the middle', async () => {
    const run = async (i: number): Promise<void> => {
      const abort = new AbortController();
      const source = rowsWithoutEnd(['a'], 1n);
      const failing = function* (): Generator<RecordBatch> {
        let given = 0;
        for (const batch of source) {
          if (i % 3 === 0 && given++ === i % 7) throw new Error('broken');
          yield batch;
        }
      };
      const pipeline = new GpuPipeline({
        source: failing(),
        features: ['a'],
        batchRows: 300,
        depth: 1 + (i % 4),
        device,
        signal: abort.signal,
      });
      let taken = 0;
      try {
        for await (const batch of pipeline) {
          batch.release();
          taken++;
          if (i % 3 === 1 && taken === i % 11) abort.abort();
          if (taken === 12) break;
        }
      } catch {
        expect(i % 3).not.toBe(2);
      }
      expect(pipeline.stats()).toMatchObject({ held: 0, ahead: 0 });
      expect(device.memoryInfo().usedBytes).toBe(0);
    };
    for (let i = 0; i < 60; i++) await run(i);
    await forceGc();
    const before = process.memoryUsage.rss();
    for (let i = 0; i < 300; i++) await run(i);
    await forceGc();
    expect(process.memoryUsage.rss() - before).toBeLessThan(24 * 2 ** 20);
  });
});
