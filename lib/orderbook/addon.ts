/** The order book is native code: there is no slower twin of it in TypeScript, because a book that is late is wrong. */
import { createError, fromNative } from '../errors/from-native.js';
import { loadAddon, type NativeAddon } from '../internal/native.js';

/** The addon, for `what` of it. Throws FS_ERR_ADDON_UNAVAILABLE with the reason and what to do. */
export function requireBookAddon(what = 'order book', needed: keyof NativeAddon = 'bookOpen'): NativeAddon {
  const { addon, reason } = loadAddon();
  const why = addon === null ? (reason ?? 'unknown reason') : 'the addon is older than this library';
  if (addon !== null && typeof addon[needed] === 'function') return addon;
  throw createError(
    'FS_ERR_ADDON_UNAVAILABLE',
    `the ${what} needs the native addon: ${why}; install cmake and a C++20 compiler and run 'npm rebuild flowstate' ('flowstate doctor' tells more)`,
    { details: { reason: why } },
  );
}

/** Runs a native call; records become the library's errors. */
export function callNative<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw fromNative(error);
  }
}
