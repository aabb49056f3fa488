/** On a machine without the addon the order book says so, with the remedy, and nothing else breaks. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ensureBuilt, ROOT } from '../../integration/cli/run-cli.js';

it('is FS_ERR_ADDON_UNAVAILABLE with a reason and a remedy', () => {
  ensureBuilt();
  const script = `
    const loader = require(${JSON.stringify(join(ROOT, 'dist', 'cjs', 'load.cjs'))});
    loader.default.load = loader.load = () => ({ addon: null, path: null, reason: 'it was not built' });
    const { OrderBook, replayBook } = require(${JSON.stringify(join(ROOT, 'dist', 'cjs', 'index.js'))});
    const codes = [() => new OrderBook(), () => replayBook('x', { format: 'dbn' })].map((call) => {
      try { call(); return null; } catch (error) { return [error.code, error.name, error.message]; }
    });
    process.stdout.write(JSON.stringify(codes));
  `;
  const done = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
  expect([done.status, done.stderr]).toEqual([0, '']);
  for (const [code, name, message] of JSON.parse(done.stdout) as string[][]) {
    expect([code, name]).toEqual(['FS_ERR_ADDON_UNAVAILABLE', 'ResourceError']);
    expect(message).toMatch(/it was not built; .*npm rebuild flowstate.*flowstate doctor/);
  }
});
