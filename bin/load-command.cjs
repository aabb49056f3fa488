'use strict';
// Loads the bundled command (scripts/bundle-command.mjs), with the code that V8 compiled for it when the package was
// built or installed (scripts/code-cache.mjs) where that is there: half of the time that the command needs to start
// is compilation. V8 refuses what another version of it has made; then, and without the file, it compiles as always.
const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const vm = require('node:vm');
const { crc32 } = require('node:zlib');

const BUNDLE = path.join(__dirname, '..', 'dist', 'cli', 'flowstate.cjs');
const CACHE = path.join(__dirname, '..', 'dist', 'cli', 'flowstate.cache');

/** Checksums of the bundle and of its compiled code: V8 compares lengths at most, and dies of damaged code. */
function sealOf(bundle, code) {
  const seal = Buffer.alloc(8);
  seal.writeUInt32LE(crc32(bundle), 0);
  seal.writeUInt32LE(crc32(code), 4);
  return seal;
}

/** The compiled code, or undefined where there is none, or none of this bundle. */
function compiledCode(bundle) {
  try {
    const file = fs.readFileSync(CACHE);
    const code = file.subarray(8);
    return sealOf(bundle, code).equals(file.subarray(0, 8)) ? code : undefined;
  } catch {
    return undefined;
  }
}

/** `{ main }` of the command; `compiled()` is what the file of compiled code should hold, with all that ran so far. */
function loadCommand({ cached = true } = {}) {
  // ASCII: the bundler sees to it.
  const bundle = fs.readFileSync(BUNDLE);
  const source = `(function (exports, require, module, __filename, __dirname) {${bundle.toString('latin1')}\n})`;
  const script = new vm.Script(source, {
    filename: BUNDLE,
    cachedData: cached ? compiledCode(bundle) : undefined,
  });
  const holder = { exports: {} };
  script.runInThisContext()(holder.exports, createRequire(BUNDLE), holder, BUNDLE, path.dirname(BUNDLE));
  const compiled = () => {
    const code = script.createCachedData();
    return Buffer.concat([sealOf(bundle, code), code]);
  };
  return { command: holder.exports, refused: script.cachedDataRejected, compiled };
}

module.exports = { loadCommand, BUNDLE };
