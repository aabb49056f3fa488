/** The addon for histograms, filters and pools, and calls into it. */
import { fromNative } from '../errors/from-native.js';
import { loadAddon, type NativeAddon } from '../internal/native.js';

/** Null: the TypeScript twin serves. FLOWSTATE_BACKEND=javascript insists on it. */
export function sketchAddon(): NativeAddon | null {
  if (process.env.FLOWSTATE_BACKEND === 'javascript') return null;
  const { addon } = loadAddon();
  return typeof addon?.histogramRecord === 'function' ? addon : null;
}

/** Runs a native call; records become the library's errors. */
export function callSketch<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw fromNative(error);
  }
}
