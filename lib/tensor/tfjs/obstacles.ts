/** Where TensorFlow would copy a tensor rather than share its memory, and why. */
import type { TfjsDType } from './module.js';

/** What counts of a tensor. */
export interface TensorPlace {
  /** `host`, `cuda:0` … */
  readonly deviceId: string;
  /** Null on the JavaScript device. */
  readonly address: bigint | null;
  readonly byteOffset: number;
  readonly isEmpty: boolean;
  readonly dtype: TfjsDType;
}

/** Of a backend without TensorFlow below it. */
export function plainObstacle(backend: string): string {
  return `the backend '${backend}' of TensorFlow.js keeps values of its own; @tensorflow/tfjs-node shares`;
}

/** Null where TensorFlow shares the memory. */
export function obstacleOf(tensor: TensorPlace, isUsingGpu: boolean, model: unknown): string | null {
  if (tensor.address === null) return 'the memory of the JavaScript device has no address';
  // tfjs-node computes on the first GPU, which has the same number here: one process sees one list of devices.
  if (tensor.deviceId !== (isUsingGpu ? 'cuda:0' : 'host')) {
    return `it is on ${tensor.deviceId}, and TensorFlow computes on ${isUsingGpu ? 'cuda:0' : 'the CPU'}`;
  }
  if (isUsingGpu && tensor.dtype === 'int32') return 'TensorFlow keeps int32 on the host; cast to float32';
  if (isUsingGpu && isSavedModel(model)) {
    return 'a SavedModel copies its inputs to the host; use a layers or graph model';
  }
  const alignment = isUsingGpu ? 256 : 64;
  if (!tensor.isEmpty && tensor.address % BigInt(alignment) !== 0n) {
    return `it begins at byte ${tensor.byteOffset} of its block; TensorFlow copies what is at no multiple of ${alignment}`;
  }
  return null;
}

/** What `tf.node.loadSavedModel` gives; nothing exports its class. */
export function isSavedModel(model: unknown): boolean {
  return (
    typeof model === 'object' && model !== null && 'sessionId' in model && 'signature' in model && 'backend' in model
  );
}
