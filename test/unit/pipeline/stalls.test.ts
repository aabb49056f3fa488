/**
 * Whom the consumer waited for: with one stage slow on purpose, that stage has the largest share. Shares are compared with
 * one another, never with a clock.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import type { RecordBatch } from 'apache-arrow';

import { type Device, GpuPipeline, type PipelineStats, type Stage } from '../../../lib/index.js';
import { StagingSlot } from '../../../lib/pipeline/staging.js';
import { onDevices } from '../../helpers/devices.js';
import { batchesOf, drain, market, Source } from '../../helpers/pipeline.js';

const SLOW_MS = 30;

function expectLargest({ stallMs, wallMs }: PipelineStats, stage: Stage): void {
  const [largest] = Object.entries(stallMs).sort(([, a], [, b]) => b - a);
  expect({ largest: largest?.[0], stallMs }).toEqual({ largest: stage, stallMs });
  expect(Object.values(stallMs).reduce((sum, ms) => sum + ms, 0)).toBeCloseTo(wallMs, 6);
}

onDevices('stall times', ({ open }) => {
  let device: Device;
  const { trades, quotes } = market(200, 200);
  const left = (): readonly RecordBatch[] => batchesOf(trades, [20]);
  const right = (): readonly RecordBatch[] => batchesOf(quotes, [20]);

  beforeAll(() => {
    device = open({ memoryBytes: 2 ** 28 });
  });
  afterEach(() => jest.restoreAllMocks());
  afterAll(() => device.close());

  function joining(source: Source | Iterable<RecordBatch>, quote: Source, more: object = {}): GpuPipeline {
    return new GpuPipeline({
      source,
      join: { on: 'timestamp', by: 'symbol', streams: { quote: { source: quote, columns: ['bid'] } } },
      features: ['price', 'quote_bid'],
      batchRows: 20,
      device,
      ...more,
    });
  }

  it.each([1, 2, 4])('see a slow consumer, at depth %d', async (depth) => {
    const pipeline = joining(new Source(left()), new Source(right()), { depth });
    await drain(pipeline, () => sleep(SLOW_MS));
    expectLargest(pipeline.stats(), 'consumer');
  });

  it('see a slow source, left or right', async () => {
    for (const slow of ['left', 'right']) {
      const pipeline = joining(
        new Source(left()).always(() => (slow === 'left' ? sleep(SLOW_MS) : undefined)),
        new Source(right()).always(() => (slow === 'right' ? sleep(SLOW_MS) : undefined)),
      );
      await drain(pipeline);
      expectLargest(pipeline.stats(), 'source');
    }
  });

  it('see a source that is slow in the turn of its caller', async () => {
    const busy = function* (): Generator<RecordBatch> {
      for (const batch of left()) {
        const until = performance.now() + SLOW_MS;
        while (performance.now() < until);
        yield batch;
      }
    };
    const pipeline = joining(busy(), new Source(right()));
    await drain(pipeline);
    expectLargest(pipeline.stats(), 'source');
  });

  it('see a slow join', async () => {
    // Every batch of the left is joined, in JavaScript, with all of the right, which comes at once.
    const many = market(400, 30_000);
    const pipeline = joining(batchesOf(many.trades, [20]), new Source(batchesOf(many.quotes, [30_000])), {
      join: {
        on: 'timestamp',
        by: 'symbol',
        backend: 'javascript',
        streams: { quote: { source: batchesOf(many.quotes, [30_000]), columns: ['bid'] } },
      },
    });
    await drain(pipeline);
    expectLargest(pipeline.stats(), 'join');
  });

  it('see slow staging', async () => {
    const { fill } = StagingSlot.prototype;
    jest.spyOn(StagingSlot.prototype, 'fill').mockImplementation(async function (this: StagingSlot, ...args) {
      await sleep(SLOW_MS);
      return fill.apply(this, args);
    });
    const pipeline = joining(new Source(left()), new Source(right()));
    await drain(pipeline);
    expectLargest(pipeline.stats(), 'stage');
  });

  it('see slow copies', async () => {
    const { backend } = device;
    const upload = backend.upload.bind(backend);
    jest.spyOn(backend, 'upload').mockImplementation(async (...args) => {
      await sleep(SLOW_MS);
      return upload(...args);
    });
    const pipeline = joining(new Source(left()), new Source(right()));
    await drain(pipeline);
    expectLargest(pipeline.stats(), 'copy');
  });

  it('stand still before the first batch is asked for, and after the end', async () => {
    const pipeline = joining(new Source(left()), new Source(right()));
    expect(pipeline.stats().wallMs).toBe(0);
    await drain(pipeline);
    const { wallMs, stallMs } = pipeline.stats();
    await sleep(5);
    expect(pipeline.stats()).toMatchObject({ wallMs, stallMs });
  });
});
