// npm's `prepare`: builds dist/, and in a checkout of this repository (not in someone's node_modules) switches the
// before-commit check on, unless the user already has hooks of their own.
import { execFileSync, spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const git = (...args) => spawnSync('git', args, { cwd: root, encoding: 'utf8' });

const top = git('rev-parse', '--show-toplevel');
if (top.status === 0 && realpathSync(top.stdout.trim()) === realpathSync(root)) {
  if (git('config', '--get', 'core.hooksPath').status !== 0) git('config', 'core.hooksPath', 'scripts/git-hooks');
}
execFileSync(process.execPath, [join(root, 'scripts', 'build-ts.mjs'), '--if-stale'], { stdio: 'inherit' });
