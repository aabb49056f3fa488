/**
 * Runs through onnxruntime-node's own JavaScript API, where there is no addon: it reads inputs where they lie and writes
 * outputs that were allocated beforehand where they lie, but on the event loop's thread, and it hands back copies, which
 * are left alone here.
 */
import { DeviceTensor } from '../../device/device-tensor.js';
import { bytesOf } from '../../device/javascript-backend.js';
import { type DType, DTYPES, hostArray } from '../../device/dtype.js';
import { throwIfAborted } from '../../device/native-backend.js';
import { createError } from '../../errors/from-native.js';
import { FlowStateError } from '../../errors/errors.js';
import { fail } from '../../internal/validate.js';
import type { SessionRequest } from './options.js';
import type { Ort, OrtSession, OrtValueInfo } from './runtime.js';
import type { BoundValue, OnnxEngine, OnnxTensor, OnnxValueInfo } from './types.js';

export class JavaScriptEngine implements OnnxEngine {
  readonly route = 'onnxruntime-node';
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
  readonly version: string;
  private running = 0;
  private closing = false;
  private released = false;
  private peak = 0;

  private constructor(
    private readonly session: OrtSession,
    private readonly ort: Ort,
  ) {
    this.inputs = session.inputMetadata.map(valueInfo);
    this.outputs = session.outputMetadata.map(valueInfo);
    this.version = ort.env.versions.node ?? ort.env.versions.common;
  }

  static async open(ort: Ort, request: SessionRequest): Promise<JavaScriptEngine> {
    if (request.providers.some(({ name }) => name === 'cuda')) {
      return fail('FS_ERR_ADDON_UNAVAILABLE', "executionProviders: 'cuda' needs the addon");
    }
    throwIfAborted(request.signal);
    const session = await callOrt(() =>
      ort.InferenceSession.create(request.model, {
        executionProviders: ['cpu'],
        graphOptimizationLevel: request.graphOptimization,
        ...(request.intraOpThreads === 0 ? {} : { intraOpNumThreads: request.intraOpThreads }),
      }),
    );
    const engine = new JavaScriptEngine(session, ort);
    if (request.signal?.aborted === true) {
      engine.close();
      throwIfAborted(request.signal);
    }
    return engine;
  }

  async run(inputs: readonly BoundValue[], outputs: readonly BoundValue[], signal: AbortSignal | null): Promise<void> {
    throwIfAborted(signal);
    this.running++;
    try {
      const [feeds, fetches] = [this.tensorsOf(inputs), this.tensorsOf(outputs)];
      await callOrt(() => {
        this.peak = 1;
        return this.session.run(feeds, fetches);
      });
      throwIfAborted(signal);
    } finally {
      this.running--;
      if (this.closing) this.release();
    }
  }

  tensor(dtype: DType, data: ArrayBufferView, dims: readonly number[]): OnnxTensor {
    return new this.ort.Tensor(dtype, data, dims);
  }

  peakRunning(): number {
    return this.peak;
  }

  close(): void {
    this.closing = true;
    this.release();
  }

  private release(): void {
    if (this.running > 0 || this.released) return;
    this.released = true;
    // It has nothing to wait for, and nobody to tell.
    this.session.release().catch(() => undefined);
  }

  private tensorsOf(values: readonly BoundValue[]): Readonly<Record<string, OnnxTensor>> {
    return Object.fromEntries(
      values.map(({ name, dtype, shape, value }) => {
        if (dtype === 'bfloat16') {
          return fail('FS_ERR_ADDON_UNAVAILABLE', `'${name}' is bfloat16, which onnxruntime-node has no type for`);
        }
        return [name, this.tensor(dtype, value instanceof DeviceTensor ? viewOf(value) : value, shape)];
      }),
    );
  }
}

/** The tensor's own memory. */
function viewOf(tensor: DeviceTensor): ArrayBufferView {
  const bytes = bytesOf(tensor.buffer.memory);
  return hostArray(tensor.dtype, bytes.buffer, bytes.byteOffset + tensor.byteOffset, tensor.size);
}

function valueInfo({ name, type, shape = [] }: OrtValueInfo): OnnxValueInfo {
  const dtype = DTYPES.find((each) => each === type);
  return {
    name,
    dtype: dtype ?? (type === 'string' ? 'string' : 'other'),
    shape: shape.map((size) => (size === '' ? null : size)),
  };
}

async function callOrt<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof FlowStateError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    const code = /protobuf parsing failed/i.test(message) ? 'FS_ERR_CORRUPT' : 'FS_ERR_ONNX';
    throw createError(code, `ONNX Runtime: ${message}`, { cause: error });
  }
}
