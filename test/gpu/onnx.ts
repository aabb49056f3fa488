/**
 * Imported after `cuda.js`: the suites of ONNX sessions run on the GPU where the CUDA provider's libraries are installed, and
 * skip, saying why, where they are not: npm fetches them from elsewhere, and not everybody lets it.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { onnxruntimeLibrary } from '../../lib/internal/native.js';
import { runOnGpu } from '../helpers/devices.js';
import { GPU, reason } from './cuda.js';

const library = onnxruntimeLibrary();
const provider = library === null ? null : join(dirname(library), 'libonnxruntime_providers_cuda.so');

/** Why no ONNX session can run on the GPU; null where one can. */
export const whyNoProvider =
  reason ??
  (provider === null
    ? 'onnxruntime-node is not installed'
    : existsSync(provider)
      ? null
      : `there is no ${provider}: onnxruntime-node was installed without its download`);

if (reason === null && whyNoProvider !== null) console.warn(`ONNX on the GPU is not tested: ${whyNoProvider}`);
runOnGpu(GPU, whyNoProvider);
