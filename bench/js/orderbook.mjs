// npm run bench:orderbook: commands through the Node API in batches, against a plain JavaScript book of Maps in the same
// run. The answers are checked first: fills, traded quantity and the best prices at the end. The workload is that of
// orderbook/bench: 46.6 % adds, 43.3 % cancels, 5 % modifies, 5 % marketable (IOC), about ten thousand live orders.
// With ORDERBOOK_BENCH=<path of orderbook's book_bench> its table (thread CPU time, C++ alone) is printed beside.
import { spawnSync } from 'node:child_process';
import { OrderBook } from '../../dist/esm/index.js';
import { machine, median } from './measure.mjs';
import { MapBook } from './map-book.mjs';

const EVENTS = Number(process.argv[2] ?? 2_000_000);
const RUNS = Number(process.argv[3] ?? 7);
const LIVE = 10_000;
const BATCH = 65_536;

/** xorshift32, the same everywhere. */
function randomOf(seed) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Commands as plain columns of numbers, made against a book so that cancels and modifies mostly hit living orders. */
function makeCommands(events) {
  const random = randomOf(20261122);
  const book = new MapBook();
  const total = LIVE + events;
  const columns = {
    kind: new Uint8Array(total),
    id: new Float64Array(total),
    side: new Uint8Array(total),
    price: new Float64Array(total),
    quantity: new Float64Array(total),
    timeInForce: new Uint8Array(total),
  };
  const alive = [];
  let nextId = 1;
  let fair = 10_000;
  for (let row = 0; row < total; row++) {
    if (row % 64 === 0) fair += Math.round((random() - 0.5) * 3);
    const dice = row < LIVE ? 0 : random();
    const side = random() < 0.5 ? 0 : 1;
    const quantity = 1 + Math.floor(random() * 9);
    let [kind, id, price, timeInForce] = [0, nextId, 0, 0];
    if (dice < 0.466) {
      const away = 1 + Math.floor(20 * random() ** 3);
      price = side === 0 ? fair - away : fair + away;
      alive.push(nextId++);
    } else if (dice < 0.516) {
      price = side === 0 ? fair + 3 : fair - 3;
      timeInForce = 1;
      nextId++;
    } else {
      // Three quarters among the latest.
      const span = random() < 0.75 ? Math.min(256, alive.length) : alive.length;
      const at = alive.length - 1 - Math.floor(random() * span);
      id = alive[at] ?? 0;
      if (dice < 0.949) {
        kind = 1;
        alive[at] = alive[alive.length - 1];
        alive.pop();
      } else {
        kind = 2;
        const order = book.orders.get(id);
        price = order === undefined ? fair : order.price + (order.side === 0 ? -1 : 1);
      }
    }
    columns.kind[row] = kind;
    columns.id[row] = id;
    columns.side[row] = side;
    columns.price[row] = price;
    columns.quantity[row] = quantity;
    columns.timeInForce[row] = timeInForce;
    book.apply(kind, id, side, price, quantity, timeInForce);
  }
  return columns;
}

const columns = makeCommands(EVENTS);
const total = columns.kind.length;
const batches = [];
for (let at = 0; at < total; at += BATCH) {
  const cut = (column) => column.subarray(at, at + BATCH);
  batches.push({
    kind: cut(columns.kind),
    id: BigUint64Array.from(cut(columns.id), BigInt),
    side: cut(columns.side),
    price: BigInt64Array.from(cut(columns.price), BigInt),
    quantity: BigUint64Array.from(cut(columns.quantity), BigInt),
    timeInForce: cut(columns.timeInForce),
  });
}

function runMap() {
  const book = new MapBook();
  const { kind, id, side, price, quantity, timeInForce } = columns;
  for (let i = 0; i < total; i++) book.apply(kind[i], id[i], side[i], price[i], quantity[i], timeInForce[i]);
  return { fills: book.fills, traded: book.traded, bid: book.bestBid(), ask: book.bestAsk(), live: book.orders.size };
}

