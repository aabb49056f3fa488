// npm's install step. In this order: a prebuilt addon of this platform that loads, a build with this machine's
// compiler, the TypeScript fallback. It never fails an installation: a failure is noted in build/install-failure.txt,
// where `flowstate doctor` and the loader find it, and the fallback serves. Last, the command's compiled code.
//   --force                  builds even when a prebuilt addon loads, and exits 1 when the build fails
//   FLOWSTATE_SKIP_BUILD=1   builds nothing
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildAddon, loadProblem, root } from './addon-build.mjs';
import { makeCodeCache } from './code-cache.mjs';

const force = process.argv.includes('--force');
const note = join(root, 'build', 'install-failure.txt');

function noteFailure(reason) {
  mkdirSync(join(root, 'build'), { recursive: true });
  writeFileSync(note, `${reason}\n`);
  console.log(`flowstate: no native addon (${reason}). The TypeScript fallback serves: same results, slower.`);
}

function main() {
  if (process.env.FLOWSTATE_SKIP_BUILD === '1' && !force) {
    noteFailure('FLOWSTATE_SKIP_BUILD=1 was set at installation; run `npm rebuild flowstate` without it');
    return;
  }
  const prebuilt = join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'flowstate.node');
  if (!force && existsSync(prebuilt)) {
    const problem = loadProblem(prebuilt);
    if (problem === null) {
      rmSync(note, { force: true });
      return;
    }
    console.log(`flowstate: the prebuilt addon does not load here (${problem}); building`);
  }
  const { problem, withoutCuda } = buildAddon();
  if (problem === null) {
    if (withoutCuda !== null) {
      console.log(`flowstate: nvcc is here, but ${withoutCuda} with CUDA (log: build/install-cuda.log); built without`);
    }
    rmSync(note, { force: true });
    return;
  }
  noteFailure(problem);
  if (force) process.exitCode = 1;
}

try {
  main();
  makeCodeCache();
} catch (error) {
  noteFailure(`the installer failed: ${error.message.split('\n')[0]}`);
  if (force) process.exitCode = 1;
}
