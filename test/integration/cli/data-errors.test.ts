/** Bad data and a bad system: one line with the right code and place, the right exit code, no output file. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tableToIPC, TimeUnit } from 'apache-arrow';
import { int64, QUOTES_CSV, tableOf, timestamps, TRADES_CSV, writeArrow } from './fixtures.js';
import { BACKENDS, BIN, ensureBuilt, flowstate, runProgram, temporaryFolder } from './run-cli.js';

beforeAll(ensureBuilt);

const folder = temporaryFolder();
afterAll(folder.remove);

beforeAll(async () => {
  const write = (name: string, text: string | Uint8Array): void => writeFileSync(folder.path(name), text);
  write('t.csv', TRADES_CSV);
  write('q.csv', QUOTES_CSV);
  write('unsorted.csv', 'ts,symbol,price\n10,A,1\n30,B,2\n20,B,3\n');
  write('words.csv', 'ts,symbol,bid\nsoon,A,1\nlater,B,2\n');
  write('numbers.csv', 'ts,symbol,bid\n1,7,1\n2,8,2\n');
  write('ragged.csv', 'ts,symbol,bid\n1,A,1\n2,B\n3,C,3\n');
  write('clash.csv', 'ts,price,price_right\n1,5,6\n');
  write('taken.csv', 'ts,price,price_right\n10,1,2\n');
  write('empty.csv', '');
  write('empty.parquet', '');
  write('empty.arrow', '');
  writeArrow(folder.path('seconds.arrow'), tableOf({ ts: timestamps([2n ** 62n], TimeUnit.SECOND) }));
  writeArrow(folder.path('nanos.arrow'), tableOf({ ts: timestamps([1n], TimeUnit.NANOSECOND), v: int64([1n]) }));
  writeArrow(folder.path('zoned.arrow'), tableOf({ ts: timestamps([1n], TimeUnit.NANOSECOND, 'UTC'), w: int64([1n]) }));
  const many = tableOf({ ts: int64(Array.from({ length: 5000 }, (_, i) => BigInt(i))) });
  write('cut.arrow', tableToIPC(many, 'file').subarray(0, 20_000));
  write('cut.arrows', tableToIPC(many, 'stream').subarray(0, 20_000));
  write('noise.arrow', Buffer.alloc(5000, 0x5a));
  writeArrow(folder.path('many.arrow'), many);
  const made = await flowstate(
    ['join', '--left', 'many.arrow', '--right', 'q.csv', '--on', 'ts', '--out', 'many.parquet'],
    { cwd: folder.dir },
  );
  expect(made).toMatchObject({ code: 0, stderr: '' });
  const parquet = readFileSync(folder.path('many.parquet'));
  write('cut.parquet', parquet.subarray(0, parquet.length - 100));
  const damaged = Buffer.from(parquet);
  damaged.fill(0xff, 20, 2000);
  write('damaged.parquet', damaged);
  write('noise.parquet', Buffer.alloc(5000, 0x5a));
  mkdirSync(folder.path('folder.csv'));
});

const WITH_Q = ['--right', 'q.csv', '--on', 'ts'];
const WITH_T = ['--left', 't.csv', '--on', 'ts'];

describe.each(BACKENDS)('with FLOWSTATE_BACKEND=%s', (backend) => {
  test.each<[string, string[], string, RegExp]>([
    ['a missing time column', ['--left', 't.csv', '--right', 'q.csv', '--on', 'tz'], 'COLUMN_MISSING', /tz.*\bts\b/],
    ['a missing key', ['--left', 't.csv', ...WITH_Q, '--by', 'symbl'], 'COLUMN_MISSING', /symbl.*symbol/],
    ['a missing right column', ['--left', 't.csv', ...WITH_Q, '--columns', 'bidd'], 'COLUMN_MISSING', /bidd.*\bbid\b/],
    ['a time column of words', [...WITH_T, '--right', 'words.csv'], 'SCHEMA', /ts/],
    ['key types that differ', [...WITH_T, '--right', 'numbers.csv', '--by', 'symbol'], 'SCHEMA', /symbol/],
    ['a zone against none', ['--left', 'zoned.arrow', '--right', 'nanos.arrow', '--on', 'ts'], 'SCHEMA', /zone|UTC/],
    ['overflow of a unit', ['--left', 'seconds.arrow', '--right', 'nanos.arrow', '--on', 'ts'], 'OVERFLOW', /ts/],
    [
      'unsorted rows under error',
      ['--left', 'unsorted.csv', ...WITH_Q, '--unsorted', 'error'],
      'UNSORTED',
      /\b2\b.*\b1\b/,
    ],
    [
      'unsorted rows within a key',
      ['--left', 'unsorted.csv', ...WITH_Q, '--by', 'symbol', '--unsorted', 'error'],
      'UNSORTED',
      /row/,
    ],
    [
      'a second collision of names',
      ['--left', 'taken.csv', '--right', 'clash.csv', '--on', 'ts'],
      'NAME_COLLISION',
      /price/,
    ],
    ['an empty CSV', ['--left', 'empty.csv', ...WITH_Q], 'CORRUPT', /empty\.csv/],
    ['an empty Parquet file', ['--left', 'empty.parquet', ...WITH_Q], 'CORRUPT', /empty\.parquet/],
    ['an empty Arrow file', ['--left', 'empty.arrow', ...WITH_Q], 'CORRUPT', /empty\.arrow/],
    ['a CSV line with too few fields', [...WITH_T, '--right', 'ragged.csv'], 'CORRUPT', /ragged\.csv.*\b3\b/],
    ['a truncated Arrow file', ['--left', 'cut.arrow', ...WITH_Q], 'CORRUPT', /cut\.arrow/],
    ['a truncated Arrow stream', ['--left', 'cut.arrows', ...WITH_Q], 'CORRUPT', /cut\.arrows/],
    ['noise as an Arrow file', ['--left', 'noise.arrow', ...WITH_Q], 'CORRUPT', /noise\.arrow/],
    ['a truncated Parquet file', ['--left', 'cut.parquet', ...WITH_Q], 'CORRUPT', /cut\.parquet/],
    ['a damaged Parquet file', ['--left', 'damaged.parquet', ...WITH_Q], 'CORRUPT', /damaged\.parquet/],
    ['noise as a Parquet file', ['--left', 'noise.parquet', ...WITH_Q], 'CORRUPT', /noise\.parquet/],
  ])('%s is bad data', async (_name, flags, code, message) => {
    await expectFailure([...flags, '--out', 'out.parquet'], { code: 2, error: `FS_ERR_${code}`, message, backend });
  });
});

test.each<[string, string[], RegExp]>([
  ['an input that does not exist', ['--left', 'missing.csv', ...WITH_Q, '--out', 'out.csv'], /missing\.csv/],
  ['a folder as input', ['--left', 'folder.csv', ...WITH_Q, '--out', 'out.csv'], /folder\.csv/],
  ['an output folder that does not exist', ['--left', 't.csv', ...WITH_Q, '--out', 'nowhere/out.csv'], /nowhere/],
  ['a folder as output', ['--left', 't.csv', ...WITH_Q, '--out', 'folder.csv'], /folder\.csv/],
])('%s is a failure of the system', async (_name, flags, message) => {
  await expectFailure(flags, { code: 1, error: 'FS_ERR_IO', message, backend: 'auto' });
});

test('--time-zones utc joins a zone with none', async () => {
  const flags = ['--left', 'zoned.arrow', '--right', 'nanos.arrow', '--on', 'ts', '--time-zones', 'utc', '--out', '-'];
  expect(await flowstate(['join', ...flags], { cwd: folder.dir })).toMatchObject({ code: 0, stderr: '' });
});

// A file size limit stands for a full disk: the write fails in the middle, whoever runs the test.
test.each(['csv', 'arrow', 'arrows', 'parquet'])(
  'a write that fails half-way leaves nothing: .%s',
  async (extension) => {
    const rows = 200_000;
    // Noise, so that no encoding makes the file small.
    let state = 1n;
    const noise = Array.from(
      { length: rows },
      () => (state = (state * 6364136223846793005n + 1442695040888963407n) % 2n ** 62n),
    );
    const left = tableOf({ ts: int64(Array.from({ length: rows }, (_, i) => BigInt(i))), v: int64(noise) });
    writeArrow(folder.path('noise-left.arrow'), left);
    const before = readdirSync(folder.dir).sort();
    const command = `ulimit -f 256; exec "${process.execPath}" "${BIN}" join --left noise-left.arrow --right q.csv --on ts --out full.${extension}`;
    const done = await runProgram('bash', ['-c', command], { cwd: folder.dir });
    expect(done.stderr).toMatch(/^flowstate: FS_ERR_IO: [^\n]+\n$/);
    expect(done.code).toBe(1);
    expect(readdirSync(folder.dir).sort()).toEqual(before);
  },
);

test('a standard output that is full is a failure of the system', async () => {
  const script = `"${process.execPath}" "${BIN}" join --left many.arrow --right q.csv --on ts --out - > /dev/full`;
  const done = await runProgram('bash', ['-c', script], { cwd: folder.dir });
  expect(done.stderr).toMatch(/^flowstate: FS_ERR_IO: [^\n]+\n$/);
  expect(done.code).toBe(1);
});

async function expectFailure(
  flags: readonly string[],
  expected: { code: number; error: string; message: RegExp; backend: string },
): Promise<void> {
  const before = readdirSync(folder.dir).sort();
  const env: Readonly<Record<string, string>> =
    expected.backend === 'auto' ? {} : { FLOWSTATE_BACKEND: expected.backend };
  const done = await flowstate(['join', ...flags], { cwd: folder.dir, env });
  expect(done.stderr).toMatch(new RegExp(`^flowstate: ${expected.error}: [^\\n]+\\n$`));
  expect(done.stderr).toMatch(expected.message);
  expect(done.code).toBe(expected.code);
  expect(readdirSync(folder.dir).sort()).toEqual(before);
}
