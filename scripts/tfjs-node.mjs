// A real TensorFlow for the tests: build/tfjs-node gets @tensorflow/tfjs-node without its install script (which downloads
// a libtensorflow of its own), and the binding that the package ships as source, built against the libraries and headers
// of a tensorflow-cpu wheel. About 270 MB from npm's and PyPI's registries, 900 MB on disk, a minute or two; done once:
// later runs find the stamp, prove that it still loads, and end.
//   --force   builds again; what was downloaded is kept
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TFJS_NODE = '4.22.0';
const TENSORFLOW = '2.21.0';
// The wheel's libraries are the same for every Python, so that one is asked for whatever this machine has.
const WHEEL = { python: '3.11', abi: 'cp311', platform: 'manylinux_2_27_x86_64' };
const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
const NAPI = 8;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const folder = join(root, 'build', 'tfjs-node');
const packageFolder = join(folder, 'node_modules', '@tensorflow', 'tfjs-node');
const binding = join(packageFolder, 'lib', `napi-v${NAPI}`, 'tfjs_binding.node');
const stamp = join(folder, 'ready.json');
const wanted = JSON.stringify({ tfjsNode: TFJS_NODE, tensorflow: TENSORFLOW, napi: NAPI });

/** Runs a command to its end; throws what it printed where it fails. */
function run(command, args, options = {}) {
  const done = spawnSync(command, args, { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 28, ...options });
  if (done.status === 0) return done.stdout;
  const reason = done.error?.message ?? `${done.stdout}${done.stderr}`.trim().split('\n').slice(-15).join('\n');
  throw new Error(`${command} ${args[0]}: ${reason}`);
}

function say(text) {
  console.log(`tfjs-node: ${text}`);
}

function installPackage() {
  const manifest = join(packageFolder, 'package.json');
  if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === TFJS_NODE) return;
  say(`installing @tensorflow/tfjs-node@${TFJS_NODE}, without its scripts`);
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  run(npm, ['install', '--ignore-scripts', '--no-audit', '--no-fund', `@tensorflow/tfjs-node@${TFJS_NODE}`]);
}

function unpackTensorFlow() {
  const deps = join(packageFolder, 'deps');
  if (LIBRARIES.every((name) => existsSync(join(deps, 'lib', name)))) return;
  const wheels = join(folder, 'wheel');
  mkdirSync(wheels, { recursive: true });
  say(`downloading tensorflow-cpu ${TENSORFLOW}, some 270 MB`);
  run('python3', [
    ...['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', '--implementation', 'cp'],
    ...['--python-version', WHEEL.python, '--abi', WHEEL.abi, '--platform', WHEEL.platform],
    ...['--dest', wheels, `tensorflow-cpu==${TENSORFLOW}`],
  ]);
  const wheel = readdirSync(wheels).find((name) => name.startsWith(`tensorflow_cpu-${TENSORFLOW}-`));
  if (wheel === undefined) throw new Error(`pip left no wheel in ${wheels}`);
  say('unpacking its libraries and C headers');
  // Into a folder that is renamed when it is whole: what was interrupted must not look finished.
  const partial = join(folder, 'unpacked');
  rmSync(partial, { recursive: true, force: true });
  const script = `
import os, shutil, sys, zipfile
wheel, out = sys.argv[1:3]
with zipfile.ZipFile(wheel) as archive:
    for info in archive.infolist():
        name = info.filename
        if name in ${JSON.stringify(LIBRARIES.map((name) => `tensorflow/${name}`))}:
            target = os.path.join(out, 'lib', os.path.basename(name))
        elif name.startswith('tensorflow/include/') and name.endswith('.h'):
            target = os.path.join(out, name.split('/', 1)[1])
        else:
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with archive.open(info) as source, open(target, 'wb') as file:
            shutil.copyfileobj(source, file, 1 << 22)
`;
  run('python3', ['-c', script, join(wheels, wheel), partial]);
  rmSync(deps, { recursive: true, force: true });
  renameSync(partial, deps);
  rmSync(wheels, { recursive: true, force: true });
}

function buildBinding() {
  say('building its binding');
  mkdirSync(dirname(binding), { recursive: true });
  const headers = createRequire(import.meta.url)('node-api-headers').include_dir;
  run(
    process.env.CXX ?? 'g++',
    [
      ...[
        '-std=c++17',
        '-O2',
        '-w',
        '-fPIC',
        '-shared',
        `-DNAPI_VERSION=${NAPI}`,
        `-I${headers}`,
        '-Ideps/include',
        '-I..',
      ],
      ...['binding/tfjs_backend.cc', 'binding/tfjs_binding.cc', '-o', binding, '-Ldeps/lib'],
      ...[...LIBRARIES.map((name) => `-l:${name}`), '-Wl,-rpath,$ORIGIN/../../deps/lib'],
    ],
    { cwd: packageFolder },
  );
}

/** Loads it in a process of its own and computes; returns TensorFlow's version. */
function prove() {
  const script = `
    require('node:util').isNullOrUndefined ??= (value) => value === null || value === undefined;
    const tf = require(process.argv[1]);
    const product = tf.tidy(() => Array.from(tf.matMul([[1, 2], [3, 4]], [[1, 1], [1, 1]]).dataSync()));
    if (tf.getBackend() !== 'tensorflow' || product.join() !== '3,3,7,7') throw new Error('2 x 2 came out as ' + product);
    console.log(tf.backend().binding.TF_Version);
  `;
  return run(process.execPath, ['-e', script, packageFolder], {
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' },
  }).trim();
}

function main() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    say(`skipped: the wheel is for linux-x64, this is ${process.platform}-${process.arch}`);
    return;
  }
  const started = Date.now();
  mkdirSync(folder, { recursive: true });
  const isBuilt = existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted && existsSync(binding);
  if (!isBuilt || process.argv.includes('--force')) {
    rmSync(stamp, { force: true });
    installPackage();
    unpackTensorFlow();
    buildBinding();
  }
  const version = prove();
  writeFileSync(stamp, wanted);
  say(`${TFJS_NODE} runs on TensorFlow ${version} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    main();
  } catch (error) {
    console.error(`tfjs-node: ${error.message}`);
    process.exitCode = 1;
  }
}
