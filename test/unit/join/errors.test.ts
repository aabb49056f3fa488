/** Every way a join refuses its arguments or its data, by code; and that a refusal changes nothing. */
import { Field, List, Int32 } from 'apache-arrow';

import { alignStreamsSync, asofJoin, asofJoinSync, type AsofJoinOptions, FlowStateError } from '../../../lib/index';
import { type Cell, makeTable, table, typeNamed } from '../../helpers/columns';
import { nestedChunk } from '../../helpers/nested';
import { Data, RecordBatch, Schema, Struct, Table } from 'apache-arrow';

const left = table({
  time: ['ts_ns', [1n, 2n, 3n]],
  key: ['utf8', ['a', 'b', 'a']],
  price: ['float64', [1, 2, 3]],
});
const right = table({
  time: ['ts_ns', [0n, 2n]],
  key: ['utf8', ['a', 'b']],
  price: ['float64', [1, 2]],
  bid: ['float64', [1, 2]],
});

/** Options as a JavaScript caller may write them. */
function attempt(options: unknown, l: unknown = left, r: unknown = right): () => unknown {
  return () => asofJoinSync(l as Table, r as Table, options as AsofJoinOptions);
}

const on = { on: 'time', backend: 'javascript' };

test.each<[string, unknown, string, RegExp]>([
  ['no options', undefined, 'FS_ERR_ARG_TYPE', /options must be an object/],
  ['no on', { backend: 'javascript' }, 'FS_ERR_ARG_TYPE', /^on must be/],
  ['an empty on', { ...on, on: '' }, 'FS_ERR_ARG_RANGE', /^on must be a name/],
  ['half an on', { ...on, on: { left: 'time' } }, 'FS_ERR_ARG_TYPE', /^on\.right/],
  ['a third side', { ...on, on: { left: 'time', right: 'time', middle: 'x' } }, 'FS_ERR_OPTION_UNKNOWN', /middle/],
  ['an unknown option', { ...on, tolerence: '5s' }, 'FS_ERR_OPTION_UNKNOWN', /did you mean 'tolerance'/],
  ['an unknown direction', { ...on, direction: 'backwards' }, 'FS_ERR_OPTION_UNKNOWN', /did you mean 'backward'/],
  ['a direction of the wrong type', { ...on, direction: 1 }, 'FS_ERR_ARG_TYPE', /^direction/],
  ['an unknown backend', { ...on, backend: 'gpu' }, 'FS_ERR_OPTION_UNKNOWN', /^backend/],
  ['a negative tolerance', { ...on, tolerance: -1n }, 'FS_ERR_ARG_RANGE', /^tolerance/],
  ['a negative duration', { ...on, tolerance: '-5s' }, 'FS_ERR_ARG_RANGE', /^tolerance/],
  ['a tolerance past int64', { ...on, tolerance: 2n ** 63n }, 'FS_ERR_ARG_RANGE', /^tolerance/],
  ['a number on a timestamp', { ...on, tolerance: 5 }, 'FS_ERR_ARG_TYPE', /^tolerance.*temporal/],
  ['a boolean tolerance', { ...on, tolerance: true }, 'FS_ERR_ARG_TYPE', /^tolerance/],
  ['a lag looking forward', { ...on, lag: '1s', direction: 'forward' }, 'FS_ERR_ARG_RANGE', /^lag/],
  ['a negative lag', { ...on, lag: -1n }, 'FS_ERR_ARG_RANGE', /^lag/],
  ['exact matches as a string', { ...on, allowExactMatches: 'no' }, 'FS_ERR_ARG_TYPE', /^allowExactMatches/],
  ['unpaired keys', { ...on, by: { left: ['key'], right: ['key', 'bid'] } }, 'FS_ERR_ARG_RANGE', /pair up/],
  ['a key twice', { ...on, by: ['key', 'key'] }, 'FS_ERR_ARG_RANGE', /once/],
  ['a key that is no name', { ...on, by: [1] }, 'FS_ERR_ARG_TYPE', /^by\[0\]/],
  ['prefix and suffix', { ...on, prefix: 'q_', suffix: '_q' }, 'FS_ERR_ARG_RANGE', /exclude/],
  ['no threads', { ...on, threads: 0 }, 'FS_ERR_ARG_RANGE', /^threads/],
  ['half a thread', { ...on, threads: 1.5 }, 'FS_ERR_ARG_RANGE', /^threads/],
  ['a signal that is none', { ...on, signal: {} }, 'FS_ERR_ARG_TYPE', /^signal/],
  ['a missing left column', { ...on, on: 'tim' }, 'FS_ERR_COLUMN_MISSING', /left.*did you mean 'time'/],
  ['a missing right key', { ...on, by: { left: 'key', right: 'kex' } }, 'FS_ERR_COLUMN_MISSING', /right.*'key'/],
  ['a missing payload column', { ...on, columns: ['ask'] }, 'FS_ERR_COLUMN_MISSING', /right has no column 'ask'/],
  ['a missing knownAt', { ...on, knownAt: 'seen' }, 'FS_ERR_COLUMN_MISSING', /seen/],
  ['a second collision', { ...on, suffix: '' }, 'FS_ERR_NAME_COLLISION', /key/],
  ['a rightTime that is taken', { ...on, by: 'key', rightTime: 'bid' }, 'FS_ERR_NAME_COLLISION', /bid/],
  ['an age that is taken', { ...on, age: 'price' }, 'FS_ERR_NAME_COLLISION', /price/],
  ['keys of two families', { ...on, by: { left: 'key', right: 'bid' } }, 'FS_ERR_SCHEMA', /strings against floats/],
  ['times of two families', { ...on, on: { left: 'time', right: 'bid' } }, 'FS_ERR_SCHEMA', /cannot be compared/],
  ['a string as time', { ...on, on: 'key' }, 'FS_ERR_SCHEMA', /left\.key/],
  ['a knownAt of another family', { ...on, knownAt: 'bid' }, 'FS_ERR_SCHEMA', /right\.bid/],
])('%s', (_, options, code, message) => {
  expect(attempt(options)).toThrow(expect.objectContaining({ code }));
  expect(attempt(options)).toThrow(message);
});

