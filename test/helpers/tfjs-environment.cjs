'use strict';
/**
 * Jest gives each test file a realm of its own, and TensorFlow.js asks its arguments with `instanceof` which typed arrays
 * they are. So for its tests the realm gets Node's own arrays, and with them the tfjs-node that Node itself has loaded
 * (scripts/tfjs-node.mjs builds it): once per worker, as in a program. `tfjsNode` is null where it was not built. The tests
 * in test/gpu get an installed tfjs-node-gpu in its place, or the reason why there is none: one process takes one TensorFlow.
 */
const { existsSync } = require('node:fs');
const { join } = require('node:path');
const util = require('node:util');
const { TestEnvironment } = require('jest-environment-node');

const FOLDER = join(__dirname, '..', '..', 'build', 'tfjs-node');
const ARRAYS = [
  'Float32Array',
  'Float64Array',
  'Int32Array',
  'Uint8ClampedArray',
  'Int8Array',
  'Int16Array',
  'Uint16Array',
];

function prepare() {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  // What tfjs-node 4.22.0 misses on Node 23 and later.
  util.isNullOrUndefined ??= (value) => value === null || value === undefined;
}

function loadNode() {
  if (!existsSync(join(FOLDER, 'ready.json'))) return null;
  prepare();
  return require(join(FOLDER, 'node_modules', '@tensorflow', 'tfjs-node'));
}

function loadGpu() {
  prepare();
  try {
    const tf = require('@tensorflow/tfjs-node-gpu');
    return tf.backend().isUsingGpuDevice ? { tf, reason: null } : { tf: null, reason: 'tfjs-node-gpu sees no GPU' };
  } catch (error) {
    return { tf: null, reason: `@tensorflow/tfjs-node-gpu does not load: ${error.message.split('\n')[0]}` };
  }
}

module.exports = class TfjsEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    this.isForGpu = context.testPath.startsWith(join(config.globalConfig.rootDir, 'test', 'gpu'));
  }

  async setup() {
    await super.setup();
    for (const name of ARRAYS) this.global[name] = globalThis[name];
    this.global.tfjsNodeFolder = FOLDER;
    if (this.isForGpu) this.global.tfjsNodeGpu = loadGpu();
    else this.global.tfjsNode = loadNode();
  }
};
