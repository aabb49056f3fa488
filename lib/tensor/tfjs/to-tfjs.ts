/**
 * Device memory as a `tf.Tensor`. On tfjs-node and tfjs-node-gpu the tensor is the memory: an operation of ours in the
 * TensorFlow that they have loaded gives out a tensor over it (`cpp/include/flowstate/tensor/tf_alias.h`), and the block
 * stays lent until TensorFlow has deallocated that tensor. Plain tfjs keeps its values in arrays of its own.
 */
import type { DeviceTensor } from '../../device/device-tensor.js';
import { callNative, handleOf } from '../../device/native-backend.js';
import { createError } from '../../errors/from-native.js';
import { requireTensor } from '../../device/device-tensor.js';
import type { NativeTfStats } from '../../internal/native-tfjs.js';
import { loadAddon } from '../../internal/native.js';
import {
  loadTfjs,
  type NodeBackend,
  nodeBackendOf,
  requireWorkingNode,
  type Tfjs,
  type TfjsDType,
  type TfjsTensor,
  type TfjsValues,
} from './module.js';
import { obstacleOf, plainObstacle, type TensorPlace } from './obstacles.js';
import { parseToTfjs, requireTfjsShape, TF_TYPES, type ToTfjsOptions } from './options.js';

/** How a tensor of `toTfjs` holds its values, and where they were copied, why. */
export interface TfjsRoute {
  readonly kind: 'shared' | 'copied';
  readonly reason: string | null;
}

const routes = new WeakMap<object, TfjsRoute>();

/** How `toTfjs` made a tensor; null for any other (`clone()` and `reshape()` make others). */
export function tfjsRoute(tensor: object): TfjsRoute | null {
  return routes.get(tensor) ?? null;
}

/**
 * A `tf.Tensor` of the same elements: float32, int32 or bool. Settles when the work that is queued on the tensor is done.
 *
 * On tfjs-node(-gpu) both look at one memory, each with a claim of its own: release the DeviceTensor and dispose the
 * `tf.Tensor`, in any order. What is written into one (`affine(…, true)`, an upload) shows in the other, also in tensors
 * that TensorFlow made of it without a copy. With plain tfjs the values are copied; `tfjsRoute` tells which it was.
 *
 * Throws FS_ERR_WOULD_COPY with the reason (memory at no multiple of 64 bytes, on a GPU 256, or of another device than
 * TensorFlow computes on; a SavedModel on a GPU; the JavaScript device; plain tfjs with `copy: 'refuse'`), FS_ERR_ARG_TYPE
 * (not a DeviceTensor; a dtype that tfjs does not have: cast first), FS_ERR_ARG_RANGE (more than 6 axes), FS_ERR_CLOSED,
 * FS_ERR_BUSY (a copy into the tensor is under way), FS_ERR_DEPENDENCY_MISSING (no TensorFlow.js, or one that does not run
 * here), and what the tensor's queued work failed with.
 */
export async function toTfjs<M extends Tfjs = Tfjs>(
  tensor: DeviceTensor,
  options: ToTfjsOptions<M> = {},
): Promise<ReturnType<M['tensor']>> {
  requireTensor(tensor, 'tensor');
  const request = parseToTfjs(options);
  const dtype = requireTfjsShape(tensor.dtype, tensor.shape);
  // A released tensor is refused before anything is loaded for it.
  void tensor.buffer;
  const tf = request.tf ?? (await loadTfjs());
  requireWorkingNode(tf);
  await tf.ready();
  const backend = nodeBackendOf(tf);
  const obstacle =
    backend === null
      ? plainObstacle(tf.getBackend())
      : obstacleOf(placeOf(tensor, dtype), backend.isUsingGpuDevice, request.model);
  if (obstacle !== null) {
    if (request.copy === 'refuse' || (request.copy === 'auto' && backend !== null)) {
      throw createError('FS_ERR_WOULD_COPY', `the tensor cannot be shared with TensorFlow: ${obstacle}`, {
        details: { reason: obstacle },
      });
    }
    if (request.copy === 'auto') warnOnce(obstacle);
    return (await copyOf(tf, tensor, dtype, obstacle)) as ReturnType<M['tensor']>;
  }
  // Work may have been queued in the turns that the waiting took.
  while (!tensor.isReady) await tensor.ready();
  return share(tf, backend!, tensor, dtype) as ReturnType<M['tensor']>;
}

/** Tensors that TensorFlow holds of this process, all threads; null without the addon. For finding what was not disposed. */
export function tfjsStats(): NativeTfStats | null {
  return loadAddon().addon?.tfStats() ?? null;
}

function placeOf(tensor: DeviceTensor, dtype: TfjsDType): TensorPlace {
  const { id: deviceId, info } = tensor.device;
  const address = info.backend === 'native' ? tensor.devicePointer : null;
  return { deviceId, address, byteOffset: tensor.byteOffset, isEmpty: tensor.size === 0, dtype };
}

let hasWarned = false;

function warnOnce(reason: string): void {
  if (hasWarned) return;
  hasWarned = true;
  process.emitWarning(`toTfjs copies: ${reason}. { copy: 'allow' } accepts it, 'refuse' forbids it.`, {
    type: 'FlowStateWarning',
    code: 'FS_WARN_TFJS_COPY',
  });
}

async function copyOf(tf: Tfjs, tensor: DeviceTensor, dtype: TfjsDType, reason: string): Promise<TfjsTensor> {
  const values = (await tensor.toHost()) as TfjsValues;
  const copy = tf.tensor(values, [...tensor.shape], dtype);
  routes.set(copy, Object.freeze({ kind: 'copied', reason }));
  return copy;
}

function share(tf: Tfjs, backend: NodeBackend, tensor: DeviceTensor, dtype: TfjsDType): TfjsTensor {
  // A native device's own.
  const addon = loadAddon().addon!;
  const memory = handleOf(tensor.buffer.memory);
  const { hostOp, gpuOp } = callNative(() => addon.tfAttach());
  const type = TF_TYPES[dtype];
  const { slot, generation } = callNative(() =>
    addon.tfLend(memory, { byteOffset: tensor.byteOffset, type, shape: tensor.shape }),
  );
  // An input, never an attribute: TensorFlow keeps a kernel for each set of attributes for ever.
  const handle = tf.tensor(new Int32Array([slot, generation]), [2], 'int32');
  try {
    const attributes = [{ name: 'T', type: backend.binding.TF_ATTR_TYPE, value: type }];
    const shared = backend.executeSingleOutput(backend.isUsingGpuDevice ? gpuOp : hostOp, attributes, [handle]);
    routes.set(shared, Object.freeze({ kind: 'shared', reason: null }));
    return shared;
  } catch (error) {
    addon.tfDrop(slot, generation);
    throw createError('FS_ERR_INTERNAL', `TensorFlow did not take the tensor: ${String(error)}`, { cause: error });
  } finally {
    handle.dispose();
  }
}
