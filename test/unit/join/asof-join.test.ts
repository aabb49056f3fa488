/** The public join on small tables: what comes out, under which names, sharing which buffers. */
import type * as arrow from 'apache-arrow';
import {
  Data,
  Dictionary,
  Field,
  Int8,
  RecordBatch,
  Schema,
  Struct,
  Table,
  tableFromIPC,
  tableToIPC,
  Utf8,
} from 'apache-arrow';

import { asofJoin, asofJoinSync, type AsofJoinOptions } from '../../../lib/index';
import { cellsOf, makeTable, table, typeNamed } from '../../helpers/columns';

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

function join(options: Partial<AsofJoinOptions> = {}, left = trades, right = quotes): Table {
  return asofJoinSync(left, right, { on: 'timestamp', by: 'symbol', backend: 'javascript', ...options });
}

const names = (from: Table): string[] => from.schema.fields.map((field) => field.name);

describe('columns', () => {
  test("the left's, then the right's without its on and by, collisions suffixed", async () => {
    const out = await asofJoin(trades, quotes, { on: 'timestamp', by: 'symbol', backend: 'javascript' });
    expect(names(out)).toEqual(['timestamp', 'symbol', 'size', 'bid', 'size_right']);
    expect(cellsOf(out, 'bid')).toEqual([10n, 20n, 30n]);
    expect(cellsOf(tableFromIPC(tableToIPC(out)), 'size_right')).toEqual([7n, 8n, 9n]);
  });

  test('columns chooses and orders, on and by among them; extras follow', () => {
    const out = join({ columns: ['size', 'timestamp', 'bid'], rightTime: 'at', age: 'age', matched: 'hit' });
    expect(names(out).slice(3)).toEqual(['size_right', 'timestamp_right', 'bid', 'at', 'age', 'hit']);
    expect(cellsOf(out, 'at')).toEqual(cellsOf(out, 'timestamp_right'));
    expect(cellsOf(out, 'age')).toEqual([1n, 1n, 4n]);
    expect(cellsOf(out, 'hit')).toEqual([true, true, true]);
  });

  test('a prefix renames all, and then a collision is an error', () => {
    expect(names(join({ prefix: 'q_' })).slice(3)).toEqual(['q_bid', 'q_size']);
    const left = table({ timestamp: ['ts_ns', [1n]], symbol: ['utf8', ['a']], q_bid: ['int8', [1n]] });
    expect(() => join({ prefix: 'q_' }, left)).toThrow(expect.objectContaining({ code: 'FS_ERR_NAME_COLLISION' }));
  });

  test('without payload there is still a join', () => {
    expect(names(join({ columns: [] }))).toEqual(['timestamp', 'symbol', 'size']);
  });

  test('other names left and right; keys of other types', () => {
    const right = table({
      at: ['ts_us', [0n]],
      ticker: ['dict:int8:utf8', ['b']],
      bid: ['int8', [5n]],
    });
    const out = join(
      { on: { left: 'timestamp', right: 'at' }, by: { left: ['symbol'], right: ['ticker'] } },
      trades,
      right,
    );
    expect(cellsOf(out, 'bid')).toEqual([null, 5n, null]);
    expect(names(out)).toEqual(['timestamp', 'symbol', 'size', 'bid']);
  });
});

describe('schema', () => {
  test('types and metadata are kept, right fields become nullable', () => {
    const meta = new Map([['unit', 'EUR']]);
    const field = new Field('bid', typeNamed('int32'), false, meta);
    const time = new Field('timestamp', typeNamed('ts_ns'), false, new Map([['a', 'b']]));
    const one = quotes.batches[0]!.data.children[0]!;
    const bids = new Data(field.type, 0, 3, 0, { 1: Int32Array.from([1, 2, 3]) });
    const schema = new Schema([time, field], new Map([['source', 'feed']]));
    const right = new Table(schema, [
      new RecordBatch(schema, new Data(new Struct(schema.fields), 0, 3, 0, {}, [one, bids])),
    ]);
    const out = join({ by: [] }, right, right);
    expect(out.schema.metadata).toEqual(new Map([['source', 'feed']]));
    expect(out.schema.fields.map(({ name, nullable, metadata }) => ({ name, nullable, metadata }))).toEqual([
      { name: 'timestamp', nullable: false, metadata: new Map([['a', 'b']]) },
      { name: 'bid', nullable: false, metadata: meta },
      { name: 'bid_right', nullable: true, metadata: meta },
    ]);
    expect(String(out.schema.fields[2]!.type)).toBe('Int32');
  });

  test('dictionaries of one id but of two tables stay apart, in memory and in a file', () => {
    const dictionaryTable = (values: string[]): Table => {
      const type = new Dictionary(new Utf8(), new Int8(), 0);
      const made = table({ v: [typeNamed('dict:int8:utf8'), values] }).batches[0]!.data.children[0]!;
      const schema = new Schema([new Field('timestamp', typeNamed('ts_ns')), new Field('v', type)]);
      const data = new Data(type, 0, values.length, 0, { 1: made.values }, [], made.dictionary);
      const times = table({ t: ['ts_ns', values.map((_, i) => BigInt(i))] }).batches[0]!.data.children[0]!;
      const struct = new Data(new Struct(schema.fields), 0, values.length, 0, {}, [times, data]);
      return new Table(schema, [new RecordBatch(schema, struct)]);
    };
    const out = join({ by: [] }, dictionaryTable(['x', 'y', 'x']), dictionaryTable(['p', 'q', 'r']));
    const again = tableFromIPC(tableToIPC(out));
    for (const from of [out, again]) {
      expect(cellsOf(from, 'v')).toEqual(['x', 'y', 'x']);
      expect(cellsOf(from, 'v_right')).toEqual(['p', 'q', 'r']);
    }
  });
});

