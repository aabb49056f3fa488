// Makes prebuilds/<platform>-<arch>/flowstate.node: an addon that carries libstdc++ (and, where nvcc is, the CUDA
// runtime) inside, so that it loads on machines with an older libstdc++ and without a driver.
import { copyFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildAddon, loadProblem, root } from './addon-build.mjs';

const { file, problem, log } = buildAddon({
  out: join('build', 'prebuild'),
  defines: { FS_STATIC_RUNTIME: 'ON', CMAKE_CUDA_RUNTIME_LIBRARY: 'Static' },
});
if (problem !== null) {
  console.error(`prebuild: ${problem} (log: ${log})`);
  process.exitCode = 1;
} else {
  const target = join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'flowstate.node');
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(file, `${target}.next`);
  renameSync(`${target}.next`, target);
  const reason = loadProblem(target);
  if (reason !== null) {
    console.error(`prebuild: ${target} does not load: ${reason}`);
    process.exitCode = 1;
  } else {
    console.log(`prebuild: ${target} (${Math.round(statSync(target).size / 1024)} KiB)`);
  }
}
