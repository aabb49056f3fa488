// Compiles lib/ twice: ES modules for `import`, CommonJS for `require`. Two builds rather than one and a wrapper,
// so that an ES module program and the library share one copy of apache-arrow and `instanceof Table` holds. The command
// becomes one file of its own.
// `--if-stale` does nothing when dist/ is newer than every source. Runs exclude each other, and dist/ is replaced
// by renames, because several test workers may ask at once.
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  rmdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleCommand } from './bundle-command.mjs';
import { makeCodeCache } from './code-cache.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const stamp = join(dist, '.built');
const lock = join(root, 'build', 'ts.lock');
const LOCK_EXPIRES_MS = 120_000;

function newest(path) {
  const info = statSync(path);
  if (!info.isDirectory()) return info.mtimeMs;
  return Math.max(info.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

function isStale() {
  if (!existsSync(stamp)) return true;
  const inputs = [
    'lib',
    'native',
    'tsconfig.base.json',
    'tsconfig.esm.json',
    'tsconfig.cjs.json',
    'package-lock.json',
    'bin/load-command.cjs',
    'scripts/build-ts.mjs',
    'scripts/bundle-command.mjs',
    'scripts/code-cache.mjs',
  ];
  return Math.max(...inputs.map((name) => newest(join(root, name)))) > statSync(stamp).mtimeMs;
}

async function acquire() {
  mkdirSync(dirname(lock), { recursive: true });
  for (;;) {
    try {
      mkdirSync(lock);
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    try {
      if (Date.now() - statSync(lock).mtimeMs > LOCK_EXPIRES_MS) rmdirSync(lock);
    } catch {
      // The other run has just finished.
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function build() {
  const started = new Date();
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const fresh = join(root, 'build', 'dist-next');
  rmSync(fresh, { recursive: true, force: true });
  for (const [name, type] of [
    ['esm', 'module'],
    ['cjs', 'commonjs'],
  ]) {
    const out = join(fresh, name);
    execFileSync(process.execPath, [tsc, '-p', join(root, `tsconfig.${name}.json`), '--outDir', out], {
      stdio: 'inherit',
    });
    // A nested package.json opens a package scope of its own, and "imports" may not leave it: the loader goes along.
    copyFileSync(join(root, 'native', 'load.cjs'), join(out, 'load.cjs'));
    writeFileSync(join(out, 'package.json'), `${JSON.stringify({ type, imports: { '#addon': './load.cjs' } })}\n`);
  }
  await bundleCommand(join(fresh, 'cli'));
  rmSync(dist, { recursive: true, force: true });
  renameSync(fresh, dist);
  makeCodeCache();
  // Dated before the compilation: a source saved while tsc ran counts as newer.
  writeFileSync(stamp, `${started.toISOString()}\n`);
  utimesSync(stamp, started, started);
}

await acquire();
try {
  if (!process.argv.includes('--if-stale') || isStale()) await build();
} catch (error) {
  if (error.status === undefined) throw error;
  process.exitCode = error.status ?? 1;
} finally {
  rmSync(lock, { recursive: true, force: true });
}
