/** The public join on small tables: what comes out, under which names, sharing which buffers. */
import { tableFromIPC, tableToIPC } from 'apache-arrow';

import { asofJoin, asofJoinSync } from '../../../lib/index';
import { cellsOf, table } from '../../helpers/columns';

const trades = table({
  timestamp: ['ts_ns', [1n, 5n, 10n]],
  symbol: ['utf8', ['a', 'b', 'a']],
  size: ['int64', [1n, 2n, 3n]],
});
const quotes = table({
  timestamp: ['ts_ns', [0n, 4n, 6n]],
  symbol: ['utf8', ['a', 'b', 'a']],
  bid: ['int64', [10n, 20n, 30n]],
  size: ['int64', [7n, 8n, 9n]],
});

describe('asofJoin', () => {
  test('appends the right payload and leaves out its on and by columns', async () => {
    const out = await asofJoin(trades, quotes, { on: 'timestamp', by: 'symbol', backend: 'javascript' });
    expect(out.schema.fields.map((field) => field.name)).toEqual(['timestamp', 'symbol', 'size', 'bid', 'size_right']);
    expect(cellsOf(out, 'bid')).toEqual([10n, 20n, 30n]);
    const again = tableFromIPC(tableToIPC(out));
    expect(cellsOf(again, 'size_right')).toEqual([7n, 8n, 9n]);
  });

  test('shares the buffers of the left columns', () => {
    const out = asofJoinSync(trades, quotes, { on: 'timestamp', backend: 'javascript' });
    expect(out.getChild('size')?.data[0]?.values).toBe(trades.getChild('size')?.data[0]?.values);
  });
});
