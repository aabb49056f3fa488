/** The engine for a `backend` option: the addon's where there is one, else its twin. */
import { fromNative } from '../../errors/from-native.js';
import { loadAddon } from '../../internal/native.js';
import { rangeError } from '../../internal/validate.js';
import { selectExecutor } from '../../join/executor.js';
import type { Backend } from '../../join/options.js';
import { JavascriptEngine } from './javascript-engine.js';
import { NativeEngine } from './native-engine.js';
import type { EngineConfig, StreamEngine } from './types.js';

/** Of engines to be made. Tests set it: a sweep that comes seldom hides what it does. */
export const engineTesting = { sweepEachEmit: false };

export interface CreatedEngine {
  readonly engine: StreamEngine;
  readonly name: 'native' | 'javascript';
}

/** Throws what `selectExecutor` throws, and FS_ERR_ARG_RANGE for 'device'. */
export function createEngine(given: EngineConfig, backend: Backend): CreatedEngine {
  const config = { ...given, sweepEachEmit: given.sweepEachEmit || engineTesting.sweepEachEmit };
  if (backend === 'device') {
    throw rangeError('options.backend', "'auto', 'native' or 'javascript': live joins run on the CPU", backend);
  }
  const { name } = selectExecutor(backend);
  const { addon } = loadAddon();
  if (name === 'javascript' || addon === null) return { engine: new JavascriptEngine(config), name: 'javascript' };
  try {
    return { engine: new NativeEngine(addon.StreamEngine, config), name: 'native' };
  } catch (error) {
    throw fromNative(error);
  }
}
