'use strict';
// Finds and loads the native addon: a prebuilt one for this platform, else the one built on this machine.
// CommonJS, and reached as "#addon" from both builds of the library, because only `require` loads a .node file.
const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');

const LIBONNXRUNTIME = /^libonnxruntime(\.[\d.]+)?\.(so(\.\d+)?|dylib)$/;

let loaded;
let library;

function packageRoot() {
  for (let dir = __dirname; ; dir = path.dirname(dir)) {
    const file = path.join(dir, 'package.json');
    if (fs.existsSync(file) && JSON.parse(fs.readFileSync(file, 'utf8')).name === 'flowstate') return dir;
    if (dir === path.dirname(dir)) throw new Error('flowstate: package root not found');
  }
}

function candidates(root) {
  const found = [];
  if (process.env.FLOWSTATE_ADDON) found.push(path.resolve(process.env.FLOWSTATE_ADDON));
  found.push(path.join(root, 'build', 'Release', 'flowstate.node'));
  found.push(path.join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'flowstate.node'));
  return found;
}

/** Why a module that loaded is not the addon of this library, or null. The two change together, so versions must agree. */
function mismatch(addon, root) {
  if (typeof addon.buildInfo !== 'function') return 'not an addon of flowstate';
  const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  const built = addon.buildInfo().version;
  return built === version
    ? null
    : `built from version ${built}, but the library is ${version}; run npm rebuild flowstate`;
}

function find() {
  const failures = [];
  let root;
  try {
    root = packageRoot();
  } catch (error) {
    return { addon: null, path: null, reason: error.message };
  }
  for (const file of candidates(root)) {
    if (!fs.existsSync(file)) continue;
    try {
      const addon = require(file);
      const problem = mismatch(addon, root);
      if (problem === null) return { addon, path: file, reason: null };
      failures.push(`${file}: ${problem}`);
    } catch (error) {
      failures.push(`${file}: ${error.message.split('\n')[0]}`);
    }
  }
  const note = path.join(root, 'build', 'install-failure.txt');
  if (failures.length === 0 && fs.existsSync(note)) failures.push(fs.readFileSync(note, 'utf8').trim());
  if (failures.length === 0) failures.push('no prebuilt addon for this platform and none built on this machine');
  return { addon: null, path: null, reason: failures.join('; ') };
}

/** `{ addon, path, reason }`; looked for once. */
function load() {
  loaded ??= find();
  return loaded;
}

/** The libduckdb that @duckdb/node-bindings installed for this platform, or null; looked for once. */
function duckdbLibrary() {
  if (library === undefined) library = findLibrary();
  return library;
}

function findLibrary() {
  const file = process.platform === 'darwin' ? 'libduckdb.dylib' : 'libduckdb.so';
  for (const suffix of ['', '-musl']) {
    try {
      const bindings = createRequire(require.resolve('@duckdb/node-bindings/package.json'));
      const home = path.dirname(
        bindings.resolve(`@duckdb/node-bindings-${process.platform}-${process.arch}${suffix}/package.json`),
      );
      if (fs.existsSync(path.join(home, file))) return path.join(home, file);
    } catch {
      // Not installed; the other variant may be.
    }
  }
  return null;
}

/** The libonnxruntime that onnxruntime-node carries for this platform, or null. */
function onnxruntimeLibrary() {
  try {
    const bin = path.join(path.dirname(require.resolve('onnxruntime-node/package.json')), 'bin');
    for (const version of fs.readdirSync(bin)) {
      const home = path.join(bin, version, process.platform, process.arch);
      const name = fs.existsSync(home) && fs.readdirSync(home).find((file) => LIBONNXRUNTIME.test(file));
      if (name) return path.join(home, name);
    }
  } catch {
    // Not installed.
  }
  return null;
}

module.exports = { load, packageRoot, duckdbLibrary, onnxruntimeLibrary };
module.exports.default = module.exports;
