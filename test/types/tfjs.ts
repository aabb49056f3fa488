/** Types of `toTfjs`: with the module that is given, its own tensors. */
import * as tf from '@tensorflow/tfjs';
import { type DeviceTensor, type TfjsRoute, tfjsRoute, type TfjsTensor, toTfjs } from 'flowstate';

declare const tensor: DeviceTensor;

const named: Promise<tf.Tensor> = toTfjs(tensor, { tf, copy: 'refuse' });
const found: Promise<tf.Tensor> = toTfjs<typeof tf>(tensor);
const plain: Promise<TfjsTensor> = toTfjs(tensor);
const route: TfjsRoute | null = tfjsRoute(await named);

// @ts-expect-error -- without the module's type its methods are not known
(await plain).matMul(await found);
// @ts-expect-error -- a rule that does not exist
void toTfjs(tensor, { copy: 'sometimes' });
// @ts-expect-error -- the values are the device's, not the caller's
void toTfjs(new Float32Array(3));

export { route };
