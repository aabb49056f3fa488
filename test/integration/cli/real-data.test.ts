/**
 * The main job on real market data, against a scan written here that shares nothing with the product. The data is not
 * part of the repository: `../shared/data` beside the checkout, or the tests skip and say so.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { tableFromIPC } from 'apache-arrow';
import { BACKENDS, ensureBuilt, flowstate, ROOT, temporaryFolder } from './run-cli.js';

const DATA = join(ROOT, '..', 'shared', 'data');
const folder = temporaryFolder();

beforeAll(ensureBuilt);
afterAll(folder.remove);

interface Case {
  readonly name: string;
  readonly left: string;
  readonly right: string;
  readonly on: string;
  readonly value: string;
  readonly toleranceNs: bigint;
}

const CASES: readonly Case[] = [
  {
    name: 'Binance spot, nanoseconds',
    left: 'spot_BTC_ETH_trades.csv.gz',
    right: 'spot_BTC_ETH_quotes.csv.gz',
    on: 'local_ts_ns',
    value: 'update_id',
    toleranceNs: 5_000_000n,
  },
  {
    name: 'US equities, a day, many equal times',
    left: 'us_equity_20131007_trades_AIG_BAC_IBM.csv.gz',
    right: 'us_equity_20131007_quotes_AIG_BAC_IBM.csv.gz',
    on: 'ts_ns',
    value: 'bid_size',
    toleranceNs: 100_000_000n,
  },
];

/** Time, symbol and one integer column of a gzipped CSV. */
function load(file: string, on: string, value: string | null): { time: bigint; symbol: string; value: string }[] {
  const [header = '', ...lines] = gunzipSync(readFileSync(join(DATA, file)))
    .toString()
    .trimEnd()
    .split('\n');
  const names = header.split(',');
  const [time, symbol, at] = [names.indexOf(on), names.indexOf('symbol'), value === null ? 0 : names.indexOf(value)];
  return lines.map((line) => {
    const cells = line.split(',');
    return { time: BigInt(cells[time]!), symbol: cells[symbol]!, value: cells[at]! };
  });
}

/** Backward, last among equals: both files are in time order, so one pass with the last row seen per symbol. */
function expected({ left, right, on, value, toleranceNs }: Case): (string | null)[] {
  const rights = load(right, on, value);
  const seen = new Map<string, { time: bigint; value: string }>();
  let next = 0;
  return load(left, on, null).map(({ time, symbol }) => {
    for (; next < rights.length && rights[next]!.time <= time; next++) seen.set(rights[next]!.symbol, rights[next]!);
    const found = seen.get(symbol);
    return found === undefined || time - found.time > toleranceNs ? null : found.value;
  });
}

for (const each of CASES) {
  const there = existsSync(join(DATA, each.left));
  const name = there ? each.name : `${each.name} (skipped: ../shared/data is not there)`;
  (there ? describe : describe.skip)(name, () => {
    test.each(BACKENDS)('FLOWSTATE_BACKEND=%s', async (backend) => {
      const out = folder.path(`${backend}.arrow`);
      const done = await flowstate(
        [
          'join',
          ...['--left', join(DATA, each.left), '--right', join(DATA, each.right)],
          ...['--on', each.on, '--by', 'symbol', '--time-unit', 'ns', '--tolerance', `${each.toleranceNs}ns`],
          ...['--columns', each.value, '--age', 'age', '--matched', 'hit', '--out', out, '--stats'],
        ],
        { env: { FLOWSTATE_BACKEND: backend } },
      );
      expect([done.code, done.code === 0 ? '' : done.stderr]).toEqual([0, '']);
      const table = tableFromIPC(readFileSync(out));
      const want = expected(each);
      expect(table.numRows).toBe(want.length);
      const got = [...table.getChild(each.value)!].map((value: unknown) => (value === null ? null : String(value)));
      expect(got.findIndex((value, row) => value !== want[row])).toBe(-1);
      const stats = JSON.parse(done.stderr) as { streams: { right: { matched: number } } };
      expect(stats.streams.right.matched).toBe(want.filter((value) => value !== null).length);
    });
  });
}
