/** Types of `onnx-model.cjs`, for the tests. */
export type OnnxType =
  | 'float32'
  | 'uint8'
  | 'int8'
  | 'uint16'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'string'
  | 'bool'
  | 'float16'
  | 'float64'
  | 'uint32'
  | 'uint64'
  | 'bfloat16';

export interface ModelValue {
  readonly name: string;
  readonly dtype: OnnxType;
  /** A name is the same size wherever it stands; null is any. */
  readonly shape: readonly (number | string | null)[];
}

export interface ModelNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, number | string | readonly number[] | { readonly float: number }>>;
}

export interface ModelConstant {
  readonly dtype: OnnxType;
  readonly shape: readonly number[];
  readonly data: ArrayBufferView;
}

export interface Model {
  readonly inputs: readonly ModelValue[];
  readonly outputs: readonly ModelValue[];
  readonly nodes: readonly ModelNode[];
  readonly constants?: Readonly<Record<string, ModelConstant>>;
  readonly opset?: number;
}

export interface DenseLayer {
  /** Row-major, inputs × units. */
  readonly weights: ArrayLike<number>;
  readonly bias?: ArrayLike<number>;
  readonly units: number;
  readonly activation?: 'linear' | 'elu' | 'relu' | 'sigmoid' | 'softmax' | 'tanh';
}

export function encodeModel(model: Model): Uint8Array;
export function encodeDense(
  layers: readonly DenseLayer[],
  names?: { readonly input?: string; readonly output?: string; readonly batch?: string },
): Uint8Array;
