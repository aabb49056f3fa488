/** Every call of the device may fail, at any time: a typed error, nothing left behind, and the device (or the next) goes on. */
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Device, featureMatrix, GpuDirectReader, PinnedBufferPool, toDevice } from '../../../lib/index.js';
import { NativeFault } from '../../../lib/internal/native-device.js';
import { loadAddon } from '../../../lib/internal/native.js';
import { cellsOf, table } from '../../helpers/columns.js';

const { addon, reason } = loadAddon();
if (!addon) console.warn(`the addon's tests are skipped: ${reason}`);

const EXPECTED: Readonly<Record<keyof typeof NativeFault, readonly string[]>> = {
  allocate: ['FS_ERR_OUT_OF_MEMORY'],
  allocatePinned: ['FS_ERR_OUT_OF_MEMORY'],
  register: [],
  create: ['FS_ERR_CUDA'],
  copy: ['FS_ERR_CUDA'],
  copyLater: ['FS_ERR_CUDA'],
  // A direct read that fails goes through the page cache, one that is short is gone on with: the bytes are right.
  read: [],
  readShort: [],
  lost: ['FS_ERR_DEVICE_LOST'],
  kernel: ['FS_ERR_CUDA'],
};

(addon ? describe : describe.skip)('a device whose calls fail', () => {
  let folder: string;
  let path: string;
  const content = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7) & 255);
  const source = table({
    p: ['float32', Array.from({ length: 3000 }, (_, i) => (i % 7 === 3 ? null : i / 4))],
    s: ['utf8', Array.from({ length: 3000 }, (_, i) => `S${i % 50}`)],
  });

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'flowstate-faults-'));
    path = join(folder, 'raw.bin');
    writeFileSync(path, content);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Everything that a device does, once. Throws the first error, after giving everything back. */
  async function useAll(device: Device): Promise<void> {
    using pool = new PinnedBufferPool({ device, maxBytes: 1 << 20, slabBytes: 1 << 16 });
    using reader = new GpuDirectReader({ device, taskBytes: 65536, threads: 2 });
    using there = await toDevice(source, { device });
    using prices = there.column('p').tensor();
    using scaled = prices.affine(2, 1);
    await scaled.ready();
    // Wide enough for two launches.
    const columns = Array.from({ length: 20 }, (_, i) => ({ column: 'p', name: `p${i}`, scale: i }));
    const { matrix } = await featureMatrix(there, { columns, nulls: 'mask' });
    using features = matrix;
    expect((await features.toHost()).subarray(40 * 8 + 36, 40 * 8 + 40)).toEqual(Float32Array.of(36, 1, 38, 1));
    const refused: unknown = await featureMatrix(there, { columns, nulls: 'error' }).catch((error: unknown) => error);
    if ((refused as { code?: string }).code !== 'FS_ERR_SCHEMA') throw refused;
    expect(refused).toMatchObject({ details: { row: 3, column: 'p' } });
    expect(cellsOf(await there.toHost(), 's')).toEqual(cellsOf(source, 's'));
    using lease = await pool.lease(5000);
    lease.bytes.set(content.subarray(0, 5000));
    using buffer = device.allocate(5000);
    await buffer.upload(lease.bytes);
    const [read] = await reader.readRanges([{ path }]);
    const out = new Uint8Array(content.length);
    try {
      await read!.download(out);
    } finally {
      read!.release();
    }
    expect(Buffer.compare(out, content)).toBe(0);
  }

  function attempt(run: () => void): string | null {
    try {
      run();
      return null;
    } catch (error) {
      return (error as { code?: string }).code ?? String(error);
    }
  }

  it('does it all when none fails', async () => {
    const device = Device.open('host', { memoryBytes: 2 ** 27 });
    await useAll(device);
    expect(device.memoryInfo().usedBytes).toBe(0);
    device.close();
  });

  it.each(Object.keys(NativeFault) as (keyof typeof NativeFault)[])('%s, at every call', async (kind) => {
    let failures = 0;
    for (let nth = 0, failed = true; failed; nth++) {
      const device = Device.open('host', { memoryBytes: 2 ** 27 });
      // An allocation that fails is tried again after a trim: once is not enough to be seen.
      device.backend.arm(NativeFault[kind], nth, kind === 'allocate' ? 2 : 1);
      failed = false;
      try {
        await useAll(device);
      } catch (error) {
        failed = true;
        failures += 1;
        expect(EXPECTED[kind]).toContain((error as { code?: string }).code);
      }
      if (kind === 'lost') {
        // It may have been lost while things were given back, which fails nothing.
        const outcome = attempt(() => device.memoryInfo());
        expect([null, 'FS_ERR_DEVICE_LOST']).toContain(outcome);
        if (failed) expect(outcome).toBe('FS_ERR_DEVICE_LOST');
        failed = outcome !== null;
        device.close();
        continue;
      }
      expect(device.memoryInfo().usedBytes).toBe(0);
      // The stream that affine uses stays broken after an error on it; everything else goes on.
      device.backend.arm(NativeFault[kind], 0, 0);
      await useAll(device);
      expect(device.memoryInfo().usedBytes).toBe(0);
      device.close();
      expect(nth).toBeLessThan(5000);
    }
    expect(failures > 0).toBe(EXPECTED[kind].length > 0);
  });
});
