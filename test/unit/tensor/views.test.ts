/** Tensors for who has no framework: pinned memory as typed arrays and Arrow vectors, filled straight from a device. */
import { Float32, Table } from 'apache-arrow';

import { type Device, DeviceTensor, type HostArray, PinnedBufferPool } from '../../../lib/index.js';
import { onDevices } from '../../helpers/devices.js';

const code = (name: string): Error => expect.objectContaining({ code: `FS_ERR_${name}` });

onDevices('pinned views', ({ backend, open }) => {
  let device: Device;
  let pool: PinnedBufferPool;
  beforeEach(() => {
    device = open();
    pool = new PinnedBufferPool({ device, maxBytes: 1 << 20, slabBytes: 1 << 16 });
  });
  afterEach(() => {
    expect(device.memoryInfo().usedBytes).toBe(0);
    expect(pool.stats.leases).toBe(0);
    pool.close();
    device.close();
  });

  it('are one memory, which a tensor comes into and goes out of without staging', async () => {
    const values = Float32Array.from({ length: 1000 }, (_, i) => i / 8);
    using lease = await pool.lease(values.byteLength);
    const floats = lease.array('float32');
    const vector = lease.vector(new Float32());
    floats.set(values);
    const staged = device.transferStats().pageableBytes;
    using tensor = await DeviceTensor.from(floats, { device, shape: [100, 10] });
    floats.fill(0);
    using doubled = tensor.affine(2, 0);
    // The same array comes back, and Arrow sees what it holds.
    expect(await doubled.toHost({ into: floats })).toBe(floats);
    expect(vector.get(999)).toBe(249.75);
    expect(new Table({ feature: vector }).getChild('feature')!.toArray()).toEqual(values.map((value) => value * 2));
    floats[0] = -1;
    expect(vector.get(0)).toBe(-1);
    if (backend === 'native') expect(device.transferStats().pageableBytes).toBe(staged);
  });

  it('end with their lease', async () => {
    const lease = await pool.lease(64);
    const floats = lease.array('float32');
    using tensor = await DeviceTensor.from(floats, { device });
    lease.release();
    expect(() => lease.vector(new Float32())).toThrow(code('CLOSED'));
    // Detached once the memory may be lent again.
    pool.trim();
    expect(floats).toHaveLength(0);
    await expect(tensor.toHost({ into: floats })).rejects.toThrow(code('ARG_RANGE'));
  });

  it('take only what fits a tensor', async () => {
    using tensor = await DeviceTensor.from(new Float32Array(8), { device });
    for (const into of [new Float32Array(7), new Float32Array(9)]) {
      await expect(tensor.toHost({ into })).rejects.toThrow(code('ARG_RANGE'));
    }
    for (const into of [new Float64Array(4), new Int32Array(8), [1, 2] as unknown as HostArray]) {
      await expect(tensor.toHost({ into })).rejects.toThrow(code('ARG_TYPE'));
    }
    using halves = await DeviceTensor.from(Uint16Array.of(0x3c00), { device, dtype: 'float16' });
    expect(await halves.toHost({ into: new Uint16Array(1) })).toEqual(Uint16Array.of(0x3c00));
  });
});
