/** Options of `toTfjs`. */
import type { DType } from '../../device/dtype.js';
import { fail, rejectUnknown, requireOneOf, requireRecord, typeError } from '../../internal/validate.js';
import { isTfjs, type Tfjs, type TfjsDType } from './module.js';

export const COPY_RULES = ['auto', 'allow', 'refuse'] as const;
export type CopyRule = (typeof COPY_RULES)[number];

export interface ToTfjsOptions<M extends Tfjs = Tfjs> {
  /** The TensorFlow.js to make the tensor with. Default: the first installed of tfjs-node-gpu, tfjs-node and tfjs. */
  readonly tf?: M;
  /**
   * `auto`: shared memory where TensorFlow is native, and an error where it would have to copy; with plain tfjs, which
   * cannot share, a copy, of which one warning per process tells. `allow`: a copy wherever memory cannot be shared.
   * `refuse`: an error there. Default `auto`.
   */
  readonly copy?: CopyRule;
  /** The model that the tensor is for: a SavedModel on a GPU, which would copy its inputs, is then refused. */
  readonly model?: unknown;
}

export interface ToTfjsRequest<M extends Tfjs> {
  readonly tf: M | null;
  readonly copy: CopyRule;
  readonly model: unknown;
}

const KEYS = ['tf', 'copy', 'model'] as const;

export function parseToTfjs<M extends Tfjs>(options: ToTfjsOptions<M>): ToTfjsRequest<M> {
  const given = requireRecord(options, 'options');
  rejectUnknown(given, 'options', KEYS);
  const { tf, copy, model } = options;
  if (tf !== undefined && !isTfjs(tf)) throw typeError('options.tf', 'the module of a TensorFlow.js package', tf);
  return { tf: tf ?? null, copy: requireOneOf(copy ?? 'auto', 'options.copy', COPY_RULES), model };
}

/** TF_DataType of what tfjs has tensors of. */
export const TF_TYPES: Readonly<Record<TfjsDType, number>> = { float32: 1, int32: 3, bool: 10 };
/** Axes of the largest `tf.Tensor`. */
const MOST_AXES = 6;

/** Throws FS_ERR_ARG_TYPE for a dtype, FS_ERR_ARG_RANGE for a shape, that no `tf.Tensor` has. */
export function requireTfjsShape(dtype: DType, shape: readonly number[]): TfjsDType {
  if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') {
    fail(
      'FS_ERR_ARG_TYPE',
      `tensor must be float32, int32 or bool, which are what tfjs has, got ${dtype}; cast to float32 in featureMatrix`,
      { where: 'tensor', received: dtype },
    );
  }
  if (shape.length > MOST_AXES || shape.some((size) => size > 2 ** 31 - 1)) {
    fail('FS_ERR_ARG_RANGE', `tfjs holds tensors of at most ${MOST_AXES} axes of less than 2^31 each`, { shape });
  }
  return dtype;
}