test.each([
  ['left', null, right],
  ['left', {}, right],
  ['right', left, [1, 2]],
])('%s must be a table', (side, l, r) => {
  expect(attempt(on, l, r)).toThrow(expect.objectContaining({ code: 'FS_ERR_ARG_TYPE' }));
  expect(attempt(on, l, r)).toThrow(new RegExp(`^${side} must be an apache-arrow Table`));
});

const pairOf = (leftType: string, rightType: string, l: Cell[] = [1n], r: Cell[] = [1n]): [Table, Table] => [
  table({ time: [leftType, l] }),
  table({ time: [rightType, r], x: ['int32', r.map(() => 1n)] }),
];

test('a time with a zone against one without, unless told', () => {
  const [l, r] = pairOf('ts_ns_utc', 'ts_ns');
  expect(attempt(on, l, r)).toThrow(expect.objectContaining({ code: 'FS_ERR_SCHEMA' }));
  expect(attempt(on, r, l)).toThrow(/timeZones: 'utc'/);
  expect(asofJoinSync(l, r, { on: 'time', timeZones: 'utc', backend: 'javascript' }).numRows).toBe(1);
  const [d, z] = pairOf('date32', 'ts_us_ny');
  expect(attempt(on, d, z)).toThrow(expect.objectContaining({ code: 'FS_ERR_SCHEMA' }));
});

test.each([
  ['integers', 'int64', '5s', 'FS_ERR_ARG_TYPE'],
  ['integers', 'int64', 1.5, 'FS_ERR_ARG_RANGE'],
  ['integers', 'int64', 2 ** 53, 'FS_ERR_ARG_RANGE'],
  ['integers', 'int64', NaN, 'FS_ERR_ARG_RANGE'],
  ['floats', 'float64', '5s', 'FS_ERR_ARG_TYPE'],
  ['floats', 'float64', 2n ** 53n + 1n, 'FS_ERR_ARG_RANGE'],
  ['floats', 'float64', -0.5, 'FS_ERR_ARG_RANGE'],
])('tolerance on %s (%s): %p is %s', (_, type, tolerance, code) => {
  const [l, r] = pairOf(type, type);
  expect(attempt({ ...on, tolerance }, l, r)).toThrow(expect.objectContaining({ code }));
});

test('a time that leaves int64 in the common unit is FS_ERR_OVERFLOW with column and row', () => {
  const [l, r] = pairOf('ts_s', 'ts_ns', [1n, null, 2n ** 62n]);
  expect(attempt(on, l, r)).toThrow(
    expect.objectContaining({
      code: 'FS_ERR_OVERFLOW',
      details: expect.objectContaining({ column: 'left.time', row: 2 }),
    }),
  );
  const [u, s] = pairOf('uint64', 'int64', [2n ** 63n]);
  expect(attempt(on, u, s)).toThrow(expect.objectContaining({ code: 'FS_ERR_OVERFLOW' }));
});

