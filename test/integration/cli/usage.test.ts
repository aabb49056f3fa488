/** Mistakes on the command line: one line, the right code, exit 2, nothing written. */
import { readdirSync, writeFileSync } from 'node:fs';
import { QUOTES_CSV, TRADES_CSV } from './fixtures.js';
import { ensureBuilt, flowstate, temporaryFolder } from './run-cli.js';

beforeAll(ensureBuilt);

const folder = temporaryFolder();
beforeAll(() => {
  writeFileSync(folder.path('t.csv'), TRADES_CSV);
  writeFileSync(folder.path('q.csv'), QUOTES_CSV);
});
afterAll(folder.remove);

const BASE = ['join', '--left', 't.csv', '--right', 'q.csv', '--on', 'ts', '--by', 'symbol', '--out', 'out.csv'];

test.each<[string, string[], string, RegExp]>([
  ['an unknown option', [...BASE, '--tolerence', '5'], 'FS_ERR_OPTION_UNKNOWN', /--tolerence.*--tolerance/],
  ['an unknown command', ['jion'], 'FS_ERR_OPTION_UNKNOWN', /jion.*join/],
  ['an extra argument', [...BASE, 'extra'], 'FS_ERR_ARG_TYPE', /extra argument/],
  ['no left', ['join', '--right', 'q.csv', '--on', 'ts', '--out', 'o.csv'], 'FS_ERR_ARG_TYPE', /--left/],
  ['no value', ['join', '--left'], 'FS_ERR_ARG_TYPE', /value after.*--left/],
  ['no --on', ['join', '--left', 't.csv', '--right', 'q.csv', '--out', 'o.csv'], 'FS_ERR_ARG_TYPE', /--on/],
  ['an unknown direction', [...BASE, '--direction', 'backwards'], 'FS_ERR_OPTION_UNKNOWN', /--direction.*backward/],
  ['an unknown backend', [...BASE, '--backend', 'gpu'], 'FS_ERR_OPTION_UNKNOWN', /--backend/],
  ['a fractional thread count', [...BASE, '--threads', '1.5'], 'FS_ERR_ARG_RANGE', /--threads/],
  ['a thread count in letters', [...BASE, '--threads', 'two'], 'FS_ERR_ARG_RANGE', /--threads/],
  ['a negative tolerance', [...BASE, '--tolerance=-5'], 'FS_ERR_ARG_RANGE', /tolerance/],
  ['an unreadable tolerance', [...BASE, '--tolerance', 'soon'], 'FS_ERR_ARG_RANGE', /tolerance.*soon/],
  ['an unknown output format', [...BASE.slice(0, -1), 'out.xlsx'], 'FS_ERR_ARG_RANGE', /out\.xlsx/],
  ['an unknown input format', ['join', '--left', 't.txt', ...BASE.slice(3)], 'FS_ERR_ARG_RANGE', /t\.txt/],
  ['an unknown stream option', [...BASE, '--right', 'q=q.csv?sufix=x'], 'FS_ERR_OPTION_UNKNOWN', /sufix.*suffix/],
  ['streams without names', [...BASE, '--right', 'q.csv'], 'FS_ERR_ARG_TYPE', /name=path/],
  [
    'two streams of one name',
    [...BASE.slice(0, 3), '--right', 'a=q.csv', '--right', 'a=q.csv', ...BASE.slice(5)],
    'FS_ERR_NAME_COLLISION',
    /\ba\b/,
  ],
  [
    'an unreadable size',
    [
      'stream',
      '--left',
      't.csv',
      '--right',
      'q.csv',
      '--on',
      'ts',
      '--out',
      'o.arrows',
      '--watermark',
      '1s',
      '--max-state',
      'much',
    ],
    'FS_ERR_ARG_TYPE',
    /much, in --max-state/,
  ],
  ['an unknown time unit', [...BASE, '--time-unit', 'min'], 'FS_ERR_OPTION_UNKNOWN', /--time-unit/],
])('%s', async (_name, args, code, message) => {
  const done = await flowstate(args, { cwd: folder.dir });
  expect(done.stderr).toMatch(new RegExp(`^flowstate: ${code}: [^\\n]+\\n$`));
  expect(done.stderr).toMatch(message);
  expect(done.code).toBe(2);
  expect(done.stdout).toHaveLength(0);
  expect(readdirSync(folder.dir).sort()).toEqual(['q.csv', 't.csv']);
});

test('--verbose adds the stack', async () => {
  const done = await flowstate([...BASE, '--tolerance=-5', '--verbose'], { cwd: folder.dir });
  expect(done.code).toBe(2);
  expect(done.stderr.split('\n').length).toBeGreaterThan(2);
  expect(done.stderr).toMatch(/\n {4}at /);
});

test.each([
  [['--help'], /Commands:[\s\S]*join[\s\S]*doctor[\s\S]*demo/],
  [['book', '--help'], /simulate[\s\S]*report/],
  [['book', 'simulate', '--help'], /--out-dir <folder>[\s\S]*--branching/],
  [['join', '--help'], /--tolerance <duration>[\s\S]*Exit codes/],
  [['--version'], /^\d+\.\d+\.\d+\n$/],
  [[], /Usage: flowstate/],
])('%j prints to stdout and exits with 0', async (args, pattern) => {
  const done = await flowstate(args);
  expect(done).toMatchObject({ code: 0, stderr: '' });
  expect(done.stdout.toString()).toMatch(pattern);
});
