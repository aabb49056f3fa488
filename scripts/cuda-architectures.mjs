// Compiles every kernel for every architecture that a release carries, and holds it to what the design promises: machine
// code for each, PTX for what comes after them, and no register of our kernels spilled to memory. Needs nvcc, not a GPU; without nvcc it
// says so and succeeds.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Compute capabilities with machine code of their own; the last one's PTX serves newer devices. */
export const ARCHITECTURES = [75, 80, 89, 90, 100, 120];

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * What a fat binary holds. A header of 16 bytes (magic, version, header size, payload size), then entries: kind (1 PTX,
 * 2 machine code), version, header size, payload size, and the architecture at byte 28.
 */
export function contentsOf(bytes) {
  const found = { code: [], ptx: [] };
  if (bytes.length < 16 || bytes.readUInt32LE(0) !== 0xba55ed50) throw new Error('not a fat binary');
  const end = bytes.readUInt16LE(6) + Number(bytes.readBigUInt64LE(8));
  for (let at = bytes.readUInt16LE(6); at + 32 <= end;) {
    const kind = bytes.readUInt16LE(at);
    (kind === 1 ? found.ptx : found.code).push(bytes.readUInt32LE(at + 28));
    at += bytes.readUInt32LE(at + 4) + Number(bytes.readBigUInt64LE(at + 8));
  }
  return found;
}

/** Registers and spills of every kernel and architecture, from ptxas -v. */
export function resourcesOf(log) {
  const kernels = [];
  for (const line of log.split('\n')) {
    const entry = /Compiling entry function '(\S+)' for '(sm_\d+)'/.exec(line);
    if (entry !== null) kernels.push({ name: entry[1], architecture: entry[2], registers: null, spilled: null });
    const last = kernels.at(-1);
    const spills = /(\d+) bytes spill stores, (\d+) bytes spill loads/.exec(line);
    if (spills !== null && last !== undefined) last.spilled = Number(spills[1]) + Number(spills[2]);
    const registers = /Used (\d+) registers/.exec(line);
    if (registers !== null && last !== undefined) last.registers = Number(registers[1]);
  }
  return kernels;
}

function nvcc() {
  const places = [process.env.CUDACXX, 'nvcc', '/usr/local/cuda/bin/nvcc'].filter(Boolean);
  return places.find((command) => spawnSync(command, ['--version']).status === 0) ?? null;
}

function check(compiler, source) {
  const out = join(root, 'build', 'cuda-architectures');
  mkdirSync(out, { recursive: true });
  const binary = join(out, `${basename(source, '.cu')}.fatbin`);
  const targets = ARCHITECTURES.map((arch) => `arch=compute_${arch},code=sm_${arch}`);
  targets.push(`arch=compute_${ARCHITECTURES.at(-1)},code=compute_${ARCHITECTURES.at(-1)}`);
  const done = spawnSync(
    compiler,
    [
      ...['-std=c++17', '-fatbin', '-Xptxas', '-v', '-o', binary, source],
      ...['cpp/include', 'cuda/include'].map((folder) => `-I${join(root, folder)}`),
      ...targets.map((target) => `-gencode=${target}`),
    ],
    { encoding: 'utf8' },
  );
  if (done.status !== 0) return [`does not compile:\n${done.stdout}${done.stderr}`];
  const problems = [];
  const contents = contentsOf(readFileSync(binary));
  for (const arch of ARCHITECTURES) if (!contents.code.includes(arch)) problems.push(`has no code for sm_${arch}`);
  if (!contents.ptx.includes(ARCHITECTURES.at(-1))) problems.push(`has no PTX for compute_${ARCHITECTURES.at(-1)}`);
  const kernels = resourcesOf(done.stdout + done.stderr);
  for (const name of new Set(kernels.map((kernel) => kernel.name))) {
    const variants = kernels.filter((kernel) => kernel.name === name);
    const facts = variants.map((kernel) => `${kernel.architecture} ${kernel.registers}`);
    console.log(`  ${name}\n    registers: ${facts.join(', ')}`);
    if (variants.length !== ARCHITECTURES.length) problems.push(`${name}: reported for ${variants.length} only`);
    for (const kernel of variants) {
      if (kernel.spilled === 0) continue;
      const what = `${name}: ${kernel.spilled} bytes spilled on ${kernel.architecture}`;
      // CUB's kernels are tuned by NVIDIA for each architecture, spills included; ours have no reason for any.
      if (/^_ZN3cub/.test(name)) console.log(`    ${kernel.spilled} bytes spilled on ${kernel.architecture} (CUB's)`);
      else problems.push(what);
    }
  }
  if (kernels.length === 0) problems.push('reports no kernel');
  console.log(`  code: ${contents.code.join(' ')}; PTX: ${contents.ptx.join(' ')}`);
  return problems;
}

function main() {
  const compiler = nvcc();
  if (compiler === null) {
    console.log('skipped: no nvcc on this machine (PATH, CUDACXX, /usr/local/cuda/bin)');
    return;
  }
  console.log(execFileSync(compiler, ['--version'], { encoding: 'utf8' }).trim().split('\n').at(-1));
  const folder = join(root, 'cuda', 'kernels');
  for (const name of existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.cu')) : []) {
    console.log(`cuda/kernels/${name}`);
    for (const problem of check(compiler, join(folder, name))) {
      console.error(`cuda/kernels/${name}: ${problem}`);
      process.exitCode = 1;
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
