/** Real market data, which is not ours to ship: `../shared/data` beside the checkout, or tests skip and say so. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { loadAddon } from '../../../lib/internal/native.js';

const ROOT = join(__dirname, '..', '..', '..');

export const FILES = {
  messages: 'AAPL_2012-06-21_34200000_57600000_message_10_first998.csv.gz',
  book: 'AAPL_2012-06-21_34200000_57600000_orderbook_10_first998.csv.gz',
  binance: 'spot_btcusdt_20240808.raw.gz',
  dbn: 'esh4-glbx-mdp3-20231225.mbo.dbn.zst',
  itch: 'nasdaq_itch50_head1000msgs.itch.gz',
} as const;

export const pathOf = (file: keyof typeof FILES): string => join(ROOT, '..', 'shared', 'data', FILES[file]);

/** The unpacked text of a .gz file. */
export const textOf = (file: keyof typeof FILES): string => gunzipSync(readFileSync(pathOf(file))).toString();

/** `describe`, or a skipped one that says what is missing. */
export function describeWith(files: readonly (keyof typeof FILES)[]): jest.Describe {
  const { addon, reason } = loadAddon();
  const missing = files.filter((file) => !existsSync(pathOf(file)));
  if (addon === null) console.warn(`skipped: ${reason}`);
  else if (missing.length > 0)
    console.warn(`skipped: ../shared/data has no ${missing.map((f) => FILES[f]).join(', ')}`);
  return addon === null || missing.length > 0 ? describe.skip : describe;
}
