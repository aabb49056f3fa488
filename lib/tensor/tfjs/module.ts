/** TensorFlow.js as this library uses it: its few functions by shape, so that no types of an optional package are needed. */
import util from 'node:util';

import { FlowStateError } from '../../errors/errors.js';
import { createError } from '../../errors/from-native.js';
import { loadOptional } from '../../internal/optional.js';

/** What a `tf.Tensor` is here. */
export interface TfjsTensor {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly isDisposed: boolean;
  dispose(): void;
}

export type TfjsDType = 'float32' | 'int32' | 'bool';
export type TfjsValues = Float32Array | Int32Array | Uint8Array;

/** The module that `require('@tensorflow/tfjs…')` gives. */
export interface Tfjs {
  tensor(values: TfjsValues, shape: number[], dtype: TfjsDType): TfjsTensor;
  ready(): Promise<void>;
  getBackend(): string;
  backend(): unknown;
  readonly version: object;
}

/** The backend of tfjs-node and tfjs-node-gpu. */
export interface NodeBackend {
  readonly isUsingGpuDevice: boolean;
  readonly binding: { readonly TF_ATTR_TYPE: number };
  executeSingleOutput(
    name: string,
    attributes: readonly { readonly name: string; readonly type: number; readonly value: number }[],
    inputs: readonly TfjsTensor[],
  ): TfjsTensor;
}

/** Native ones first, the GPU's before the CPU's. */
export const TFJS_PACKAGES = [
  '@tensorflow/tfjs-node-gpu',
  '@tensorflow/tfjs-node',
  '@tensorflow/tfjs',
] as const satisfies readonly string[];

type Import = (name: string) => Promise<unknown>;

/** By a name that bundlers and the compiler do not follow: none of the packages need be there. */
const importByName: Import = (name) => import(name) as Promise<unknown>;

/**
 * The first package that is installed. FS_ERR_DEPENDENCY_MISSING where none is, and where one is installed but does not
 * load: another would serve, but not as whoever installed it expects.
 */
export async function loadTfjs(load: Import = importByName): Promise<Tfjs> {
  for (const name of TFJS_PACKAGES) {
    try {
      return moduleOf(await loadOptional(name, 'toTfjs', () => load(name)));
    } catch (error) {
      if (error instanceof FlowStateError && error.code === 'FS_ERR_DEPENDENCY_MISSING') continue;
      const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
      throw createError('FS_ERR_DEPENDENCY_MISSING', `${name} is installed but does not load: ${reason}`, {
        details: { package: name },
        cause: error,
      });
    }
  }
  throw createError(
    'FS_ERR_DEPENDENCY_MISSING',
    'toTfjs needs TensorFlow.js: npm install @tensorflow/tfjs-node (shares memory), or @tensorflow/tfjs (copies)',
    { details: { package: '@tensorflow/tfjs-node' } },
  );
}

/** Named exports of a CommonJS module may not all be seen by `import`. */
function moduleOf(loaded: unknown): Tfjs {
  const { default: whole } = loaded as { readonly default?: Tfjs };
  return typeof whole?.tensor === 'function' ? whole : (loaded as Tfjs);
}

export function isTfjs(value: unknown): value is Tfjs {
  const tf = value as Partial<Record<keyof Tfjs, unknown>> | null;
  return (
    (typeof tf === 'object' || typeof tf === 'function') &&
    tf !== null &&
    (['tensor', 'ready', 'getBackend', 'backend'] as const).every((name) => typeof tf[name] === 'function')
  );
}

/** Null for a backend without TensorFlow below it. */
export function nodeBackendOf(tf: Tfjs): NodeBackend | null {
  if (tf.getBackend() !== 'tensorflow') return null;
  const backend = tf.backend() as Partial<NodeBackend>;
  return typeof backend.executeSingleOutput === 'function' && backend.binding !== undefined
    ? (backend as NodeBackend)
    : null;
}

/**
 * tfjs-node up to 4.22.0 calls `util.isNullOrUndefined` in most operations; Node 23 removed it. What the user would meet
 * is a TypeError in the middle of a model. Throws FS_ERR_DEPENDENCY_MISSING with the remedy.
 */
export function requireWorkingNode(tf: Tfjs, node: object = util, nodeVersion = process.version): void {
  const version = (tf.version as Readonly<Record<string, string | undefined>>)['tfjs-node'];
  if (version === undefined || isLaterThan(version, [4, 22, 0])) return;
  if (typeof (node as { readonly isNullOrUndefined?: unknown }).isNullOrUndefined === 'function') return;
  throw createError(
    'FS_ERR_DEPENDENCY_MISSING',
    `tfjs-node ${version} does not run on Node ${nodeVersion}: it calls util.isNullOrUndefined, which Node 23 removed. ` +
      "Use Node 22, or put it back first: require('node:util').isNullOrUndefined = (value) => value == null",
    { details: { package: '@tensorflow/tfjs-node', version } },
  );
}

function isLaterThan(version: string, than: readonly number[]): boolean {
  const parts = version.split(/[.-]/).map(Number);
  const at = than.findIndex((part, i) => parts[i] !== part);
  return at !== -1 && (parts[at] ?? 0) > (than[at] ?? 0);
}
