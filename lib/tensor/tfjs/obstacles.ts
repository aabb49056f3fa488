/** Where TensorFlow would copy a tensor rather than share its memory, and why. */
import type { ErrorCode } from '../../errors/codes.js';
import type { TfjsDType } from './module.js';

export interface Obstacle {
  readonly code: ErrorCode;
  readonly reason: string;
}

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
export function plainObstacle(backend: string): Obstacle {
  const reason = `the backend '${backend}' of TensorFlow.js keeps values of its own; @tensorflow/tfjs-node shares`;
  return { code: 'FS_ERR_DEPENDENCY_MISSING', reason };
}

/** Null where TensorFlow shares the memory. */
export function obstacleOf(tensor: TensorPlace, isUsingGpu: boolean, model: unknown): Obstacle | null {
  const refused = (reason: string): Obstacle => ({ code: 'FS_ERR_ARG_RANGE', reason });
  if (tensor.address === null) {
    return { code: 'FS_ERR_ADDON_UNAVAILABLE', reason: 'the memory of the JavaScript device has no address' };
  }
  // tfjs-node computes on the first GPU, which has the same number here: one process sees one list of devices.
  if (tensor.deviceId !== (isUsingGpu ? 'cuda:0' : 'host')) {
    const where = isUsingGpu ? 'cuda:0' : 'the CPU';
    return refused(`it is on ${tensor.deviceId}, and TensorFlow computes on ${where}`);
  }
  if (isUsingGpu && tensor.dtype === 'int32') return refused('TensorFlow keeps int32 on the host; cast to float32');
  if (isUsingGpu && isSavedModel(model)) {
    return refused('a SavedModel copies its inputs to the host; use a layers or graph model');
  }
  const alignment = isUsingGpu ? 256 : 64;
  if (!tensor.isEmpty && tensor.address % BigInt(alignment) !== 0n) {
    return refused(
      `it begins at byte ${tensor.byteOffset} of its block; TensorFlow copies what is at no multiple of ${alignment}`,
    );
  }
  return null;
}

/** What `tf.node.loadSavedModel` gives; nothing exports its class. */
export function isSavedModel(model: unknown): boolean {
  return (
    typeof model === 'object' && model !== null && 'sessionId' in model && 'signature' in model && 'backend' in model
  );
}
