/** What only a GPU has: memory of its own, locked pages, cuFile; and the same bytes as the host device, bit for bit. */
import { GPU, describeOnGpu } from './cuda.js';

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Device, DeviceTensor, GpuDirectReader, PinnedBufferPool, toDevice, writeTable } from '../../lib/index.js';
import { cellsOf, table } from '../helpers/columns.js';

/** The same words for the same seed. */
function words(count: number, seed: number): Uint32Array {
  let state = seed;
  return Uint32Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  });
}

/** Floats of every size, denormals and infinities among them, but no NaN: its bits are each processor's own. */
function floats(count: number, seed: number): Float32Array {
  const values = new Float32Array(words(count, seed).buffer);
  return values.map((value) => (Number.isNaN(value) ? 1.5 : value));
}

/** Whether an address lies in memory that this process could read as its own. Mappings of the driver are not that. */
function isHostMemory(address: bigint): boolean {
  return readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .some((line) => {
      const [, from, to, mode, path] = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)$/.exec(line) ?? [];
      if (from === undefined || to === undefined) return false;
      const isInside = address >= BigInt(`0x${from}`) && address < BigInt(`0x${to}`);
      return isInside && mode?.startsWith('r') === true && path?.startsWith('/dev/nvidia') !== true;
    });
}

describeOnGpu('a CUDA device', () => {
  let device: Device;
  let host: Device;
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'flowstate-gpu-'));
    device = Device.open(GPU);
    host = Device.open('host');
  });
  afterAll(() => {
    expect(device.memoryInfo().usedBytes).toBe(0);
    device.close();
    host.close();
    rmSync(folder, { recursive: true });
  });

  it('has memory that is not the process’s own', () => {
    const [there, here] = [device.allocate(1 << 20), host.allocate(1 << 20)];
    expect(isHostMemory(here.devicePointer)).toBe(true);
    expect(isHostMemory(there.devicePointer)).toBe(false);
    expect(there.devicePointer % 4096n).toBe(0n);
    expect(device.memoryInfo().totalBytes).toBeGreaterThan(2 ** 30);
    there.release();
    here.release();
  });

  it.each([1, 4095, 4096, 1_000_003, 64 * 2 ** 20 + 5])('brings %d bytes back as they went', async (size) => {
    const source = new Uint8Array(words(Math.ceil(size / 4), size).buffer, 0, size);
    const block = device.allocate(size);
    const out = new Uint8Array(size);
    await block.upload(source);
    await block.download(out);
    block.release();
    expect(Buffer.compare(out, source)).toBe(0);
  });

  it('computes the bits that the host computes', async () => {
    for (const [scale, offset] of [
      [1 / 3, -0.1],
      [-1e38, 1e-40],
      [0, Infinity],
      [1, 0],
    ] as const) {
      const values = floats(100_003, 77);
      const results = await Promise.all(
        [device, host].map(async (each) => {
          const tensor = await DeviceTensor.from(values, { device: each });
          const scaled = tensor.affine(scale, offset);
          tensor.release();
          const bits = (await scaled.toHost()) as Float32Array;
          scaled.release();
          return bits.map((value) => (Number.isNaN(value) ? 1.5 : value));
        }),
      );
      const [there, here] = results.map((bits) => Buffer.from(bits.buffer));
      expect(Buffer.compare(there!, here!)).toBe(0);
    }
  });

  it('keeps copies and compute in order while many are under way', async () => {
    const sizes = Array.from({ length: 40 }, (_, i) => 1 + ((i * 7919) % 50_000));
    const results = await Promise.all(
      sizes.map(async (size, i) => {
        const tensor = await DeviceTensor.from(new Float32Array(size).fill(i), { device });
        for (let step = 0; step < 5; step++) tensor.affine(2, 1, true).release();
        const out = await tensor.toHost();
        tensor.release();
        return out;
      }),
    );
    results.forEach((values, i) => {
      expect(values).toHaveLength(sizes[i]!);
      expect(values.every((value) => value === i * 32 + 31)).toBe(true);
    });
  });

  it('carries tables as the host does', async () => {
    const source = table({
      p: ['float64', Array.from({ length: 5000 }, (_, i) => (i % 7 === 3 ? null : i / 4))],
      s: ['utf8', Array.from({ length: 5000 }, (_, i) => `S${i % 50}`)],
      b: ['bool', Array.from({ length: 5000 }, (_, i) => i % 3 === 0)],
    });
    const [there, here] = [await toDevice(source, { device }), await toDevice(source, { device: host })];
    expect(there.byteLength).toBe(here.byteLength);
    const [a, b] = [await there.toHost(), await here.toHost()];
    for (const name of ['p', 's', 'b']) expect(cellsOf(a, name)).toEqual(cellsOf(b, name));
    for (const column of there.columns) expect(isHostMemory(column.values!.devicePointer)).toBe(false);
    there.release();
    here.release();
  });

  it('copies from and to locked pages without staging', async () => {
    const pool = new PinnedBufferPool({ device, maxBytes: 2 ** 22 });
    const lease = await pool.lease(2 ** 20);
    expect(lease.isPageLocked).toBe(true);
    const block = device.allocate(2 ** 20);
    const all = { bytes: 2 ** 20, pinnedBytes: 2 ** 20, stagedBytes: 0 };
    expect(await block.upload(lease.bytes.fill(9))).toEqual(all);
    expect(await block.download(lease.bytes.fill(0))).toEqual(all);
    expect(lease.bytes.every((byte) => byte === 9)).toBe(true);
    const own = new Uint8Array(2 ** 20).fill(3);
    expect(await block.upload(own)).toEqual({ bytes: 2 ** 20, pinnedBytes: 0, stagedBytes: 2 ** 20 });
    const registration = device.register(own);
    if (registration === null) console.warn('the system locks no memory of ours: registered copies are not tested');
    else expect(await block.download(own.fill(0))).toEqual(all);
    registration?.release();
    block.release();
    lease.release();
    pool.close();
  });

  it('reads files into its memory, and says which way', async () => {
    const content = new Uint8Array(words(300_001, 5).buffer);
    const path = join(folder, 'raw.bin');
    writeFileSync(path, content);
    const reader = new GpuDirectReader({ device });
    const [block] = await reader.readRanges([{ path, offset: 3 }]);
    const out = new Uint8Array(content.length - 3);
    await block!.download(out);
    block!.release();
    expect(Buffer.compare(out, content.subarray(3))).toBe(0);
    const { directPath, directBytes, posixBytes, fallbacks } = reader.stats;
    expect(directBytes + posixBytes).toBe(out.length);
    console.info(
      directBytes > 0
        ? `direct reads: ${directPath}`
        : `no direct reads: ${fallbacks.map(({ reason }) => reason).join('; ')}`,
    );
    if (directBytes === 0) expect(fallbacks).toHaveLength(1);
    reader.close();
  });

  it('reads Arrow columns into its memory as the host does', async () => {
    const source = table({
      t: ['ts_ns', Array.from({ length: 20_000 }, (_, i) => BigInt(i))],
      p: ['float64', Array.from({ length: 20_000 }, (_, i) => (i % 5 === 2 ? null : i / 3))],
    });
    const path = join(folder, 'table.arrow');
    await writeTable(path, source);
    for (const each of [device, host]) {
      const reader = new GpuDirectReader({ device: each });
      const there = await reader.readArrow(path);
      const back = await there.toHost();
      for (const name of ['t', 'p']) expect(cellsOf(back, name)).toEqual(cellsOf(source, name));
      there.release();
      reader.close();
    }
  });

  it('refuses more than it has and goes on', async () => {
    expect(() => device.allocate(2 ** 49)).toThrow(expect.objectContaining({ code: 'FS_ERR_OUT_OF_MEMORY' }));
    const tensor = await DeviceTensor.from(Int32Array.of(1, 2), { device });
    expect(await tensor.toHost()).toEqual(Int32Array.of(1, 2));
    tensor.release();
  });
});
