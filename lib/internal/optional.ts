/** Optional peers: loaded on first use, with an error that names the package to install. */
import { createError } from '../errors/from-native.js';

/** `load` imports the package. FS_ERR_DEPENDENCY_MISSING where it is not installed; other failures pass through. */
export async function loadOptional<T>(name: string, what: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') throw error;
    throw createError('FS_ERR_DEPENDENCY_MISSING', `${what} needs the package ${name}: npm install ${name}`, {
      details: { package: name },
      cause: error,
    });
  }
}
