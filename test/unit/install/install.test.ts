/** The install hook and the loader, in copies of the package that lack one thing or another. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const ROOT = resolve(__dirname, '..', '..', '..');
let copy = '';

beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), 'flowstate-install-'));
  for (const name of ['package.json', 'native', 'scripts'])
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
});
afterEach(() => rmSync(copy, { recursive: true, force: true }));

function put(name: string, text: string): void {
  mkdirSync(dirname(join(copy, name)), { recursive: true });
  writeFileSync(join(copy, name), text);
}

function install(
  env: Readonly<Record<string, string>> = {},
  ...args: string[]
): { status: number | null; out: string; note: string } {
  const done = spawnSync(process.execPath, [join(copy, 'scripts', 'install.mjs'), ...args], {
    cwd: copy,
    encoding: 'utf8',
    env: { ...process.env, FLOWSTATE_SKIP_BUILD: '', ...env },
  });
  const note = join(copy, 'build', 'install-failure.txt');
  return {
    status: done.status,
    out: done.stdout + done.stderr,
    note: existsSync(note) ? readFileSync(note, 'utf8') : '',
  };
}

function load(env: Readonly<Record<string, string>> = {}): {
  addon: boolean;
  path: string | null;
  reason: string | null;
} {
  const script = `const l = require('./native/load.cjs').load(); console.log(JSON.stringify({ ...l, addon: l.addon !== null }))`;
  const done = spawnSync(process.execPath, ['-e', script], {
    cwd: copy,
    encoding: 'utf8',
    env: { ...process.env, FLOWSTATE_ADDON: '', ...env },
  });
  return JSON.parse(done.stdout) as ReturnType<typeof load>;
}

const FAILURE = /^[^\n]+\n$/;

test('without native sources the fallback serves, and the note says why', () => {
  const done = install();
  expect(done).toMatchObject({ status: 0, note: expect.stringMatching(FAILURE) });
  expect(done.out).toMatch(/^flowstate: no native addon \(.*CMakeLists.*\)[^\n]*\n$/);
  expect(load()).toEqual({ addon: false, path: null, reason: done.note.trim() });
});

test('FLOWSTATE_SKIP_BUILD=1 builds nothing', () => {
  put('CMakeLists.txt', 'message(FATAL_ERROR "must not be configured")');
  const done = install({ FLOWSTATE_SKIP_BUILD: '1' });
  expect(done).toMatchObject({ status: 0, note: expect.stringContaining('FLOWSTATE_SKIP_BUILD') });
  expect(existsSync(join(copy, 'build', 'install.log'))).toBe(false);
});

test('without cmake the note names it and the remedy', () => {
  put('CMakeLists.txt', '');
  const done = install({ PATH: dirname(process.execPath) === '/usr/bin' ? '/nonexistent' : dirname(process.execPath) });
  expect(done).toMatchObject({ status: 0, note: expect.stringMatching(/cmake.*install.*npm rebuild/) });
});

test('a build that fails leaves a log and the fallback; --force makes it an error', () => {
  put(
    'CMakeLists.txt',
    'cmake_minimum_required(VERSION 3.21)\nproject(x NONE)\nmessage(FATAL_ERROR "broken on purpose")\n',
  );
  cpSync(
    join(ROOT, 'node_modules', 'cmake-js', 'package.json'),
    join(copy, 'node_modules', 'cmake-js', 'package.json'),
  );
  put('node_modules/cmake-js/bin/cmake-js', "console.error('broken on purpose'); process.exit(1);");
  const done = install();
  expect(done).toMatchObject({ status: 0, note: expect.stringMatching(/log is .*install\.log/) });
  expect(readFileSync(join(copy, 'build', 'install.log'), 'utf8')).toContain('broken on purpose');
  expect(install({}, '--force').status).toBe(1);
});

test('a prebuilt addon that does not load is not used, and the loader says why', () => {
  const file = `prebuilds/${process.platform}-${process.arch}/flowstate.node`;
  put(file, 'not a library');
  const done = install();
  expect(done.status).toBe(0);
  expect(done.out).toContain('does not load here');
  const { addon, reason } = load();
  expect(addon).toBe(false);
  expect(reason).toContain(file);
});

test('a module that is no addon of ours, or of another version, is refused', () => {
  put('other.js', 'module.exports = {};');
  expect(load({ FLOWSTATE_ADDON: 'other.js' }).reason).toMatch(/other\.js: not an addon of flowstate/);
  put('old.js', "module.exports = { buildInfo: () => ({ version: '0.0.0' }) };");
  expect(load({ FLOWSTATE_ADDON: 'old.js' }).reason).toMatch(/old\.js: built from version 0\.0\.0/);
});
