// npm run bench:streams: N right streams in one call, against the sum of single joins and against chained Polars.
import { createRequire } from 'node:module';
import { tableToIPC } from 'apache-arrow';
import { alignStreams, asofJoin } from '../../dist/esm/index.js';
import { makeInputs } from './data.mjs';
import { compare, machine } from './measure.mjs';

const require = createRequire(import.meta.url);
const pl = require('nodejs-polars');
const runs = Number(process.argv[2] ?? 9);

console.log(
  `Machine: ${machine()}. Command: \`npm run bench:streams -- ${runs}\`. Median ms of ${runs} interleaved rounds.\n`,
);
console.log('| streams | keys | alignStreams | sum of single joins | share | chained nodejs-polars | ratio |');
console.log('|---|---|---|---|---|---|---|');
for (const key of ['string', 'dictionary', 'int']) {
  for (const count of [2, 4, 8]) {
    const shape = { leftRows: 1_000_000, rightRows: 500_000, symbols: 1000, key };
    const inputs = Array.from({ length: count }, (_, right) => makeInputs({ ...shape, right }));
    const left = inputs[0].left;
    const rights = inputs.map((i) => i.right);
    const streams = Object.fromEntries(rights.map((table, i) => [`s${i}`, { table }]));
    const frames = [left, ...rights].map((table) => {
      const frame = pl.readIPC(Buffer.from(tableToIPC(table, 'file')));
      return key === 'dictionary' ? frame.withColumns(pl.col('symbol').cast(pl.Categorical)) : frame;
    });
    const sums = (get) => {
      let matched = 0;
      let bid = 0;
      let ask = 0;
      for (let i = 0; i < count; i++) {
        const [b, a] = get(i);
        for (let k = 0; k < b.length; k++) {
          const value = b.get(k);
          if (value === null) continue;
          matched++;
          bid += value;
          ask += a.get(k);
        }
      }
      return { rows: left.numRows, matched, bid, ask };
    };
    const columns = (frame, name) => {
      const series = frame.getColumn(name);
      return { length: series.length, get: (k) => series.getIndex(k) };
    };
    const contenders = [
      {
        name: 'alignStreams',
        run: () => alignStreams(left, streams, { on: 'ts', by: 'symbol' }),
        answer: ({ table }) => sums((i) => [table.getChild(`s${i}_bid`), table.getChild(`s${i}_ask`)]),
      },
      {
        name: 'single joins',
        run: async () => {
          const out = [];
          for (const right of rights) out.push(await asofJoin(left, right, { on: 'ts', by: 'symbol' }));
          return out;
        },
        answer: (tables) => sums((i) => [tables[i].getChild('bid'), tables[i].getChild('ask')]),
      },
      {
        name: 'polars',
        run: async () => {
          let out = frames[0];
          for (let i = 0; i < count; i++) {
            out = out.joinAsof(frames[i + 1], { on: 'ts', by: 'symbol', strategy: 'backward', suffix: `_${i}` });
          }
          return out;
        },
        answer: (frame) =>
          sums((i) => [columns(frame, i === 0 ? 'bid' : `bid_${i}`), columns(frame, i === 0 ? 'ask' : `ask_${i}`)]),
      },
    ];
    const [all, single, polars] = await compare(contenders, { runs });
    for (const row of [single, polars]) if (!row.agrees) console.log(`DISAGREES: ${key} ${count}: ${row.name}`);
    console.log(
      `| ${count} | ${key} | ${all.median.toFixed(1)} | ${single.median.toFixed(1)} | ${(all.median / single.median).toFixed(2)} | ${polars.median.toFixed(1)} | ${(polars.median / all.median).toFixed(1)}x |`,
    );
  }
}
