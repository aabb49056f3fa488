/**
 * Imported first by every file here: the suites that it loads afterwards run on the first GPU. Without one they skip and
 * the reason is printed; FLOWSTATE_REQUIRE_GPU=1 makes that a failure.
 */
import { runOnGpu, whyNoGpu } from '../helpers/devices.js';

export const GPU = 'cuda:0';
export const reason = whyNoGpu();

if (reason !== null) {
  const isRequired = process.env.FLOWSTATE_REQUIRE_GPU === '1';
  if (!isRequired) console.warn(`the GPU's tests are skipped: ${reason}`);
  test('there is a GPU, where FLOWSTATE_REQUIRE_GPU=1 demands one', () => {
    expect({ isRequired, reason }).toEqual({ isRequired: false, reason });
  });
}
runOnGpu(GPU, reason);

/** For what only a GPU has. */
export const describeOnGpu = reason === null ? describe : describe.skip;
