/** Every call of the device may fail, at any batch: that error ends the iteration, nothing is left, the device goes on. */
import { Device, GpuPipeline } from '../../../lib/index.js';
import { NativeFault } from '../../../lib/internal/native-device.js';
import { loadAddon } from '../../../lib/internal/native.js';
import { batchesOf, market, Source } from '../../helpers/pipeline.js';

const { addon, reason } = loadAddon();
if (!addon) console.warn(`the addon's tests are skipped: ${reason}`);

const EXPECTED = {
  allocate: 'FS_ERR_OUT_OF_MEMORY',
  allocatePinned: 'FS_ERR_OUT_OF_MEMORY',
  create: 'FS_ERR_CUDA',
  copy: 'FS_ERR_CUDA',
  copyLater: 'FS_ERR_CUDA',
  kernel: 'FS_ERR_CUDA',
  lost: 'FS_ERR_DEVICE_LOST',
} as const;

(addon ? describe : describe.skip)('a pipeline on a device whose calls fail', () => {
  const { trades, quotes } = market(60, 60);

  function pipelineOn(device: Device, source: Source, quote: Source): GpuPipeline {
    return new GpuPipeline({
      source,
      join: { on: 'timestamp', by: 'symbol', streams: { quote: { source: quote, columns: ['bid'] } } },
      features: ['price', 'quote_bid'],
      labels: 'target',
      batchRows: 20,
      device,
    });
  }

  /** How many batches came; throws what the iteration ended with. */
  async function count(pipeline: GpuPipeline): Promise<number> {
    let batches = 0;
    for await (const batch of pipeline) {
      batches++;
      batch.release();
    }
    return batches;
  }

  it.each(Object.keys(EXPECTED) as (keyof typeof EXPECTED)[])('%s, at every call', async (kind) => {
    let failures = 0;
    for (let nth = 0, failed = true; failed; nth++) {
      const device = Device.open('host', { memoryBytes: 2 ** 27 });
      const sources = [new Source(batchesOf(trades, [9])), new Source(batchesOf(quotes, [7]))] as const;
      const pipeline = pipelineOn(device, ...sources);
      // The pool gives back what nobody uses and tries again.
      device.backend.arm(NativeFault[kind], nth, kind === 'allocate' ? 2 : 1);
      const code = await count(pipeline).then(
        (batches) => (batches === 3 ? null : `${batches} batches`),
        (error: { code?: string }) => error.code ?? String(error),
      );
      failed = code !== null;
      if (failed) failures++;
      expect([null, EXPECTED[kind]]).toContain(code);
      for (const source of sources) expect(source.closed).toBe(source.opened);
      expect(pipeline.stats()).toMatchObject({ ahead: 0, held: 0 });
      if (kind !== 'lost') {
        expect(device.memoryInfo().usedBytes).toBe(0);
        device.backend.arm(NativeFault[kind], 0, 0);
        const again = pipelineOn(device, new Source(batchesOf(trades, [9])), new Source(batchesOf(quotes, [7])));
        expect(await count(again)).toBe(3);
        expect(device.memoryInfo().usedBytes).toBe(0);
      }
      device.close();
      expect(nth).toBeLessThan(1000);
    }
    expect(failures).toBeGreaterThan(0);
  });
});
