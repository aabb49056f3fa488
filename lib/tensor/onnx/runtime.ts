/** The package onnxruntime-node, loaded on first use. What is used of it is written out: users need not have its types. */
import { loadOptional } from '../../internal/optional.js';
import type { OnnxTensor } from './types.js';

export interface OrtValueInfo {
  readonly name: string;
  readonly isTensor: boolean;
  readonly type?: string;
  readonly shape?: readonly (number | string)[];
}

export interface OrtSession {
  readonly inputMetadata: readonly OrtValueInfo[];
  readonly outputMetadata: readonly OrtValueInfo[];
  run(
    feeds: Readonly<Record<string, OnnxTensor>>,
    fetches: Readonly<Record<string, OnnxTensor>>,
  ): Promise<Readonly<Record<string, OnnxTensor>>>;
  release(): Promise<void>;
}

export interface Ort {
  readonly Tensor: new (type: string, data: ArrayBufferView, dims: readonly number[]) => OnnxTensor;
  readonly InferenceSession: {
    create(model: string | Uint8Array, options: Readonly<Record<string, unknown>>): Promise<OrtSession>;
  };
  readonly env: {
    readonly logLevel?: string;
    readonly versions: { readonly common: string; readonly node?: string };
  };
}

/** Throws FS_ERR_DEPENDENCY_MISSING where it is not installed. */
export async function loadOrt(): Promise<Ort> {
  const module = (await loadOptional(
    'onnxruntime-node',
    'OnnxSession',
    () => import('onnxruntime-node'),
  )) as unknown as Ort & { readonly default?: Ort };
  // CommonJS: what an ES module sees by name depends on who analysed it.
  return module.default ?? module;
}

const LEVELS = ['verbose', 'info', 'warning', 'error', 'fatal'];

/** The user's log level as the C API has it; `warning` is ONNX Runtime's default. */
export function logLevelOf(ort: Ort): number {
  const level = LEVELS.indexOf(ort.env.logLevel ?? 'warning');
  return level < 0 ? 2 : level;
}
