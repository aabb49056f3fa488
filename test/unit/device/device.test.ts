/** Opening devices, their memory, tensors. */
import { Device, DeviceTensor, defaultDevice } from '../../../lib/index.js';
import { fusedMultiplyAdd } from '../../../lib/device/fused.js';
import { onDevices } from '../../helpers/devices.js';

const code = (name: string): Error => expect.objectContaining({ code: `FS_ERR_${name}` });

onDevices('Device', ({ id, isHost, backend, open }) => {
  it('opens the host everywhere, and auto says why it is the host', () => {
    const host = Device.open('host');
    expect(host.info).toMatchObject({ id: 'host', kind: 'host', backend, computeCapability: null });
    expect(host.fallbackReason).toBeNull();
    const auto = Device.open('auto');
    const { devices, reason } = Device.probe();
    if (devices.length === 0) {
      expect(auto.id).toBe('host');
      expect(auto.fallbackReason).toBe(reason);
      expect(reason).toEqual(expect.stringMatching(/./));
    } else {
      expect(auto.id).toBe('cuda:0');
    }
    auto.close();
    host.close();
  });

  it('says what it is', () => {
    const device = open();
    expect(device.info).toMatchObject({ id, kind: isHost ? 'host' : 'cuda', backend });
    const { computeCapability, multiprocessors, copyEngines, pciBusId, unifiedAddressing, memoryPools } = device.info;
    const ofGpus = { computeCapability, multiprocessors, copyEngines, pciBusId, unifiedAddressing, memoryPools };
    if (isHost) expect(Object.values(ofGpus)).toEqual([null, null, null, null, null, null]);
    else expect(Device.probe().devices[0]).toMatchObject({ ...ofGpus, memoryBytes: device.info.memoryBytes });
    device.close();
  });

  it('refuses what it cannot open, by code', () => {
    expect(() => Device.open('gpu' as 'host')).toThrow(code('ARG_RANGE'));
    expect(() => Device.open(3 as unknown as 'host')).toThrow(code('ARG_TYPE'));
    expect(() => Device.open('host', { memoryBytes: 0 })).toThrow(code('ARG_RANGE'));
    expect(() => Device.open('host', { memory: 5 } as object)).toThrow(code('OPTION_UNKNOWN'));
    expect(() => Device.open('host', { streams: 2, stagingThreads: 3 })).toThrow(code('ARG_RANGE'));
    expect(() => Device.open('host', { chunkBytes: 70_000 })).toThrow(code('ARG_RANGE'));
    if (Device.probe().devices.length === 0) expect(() => Device.open('cuda:0')).toThrow(code('CUDA_UNAVAILABLE'));
  });

  it('takes the environment for auto only', () => {
    process.env.FLOWSTATE_DEVICE = 'host';
    expect(Device.open().id).toBe('host');
    process.env.FLOWSTATE_DEVICE = 'tpu';
    expect(() => Device.open()).toThrow(code('ARG_RANGE'));
    expect(Device.open('host').id).toBe('host');
    delete process.env.FLOWSTATE_DEVICE;
  });

  it('counts its memory and refuses more than it has', () => {
    const device = open({ memoryBytes: 1 << 20 });
    const buffer = device.allocate(1000);
    if (isHost) expect(device.memoryInfo()).toMatchObject({ totalBytes: 1 << 20 });
    expect(device.memoryInfo().usedBytes).toBeGreaterThanOrEqual(1000);
    expect(() => device.allocate(isHost ? 1 << 20 : 2 ** 49)).toThrow(code('OUT_OF_MEMORY'));
    expect(() => device.allocate(-1)).toThrow(code('ARG_RANGE'));
    buffer.release();
    buffer.release();
    expect(device.memoryInfo().usedBytes).toBe(0);
    device.allocate(1 << 20).release();
    expect(() => buffer.devicePointer).toThrow(code('CLOSED'));
    const empty = device.allocate(0);
    expect(empty.byteLength).toBe(0);
    empty.release();
    device.close();
    device.close();
    expect(() => device.allocate(1)).toThrow(code('CLOSED'));
    expect(() => device.memoryInfo()).toThrow(code('CLOSED'));
  });

  it('copies bytes in and out at any offset', async () => {
    const device = open();
    const buffer = device.allocate(1000);
    await buffer.upload(new Uint8Array(1000).fill(1));
    await buffer.upload(Uint8Array.of(7, 8, 9), 501);
    const out = new Uint8Array(5);
    await buffer.download(out, 500);
    expect([...out]).toEqual([1, 7, 8, 9, 1]);
    expect(() => void buffer.upload(new Uint8Array(2), 999)).toThrow(code('ARG_RANGE'));
    buffer.release();
    device.close();
  });

  it('copies right with any number of streams and threads', async () => {
    const source = Uint8Array.from({ length: 700_001 }, (_, i) => (i * 13) & 255);
    for (const [streams, stagingThreads] of [
      [1, 1],
      [3, 2],
      [4, 4],
    ] as const) {
      const device = Device.open('host', { streams, stagingThreads, chunkBytes: 2 ** 16 });
      const buffer = device.allocate(source.length);
      await buffer.upload(source);
      const out = new Uint8Array(source.length);
      await buffer.download(out);
      expect(Buffer.compare(out, source)).toBe(0);
      if (backend === 'native') expect(device.info).toMatchObject({ streams, stagingThreads });
      buffer.release();
      device.close();
    }
  });

  it('keeps one default device', () => {
    const device = defaultDevice();
    expect(defaultDevice()).toBe(device);
    device.close();
    expect(defaultDevice()).not.toBe(device);
  });

  it('has addresses where there is an addon', () => {
    const device = open();
    const buffer = device.allocate(8192);
    if (backend === 'native') {
      expect(buffer.devicePointer % 4096n).toBe(0n);
      expect(buffer.devicePointer).toBeGreaterThan(0n);
    } else {
      expect(() => buffer.devicePointer).toThrow(code('ADDON_UNAVAILABLE'));
    }
    buffer.release();
    device.close();
  });
});

