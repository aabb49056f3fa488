/**
 * A device that fails under an ONNX session: a typed error, nothing left behind, and the session goes on.
 * @jest-environment ./test/helpers/onnx-environment.cjs
 */
import { Device, type DeviceBuffer, DeviceTensor } from '../../../../lib/index.js';
import { NativeFault } from '../../../../lib/internal/native-device.js';
import { loadAddon } from '../../../../lib/internal/native.js';
import { onDevices } from '../../../helpers/devices.js';
import { code, features, rows, scaled, scaleSession } from '../../../helpers/onnx-sessions.js';

const { addon, reason } = loadAddon();
if (!addon) console.warn(`failing devices under ONNX sessions are not tested: ${reason}`);

const EXPECTED = {
  allocate: 'FS_ERR_OUT_OF_MEMORY',
  create: 'FS_ERR_CUDA',
  copy: 'FS_ERR_CUDA',
  copyLater: 'FS_ERR_CUDA',
  lost: 'FS_ERR_DEVICE_LOST',
} as const;

(addon ? describe : describe.skip)('a session on a device whose calls fail', () => {
  it.each(Object.keys(EXPECTED) as (keyof typeof EXPECTED)[])('%s, at every call', async (kind) => {
    let failures = 0;
    for (let nth = 0, failed = true; failed; nth++) {
      const device = Device.open('host', { memoryBytes: 2 ** 26 });
      const session = await scaleSession(device);
      // The pool makes room and asks again, so one allocation that fails is no failure.
      device.backend.arm(NativeFault[kind], nth, kind === 'allocate' ? 2 : 1);
      failed = false;
      try {
        using x = await features(device, 500);
        x.affine(1, 1, true).release();
        const { y } = await session.run({ x });
        using made = y!;
        expect(await made.toHost()).toEqual(scaled(rows(500).map((value) => value + 1)));
      } catch (error) {
        failed = true;
        failures++;
        expect(error).toMatchObject({ code: EXPECTED[kind] });
      }
      expect(session.stats).toMatchObject({ inFlight: 0, waiting: 0 });
      session.close();
      if (kind !== 'lost') expect(device.memoryInfo().usedBytes).toBe(0);
      device.close();
      expect(nth).toBeLessThan(100);
    }
    expect(failures).toBeGreaterThan(0);
  });

  it('refuses work that would meet a run, on its feeds and its outputs', async () => {
    const device = Device.open('host');
    const session = await scaleSession(device);
    const x = await features(device, 200_000);
    const y = new DeviceTensor(device.allocate(x.byteLength), 'float32', x.shape);
    const running = session.run({ x }, { outputs: { y } });
    expect(() => x.affine(1, 1, true)).toThrow(code('BUSY'));
    expect(() => y.affine(1, 1)).toThrow(code('BUSY'));
    await expect(session.run({ x: y })).rejects.toThrow(code('BUSY'));
    await expect(session.run({ x }, { outputs: { y } })).rejects.toThrow(code('BUSY'));
    // Reading beside it is no harm.
    const also = session.run({ x });
    x.affine(1, 0).release();
    await running;
    (await also).y!.release();
    x.affine(1, 1, true).release();
    for (const tensor of [x, y]) tensor.release();
    session.close();
    device.close();
  });
});

onDevices('a session on a device that is full', ({ open, isHost }) => {
  (isHost ? it : it.skip)('says so, and goes on once there is room', async () => {
    const device = open({ memoryBytes: 40_000 });
    const session = await scaleSession(device, { queueDepth: 1 });
    const x = await features(device, 1000);
    const rest: DeviceBuffer[] = [];
    expect(() => {
      while (rest.length < 100) rest.push(device.allocate(4096));
    }).toThrow(code('OUT_OF_MEMORY'));
    await expect(session.run({ x })).rejects.toThrow(code('OUT_OF_MEMORY'));
    for (const block of rest) block.release();
    const { y } = await session.run({ x });
    expect(await y!.toHost()).toEqual(scaled(rows(1000)));
    expect(session.stats).toMatchObject({ runs: 1, inFlight: 0, waiting: 0 });
    for (const tensor of [x, y]) tensor!.release();
    session.close();
    device.close();
  });
});
