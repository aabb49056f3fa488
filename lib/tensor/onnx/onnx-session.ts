/**
 * An ONNX model over device memory: inputs are read and outputs written where they lie, or the run is refused with the
 * reason. Runs happen off the event loop, some in flight at once. How it works: `docs/design/tensors.md`.
 */
import { promises as fs } from 'node:fs';

import type { Device } from '../../device/device.js';
import { DeviceTensor } from '../../device/device-tensor.js';
import { bytesPerElement, elementCount, hostArray } from '../../device/dtype.js';
import { throwIfAborted } from '../../device/native-backend.js';
import { ioError } from '../../storage/io-error.js';
import {
  fail,
  isRecord,
  rangeError,
  rejectUnknown,
  requireInteger,
  requireRecord,
  requireSignal,
  typeError,
} from '../../internal/validate.js';
import { type OutputToMake, planRun, type RunPlan } from './feeds.js';
import { JavaScriptEngine } from './javascript-engine.js';
import { NativeEngine } from './native-engine.js';
import { type OnnxSessionOptions, parseSessionOptions, type SessionRequest } from './options.js';
import { type Prediction, predictAll } from './predict.js';
import { loadOrt } from './runtime.js';
import { Turns } from './turns.js';
import type { BoundValue, OnnxEngine, OnnxStats, OnnxTensor, OnnxValueInfo } from './types.js';

type Value = DeviceTensor | OnnxTensor;
type Values<T> = Readonly<Record<string, T>>;

export interface OnnxRunOptions {
  /**
   * Names of the outputs to compute, or the tensors to write them to, by name; those stay the caller's. Default: all,
   * newly made.
   */
  readonly outputs?: readonly string[] | Values<Value>;
  readonly signal?: AbortSignal;
}

export interface PredictOptions<B> {
  /** Name of the input that a batch goes to. Default: the model's only one. */
  readonly input?: string;
  /** Names of the outputs to compute. Default: all. */
  readonly outputs?: readonly string[];
  /** Batches under way, 1 to 64. Default: the session's `queueDepth`. */
  readonly depth?: number;
  /** Gets the batches that were taken from the source and come out with no prediction, because the iteration ended. */
  readonly unused?: (batch: B) => void;
  readonly signal?: AbortSignal;
}

/** What `predict` knows how to feed: a tensor, or an object that has one as `features`. */
export type Feedable = Value | { readonly features: Value };
type Fed<B> = B extends DeviceTensor | { readonly features: DeviceTensor } ? DeviceTensor : OnnxTensor;

const PREDICT_KEYS = ['input', 'outputs', 'depth', 'unused', 'signal', 'feeds'] as const;

export class OnnxSession {
  readonly device: Device;
  /** `io-binding`: through the addon, off the event loop. `onnxruntime-node`: through its JavaScript API, on it. */
  readonly route: OnnxEngine['route'];
  /** ONNX Runtime's version. */
  readonly runtimeVersion: string;
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
  readonly queueDepth: number;
  private readonly turns: Turns;
  private runs = 0;
  private open = true;

  private constructor(
    private readonly engine: OnnxEngine,
    request: SessionRequest,
  ) {
    this.device = request.device;
    this.route = engine.route;
    this.runtimeVersion = engine.version;
    this.inputs = Object.freeze(engine.inputs);
    this.outputs = Object.freeze(engine.outputs);
    this.queueDepth = request.queueDepth;
    this.turns = new Turns(request.queueDepth);
  }

  /**
   * Loads a model, from a path or from the bytes of one, which must not change until then. Throws
   * FS_ERR_DEPENDENCY_MISSING (onnxruntime-node, or the libraries of the CUDA provider, named), FS_ERR_IO,
   * FS_ERR_CORRUPT, FS_ERR_ONNX with ONNX Runtime's own message, FS_ERR_ABORTED, and FS_ERR_ARG_TYPE, FS_ERR_ARG_RANGE
   * and FS_ERR_OPTION_UNKNOWN for bad arguments.
   */
  static async create(model: string | Uint8Array, options: OnnxSessionOptions = {}): Promise<OnnxSession> {
    const request = parseSessionOptions(model, options);
    const { backend } = request.device;
    throwIfAborted(request.signal);
    const ort = await loadOrt();
    if (typeof request.model === 'string') await requireReadable(request.model);
    const Engine = backend.info.backend === 'native' ? NativeEngine : JavaScriptEngine;
    return new OnnxSession(await Engine.open(ort, request), request);
  }