test('an age that leaves int64 is FS_ERR_OVERFLOW', () => {
  const [l, r] = pairOf('int64', 'int64', [2n ** 63n - 1n], [-(2n ** 63n)]);
  expect(attempt({ ...on, age: 'age' }, l, r)).toThrow(expect.objectContaining({ code: 'FS_ERR_OVERFLOW' }));
  expect(asofJoinSync(l, r, { on: 'time', backend: 'javascript' }).getChild('x')?.get(0)).toBe(1);
});

test('a nested key is FS_ERR_SCHEMA', () => {
  const list = new List(new Field('item', new Int32(), true));
  const schema = new Schema([new Field('time', typeNamed('int64'), true), new Field('tags', list, true)]);
  const children = [table({ t: ['int64', [1n]] }).batches[0]!.data.children[0]!, nestedChunk(list, [1])];
  const nested = new Table(schema, [
    new RecordBatch(schema, new Data(new Struct(schema.fields), 0, 1, 0, {}, children)),
  ]);
  expect(attempt({ ...on, by: 'tags' }, nested, nested)).toThrow(expect.objectContaining({ code: 'FS_ERR_SCHEMA' }));
});

test('decimals of two scales, and two columns of one name, are FS_ERR_SCHEMA', () => {
  const twice = makeTable([
    { name: 'time', type: typeNamed('int64'), cells: [1n] },
    { name: 'time', type: typeNamed('int64'), cells: [1n] },
  ]);
  expect(attempt(on, twice, twice)).toThrow(expect.objectContaining({ code: 'FS_ERR_SCHEMA' }));
  const [l, r] = pairOf('int64', 'int64');
  const fixed = (type: string, width: number) => table({ time: ['int64', [1n]], k: [type, [new Uint8Array(width)]] });
  expect(attempt({ ...on, by: 'k' }, fixed('fixed3', 3), fixed('fixed8', 8))).toThrow(
    expect.objectContaining({ code: 'FS_ERR_SCHEMA' }),
  );
  expect(attempt(on, l, r)).not.toThrow();
});

test('a detached buffer is FS_ERR_DETACHED, a short one FS_ERR_LENGTH', () => {
  const [l, r] = pairOf('int64', 'int64', [1n, 2n], [1n, 2n]);
  structuredClone(0, { transfer: [r.batches[0]!.data.children[0]!.values.buffer] });
  expect(attempt(on, l, r)).toThrow(expect.objectContaining({ code: 'FS_ERR_DETACHED' }));
  const short = new Data(typeNamed('int64'), 0, 3, 0, { 1: new BigInt64Array(2) });
  const schema = new Schema([new Field('time', typeNamed('int64'), true)]);
  const bad = new Table(schema, [new RecordBatch(schema, new Data(new Struct(schema.fields), 0, 3, 0, {}, [short]))]);
  expect(attempt(on, l, bad)).toThrow(expect.objectContaining({ code: 'FS_ERR_LENGTH' }));
});

test('an aborted signal rejects with FS_ERR_ABORTED, before and during the work', async () => {
  const aborted = AbortSignal.abort('enough');
  await expect(asofJoin(left, right, { on: 'time', signal: aborted, backend: 'javascript' })).rejects.toMatchObject({
    code: 'FS_ERR_ABORTED',
    cause: 'enough',
  });
  const many = Array.from({ length: 400_000 }, (_, i) => BigInt(i));
  const big = table({ time: ['int64', many] });
  const controller = new AbortController();
  setImmediate(() => controller.abort());
  await expect(
    asofJoin(big, big, { on: 'time', signal: controller.signal, backend: 'javascript' }),
  ).rejects.toMatchObject({ code: 'FS_ERR_ABORTED' });
});

test('errors keep their class and carry details', () => {
  expect.assertions(3);
  try {
    asofJoinSync(left, right, { on: 'tyme', backend: 'javascript' });
  } catch (error) {
    expect(error).toBeInstanceOf(FlowStateError);
    expect(error).toMatchObject({ name: 'DataError', details: { side: 'left', column: 'tyme' } });
    expect(error).toMatchObject({ stack: expect.stringContaining('errors.test') });
  }
});

test('alignStreams says in which stream', () => {
  const quote = { table: right, tolerance: -1n };
  expect(() => alignStreamsSync(left, { quote }, { on: 'time', backend: 'javascript' })).toThrow(
    /^streams\.quote\.tolerance/,
  );
  expect(() => alignStreamsSync(left, {}, { on: 'time' })).toThrow(
    expect.objectContaining({ code: 'FS_ERR_ARG_RANGE' }),
  );
  expect(() => alignStreamsSync(left, { q: { table: right, columns: ['b'] } }, { on: 'time' })).toThrow(
    /q has no column 'b'/,
  );
});
