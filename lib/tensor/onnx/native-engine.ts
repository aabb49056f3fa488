/** Runs through the addon: IoBinding over device memory, on the addon's threads. */
import { callNative, handleOf, NativeBackend, settle } from '../../device/native-backend.js';
import { DeviceTensor } from '../../device/device-tensor.js';
import { type DType, DTYPES } from '../../device/dtype.js';
import { fail } from '../../internal/validate.js';
import type { NativeDevice } from '../../internal/native-device.js';
import {
  type NativeOnnxAddon,
  type NativeOnnxBound,
  type NativeOnnxRequest,
  type NativeOnnxSession,
  NativeOnnxType,
  type NativeOnnxValue,
} from '../../internal/native-onnx.js';
import { loadAddon, type NativeTask, onnxruntimeLibrary } from '../../internal/native.js';
import { OPTIMIZATIONS, type SessionRequest } from './options.js';
import { logLevelOf, type Ort } from './runtime.js';
import type { BoundValue, OnnxEngine, OnnxTensor, OnnxValueInfo } from './types.js';

export class NativeEngine implements OnnxEngine {
  readonly route = 'io-binding';
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
  /** Null while it is open; then what its counts said last. */
  private lastPeak: number | null = null;

  private constructor(
    private readonly addon: NativeOnnxAddon,
    private readonly session: NativeOnnxSession,
    private readonly ort: Ort,
    readonly version: string,
  ) {
    const { inputs, outputs } = callNative(() => addon.onnxInfo(session));
    this.inputs = inputs.map(valueInfo);
    this.outputs = outputs.map(valueInfo);
  }

  /** The package has been loaded. Throws what the addon does: see `onnx_api.h` and `onnx_session.h`. */
  static async open(ort: Ort, request: SessionRequest): Promise<NativeEngine> {
    const { addon, reason } = loadAddon();
    const { backend } = request.device;
    if (addon === null || typeof addon.onnxOpen !== 'function' || !(backend instanceof NativeBackend)) {
      return fail('FS_ERR_ADDON_UNAVAILABLE', `the addon has no ONNX sessions: ${reason ?? 'it is older than this'}`);
    }
    const library = onnxruntimeLibrary();
    if (library === null) {
      return fail(
        'FS_ERR_DEPENDENCY_MISSING',
        `onnxruntime-node carries no ONNX Runtime for ${process.platform}-${process.arch}`,
        { package: 'onnxruntime-node' },
      );
    }
    const logLevel = logLevelOf(ort);
    const { version } = callNative(() => addon.onnxAttach(library, logLevel));
    const loading = {
      library,
      logLevel,
      model: request.model,
      providers: request.providers,
      intraOpThreads: request.intraOpThreads,
      optimization: OPTIMIZATIONS[request.graphOptimization],
    };
    return new NativeEngine(addon, await load(addon, backend.device, loading, request.signal), ort, version);
  }

  async run(inputs: readonly BoundValue[], outputs: readonly BoundValue[], signal: AbortSignal | null): Promise<void> {
    const request = { inputs: inputs.map(boundOf), outputs: outputs.map(boundOf) };
    await settle(() => this.addon.onnxRun(this.session, request), signal);
  }

  tensor(dtype: DType, data: ArrayBufferView, dims: readonly number[]): OnnxTensor {
    return new this.ort.Tensor(dtype, data, dims);
  }

  peakRunning(): number {
    return this.lastPeak ?? callNative(() => this.addon.onnxCounts(this.session)).peakRunning;
  }

  close(): void {
    if (this.lastPeak !== null) return;
    this.lastPeak = this.peakRunning();
    callNative(() => this.addon.onnxClose(this.session));
  }
}

/** A load that ends just as it is aborted has a model that nobody will close. */
async function load(
  addon: NativeOnnxAddon,
  device: NativeDevice,
  request: NativeOnnxRequest,
  signal: AbortSignal | null,
): Promise<NativeOnnxSession> {
  let loaded: NativeOnnxSession | undefined;
  const start = (): NativeTask<NativeOnnxSession> => {
    const task = addon.onnxOpen(device, request);
    task.promise.then(
      (session) => {
        loaded = session;
      },
      () => undefined,
    );
    return task;
  };
  try {
    return await settle(start, signal);
  } catch (error) {
    if (loaded !== undefined) addon.onnxClose(loaded);
    throw error;
  }
}

function valueInfo({ name, type, shape }: NativeOnnxValue): OnnxValueInfo {
  const dtype = DTYPES.find((each) => NativeOnnxType[each] === type);
  return { name, dtype: dtype ?? (type === NativeOnnxType.string ? 'string' : 'other'), shape };
}

function boundOf({ index, dtype, shape, value }: BoundValue): NativeOnnxBound {
  const common = { index, type: NativeOnnxType[dtype], shape };
  if (!(value instanceof DeviceTensor)) return { ...common, memory: null, offset: 0, bytes: 0, host: value };
  const { buffer, byteOffset, byteLength } = value;
  return { ...common, memory: handleOf(buffer.memory), offset: byteOffset, bytes: byteLength, host: null };
}
