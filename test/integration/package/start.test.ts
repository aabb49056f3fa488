/** How the command starts: from its bundle, with compiled code or without, whatever state that code is in. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt, ROOT } from '../cli/run-cli.js';

let copy = '';
const at = (name: string): string => join(copy, name);
const CACHE = 'dist/cli/flowstate.cache';

beforeAll(ensureBuilt);
beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), 'flowstate-start-'));
  for (const name of ['package.json', 'native', 'bin', 'scripts'])
    cpSync(join(ROOT, name), at(name), { recursive: true });
  mkdirSync(at('dist'));
  cpSync(join(ROOT, 'dist', 'cli'), at('dist/cli'), { recursive: true, preserveTimestamps: true });
  symlinkSync(join(ROOT, 'node_modules'), at('node_modules'));
});
afterEach(() => rmSync(copy, { recursive: true, force: true }));

function version(): string {
  const done = spawnSync(process.execPath, [at('bin/flowstate.js'), '--version'], { encoding: 'utf8' });
  return done.stderr + done.stdout.trim();
}

/** What V8 says of the compiled code: false where it took it, true where it refused, undefined where it was not asked. */
function refused(): unknown {
  const script = `console.log(JSON.stringify([require('./bin/load-command.cjs').loadCommand().refused]))`;
  const done = spawnSync(process.execPath, ['-e', script], { cwd: copy, encoding: 'utf8' });
  return (JSON.parse(done.stdout) as unknown[])[0] ?? undefined;
}

const expected = (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }).version;

test('the build left compiled code that V8 takes', () => {
  expect(refused()).toBe(false);
  expect(version()).toBe(expected);
});

test('the code of another bundle is not offered, even of one as long', () => {
  const bundle = at('dist/cli/flowstate.cjs');
  writeFileSync(bundle, readFileSync(bundle, 'utf8').replace('Point-in-time', 'POINT-IN-TIME'));
  expect(refused()).toBeUndefined();
  const help = spawnSync(process.execPath, [at('bin/flowstate.js'), '--help'], { encoding: 'utf8' });
  expect(help.stdout).toContain('POINT-IN-TIME');
});

test.each<[string, (bytes: Buffer) => Uint8Array]>([
  ['empty', () => new Uint8Array()],
  ['cut short', (bytes) => bytes.subarray(0, 1000)],
  // Offered to V8, it ends the process.
  ['damaged', (bytes) => bytes.map((byte, index) => (index > 5000 && index % 777 === 0 ? ~byte : byte))],
])('code that is %s is not offered, and the command starts', (_, change) => {
  writeFileSync(at(CACHE), change(readFileSync(at(CACHE))));
  expect(refused()).toBeUndefined();
  expect(version()).toBe(expected);
});

test('code of another V8 is refused, and the command starts', () => {
  const done = spawnSync(process.execPath, [
    '--no-opt',
    '--no-lazy-feedback-allocation',
    at('bin/flowstate.js'),
    '--version',
  ]);
  expect(done.stdout.toString().trim()).toBe(expected);
});

test('an installation makes it; without it the command starts too', () => {
  rmSync(at(CACHE));
  expect(refused()).toBeUndefined();
  expect(version()).toBe(expected);
  const install = [at('scripts/install.mjs')];
  const done = spawnSync(process.execPath, install, { env: { ...process.env, FLOWSTATE_SKIP_BUILD: '1' } });
  expect(done.status).toBe(0);
  expect(refused()).toBe(false);
});

test('without dist/ it says what to do', () => {
  rmSync(at('dist'), { recursive: true });
  expect(version()).toMatch(/^flowstate: dist\/ is missing: [^\n]*\n$/);
});
