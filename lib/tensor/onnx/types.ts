/** What goes into an ONNX session and comes out of it. */
import type { DeviceTensor } from '../../device/device-tensor.js';
import type { DType } from '../../device/dtype.js';

/** CPU data: a `Tensor` of onnxruntime-common, or what looks like one. */
export interface OnnxTensor {
  /** `float32` … as in onnxruntime-common. */
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: unknown;
  /** Only `cpu` is taken. */
  readonly location: string;
}

/** An input or output of a model. */
export interface OnnxValueInfo {
  readonly name: string;
  /** `string` and `other` (sequences, maps, packed types) cannot be bound. */
  readonly dtype: DType | 'string' | 'other';
  /** A name is the same size wherever it stands; null is any size. */
  readonly shape: readonly (number | string | null)[];
}

/** A value's memory in one run. */
export interface BoundValue {
  readonly index: number;
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly value: DeviceTensor | ArrayBufferView;
}

/** What executes a session's runs: the addon, or onnxruntime-node's own JavaScript API. */
export interface OnnxEngine {
  readonly route: 'io-binding' | 'onnxruntime-node';
  /** ONNX Runtime's version. */
  readonly version: string;
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
  /** Settles when the outputs are written. */
  run(inputs: readonly BoundValue[], outputs: readonly BoundValue[], signal: AbortSignal | null): Promise<void>;
  /** A tensor of onnxruntime-common over `data`. */
  tensor(dtype: DType, data: ArrayBufferView, dims: readonly number[]): OnnxTensor;
  /** Runs that were inside ONNX Runtime at once. */
  peakRunning(): number;
  /** Runs under way go on. Idempotent. */
  close(): void;
}

export interface OnnxStats {
  /** Runs that ended well. */
  readonly runs: number;
  /** Runs under way now and at most, by `queueDepth`. */
  readonly inFlight: number;
  readonly peakInFlight: number;
  /** Runs that wait for their turn. */
  readonly waiting: number;
  /** Runs that were inside ONNX Runtime at once. */
  readonly peakRunning: number;
}
