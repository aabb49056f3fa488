/** Runs through the addon: IoBinding over device memory, on the addon's threads. */
import { callNative, handleOf, NativeBackend, settle } from '../../device/native-backend.js';
import { DeviceTensor } from '../../device/device-tensor.js';
import { type DType, DTYPES } from '../../device/dtype.js';
import { fail } from '../../internal/validate.js';
import {
  type NativeOnnxAddon,
  type NativeOnnxBound,
  type NativeOnnxSession,
  NativeOnnxType,
  type NativeOnnxValue,
} from '../../internal/native-onnx.js';
import { loadAddon, onnxruntimeLibrary } from '../../internal/native.js';
import { OPTIMIZATIONS, type SessionRequest } from './options.js';
import { logLevelOf, type Ort } from './runtime.js';
import type { BoundValue, OnnxEngine, OnnxTensor, OnnxValueInfo } from './types.js';

export class NativeEngine implements OnnxEngine {
  readonly route = 'io-binding';
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
  private lastPeak = 0;

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
    const session = await settle(
      () =>
        addon.onnxOpen(backend.device, {
          library,
          logLevel,
          model: request.model,
          providers: request.providers,
          intraOpThreads: request.intraOpThreads,
          optimization: OPTIMIZATIONS[request.graphOptimization],
        }),
      request.signal,
    );
    return new NativeEngine(addon, session, ort, version);
  }

  async run(inputs: readonly BoundValue[], outputs: readonly BoundValue[], signal: AbortSignal | null): Promise<void> {
    const request = { inputs: inputs.map(boundOf), outputs: outputs.map(boundOf) };
    await settle(() => this.addon.onnxRun(this.session, request), signal);
  }

  tensor(dtype: DType, data: ArrayBufferView, dims: readonly number[]): OnnxTensor {
    return new this.ort.Tensor(dtype, data, dims);
  }

  peakRunning(): number {
    return this.lastPeak || callNative(() => this.addon.onnxCounts(this.session)).peakRunning;
  }

  close(): void {
    if (this.lastPeak > 0) return;
    try {
      this.lastPeak = this.peakRunning();
    } catch {
      // Closed before.
    }
    callNative(() => this.addon.onnxClose(this.session));
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