function runBatches(storage) {
  const book = new OrderBook({ storage, expectedOrders: 32_768 });
  let fills = 0;
  for (const batch of batches) fills += book.applyBatch(batch).fills.length;
  const { bid, ask } = book.bbo();
  const { tradedQuantity, activeOrders } = book.stats();
  book.close();
  return { fills, traded: Number(tradedQuantity), bid: Number(bid.price), ask: Number(ask.price), live: activeOrders };
}

/** The first `count` commands one by one, and the same through a batch: the answers must be equal. */
function runInteractive(count) {
  const book = new OrderBook({ expectedOrders: 32_768 });
  const { kind, id, side, price, quantity, timeInForce } = columns;
  const start = process.hrtime.bigint();
  for (let i = 0; i < count; i++) {
    if (kind[i] === 1) book.cancelOrder(id[i]);
    else if (kind[i] === 2) book.modifyOrder(id[i], { price: price[i], quantity: quantity[i] });
    else {
      book.addOrder({
        id: id[i],
        side: side[i] === 0 ? 'buy' : 'sell',
        price: price[i],
        quantity: quantity[i],
        timeInForce: timeInForce[i] === 1 ? 'ioc' : 'gtc',
      });
    }
  }
  const ns = Number(process.hrtime.bigint() - start) / count;
  const twin = new OrderBook({ expectedOrders: 32_768 });
  const cut = Object.fromEntries(Object.entries(batches[0]).map(([name, column]) => [name, column.subarray(0, count)]));
  twin.applyBatch(cut);
  const agrees = twin.checksum() === book.checksum() && twin.stats().trades === book.stats().trades;
  book.close();
  twin.close();
  return { ns, agrees };
}

const contenders = [
  { name: 'plain JavaScript book of Maps', run: runMap },
  { name: "applyBatch, storage 'wide'", run: () => runBatches('wide') },
  { name: "applyBatch, storage 'compact'", run: () => runBatches('compact') },
  { name: "applyBatch, storage 'dense'", run: () => runBatches('dense') },
];
const expected = JSON.stringify(contenders[0].run());
for (const contender of contenders) {
  contender.agrees = JSON.stringify(contender.run()) === expected;
  contender.times = [];
}
const interactive = runInteractive(Math.min(BATCH, total));
for (let round = 0; round < RUNS; round++) {
  for (const contender of contenders) {
    const start = process.hrtime.bigint();
    contender.run();
    contender.times.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
}

console.log(`Machine: ${machine()}. Command: \`npm run bench:orderbook -- ${EVENTS} ${RUNS}\`.`);
console.log(`${total} commands, batches of ${BATCH}; ${expected}\n`);
console.log('| book | M commands/s, median | best | ns a command, median | ratio to Maps, medians | agrees |');
console.log('|---|---|---|---|---|---|');
const base = median(contenders[0].times);
for (const { name, agrees, times } of contenders) {
  const ms = median(times);
  const rate = (value) => (total / value / 1000).toFixed(1);
  const row = [
    name,
    rate(ms),
    rate(Math.min(...times)),
    ((ms * 1e6) / total).toFixed(1),
    (base / ms).toFixed(1),
    agrees,
  ];
  console.log(`| ${row.join(' | ')} |`);
}
console.log(
  `\nOne command at a time: ${interactive.ns.toFixed(0)} ns each, agrees with a batch: ${interactive.agrees}`,
);
if (process.env.ORDERBOOK_BENCH) {
  const done = spawnSync(process.env.ORDERBOOK_BENCH, [String(EVENTS), '3'], { encoding: 'utf8' });
  console.log(`\norderbook/bench, C++ alone:\n${done.stdout}`);
}
if (!interactive.agrees || contenders.some(({ agrees }) => !agrees)) process.exitCode = 1;