  get isClosed(): boolean {
    return !this.open;
  }

  get stats(): OnnxStats {
    const { inFlight, peakInFlight, waiting } = this.turns;
    return { runs: this.runs, inFlight, peakInFlight, waiting, peakRunning: this.engine.peakRunning() };
  }

  /**
   * Runs the model once; settles when the outputs are written. Feeds stay the caller's and must not change until then;
   * they may be released. New outputs are the caller's to release: tensors of the device where every feed is one, else
   * Tensors of onnxruntime-common. Queued work on the feeds comes before the run.
   *
   * Throws FS_ERR_WOULD_COPY where ONNX Runtime would copy a tensor of the device, FS_ERR_ARG_TYPE (dtype; an output
   * whose shape the model does not say), FS_ERR_ARG_RANGE (shape, device), FS_ERR_OPTION_UNKNOWN (names), FS_ERR_BUSY
   * (a copy into a feed is under way), FS_ERR_CLOSED, FS_ERR_ABORTED, FS_ERR_OUT_OF_MEMORY, FS_ERR_ONNX.
   */
  run(feeds: Values<DeviceTensor>, options?: OnnxRunOptions): Promise<Values<DeviceTensor>>;
  run(
    feeds: Values<Value>,
    options: OnnxRunOptions & { readonly outputs: Values<DeviceTensor> },
  ): Promise<Values<DeviceTensor>>;
  run(feeds: Values<OnnxTensor>, options?: OnnxRunOptions): Promise<Values<OnnxTensor>>;
  run(feeds: Values<Value>, options?: OnnxRunOptions): Promise<Values<Value>>;
  async run(feeds: Values<Value>, options: OnnxRunOptions = {}): Promise<Values<Value>> {
    this.requireOpen();
    const given = requireRecord(options, 'options');
    rejectUnknown(given, 'options', ['outputs', 'signal']);
    const signal = given.signal === undefined ? null : requireSignal(given.signal, 'options.signal');
    const plan = planRun(this, feeds, given.outputs);
    // Held until the run is done, also while it waits for its turn: the caller may release what it fed.
    const held: DeviceTensor[] = [];
    const hold = <V extends { readonly value: BoundValue['value'] | null }>(each: V): V => {
      if (!(each.value instanceof DeviceTensor)) return each;
      const value = each.value.reshape(each.value.shape);
      held.push(value);
      return { ...each, value };
    };
    try {
      const kept = { ...plan, inputs: plan.inputs.map(hold), outputs: plan.outputs.map(hold) };
      return await this.takeTurn(kept, signal);
    } finally {
      for (const tensor of held) tensor.release();
    }
  }

