// Builds the native addon with cmake-js, for scripts/install.mjs and scripts/prebuild.mjs. Touches no network: headers
// come from node-api-headers and node-addon-api, both installed by npm. Output goes to a log, not to the terminal.
import { spawnSync } from 'node:child_process';
import { appendFileSync, copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const JOBS = '2';

function runs(command, ...args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** Path or name of the CUDA compiler, or null. */
export function findNvcc() {
  const named = [process.env.CUDACXX, process.env.CUDA_HOME && join(process.env.CUDA_HOME, 'bin', 'nvcc'), 'nvcc'];
  return [...named, '/usr/local/cuda/bin/nvcc'].find((file) => file && runs(file, '--version')) ?? null;
}

/** What the build lacks, with the remedy; null when everything is there. */
export function missingTool() {
  if (!existsSync(join(root, 'CMakeLists.txt')))
    return 'this package has no native sources (CMakeLists.txt is missing)';
  if (!runs('cmake', '--version')) {
    return 'no cmake on PATH; install cmake and a C++20 compiler (Debian: apt-get install cmake g++), then `npm rebuild flowstate`';
  }
  if (process.platform !== 'win32') {
    const compilers = [process.env.CXX, 'c++', 'g++', 'clang++'];
    if (!compilers.some((name) => name && runs(name, '--version'))) {
      return 'no C++ compiler on PATH; install one (Debian: apt-get install g++), then `npm rebuild flowstate`';
    }
  }
  return null;
}

/** Null when a fresh process can load the addon, else the loader's message. */
export function loadProblem(file) {
  const script =
    'try { require(process.argv[1]) } catch (e) { console.log(e.message.split("\\n")[0]); process.exit(3) }';
  const done = spawnSync(process.execPath, ['-e', script, file], { encoding: 'utf8' });
  if (done.status === 0) return null;
  return done.stdout.trim() || `the process that loaded it died (${done.signal ?? `exit ${done.status}`})`;
}

/**
 * Configures and builds into `<root>/<out>`. Returns null, or one line saying what failed. A cache that another
 * path or compiler left behind is thrown away and the configuration tried once more.
 */
function buildOnce({ out, defines, log }) {
  const cmakeJs = join(dirname(createRequire(import.meta.url).resolve('cmake-js/package.json')), 'bin', 'cmake-js');
  const common = ['--out', join(root, out), '--config', 'Release', '--directory', root];
  const definitions = Object.entries(defines).map(([name, value]) => `--CD${name}=${value}`);
  const step = (...args) => {
    appendFileSync(log, `\n$ cmake-js ${args.join(' ')}\n`);
    const done = spawnSync(process.execPath, [cmakeJs, ...args], {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      env: { ...process.env, CMAKE_BUILD_PARALLEL_LEVEL: JOBS },
    });
    appendFileSync(log, `${done.stdout ?? ''}${done.stderr ?? ''}`);
    return done.status === 0;
  };
  const configure = () => step('configure', ...common, ...definitions);
  if (!configure()) {
    rmSync(join(root, out, 'CMakeCache.txt'), { force: true });
    rmSync(join(root, out, 'CMakeFiles'), { recursive: true, force: true });
    if (!configure()) return 'cmake could not configure the build';
  }
  if (!step('build', ...common, '--parallel', JOBS)) return 'the compiler failed';
  return null;
}

/**
 * Builds with CUDA where nvcc is, and without it when that build fails (`withoutCuda` then says why). Returns
 * `{ file, problem }`, one of them null.
 */
export function buildAddon({ out = 'build', defines = {} } = {}) {
  mkdirSync(join(root, out), { recursive: true });
  const log = join(root, 'build', 'install.log');
  mkdirSync(dirname(log), { recursive: true });
  writeFileSync(log, `${new Date().toISOString()} node ${process.version} ${process.platform}-${process.arch}\n`);
  const file = join(root, out, 'Release', 'flowstate.node');
  let problem = missingTool();
  if (problem !== null) return { file: null, problem, log };
  const attempts = findNvcc() === null ? ['OFF'] : ['ON', 'OFF'];
  let withoutCuda = null;
  for (const cuda of attempts) {
    problem = buildOnce({ out, defines: { FS_CUDA: cuda, ...defines }, log });
    if (problem === null)
      problem = existsSync(file) ? loadProblem(file) : `the build made no ${out}/Release/flowstate.node`;
    if (problem === null) return { file, problem: null, withoutCuda, log };
    if (cuda === 'ON') {
      withoutCuda = problem;
      copyFileSync(log, join(root, 'build', 'install-cuda.log'));
    }
  }
  return { file: null, problem: `${problem}; the log is ${log}`, log };
}
