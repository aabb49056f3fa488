/** The engine for a `backend` option: the addon's where it has one, else its twin. */
import { createError } from '../../errors/from-native.js';
import type { EngineConfig, StreamEngine } from '../../internal/native-stream.js';
import { selectExecutor } from '../../join/executor.js';
import type { Backend } from '../../join/options.js';
import { JavascriptEngine } from './javascript-engine.js';

export interface CreatedEngine {
  readonly engine: StreamEngine;
  readonly name: 'native' | 'javascript';
}

/** Throws what `selectExecutor` throws. */
export function createEngine(config: EngineConfig, backend: Backend): CreatedEngine {
  const { name } = selectExecutor(backend);
  if (name === 'javascript' || backend !== 'native') {
    return { engine: new JavascriptEngine(config), name: 'javascript' };
  }
  throw createError('FS_ERR_ADDON_UNAVAILABLE', "backend 'native' has no streaming engine in this build");
}
