/** What the tarball carries. Installing it into empty projects is scripts/pack-test.mjs, which CI runs. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuilt, ROOT } from '../cli/run-cli.js';

interface Manifest {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, Readonly<Record<string, string>>>>>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;
let files: string[] = [];

beforeAll(() => {
  ensureBuilt();
  const listing = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  files = (JSON.parse(listing) as { files: { path: string }[] }[])[0]!.files.map((file) => file.path);
});

test('carries the library twice, the command, the loader, the sources of the addon and the licence', () => {
  for (const file of [
    'dist/esm/index.js',
    'dist/esm/index.d.ts',
    'dist/cjs/index.js',
    'dist/cjs/index.d.ts',
    'dist/cli/flowstate.cjs',
    'dist/cli/THIRD-PARTY-LICENSES.txt',
    'bin/flowstate.js',
    'bin/load-command.cjs',
    'native/load.cjs',
    'scripts/install.mjs',
    'scripts/addon-build.mjs',
    'scripts/code-cache.mjs',
    'CMakeLists.txt',
    'cpp/CMakeLists.txt',
    'cpp/binding/addon.cc',
    'cpp/include/flowstate/error_codes.def',
    'LICENSE',
    'README.md',
  ]) {
    expect(files).toContain(file);
  }
});

test('carries no tests, no benchmarks, no logs and nothing that was built here but dist', () => {
  expect(
    files.filter((file) => /^(test|bench|build|lib|coverage|demo-output|\.ci)\/|\.log$|\/test\/|\/fuzz\//.test(file)),
  ).toEqual([]);
});

test('the licences of all that is in the bundled command go along, and V8 code does not', () => {
  const text = readFileSync(join(ROOT, 'dist/cli/THIRD-PARTY-LICENSES.txt'), 'utf8');
  for (const name of ['apache-arrow', 'commander', 'fastest-levenshtein', 'flatbuffers', 'tslib']) {
    expect(text).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+$`, 'm'));
  }
  expect(files.filter((file) => file.endsWith('.cache'))).toEqual([]);
});

test('every file that the addon is built from is there', () => {
  const tracked = execFileSync(
    'git',
    ['ls-files', '--cached', '--others', '--exclude-standard', 'cpp/src', 'cpp/include', 'cpp/binding'],
    {
      cwd: ROOT,
      encoding: 'utf8',
    },
  );
  const sources = tracked.split('\n').filter((file) => /\.(h|cc|def)$/.test(file) && existsSync(join(ROOT, file)));
  expect(sources.filter((file) => !files.includes(file))).toEqual([]);
});

test('every entry of exports and bin exists', () => {
  const targets = Object.values(manifest.exports).flatMap((entry) =>
    typeof entry === 'string' ? [entry] : Object.values(entry).flatMap((conditions) => Object.values(conditions)),
  );
  const missing = [...targets, ...Object.values(manifest.bin)].filter((target) => !existsSync(join(ROOT, target)));
  expect(missing).toEqual([]);
});

test('versions are exact, and every package has its line in docs/dependencies.md', () => {
  const page = readFileSync(join(ROOT, 'docs', 'dependencies.md'), 'utf8');
  const all = { ...manifest.dependencies, ...manifest.devDependencies };
  for (const [name, version] of Object.entries(all)) {
    expect([name, version]).toEqual([name, expect.stringMatching(/^\d+\.\d+\.\d+(-[\w.]+)?$/)]);
    const listed = page.includes(`\`${name}\``) || (name.startsWith('@types/') && page.includes('`@types/*`'));
    expect([name, listed]).toEqual([name, true]);
  }
});
