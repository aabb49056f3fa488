/** SIGINT in the middle: exit 130, no half file, nothing left behind. */
import { readdirSync, watch } from 'node:fs';
import { int64, tableOf, writeArrow } from './fixtures.js';
import { ensureBuilt, flowstate, temporaryFolder } from './run-cli.js';

beforeAll(ensureBuilt);

const folder = temporaryFolder();
const ROWS = 3_000_000;

beforeAll(() => {
  const times = Array.from({ length: ROWS }, (_, i) => BigInt(i));
  writeArrow(folder.path('left.arrow'), tableOf({ ts: int64(times), a: int64(times), b: int64(times) }));
  writeArrow(folder.path('right.arrow'), tableOf({ ts: int64(times), v: int64(times) }));
});
afterAll(folder.remove);

test.each(['csv', 'parquet'])('while a .%s is being written', async (extension) => {
  const before = readdirSync(folder.dir).sort();
  const args = ['join', '--left', 'left.arrow', '--right', 'right.arrow', '--on', 'ts', '--out', `out.${extension}`];
  const done = await flowstate(args, {
    cwd: folder.dir,
    onStart: (child) => {
      // The first new name in the folder is the file that is written beside the output.
      const watcher = watch(folder.dir, (_event, name) => {
        if (name === null || before.includes(name)) return;
        watcher.close();
        child.kill('SIGINT');
      });
      child.once('exit', () => watcher.close());
    },
  });
  expect(done.code).toBe(130);
  expect(done.stderr).toMatch(/^flowstate: interrupted[^\n]*\n$/);
  expect(readdirSync(folder.dir).sort()).toEqual(before);
});
