/** The engine for a `backend` option: the addon's where there is one, else its twin. */
import { createError, fromNative } from '../../errors/from-native.js';
import { loadAddon } from '../../internal/native.js';
import { NativeLatePolicy } from '../../internal/native-stream.js';
import { selectExecutor } from '../../join/executor.js';
import type { Backend } from '../../join/options.js';
import { JavascriptEngine } from './javascript-engine.js';
import { NativeEngine } from './native-engine.js';
import type { EngineConfig, StreamEngine } from './types.js';

/** Whether the addon's engine keeps emitted rows: for revisions, and to tell what a late row would have changed. */
const NATIVE_KEEPS_EMITTED = false;

function keepsEmitted({ streams, leftLate, horizon }: EngineConfig): boolean {
  const policies = [leftLate, ...streams.map(({ late }) => late)];
  return (
    policies.includes(NativeLatePolicy.revise) ||
    (policies.slice(1).includes(NativeLatePolicy.sideOutput) && horizon > 0)
  );
}

export interface CreatedEngine {
  readonly engine: StreamEngine;
  readonly name: 'native' | 'javascript';
}

/** Throws what `selectExecutor` throws. */
export function createEngine(config: EngineConfig, backend: Backend): CreatedEngine {
  const { name } = selectExecutor(backend);
  const { addon } = loadAddon();
  if (keepsEmitted(config) && !NATIVE_KEEPS_EMITTED) {
    if (backend === 'native') {
      const message = "late: 'revise', and 'sideOutput' with a horizon, run on the JavaScript engine only; use 'auto'";
      throw createError('FS_ERR_ADDON_UNAVAILABLE', message);
    }
    return { engine: new JavascriptEngine(config), name: 'javascript' };
  }
  if (name === 'javascript' || addon === null) return { engine: new JavascriptEngine(config), name: 'javascript' };
  try {
    return { engine: new NativeEngine(addon.StreamEngine, config), name: 'native' };
  } catch (error) {
    throw fromNative(error);
  }
}
