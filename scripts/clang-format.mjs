// Formats (--write) or checks (--check) the C++ and CUDA sources with the clang-format that npm installed, so that
// every machine formats alike. Files may be named; without names, all tracked and new ones are taken.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const SOURCE = /^(cpp|cuda|orderbook)\/.*\.(h|hpp|cc|cpp|cu|cuh)$/;

function binary() {
  const home = dirname(createRequire(import.meta.url).resolve('clang-format/package.json'));
  const file = join(home, 'bin', `${process.platform}_${process.arch}`, 'clang-format');
  if (existsSync(file)) {
    chmodSync(file, 0o755);
    return file;
  }
  if (spawnSync('clang-format', ['--version']).status === 0) return 'clang-format';
  return null;
}

function sources() {
  const list = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root });
  return list.toString().split('\n');
}

const [mode = '--check', ...named] = process.argv.slice(2);
const files = (named.length > 0 ? named : sources()).filter(
  (file) => SOURCE.test(file) && existsSync(join(root, file)),
);
const tool = binary();
if (files.length === 0) {
  console.log('clang-format: no C++ files');
} else if (tool === null) {
  console.error(
    `clang-format: the npm package has no binary for ${process.platform}-${process.arch}; install one on PATH`,
  );
  process.exitCode = 1;
} else {
  const flags = mode === '--write' ? ['-i'] : ['--dry-run', '-Werror'];
  const done = spawnSync(tool, [...flags, ...files], { cwd: root, stdio: 'inherit' });
  if (done.status !== 0) {
    console.error('clang-format: run `npm run format`');
    process.exitCode = 1;
  } else {
    console.log(`clang-format: ${files.length} files ${mode === '--write' ? 'formatted' : 'clean'}`);
  }
}
