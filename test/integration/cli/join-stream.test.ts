/** `flowstate join --stream`: the same file as from whole tables, whatever the format; order is demanded. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { QUOTES_CSV, TRADES_CSV } from './fixtures';
import { BACKENDS, ensureBuilt, flowstate, temporaryFolder } from './run-cli';

beforeAll(ensureBuilt);

/** Runs a test in a folder of its own. */
async function inTempFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const { dir, remove } = temporaryFolder();
  try {
    await test(dir);
  } finally {
    remove();
  }
}

const BARS_CSV = 'ts,symbol,close\n1,A,1.0\n15,A,1.1\n18,B,2.0\n';

function inputs(folder: string): { trades: string; quotes: string; bars: string } {
  const paths = {
    trades: join(folder, 'trades.csv'),
    quotes: join(folder, 'quotes.csv'),
    bars: join(folder, 'bars.csv'),
  };
  writeFileSync(paths.trades, TRADES_CSV);
  writeFileSync(paths.quotes, QUOTES_CSV);
  writeFileSync(paths.bars, BARS_CSV);
  return paths;
}

describe.each(BACKENDS)('flowstate join --stream on the %s executor', (backend) => {
  it.each(['csv', 'parquet', 'arrows'])('writes the %s file that whole tables give', (format) =>
    inTempFolder(async (folder) => {
      const { trades, quotes } = inputs(folder);
      const args = ['join', '--left', trades, '--right', quotes, '--on', 'ts', '--by', 'symbol', '--backend', backend];
      const outputs = [];
      for (const mode of ['--stream', '--no-stream']) {
        const csv = join(folder, `${mode}.csv`);
        const out = join(folder, `${mode}.${format}`);
        expect(await flowstate([...args, mode, '--out', out])).toMatchObject({ code: 0, stderr: '' });
        // Text of what was written: batch boundaries may differ, rows may not.
        const again = [
          'join',
          '--left',
          out,
          '--right',
          quotes,
          '--on',
          'ts',
          '--columns',
          'bid',
          '--suffix',
          '_again',
        ];
        expect(await flowstate([...again, '--out', csv])).toMatchObject({ code: 0 });
        outputs.push(readFileSync(csv, 'utf8'));
      }
      expect(outputs[0]).toBe(outputs[1]);
      expect(outputs[0]).toContain('20,B,2.5,2.25,2.75');
    }),
  );

  it('joins several streams, each with its own options, and counts', () =>
    inTempFolder(async (folder) => {
      const { trades, quotes, bars } = inputs(folder);
      const files = [];
      for (const mode of ['--stream', '--no-stream']) {
        const out = join(folder, `${mode}.csv`);
        const { code, stderr } = await flowstate([
          ...['join', '--left', trades, '--on', 'ts', '--by', 'symbol', '--backend', backend, mode, '--stats'],
          ...['--right', `quote=${quotes}?direction=nearest`, '--right', `bar=${bars}?tolerance=5`, '--out', out],
        ]);
        expect(code).toBe(0);
        const stats = JSON.parse(stderr) as { streams: Record<string, { rows: number; matched: number }> };
        expect(stats.streams.quote).toMatchObject({ rows: 4, matched: 3 });
        expect(stats.streams.bar).toMatchObject({ rows: 4, matched: 1 });
        files.push(readFileSync(out, 'utf8'));
      }
      expect(files[0]).toBe(files[1]);
    }));

  it('names the row that is out of order and leaves no file', () =>
    inTempFolder(async (folder) => {
      const { trades, quotes } = inputs(folder);
      writeFileSync(quotes, 'ts,symbol,bid,ask\n5,A,1,2\n9,A,1,2\n7,A,1,2\n50,A,1,2\n');
      const out = join(folder, 'out.parquet');
      const args = ['join', '--left', trades, '--right', quotes, '--on', 'ts', '--backend', backend, '--stream'];
      const { code, stderr } = await flowstate([...args, '--out', out]);
      expect(code).toBe(2);
      expect(stderr).toMatch(/^flowstate: FS_ERR_UNSORTED: .*right\.ts.*row 2 is before row 1/);
      expect(() => readFileSync(out)).toThrow('ENOENT');
    }));

  it('goes by batches on its own where whole tables would need more than --memory', () =>
    inTempFolder(async (folder) => {
      const { trades, quotes } = inputs(folder);
      writeFileSync(trades, 'ts,symbol,price\n20,A,1\n10,A,1\n');
      const args = ['join', '--left', trades, '--right', quotes, '--on', 'ts', '--backend', backend];
      const out = join(folder, 'out.csv');
      expect(await flowstate([...args, '--memory', '1GiB', '--out', out])).toMatchObject({ code: 0 });
      const little = await flowstate([...args, '--memory', '64', '--out', out]);
      expect(little).toMatchObject({ code: 2 });
      expect(little.stderr).toContain('FS_ERR_UNSORTED');
      const wrong = await flowstate([...args, '--memory', 'lots', '--out', out]);
      expect(wrong).toMatchObject({ code: 2 });
      expect(wrong.stderr).toMatch(/FS_ERR_ARG_TYPE: .*--memory/);
    }));
});
