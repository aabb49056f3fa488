// The tarball as its users get it: packs it, installs it into empty projects (once with the addon, once without), and
// runs the command, `import`, `require` and the types there. Both projects must write the same bytes.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { missingTool } from './addon-build.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const work = mkdtempSync(join(tmpdir(), 'flowstate-pack-'));
// What npm set for the run that we are part of must not leak into the projects.
const clean = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_|FLOWSTATE_|INIT_CWD)/i.test(name)),
);

function run(command, args, cwd, env = {}) {
  return execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...clean, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function check(condition, message) {
  if (!condition) throw new Error(message);
  console.log(`  ok: ${message}`);
}

const PROGRAM = `
const trades = new Table({
  ts: makeVector(BigInt64Array.of(10n, 20n, 30n)),
  sym: vectorFromArray(['A', 'B', 'A']),
});
const quotes = new Table({
  ts: makeVector(BigInt64Array.of(9n, 15n, 30n)),
  sym: vectorFromArray(['A', 'B', 'A']),
  bid: makeVector(Float64Array.of(1, 2, 3)),
});
const sync = asofJoinSync(trades, quotes, { on: 'ts', by: 'sym' });
asofJoin(trades, quotes, { on: 'ts', by: 'sym' }).then((joined) => {
  console.log(JSON.stringify([...joined.getChild('bid')]), JSON.stringify([...sync.getChild('bid')]));
});
`;

const TYPES = `
import { asofJoin, type AsofJoinOptions, FlowStateError } from 'flowstate';
import type { Table } from 'apache-arrow';
declare const table: Table;
const options: AsofJoinOptions = { on: 'ts', by: ['sym'], tolerance: '5s' };
export const joined: Promise<Table> = asofJoin(table, table, { on: options.on, tolerance: 5n });
export const code = (error: unknown): string | undefined => (error instanceof FlowStateError ? error.code : undefined);
`;

function checkProject(name, tarball, env, executor) {
  console.log(`${name}:`);
  const project = join(work, name);
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: `uses-flowstate-${name}`, private: true }));
  run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', tarball], project, env);

  const names = `{ Table, makeVector, vectorFromArray }`;
  writeFileSync(
    join(project, 'a.mjs'),
    `import ${names} from 'apache-arrow';\nimport { asofJoin, asofJoinSync } from 'flowstate';\n${PROGRAM}`,
  );
  writeFileSync(
    join(project, 'a.cjs'),
    `const ${names} = require('apache-arrow');\nconst { asofJoin, asofJoinSync } = require('flowstate');\n${PROGRAM}`,
  );
  for (const file of ['a.mjs', 'a.cjs']) {
    check(run(process.execPath, [file], project).trim() === '[1,2,3] [1,2,3]', `${file} joins`);
  }

  writeFileSync(
    join(project, 'onnx.mjs'),
    `import { OnnxSession } from 'flowstate';\nOnnxSession.create('a.onnx').catch((e) => console.log(e.code, e.details.package));`,
  );
  check(
    run(process.execPath, ['onnx.mjs'], project).trim() === 'FS_ERR_DEPENDENCY_MISSING onnxruntime-node',
    'a package that is not installed is named',
  );

  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  writeFileSync(join(project, 'm.mts'), TYPES);
  writeFileSync(join(project, 'c.cts'), TYPES);
  for (const [module, file] of [
    ['Node16', 'm.mts'],
    ['Node16', 'c.cts'],
    ['ESNext', 'm.mts'],
  ]) {
    const resolution = module === 'ESNext' ? 'bundler' : module;
    const flags = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'ES2022', '--lib', 'ES2023,ESNext.Disposable'];
    const types = ['--typeRoots', join(root, 'node_modules', '@types'), '--types', 'node'];
    run(
      process.execPath,
      [tsc, ...flags, ...types, '--module', module, '--moduleResolution', resolution, file],
      project,
    );
    check(true, `types of ${file} resolve under ${module}`);
  }

  const command = join(project, 'node_modules', '.bin', 'flowstate');
  const checks = JSON.parse(run(command, ['doctor', '--json'], project)).checks;
  check(checks.find((each) => each.name === 'executor').value === executor, `the executor is ${executor}`);
  writeFileSync(join(project, 't.csv'), 'ts,sym,price\n10,A,1.5\n20,B,2.5\n30,A,3.5\n');
  writeFileSync(join(project, 'q.csv'), 'ts,sym,bid\n9,A,1.25\n15,B,2.25\n31,A,9\n');
  const join_ = (out, ...left) =>
    run(command, ['join', '--left', ...left, '--right', 'q.csv', '--on', 'ts', '--by', 'sym', '--out', out], project);
  join_('out.parquet', 't.csv');
  join_('again.csv', 'out.parquet', '--suffix', '_2');
  join_('out.csv', 't.csv');
  check(
    readFileSync(join(project, 'out.csv'), 'utf8').trim().split('\n').length === 4,
    'the command joins CSV and Parquet',
  );
  return ['out.csv', 'again.csv'].map((file) => readFileSync(join(project, file), 'utf8')).join('\n');
}

try {
  const packed = JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', work], root));
  const tarball = join(work, packed[0].filename);
  console.log(`${packed[0].filename}: ${packed[0].files.length} files, ${Math.round(packed[0].size / 1024)} KiB`);
  const fallback = checkProject('fallback', tarball, { FLOWSTATE_SKIP_BUILD: '1' }, 'javascript');
  const reason = missingTool();
  if (reason === null) {
    const native = checkProject('native', tarball, {}, 'native');
    check(native === fallback, 'both executors wrote the same bytes');
  } else {
    console.log(`native: skipped, ${reason}`);
  }
} catch (error) {
  console.error(`pack-test: ${error.message}\n${error.stdout ?? ''}${error.stderr ?? ''}`);
  process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
