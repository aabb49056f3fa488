// The before-commit check: eslint, prettier and clang-format over the staged files, and the layer check. It looks at
// the files as they lie in the work tree, which is what a commit of whole files contains.
import { execFileSync, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { resolve } = createRequire(import.meta.url);
const staged = execFileSync('git', ['diff', '--cached', '--name-only', '--diff-filter=ACMR'], { cwd: root })
  .toString()
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(root, file)));

const scripts = staged.filter((file) => /\.(ts|mts|cts|js|mjs|cjs)$/.test(file));
const native = staged.filter((file) => /\.(h|hpp|cc|cpp|cu|cuh)$/.test(file));
const eslint = join(dirname(resolve('eslint/package.json')), 'bin', 'eslint.js');
const prettier = join(dirname(resolve('prettier/package.json')), 'bin', 'prettier.cjs');

const steps = [];
if (scripts.length > 0) steps.push([eslint, '--no-warn-ignored', ...scripts]);
if (staged.length > 0) steps.push([prettier, '--check', '--ignore-unknown', '--log-level', 'warn', ...staged]);
if (native.length > 0) steps.push([join(root, 'scripts', 'clang-format.mjs'), '--check', ...native]);
if (scripts.length + native.length > 0) steps.push([join(root, 'scripts', 'check-layers.mjs')]);

let failed = false;
for (const step of steps)
  failed = spawnSync(process.execPath, step, { cwd: root, stdio: 'inherit' }).status !== 0 || failed;
process.exitCode = failed ? 1 : 0;