  /**
   * Batches in, predictions out, in order: `depth` runs under way, and a batch is taken only where there is room. A batch
   * is a tensor, or has one as `features`; `feeds` says what to feed for any other. Ends with the error of the source,
   * after the predictions before it, or of a run.
   *
   * Batches stay who made them's, and come out beside their outputs; nothing here releases one. Outputs are the consumer's
   * to release, those that it never saw are released here.
   */
  predict<B, T extends Value>(
    batches: Iterable<B> | AsyncIterable<B>,
    options: PredictOptions<B> & { readonly feeds: (batch: B) => Values<T> },
  ): AsyncGenerator<Prediction<B, T>, void, undefined>;
  predict<B extends Feedable>(
    batches: Iterable<B> | AsyncIterable<B>,
    options?: PredictOptions<B>,
  ): AsyncGenerator<Prediction<B, Fed<B>>, void, undefined>;
  predict<B>(
    batches: Iterable<B> | AsyncIterable<B>,
    options: PredictOptions<B> & { readonly feeds?: (batch: B) => Values<Value> } = {},
  ): AsyncGenerator<Prediction<B, Value>, void, undefined> {
    this.requireOpen();
    if (!isRecord(batches) && !Array.isArray(batches)) throw typeError('batches', 'an iterable', batches);
    if (!(Symbol.asyncIterator in batches) && !(Symbol.iterator in batches)) {
      throw typeError('batches', 'an iterable', batches);
    }
    const given = requireRecord(options, 'options');
    rejectUnknown(given, 'options', PREDICT_KEYS);
    const { outputs } = options;
    if (outputs !== undefined && !Array.isArray(outputs)) {
      throw typeError('options.outputs', 'an array of names', outputs);
    }
    for (const name of ['feeds', 'unused'] as const) {
      if (given[name] !== undefined && typeof given[name] !== 'function') {
        throw typeError(`options.${name}`, 'a function', given[name]);
      }
    }
    const feeds = options.feeds ?? this.feedsOf(given.input);
    const signal = given.signal === undefined ? null : requireSignal(given.signal, 'options.signal');
    const depth = given.depth === undefined ? this.queueDepth : requireInteger(given.depth, 'options.depth', 1, 64);
    return predictAll<B, Value>(batches, {
      start: (batch) => this.run(feeds(batch), { outputs, ...(signal === null ? {} : { signal }) }),
      release: (made) => {
        for (const tensor of Object.values(made)) if (tensor instanceof DeviceTensor) tensor.release();
      },
      depth,
      unused: options.unused,
      signal,
    });
  }

  /** Refuses new runs and those that wait; runs under way go on, and the model goes with the last one. Idempotent. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    this.turns.close('the ONNX session was closed');
    this.engine.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  private requireOpen(): void {
    if (!this.open) fail('FS_ERR_CLOSED', 'the ONNX session was closed');
  }

  private async takeTurn(plan: RunPlan, signal: AbortSignal | null): Promise<Values<Value>> {
    // A run that need not wait begins within the call: closing the session in the next line does not meet it.
    const turn = this.turns.enter(signal);
    if (turn !== null) await turn;
    const made: DeviceTensor[] = [];
    try {
      const bound: BoundValue[] = [];
      const results: Record<string, Value> = {};
      // Outputs are made now and not before, so that `queueDepth` bounds their memory too.
      for (const output of plan.outputs) {
        const value = output.value ?? this.make(output, plan.onDevice);
        if (output.value === null && value instanceof DeviceTensor) made.push(value);
        bound.push({ ...output, value });
        results[output.name] =
          plan.given[output.name] ??
          (value instanceof DeviceTensor ? value : this.engine.tensor(output.dtype, value, output.shape));
      }
      await this.engine.run(plan.inputs, bound, signal);
      this.runs++;
      return results;
    } catch (error) {
      for (const tensor of made) tensor.release();
      throw error;
    } finally {
      this.turns.leave();
    }
  }

  private make({ dtype, shape }: OutputToMake, onDevice: boolean): DeviceTensor | ArrayBufferView {
    const size = elementCount(shape, 'shape');
    const bytes = size * bytesPerElement(dtype);
    if (onDevice) return new DeviceTensor(this.device.allocate(bytes), dtype, shape);
    return hostArray(dtype, new ArrayBuffer(bytes), 0, size);
  }

  /** How a batch is fed to one input. */
  private feedsOf(input: unknown): (batch: unknown) => Values<Value> {
    const names = this.inputs.map(({ name }) => name);
    const name = input ?? names[0];
    if (typeof name !== 'string') throw typeError('options.input', "the name of one of the model's inputs", input);
    if (!names.includes(name)) throw rangeError('options.input', `one of ${names.join(', ')}`, input);
    if (names.length > 1) {
      throw typeError('options.feeds', `a function, because the model has ${names.length} inputs`, undefined);
    }
    return (batch) => ({ [name]: (isRecord(batch) && 'features' in batch ? batch.features : batch) as Value });
  }
}

async function requireReadable(path: string): Promise<void> {
  try {
    await (await fs.open(path, 'r')).close();
  } catch (error) {
    throw ioError(error, path, 'open');
  }
}
