/** The dependency order of the sources, and that the check itself sees a breach. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const SCRIPT = resolve(__dirname, '..', '..', 'scripts', 'check-layers.mjs');

function check(root?: string): { status: number | null; lines: string[] } {
  const done = spawnSync(process.execPath, root === undefined ? [SCRIPT] : [SCRIPT, root], { encoding: 'utf8' });
  return { status: done.status, lines: done.stderr.split('\n').filter((line) => line !== '') };
}

test('imports and includes of this repository keep the order', () => {
  expect(check()).toEqual({ status: 0, lines: [] });
});

test.each<[string, Readonly<Record<string, string>>, RegExp]>([
  ['an import upwards', { 'lib/join/a.ts': "import { x } from '../storage/b.js';" }, /join may not depend on storage/],
  ['a re-export upwards', { 'lib/schema/a.ts': "export { x } from '../join/b.js';" }, /schema may not depend on join/],
  ['a dynamic import upwards', { 'lib/join/a.ts': "void import('../cli/b.js');" }, /join may not depend on cli/],
  [
    'two folders that import each other',
    {
      'lib/schema/a.ts': "import { x } from '../internal/b.js';",
      'lib/internal/b.ts': "import { y } from '../schema/a.js';",
    },
    /import each other/,
  ],
  ['the addon imported elsewhere', { 'lib/join/a.ts': "import addon from '#addon';" }, /only lib\/internal\/native.ts/],
  ['an import without .js', { 'lib/join/a.ts': "import { x } from './b';" }, /must end in .js/],
  ['an import out of lib', { 'lib/join/a.ts': "import { x } from '../../test/b.js';" }, /outside lib/],
  ['Node-API in the core', { 'cpp/src/a.cc': '#include <napi.h>' }, /without Node-API/],
  [
    'CUDA in the core',
    { 'cpp/include/flowstate/a.h': '#include "cuda_runtime.h"' },
    /without Node-API and without CUDA/,
  ],
  ['the order book reaching out', { 'orderbook/include/a.h': '#include "flowstate/error.h"' }, /nothing of ours/],
  [
    'a kernel launch in a host header',
    { 'cuda/include/flowstate/cuda/a.h': 'void f() { k<<<1, 1>>>(); }' },
    /launches a kernel/,
  ],
])('%s is a breach', (_name, files, message) => {
  const root = mkdtempSync(join(tmpdir(), 'flowstate-layers-'));
  try {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), `${text}\n`);
    }
    const { status, lines } = check(root);
    expect(status).toBe(1);
    expect(lines).toEqual([expect.stringMatching(message)]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
