/** The executor in the native addon: one call, errors rebuilt as classes, an AbortSignal that cancels the task. */
import { fromNative, isNativeErrorRecord } from '../errors/from-native.js';
import type { NativeAddon, NativeJoinRequest } from '../internal/native.js';
import type { NativeDevice } from '../internal/native-device.js';
import type { Executor } from './executor.js';
import { throwIfAborted } from './parse-options.js';

/** What native code threw. The core numbers the sides, 0 and 1; callers read names. */
export function joinError(thrown: unknown): unknown {
  if (!isNativeErrorRecord(thrown) || !('side' in thrown.details)) return fromNative(thrown);
  const side = Number(thrown.details.side) === 0 ? 'left' : 'right';
  return fromNative({ ...thrown, details: { ...thrown.details, side } });
}

/** Joins of at most this many rows on all sides run at once: they take less than handing them to a thread and back. */
const INLINE_ROWS = 4096;

function isSmall(request: NativeJoinRequest): boolean {
  let rows = request.leftRows;
  for (const stream of request.streams) {
    for (const chunk of stream.right.time.column.chunks) rows += chunk.length;
  }
  return rows <= INLINE_ROWS;
}

/** `device`: finds the matches; the rest of the work is the CPU's. */
export function createNativeExecutor(addon: NativeAddon, device: NativeDevice | null = null): Executor {
  const placed = (request: NativeJoinRequest): NativeJoinRequest =>
    device === null ? request : { ...request, device };
  return {
    name: device === null ? 'native' : 'device',
    runSync(request) {
      try {
        return addon.joinSync(placed(request));
      } catch (error) {
        throw joinError(error);
      }
    },
    async run(request, signal) {
      let cancel: (() => void) | null = null;
      try {
        if (device === null && isSmall(request)) return addon.joinSync(request);
        const task = addon.join(placed(request));
        cancel = () => task.cancel();
        signal?.addEventListener('abort', cancel, { once: true });
        const result = await task.promise;
        // The work may have ended before it saw the signal; the caller must not be handed what it gave up.
        throwIfAborted(signal);
        return result;
      } catch (error) {
        throwIfAborted(signal);
        throw joinError(error);
      } finally {
        if (cancel !== null) signal?.removeEventListener('abort', cancel);
      }
    },
  };
}
