/** What the check of the kernels' architectures reads: a fat binary's entries, ptxas's report. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const SCRIPT = pathToFileURL(resolve(__dirname, '..', '..', 'scripts', 'cuda-architectures.mjs')).href;

function evaluate(expression: string, input: string): unknown {
  const code = `import { contentsOf, resourcesOf } from '${SCRIPT}';
    import { readFileSync } from 'node:fs';
    const input = JSON.parse(readFileSync(0, 'utf8'));
    console.log(JSON.stringify(${expression}));`;
  const done = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8', input });
  expect(done.stderr).toBe('');
  return JSON.parse(done.stdout);
}

test('registers and spills are told per kernel and architecture', () => {
  const log = [
    "ptxas info    : Compiling entry function 'first' for 'sm_80'",
    'ptxas info    : Function properties for first',
    '    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads',
    'ptxas info    : Used 12 registers, used 0 barriers, 384 bytes cmem[0]',
    "ptxas info    : Compiling entry function 'second' for 'sm_90'",
    '    24 bytes stack frame, 20 bytes spill stores, 4 bytes spill loads',
    'ptxas info    : Used 255 registers, used 0 barriers',
  ].join('\n');
  expect(evaluate('resourcesOf(input)', JSON.stringify(log))).toEqual([
    { name: 'first', architecture: 'sm_80', registers: 12, spilled: 0 },
    { name: 'second', architecture: 'sm_90', registers: 255, spilled: 24 },
  ]);
});

function entry(kind: number, arch: number, payload: number): Buffer {
  const bytes = Buffer.alloc(64 + payload);
  bytes.writeUInt16LE(kind, 0);
  bytes.writeUInt32LE(64, 4);
  bytes.writeBigUInt64LE(BigInt(payload), 8);
  bytes.writeUInt32LE(arch, 28);
  return bytes;
}

test('a fat binary is read entry by entry', () => {
  const entries = Buffer.concat([entry(2, 75, 40), entry(2, 120, 8), entry(1, 120, 16)]);
  const header = Buffer.alloc(16);
  header.writeUInt32LE(0xba55ed50, 0);
  header.writeUInt16LE(1, 4);
  header.writeUInt16LE(16, 6);
  header.writeBigUInt64LE(BigInt(entries.length), 8);
  const input = JSON.stringify([...header, ...entries]);
  expect(evaluate('contentsOf(Buffer.from(input))', input)).toEqual({ code: [75, 120], ptx: [120] });
});