describe('layout', () => {
  const cells = { name: 'timestamp', type: typeNamed('ts_ns'), cells: Array.from({ length: 10 }, (_, i) => BigInt(i)) };
  const flags = { name: 'flag', type: typeNamed('bool'), cells: cells.cells.map((n) => n % 3n === 0n) };
  const chunked = makeTable([cells, flags], { batches: [3, 0, 6, 1], hidden: 2 });

  test("a left join keeps the left's batches and shares its buffers", () => {
    const out = join({ by: [] }, chunked, chunked);
    expect(out.batches.map((batch) => batch.numRows)).toEqual([3, 0, 6, 1]);
    out.batches.forEach((batch, i) => {
      expect(batch.data.children[0]!.values).toBe(chunked.batches[i]!.data.children[0]!.values);
      expect(batch.data.children[1]!.values).toBe(chunked.batches[i]!.data.children[1]!.values);
    });
    expect(cellsOf(out, 'flag_right')).toEqual(flags.cells);
  });

  test('right columns of all batches lie in one buffer', () => {
    const out = join({ by: [], rightTime: 'at' }, chunked, chunked);
    const at = out.batches.map((batch) => batch.data.children[3]!.values.buffer);
    expect(new Set(at).size).toBe(1);
  });

  test('an inner join is one batch, in left order', () => {
    const right = table({ timestamp: ['ts_ns', [4n]], x: ['int8', [1n]] });
    const out = join({ by: [], how: 'inner' }, chunked, right);
    expect(out.batches).toHaveLength(1);
    expect(cellsOf(out, 'timestamp')).toEqual([4n, 5n, 6n, 7n, 8n, 9n]);
    expect(cellsOf(out, 'flag')).toEqual(flags.cells.slice(4));
  });
});

describe('empty sides', () => {
  const none = table({ timestamp: ['ts_ns', []], symbol: ['utf8', []], bid: ['dict:int8:utf8', []] });
  const batchless = new Table(none.schema, []);

  test.each([
    ['no rows', none],
    ['no batches', batchless],
  ])('right: %s', (_, right) => {
    const out = join({ rightTime: 'at', matched: 'hit' }, trades, right);
    expect(cellsOf(out, 'bid')).toEqual([null, null, null]);
    expect(cellsOf(out, 'at')).toEqual([null, null, null]);
    expect(cellsOf(out, 'hit')).toEqual([false, false, false]);
    expect(tableFromIPC(tableToIPC(out)).numRows).toBe(3);
    expect(join({ how: 'inner' }, trades, right).numRows).toBe(0);
  });

  test.each([
    ['no rows', none],
    ['no batches', batchless],
  ])('left: %s', (_, left) => {
    const out = join({ suffix: '_q' }, left, quotes);
    expect(out.numRows).toBe(0);
    expect(names(out)).toEqual(['timestamp', 'symbol', 'bid', 'bid_q', 'size']);
  });
});

describe('reports', () => {
  test('stats: true answers with a report', async () => {
    const answer = await asofJoin(trades, quotes, {
      on: 'timestamp',
      tolerance: '1ns',
      stats: true,
      backend: 'javascript',
    });
    expect(answer.stats).toEqual({
      rows: 3,
      rightRows: 3,
      matched: 2,
      unmatched: 1,
      noCandidate: 0,
      toleranceExceeded: 1,
    });
    expect(answer.explain).toBeNull();
    expect(answer.table.numRows).toBe(3);
  });

  test('a null payload of a match is a match', () => {
    const right = table({ timestamp: ['ts_ns', [0n]], bid: ['int64', [null]] });
    const { stats } = asofJoinSync(trades, right, { on: 'timestamp', stats: true, backend: 'javascript' });
    expect(stats.matched).toBe(3);
  });

  test('explain: true adds plan, statistics and phases', () => {
    const { explain } = asofJoinSync(trades, quotes, { on: 'timestamp', explain: true, backend: 'javascript' });
    expect(explain).toMatchObject({
      executor: 'javascript',
      streams: { plan: 'javascript', statistics: { leftRows: 3, rightRows: 3 } },
    });
    expect(explain?.streams.phases.map((phase) => phase.name)).toEqual(['times', 'keys', 'order', 'match', 'gather']);
  });
});

test('a table of another copy of apache-arrow is as good', () => {
  let other: typeof arrow | undefined;
  jest.isolateModules(() => {
    other = jest.requireActual<typeof arrow>('apache-arrow');
  });
  if (other === undefined) throw new Error('no second copy');
  expect(other.Schema).not.toBe(Schema);
  const foreign = other.tableFromIPC(
    tableToIPC(
      table({
        timestamp: ['ts_ns', [0n, 4n]],
        symbol: ['dict:int8:utf8', ['a', 'b']],
        bid: ['dict:int8:utf8', ['low', 'high']],
      }),
    ),
  );
  const out = join({}, foreign, foreign);
  expect(out.constructor).toBe(Table);
  expect(out.schema.fields.every((field) => field instanceof Field && field.type.constructor !== undefined)).toBe(true);
  expect(cellsOf(out, 'bid')).toEqual(['low', 'high']);
  expect(cellsOf(tableFromIPC(tableToIPC(out)), 'bid_right')).toEqual(['low', 'high']);
  expect(out.getChild('timestamp')?.data[0]?.values).toBe(foreign.getChild('timestamp')?.data[0]?.values);
});
