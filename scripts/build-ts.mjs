// Compiles lib/ twice: ES modules for `import`, CommonJS for `require`. Two builds rather than one and a wrapper,
// so that an ES module program and the library share one copy of apache-arrow and `instanceof Table` holds.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
rmSync(join(root, 'dist'), { recursive: true, force: true });
for (const [name, type] of [
  ['esm', 'module'],
  ['cjs', 'commonjs'],
]) {
  execFileSync(process.execPath, [tsc, '-p', join(root, `tsconfig.${name}.json`)], { stdio: 'inherit' });
  mkdirSync(join(root, 'dist', name), { recursive: true });
  // A nested package.json opens a package scope of its own, and "imports" may not leave it: the loader goes along.
  copyFileSync(join(root, 'native', 'load.cjs'), join(root, 'dist', name, 'load.cjs'));
  writeFileSync(join(root, 'dist', name, 'package.json'), `${JSON.stringify({ type, imports: { '#addon': './load.cjs' } })}\n`);
}
