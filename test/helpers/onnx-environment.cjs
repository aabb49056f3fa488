'use strict';
// onnxruntime-node makes its results in Node's own realm, and onnxruntime-common tells tensors by the classes of the realm
// it was loaded in. In Jest's sandbox these differ; users have one realm. So the sandbox gets Node's typed arrays.
const { TestEnvironment } = require('jest-environment-node');

const NAMES = [
  'Float32Array',
  'Float64Array',
  'Int8Array',
  'Int16Array',
  'Int32Array',
  'BigInt64Array',
  'Uint16Array',
  'Uint32Array',
  'BigUint64Array',
  'Float16Array',
];

module.exports = class OnnxEnvironment extends TestEnvironment {
  async setup() {
    await super.setup();
    for (const name of NAMES) if (globalThis[name] !== undefined) this.global[name] = globalThis[name];
  }
};
