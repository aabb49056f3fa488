/**
 * Shapes of a run: what the feeds say about the model's named sizes, and what follows from that for the outputs. Nothing
 * is left to ONNX Runtime here, because outputs are bound before it runs.
 */
import { createError } from '../../errors/from-native.js';
import { typeError } from '../../internal/validate.js';
import type { OnnxValueInfo } from './types.js';

/** Sizes of the model's named dimensions, and which feed said so. */
export class NamedSizes {
  private readonly sizes = new Map<string, { readonly size: number; readonly where: string }>();

  /** Holds a shape to what the model says. Throws FS_ERR_ARG_RANGE with the axis, what it must be and what it is. */
  match(info: OnnxValueInfo, shape: readonly number[], where: string): void {
    if (shape.length !== info.shape.length) {
      throw shapeError(info, shape, where, `${info.shape.length} axes are expected, and there are ${shape.length}`);
    }
    for (const [axis, expected] of info.shape.entries()) {
      const received = shape[axis] ?? 0;
      if (expected === null) continue;
      if (typeof expected === 'number') {
        if (expected === received) continue;
        throw shapeError(info, shape, where, `axis ${axis} must be ${expected}, and is ${received}`, {
          axis,
          expected,
          received,
        });
      }
      const known = this.sizes.get(expected);
      if (known === undefined) this.sizes.set(expected, { size: received, where });
      else if (known.size !== received) {
        const what = `axis ${axis} ('${expected}') must be ${known.size} as in ${known.where}, and is ${received}`;
        throw shapeError(info, shape, where, what, { axis, expected: known.size, received });
      }
    }
  }

  /** The shape an output will have. Throws FS_ERR_ARG_TYPE, saying what to pass, where it cannot be known. */
  shapeOf(info: OnnxValueInfo): readonly number[] {
    return info.shape.map((size, axis) => {
      if (typeof size === 'number') return size;
      const known = size === null ? undefined : this.sizes.get(size);
      if (known !== undefined) return known.size;
      const open = size === null ? 'is open' : `('${size}') is no input's`;
      throw typeError(
        `options.outputs.${info.name}`,
        `a tensor of the right shape, because the model does not say it beforehand (axis ${axis} ${open})`,
        undefined,
      );
    });
  }
}

function shapeError(
  info: OnnxValueInfo,
  shape: readonly number[],
  where: string,
  what: string,
  details: Readonly<Record<string, unknown>> = {},
): Error {
  const wanted = info.shape.map((size) => size ?? '?').join(', ');
  return createError('FS_ERR_ARG_RANGE', `${where} must be of shape [${wanted}], got [${shape.join(', ')}]: ${what}`, {
    details: { where, shape, ...details },
  });
}
