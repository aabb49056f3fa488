/** Small ONNX models for the tests. The encoder is the examples' own. */
import { encodeModel, type ModelNode, type ModelValue } from '../../examples/onnx-model.cjs';

export { encodeDense, encodeModel } from '../../examples/onnx-model.cjs';

type Shape = ModelValue['shape'];

/** y = x × scale + offset in float32. */
export function scaleModel(scale: number, offset: number, shape: Shape = ['batch', 4]): Uint8Array {
  return encodeModel({
    inputs: [{ name: 'x', dtype: 'float32', shape }],
    outputs: [{ name: 'y', dtype: 'float32', shape }],
    nodes: [
      { op: 'Mul', inputs: ['x', 'scale'], outputs: ['scaled'] },
      { op: 'Add', inputs: ['scaled', 'offset'], outputs: ['y'] },
    ],
    constants: {
      scale: { dtype: 'float32', shape: [], data: Float32Array.of(scale) },
      offset: { dtype: 'float32', shape: [], data: Float32Array.of(offset) },
    },
  });
}

/** y = x · x · … of a square matrix, `steps` times: work that takes a while. */
export function powerModel(size: number, steps: number): Uint8Array {
  const nodes: ModelNode[] = Array.from({ length: steps }, (_, i) => ({
    op: 'MatMul',
    inputs: [i === 0 ? 'x' : `p${i - 1}`, 'x'],
    outputs: [i === steps - 1 ? 'y' : `p${i}`],
  }));
  const value = { dtype: 'float32', shape: [size, size] } as const;
  return encodeModel({ inputs: [{ name: 'x', ...value }], outputs: [{ name: 'y', ...value }], nodes });
}
