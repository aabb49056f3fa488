/** ONNX models over device memory. */
export { type Feedable, type OnnxRunOptions, OnnxSession, type PredictOptions } from './onnx-session.js';
export type { OnnxProvider, OnnxProviderOptions, OnnxSessionOptions } from './options.js';
export type { Prediction } from './predict.js';
export type { OnnxStats, OnnxTensor, OnnxValueInfo } from './types.js';
