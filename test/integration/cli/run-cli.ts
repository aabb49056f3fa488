/** Runs the real command in a child process, against the built library. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const ROOT = resolve(__dirname, '..', '..', '..');
export const BIN = join(ROOT, 'bin', 'flowstate.js');

/** What the library says once where there is no addon; it is right there, and no part of what a test looks at. */
export const FALLBACK_NOTICE = /^flowstate: the native addon is not available[^\n]*\n/m;

/** The executors of this machine: tests of both skip the native one where it was not built. */
export const BACKENDS: readonly string[] = hasAddon() ? ['native', 'javascript'] : ['javascript'];

function hasAddon(): boolean {
  const script = "process.exit(require('./native/load.cjs').load().addon === null ? 1 : 0)";
  return spawnSync(process.execPath, ['-e', script], { cwd: ROOT }).status === 0;
}

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with the running process, to signal it. */
  readonly onStart?: (child: ChildProcess) => void;
}

/** Compiles lib/ when a source is newer than dist/; several test workers may ask at once. */
export function ensureBuilt(): void {
  execFileSync(process.execPath, [join(ROOT, 'scripts', 'build-ts.mjs'), '--if-stale'], { stdio: 'pipe' });
}

/** Runs any program and collects what it says. */
export function runProgram(program: string, args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return new Promise((done, fail) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, NO_COLOR: '1', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const stdout: Buffer[] = [];
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', fail);
    child.once('close', (code, signal) =>
      done({ code, signal, stdout: Buffer.concat(stdout), stderr: stderr.replace(FALLBACK_NOTICE, '') }),
    );
    options.onStart?.(child);
  });
}

/** Runs `flowstate …`. */
export function flowstate(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return runProgram(process.execPath, [BIN, ...args], options);
}

/** A folder of its own for each test, removed afterwards. */
export function temporaryFolder(): { path: (name: string) => string; dir: string; remove: () => void } {
  const dir = mkdtempSync(join(tmpdir(), 'flowstate-test-'));
  return { dir, path: (name) => join(dir, name), remove: () => rmSync(dir, { recursive: true, force: true }) };
}
