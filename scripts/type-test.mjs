// The type test: test/types must compile against the built declarations, each `@ts-expect-error` included.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const run = (...args) => spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status ?? 1;
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
process.exitCode =
  run(join(root, 'scripts', 'build-ts.mjs'), '--if-stale') ||
  run(tsc, '-p', join(root, 'test', 'types', 'tsconfig.json'));
if (process.exitCode === 0) console.log('type test: ok');
