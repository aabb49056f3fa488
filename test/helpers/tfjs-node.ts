/**
 * The TensorFlow of `scripts/tfjs-node.mjs` for tests in the environment `tfjs-environment.cjs`. Where it was not built,
 * or there is no addon, they skip and the reason is printed; FLOWSTATE_REQUIRE_TFJS_NODE=1 makes that a failure.
 */
import type * as TfjsNode from '@tensorflow/tfjs';

import type { NodeBackend } from '../../lib/tensor/tfjs/module.js';
import { loadAddon } from '../../lib/internal/native.js';

declare global {
  var tfjsNode: typeof TfjsNode | null;
  var tfjsNodeFolder: string;
}

function whyNot(): string | null {
  const { addon, reason } = loadAddon();
  if (addon === null) return `there is no addon: ${reason ?? 'unknown'}`;
  return globalThis.tfjsNode === null ? 'no build/tfjs-node; `node scripts/tfjs-node.mjs` makes it' : null;
}

const reason = whyNot();
if (reason !== null) {
  const isRequired = process.env.FLOWSTATE_REQUIRE_TFJS_NODE === '1';
  if (!isRequired) console.warn(`the tests on a real TensorFlow are skipped: ${reason}`);
  test('there is a TensorFlow, where FLOWSTATE_REQUIRE_TFJS_NODE=1 demands one', () => {
    expect({ isRequired, reason }).toEqual({ isRequired: false, reason });
  });
}

export const onTensorFlow = reason === null ? describe : describe.skip;
/** Only inside `onTensorFlow`. */
export const tf = globalThis.tfjsNode!;
export const nodeBackend = (): NodeBackend => tf.backend() as unknown as NodeBackend;
