// Has V8 compile the bundled command, and keeps the compiled code beside it (bin/load-command.cjs uses it). What counts
// is the code that a run needs, so a run makes it: two small files are joined, Parquet included. Only this machine's
// V8 takes the result, so it is made where the package is installed and never packed.
import { createRequire } from 'node:module';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const self = fileURLToPath(import.meta.url);
const root = dirname(dirname(self));
const BUNDLE = join(root, 'dist', 'cli', 'flowstate.cjs');
const CACHE = join(root, 'dist', 'cli', 'flowstate.cache');

async function make() {
  const folder = mkdtempSync(join(tmpdir(), 'flowstate-cache-'));
  const at = (name) => join(folder, name);
  try {
    const { loadCommand } = createRequire(import.meta.url)('../bin/load-command.cjs');
    const { command, compiled } = loadCommand({ cached: false });
    writeFileSync(at('left.csv'), 'ts,symbol,price\n10,A,1.5\n20,B,2.5\n30,A,3.5\n');
    writeFileSync(at('right.csv'), 'ts,symbol,bid\n9,A,1.25\n15,B,2.25\n31,A,9\n');
    const joined = async (left, right, out) => {
      await command.main([
        'join',
        '--left',
        at(left),
        '--right',
        at(right),
        '--on',
        'ts',
        '--by',
        'symbol',
        '--out',
        out,
      ]);
      if (process.exitCode !== undefined) throw new Error(`the join of ${left} and ${right} failed`);
    };
    for (const side of ['left', 'right']) await joined(`${side}.csv`, `${side}.csv`, at(`${side}.parquet`));
    await joined('left.parquet', 'right.parquet', at('out.parquet'));
    const fresh = `${CACHE}.${process.pid}`;
    writeFileSync(fresh, compiled());
    renameSync(fresh, CACHE);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** In a process of its own, which must not fail anyone else: without the file the command only starts more slowly. */
export function makeCodeCache() {
  rmSync(CACHE, { force: true });
  if (!existsSync(BUNDLE)) return;
  spawnSync(process.execPath, [self], { stdio: 'ignore', timeout: 60_000 });
}

if (process.argv[1] === self) await make();
