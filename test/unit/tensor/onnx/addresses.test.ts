/**
 * Pointer identity: where ONNX Runtime says the values of a run lay is where the tensors lie.
 * @jest-environment ./test/helpers/onnx-environment.cjs
 */
import 'onnxruntime-node';

import { handleOf, type NativeBackend } from '../../../../lib/device/native-backend.js';
import { Device, DeviceTensor } from '../../../../lib/index.js';
import { NativeOnnxType } from '../../../../lib/internal/native-onnx.js';
import { loadAddon, onnxruntimeLibrary } from '../../../../lib/internal/native.js';
import { scaleModel } from '../../../helpers/onnx-model.js';
import { features, rows, scaled } from '../../../helpers/onnx-sessions.js';

const { addon, reason } = loadAddon();
if (!addon) console.warn(`the addresses of ONNX runs are not tested: ${reason}`);

(addon ? describe : describe.skip)('a run of the addon', () => {
  const library = onnxruntimeLibrary()!;

  it('joins the library that onnxruntime-node brought, and only that', () => {
    expect(addon!.onnxAttach(library, 2)).toMatchObject({
      version: expect.stringMatching(/^1\./),
      path: expect.stringContaining('onnxruntime-node'),
      providers: expect.arrayContaining(['CPUExecutionProvider']),
    });
    expect(() => addon!.onnxAttach('/elsewhere/libonnxruntime.so.1', 2)).toThrow(
      expect.objectContaining({ code: 'FS_ERR_ONNX' }),
    );
  });

  it('reads and writes at the addresses of the tensors', async () => {
    const device = Device.open('host');
    const backend = device.backend as NativeBackend;
    const session = await addon!.onnxOpen(backend.device, {
      library,
      logLevel: 2,
      model: scaleModel(3, 0.5),
      providers: [{ name: 'cpu', library: '', options: [] }],
      intraOpThreads: 1,
      optimization: 99,
    }).promise;
    const x = await features(device, 6);
    const y = new DeviceTensor(device.allocate(200), 'float32', [6, 4], 64);
    const bound = (tensor: DeviceTensor) => ({
      index: 0,
      type: NativeOnnxType.float32,
      shape: tensor.shape,
      memory: handleOf(tensor.buffer.memory),
      offset: tensor.byteOffset,
      bytes: tensor.byteLength,
      host: null,
    });
    const seen = await addon!.onnxRun(session, { inputs: [bound(x)], outputs: [bound(y)] }).promise;
    expect(seen).toEqual({ inputs: [x.devicePointer], outputs: [y.devicePointer] });
    expect(await y.toHost()).toEqual(scaled(rows(6)));

    // What the TypeScript side never sends.
    const run = (inputs: unknown, outputs: unknown) => () => addon!.onnxRun(session, { inputs, outputs } as never);
    expect(run([{ ...bound(x), bytes: 97 }], [bound(y)])).toThrow(
      expect.objectContaining({ code: 'FS_ERR_ARG_RANGE' }),
    );
    expect(run(undefined, [bound(y)])).toThrow();
    await expect(run([{ ...bound(x), index: 7 }], [bound(y)])().promise).rejects.toMatchObject({
      code: 'FS_ERR_ARG_RANGE',
    });
    await expect(run([{ ...bound(x), shape: [6, 3] }], [bound(y)])().promise).rejects.toMatchObject({
      code: 'FS_ERR_ARG_RANGE',
    });
    addon!.onnxClose(session);
    expect(run([bound(x)], [bound(y)])).toThrow(expect.objectContaining({ code: 'FS_ERR_CLOSED' }));
    x.release();
    y.release();
    expect(device.memoryInfo().usedBytes).toBe(0);
    device.close();
  });
});
