/** Tensors of TensorFlow.js. */
export type { NativeTfStats as TfjsStats } from '../../internal/native-tfjs.js';
export type { Tfjs, TfjsTensor } from './module.js';
export type { CopyRule, ToTfjsOptions } from './options.js';
export { type TfjsRoute, tfjsRoute, tfjsStats, toTfjs } from './to-tfjs.js';
