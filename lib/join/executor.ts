/**
 * What runs a join, and the choice among them: the native addon, a device, or JavaScript. All give the same result, bit
 * for bit; the choice is about speed and about what is installed.
 */
import { createError } from '../errors/from-native.js';
import { loadAddon, type NativeJoinRequest, type NativeJoinResult } from '../internal/native.js';
import { requireOneOf } from '../internal/validate.js';
import { createJavascriptExecutor } from './javascript-executor.js';
import { createNativeExecutor } from './native-executor.js';
import type { Backend } from './options.js';

export interface Executor {
  readonly name: 'native' | 'device' | 'javascript';
  /** Settles after the work is done or aborted; inputs must stay unchanged until then. */
  run(request: NativeJoinRequest, signal: AbortSignal | null): Promise<NativeJoinResult>;
  runSync(request: NativeJoinRequest): NativeJoinResult;
}

const javascript = createJavascriptExecutor();
let device: (() => Executor) | null = null;
let native: Executor | null = null;
let warned = false;

/** The native executor, or the reason why there is none. */
function nativeExecutor(): Executor | string {
  const { addon, reason } = loadAddon();
  if (addon === null) return reason ?? 'unknown reason';
  native ??= createNativeExecutor(addon);
  return native;
}

/** What `backend: 'device'` asks for; devices are a layer above joins and bring theirs along. */
export function provideDeviceExecutor(open: () => Executor): void {
  device = open;
}

/** Where a device would run joins but has no addon of its own to run them. */
export function javascriptExecutor(): Executor {
  return javascript;
}

/**
 * The executor for a `backend` option; FLOWSTATE_BACKEND decides where that is 'auto'. Throws
 * FS_ERR_ADDON_UNAVAILABLE when 'native' cannot be had, what opening the default device throws for 'device', and
 * FS_ERR_OPTION_UNKNOWN for an unknown FLOWSTATE_BACKEND.
 */
export function selectExecutor(option: Backend): Executor {
  const environment = process.env.FLOWSTATE_BACKEND;
  const backend =
    option === 'auto' && environment !== undefined && environment !== ''
      ? requireOneOf(environment, 'FLOWSTATE_BACKEND', ['auto', 'native', 'javascript', 'device'])
      : option;
  if (backend === 'javascript') return javascript;
  if (backend === 'device') {
    if (device !== null) return device();
    throw createError('FS_ERR_INTERNAL', 'no device executor was provided');
  }
  const found = nativeExecutor();
  if (typeof found !== 'string') return found;
  if (backend === 'native') {
    throw createError('FS_ERR_ADDON_UNAVAILABLE', `backend 'native' needs the native addon: ${found}`, {
      details: { reason: found },
    });
  }
  if (!warned) {
    warned = true;
    process.emitWarning(`the native addon is not available, joins run in JavaScript: ${found}`, {
      type: 'FlowStateWarning',
      code: 'FLOWSTATE_JAVASCRIPT',
    });
  }
  return javascript;
}
