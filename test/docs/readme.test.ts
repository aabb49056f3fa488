/** The code in README.md and docs/ runs, and prints what the page says. Programs run against the built library. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { transformSync } from '@swc/core';
import { BIN, ensureBuilt, ROOT } from '../integration/cli/run-cli.js';

interface Block {
  readonly language: string;
  readonly text: string;
  readonly line: number;
  /** The ```text block that follows directly, if any. */
  readonly output: string | null;
}

function blocksOf(page: string): Block[] {
  const source = readFileSync(resolve(ROOT, page), 'utf8');
  const blocks = [...source.matchAll(/^```(\w+)\n([\s\S]*?)^```(?:\n\n```text\n([\s\S]*?)^```)?/gm)];
  return blocks.map((match) => ({
    language: match[1] ?? '',
    text: match[2] ?? '',
    line: source.slice(0, match.index).split('\n').length,
    output: match[3] ?? null,
  }));
}

let folder = '';

beforeAll(() => {
  ensureBuilt();
  // Inside the package, so that programs find `flowstate` by its own name, as users do.
  mkdirSync(join(ROOT, 'build'), { recursive: true });
  folder = mkdtempSync(join(ROOT, 'build', 'docs-test-'));
  writeFileSync(
    join(folder, 'trades.csv'),
    'timestamp,symbol,price\n2024-01-02T14:30:00.000000100Z,AAPL,187.1\n2024-01-02T14:30:01Z,MSFT,402.5\n',
  );
  writeFileSync(
    join(folder, 'quotes.csv'),
    'timestamp,symbol,bid,ask\n2024-01-02T14:30:00.0000001Z,AAPL,187,187.2\n2024-01-02T14:29:00Z,MSFT,402.4,402.6\n',
  );
  writeFileSync(join(folder, 'bars.csv'), 'timestamp,symbol,close\n2024-01-02T14:29:00Z,AAPL,186.9\n');
  for (const name of ['trades', 'quotes']) {
    // The shortest way from CSV to Parquet that a user has.
    const flags = [
      'join',
      '--left',
      `${name}.csv`,
      '--right',
      'bars.csv',
      '--on',
      'timestamp',
      '--out',
      `${name}.parquet`,
    ];
    const done = spawnSync(process.execPath, [BIN, ...flags], { cwd: folder, encoding: 'utf8' });
    if (done.status !== 0) throw new Error(done.stderr);
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(['README.md', 'docs/errors.md'])('%s', (page) => {
  const blocks = blocksOf(page);
  const programs = blocks.filter((block) => block.language === 'ts');
  const commands = blocks.filter((block) => block.language === 'sh' && block.text.includes('npx flowstate'));

  test.each(programs.map((block) => [block.line, block] as const))('program at line %i', (line, block) => {
    const { code } = transformSync(block.text, { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } });
    const file = join(folder, `${page.replace(/\W/g, '-')}-${line}.mjs`);
    writeFileSync(file, code);
    const done = spawnSync(process.execPath, [file], { cwd: folder, encoding: 'utf8' });
    expect(done).toMatchObject({ status: 0 });
    if (block.output !== null) expect(done.stdout).toBe(block.output);
  });

  if (commands.length > 0) {
    test.each(commands.map((block) => [block.line, block] as const))('commands at line %i', (_line, block) => {
      const script = block.text.replaceAll('npx flowstate', `"${process.execPath}" "${BIN}"`);
      const done = spawnSync('bash', ['-euc', script], { cwd: folder, encoding: 'utf8' });
      expect(done).toMatchObject({ status: 0 });
    });
  }

  test('has something to run', () => {
    expect(programs.length).toBeGreaterThan(0);
  });
});

test('every option of the command is in the README, and every flag there exists', () => {
  const flagsOf = (command: string) => {
    const help = spawnSync(process.execPath, [BIN, command, '--help'], { encoding: 'utf8' }).stdout;
    return [...help.matchAll(/^ {2}(--[a-z-]+)/gm)].map((match) => match[1]);
  };
  const known = flagsOf('join');
  // The section shows an example of the live join; its options are in its own help.
  const live = flagsOf('stream');
  const readme = readFileSync(resolve(ROOT, 'README.md'), 'utf8');
  const text = readme.slice(readme.indexOf('## From the command line'), readme.indexOf('## Executors'));
  const written = new Set([...text.matchAll(/--[a-z][a-z-]+/g)].map((match) => match[0]));
  const everyone = ['--verbose', '--no-progress'];
  expect(known.filter((flag) => flag !== undefined && !written.has(flag) && !everyone.includes(flag))).toEqual([]);
  expect([...written].filter((flag) => !known.includes(flag) && !live.includes(flag))).toEqual([]);
});
