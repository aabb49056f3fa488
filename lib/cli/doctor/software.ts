/** Checks of the software side: package versions, executor, addon, the tools that build it. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { type AddonLoad, packageRoot } from '../../internal/native.js';
import { flowstateVersion, versionIn } from '../version.js';
import { type Check, info, missing, ok } from './check.js';

const REBUILD = 'run `npm rebuild flowstate` (in a checkout: `npm run build:addon`); the log is build/install.log';

/** Output's first line that names a version, or null when the program cannot be run. */
export function firstLine(command: string, args: readonly string[], pattern = /./): string | null {
  const done = spawnSync(command, args, { encoding: 'utf8', timeout: 10_000 });
  if (done.error !== undefined || done.status !== 0) return null;
  return (
    `${done.stdout}${done.stderr}`
      .split('\n')
      .find((line) => pattern.test(line))
      ?.trim() ?? ''
  );
}

/** Folder of an installed dependency; null where it is not installed. */
function packageFolder(name: string): string | null {
  const require = createRequire(join(packageRoot(), 'package.json'));
  for (const folder of require.resolve.paths(name) ?? []) {
    if (existsSync(join(folder, name, 'package.json'))) return join(folder, name);
  }
  return null;
}

function dependency(name: string, purpose: string): Check {
  const folder = packageFolder(name);
  if (folder === null) return missing(name, `not installed; ${purpose} cannot work`, `npm install ${name}`);
  return ok(name, versionIn(join(folder, 'package.json')));
}

/** Packages that models need, where somebody wants models; the first of `names` that is installed. */
function optionalPackage(name: string, names: readonly string[], purpose: string): Check {
  for (const each of names) {
    const folder = packageFolder(each);
    if (folder !== null) return info(name, `${each} ${versionIn(join(folder, 'package.json'))}`);
  }
  return info(name, `not installed; ${purpose}: npm install ${names.at(-1) ?? name}`);
}

/** The DuckDB library that reads and writes Parquet. */
function duckdbLibrary(): Check {
  const bindings = `@duckdb/node-bindings-${process.platform}-${process.arch}`;
  const folder = packageFolder(bindings) ?? nested(bindings);
  if (folder === null) {
    return missing(
      'libduckdb',
      `${bindings} is not installed, so Parquet cannot be read or written`,
      'install without --omit=optional; for a platform that DuckDB does not ship, use Arrow IPC or CSV',
    );
  }
  const file = ['libduckdb.so', 'libduckdb.dylib', 'duckdb.dll'].map((n) => join(folder, n)).find((f) => existsSync(f));
  return file === undefined
    ? missing('libduckdb', `${folder} holds no library`, 'reinstall the package: npm ci')
    : ok('libduckdb', `${versionIn(join(folder, 'package.json'))} (${shorten(file)})`);
}

/** A package that npm put below @duckdb/node-bindings rather than beside it. */
function nested(name: string): string | null {
  const home = packageFolder('@duckdb/node-api');
  if (home === null) return null;
  const folder = join(dirname(home), 'node-bindings', 'node_modules', name);
  return existsSync(join(folder, 'package.json')) ? folder : null;
}

function shorten(file: string): string {
  const short = relative(packageRoot(), file);
  return short.startsWith('..') ? file : short;
}

function executor(load: AddonLoad): Check {
  const forced = process.env.FLOWSTATE_BACKEND;
  if (forced === 'javascript') return ok('executor', 'javascript (FLOWSTATE_BACKEND=javascript)');
  if (load.addon !== null) {
    const name = forced === 'device' ? 'device' : 'native';
    return ok('executor', forced === undefined || forced === '' ? name : `${name} (FLOWSTATE_BACKEND=${forced})`);
  }
  if (forced === 'native') {
    return missing('executor', 'FLOWSTATE_BACKEND=native, but there is no addon: joins fail', REBUILD, 'none');
  }
  return missing('executor', 'there is no addon, so joins run in JavaScript: same rows, slower', REBUILD, 'javascript');
}

function addon(load: AddonLoad): Check[] {
  if (load.addon === null) return [missing('addon', load.reason ?? 'unknown', REBUILD)];
  const build = load.addon.buildInfo();
  return [
    ok('addon', load.path === null ? 'loaded' : shorten(load.path)),
    info('addon build', `${build.compiler}, Node-API ${build.napi}, CUDA ${build.cuda ?? 'no'}`),
    info('threads', String(build.threads)),
  ];
}

function buildTools(load: AddonLoad): Check[] {
  const need = load.addon === null ? 'the addon cannot be built' : 'only needed to rebuild the addon';
  const compiler = [process.env.CXX, 'c++', 'g++', 'clang++'].filter((name) => name !== undefined && name !== '');
  const found = compiler.map((name) => firstLine(name ?? '', ['--version'])).find((line) => line !== null);
  const cmake = firstLine('cmake', ['--version']);
  return [
    found === undefined || found === null
      ? missing('C++ compiler', `none on PATH; ${need}`, 'install one, e.g. apt-get install g++')
      : ok('C++ compiler', found),
    cmake === null
      ? missing('cmake', `not on PATH; ${need}`, 'install it, e.g. apt-get install cmake')
      : ok('cmake', cmake.replace(/^cmake version /, '')),
  ];
}

/** Every software check. Starts a few `--version` processes; touches nothing. */
export function checkSoftware(load: AddonLoad): Check[] {
  return [
    ok('flowstate', flowstateVersion()),
    info('platform', `${process.platform}-${process.arch}`),
    ok('node', process.version),
    dependency('apache-arrow', 'the whole library'),
    dependency('@duckdb/node-api', 'Parquet'),
    duckdbLibrary(),
    optionalPackage('ONNX Runtime', ['onnxruntime-node'], 'for OnnxSession'),
    optionalPackage(
      'TensorFlow.js',
      ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node', '@tensorflow/tfjs'],
      'for toTfjs',
    ),
    executor(load),
    ...addon(load),
    ...buildTools(load),
  ];
}