onDevices('DeviceTensor', ({ open }) => {
  let device: Device;
  beforeAll(() => {
    device = open();
  });
  afterAll(() => {
    expect(device.memoryInfo().usedBytes).toBe(0);
    device.close();
  });

  it('carries typed arrays there and back', async () => {
    const arrays = [
      Float64Array.of(1.5, NaN, -0),
      Float32Array.of(1, 2, 3),
      BigInt64Array.of(-(2n ** 63n), 0n, 5n),
      Int8Array.of(-1, 2, 3),
      new Uint16Array(Uint16Array.of(9, 8, 7, 6).buffer, 2, 3),
    ];
    for (const array of arrays) {
      const tensor = await DeviceTensor.from(array, { device });
      expect(tensor.shape).toEqual([3]);
      expect(await tensor.toHost()).toEqual(array);
      tensor.release();
    }
  });

  it('has row-major strides, and reshapes over the same memory', async () => {
    const tensor = await DeviceTensor.from(
      Int32Array.from({ length: 24 }, (_, i) => i),
      { device, shape: [2, 3, 4] },
    );
    expect(tensor).toMatchObject({ dtype: 'int32', strides: [12, 4, 1], size: 24, byteLength: 96 });
    const flat = tensor.reshape([4, 6]);
    tensor.release();
    expect((await flat.toHost())[23]).toBe(23);
    expect(() => flat.reshape([5, 5])).toThrow(code('ARG_RANGE'));
    flat.release();
    flat.release();
    expect(() => flat.devicePointer).toThrow(code('CLOSED'));
    await expect(flat.toHost()).rejects.toThrow(code('CLOSED'));
  });

  it('takes halves as bits and bools as bytes', async () => {
    const half = await DeviceTensor.from(Uint16Array.of(0x3c00), { device, dtype: 'float16' });
    const flags = await DeviceTensor.from(Uint8Array.of(1, 0), { device, dtype: 'bool', shape: [2, 1] });
    expect([half.dtype, flags.dtype]).toEqual(['float16', 'bool']);
    half.release();
    flags.release();
    await expect(DeviceTensor.from(Float32Array.of(1), { device, dtype: 'float64' })).rejects.toThrow(
      code('ARG_RANGE'),
    );
    await expect(DeviceTensor.from(Float32Array.of(1), { device, shape: [2] })).rejects.toThrow(code('ARG_RANGE'));
    await expect(DeviceTensor.from(Float32Array.of(1), { device, shape: [-1] })).rejects.toThrow(code('ARG_RANGE'));
    await expect(DeviceTensor.from([1] as unknown as Float32Array, { device })).rejects.toThrow(code('ARG_TYPE'));
  });

  it('computes on the device, queued, with one rounding', async () => {
    const values = Float32Array.from({ length: 1000 }, (_, i) => Math.fround(Math.sin(i) * 1000));
    const tensor = await DeviceTensor.from(values, { device });
    const scaled = tensor.affine(1 / 3, -0.1);
    const twice = scaled.affine(2, 1);
    twice.affine(1, 0.5, true).release();
    tensor.release();
    scaled.release();
    await twice.ready();
    expect(twice.isReady).toBe(true);
    const third = Math.fround(1 / 3);
    const expected = values.map((value) =>
      fusedMultiplyAdd(fusedMultiplyAdd(fusedMultiplyAdd(value, third, Math.fround(-0.1)), 2, 1), 1, 0.5),
    );
    expect(await twice.toHost()).toEqual(expected);
    twice.release();
    const whole = await DeviceTensor.from(Int32Array.of(1), { device });
    expect(() => whole.affine(1, 1)).toThrow(code('ARG_TYPE'));
    whole.release();
  });

  it('is stopped by its signal', async () => {
    await expect(DeviceTensor.from(new Float32Array(10), { device, signal: AbortSignal.abort() })).rejects.toThrow(
      code('ABORTED'),
    );
  });
});
