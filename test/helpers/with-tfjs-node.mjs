// node --import test/helpers/with-tfjs-node.mjs …: a program finds the tfjs-node of scripts/tfjs-node.mjs as if it were
// installed beside it.
import { createRequire, register } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import util from 'node:util';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const anchor = pathToFileURL(join(root, 'build', 'tfjs-node', 'package.json')).href;
// What tfjs-node 4.22.0 misses on Node 23 and later.
util.isNullOrUndefined ??= (value) => value === null || value === undefined;
createRequire(anchor).resolve('@tensorflow/tfjs-node');
const hook = `export function resolve(name, context, next) {
  return next(name, name === '@tensorflow/tfjs-node' ? { ...context, parentURL: ${JSON.stringify(anchor)} } : context);
}`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
