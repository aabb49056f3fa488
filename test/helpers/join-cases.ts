/**
 * Random joins: two tables, options, and the same join as the oracle wants it. Values come from small domains, so
 * that ties, duplicates and exact matches are the rule; some times sit at the limits of int64.
 */
import fc from 'fast-check';
import { Data, Field, RecordBatch, Schema, Struct, Table } from 'apache-arrow';

import type { AsofJoinOptions } from '../../lib/index';
import { type Cell, makeTable, typeNamed } from './columns';
import { NESTED, nestedChunk } from './nested';
import type { OracleOptions, OracleSide, OracleTime } from './oracle';

/** Two time types that may meet: what multiplies each side's values, and nanoseconds per aligned unit. */
interface TimePair {
  readonly left: string;
  readonly right: string;
  readonly leftScale: bigint;
  readonly rightScale: bigint;
  readonly ns: bigint;
  readonly family: 'temporal' | 'integer' | 'float';
  readonly min?: bigint;
  readonly max?: bigint;
  readonly timeZones?: 'utc';
}

const MAX = 2n ** 63n - 1n;
const DAY = 86_400n;
const int = (left: string, right: string, min?: bigint, max?: bigint): TimePair => ({
  ...{ left, right, leftScale: 1n, rightScale: 1n, ns: 1n, family: 'integer', min, max },
});
const temporal = (left: string, right: string, leftScale: bigint, rightScale: bigint, ns: bigint): TimePair => ({
  ...{ left, right, leftScale, rightScale, ns, family: 'temporal' },
});
const float = (left: string, right: string): TimePair => ({ ...int(left, right), family: 'float' });

const TIME_PAIRS: readonly TimePair[] = [
  int('int64', 'int64', -MAX - 1n, MAX),
  { ...temporal('ts_ns', 'ts_ns', 1n, 1n, 1n), min: -MAX - 1n, max: MAX },
  int('uint64', 'uint64', 0n, 2n ** 64n - 1n),
  int('int32', 'int64'),
  int('uint8', 'int16'),
  int('uint64', 'int32'),
  int('int8', 'uint32'),
  float('float64', 'float64'),
  float('float32', 'float64'),
  float('float16', 'float32'),
  temporal('ts_us', 'ts_ns', 1000n, 1n, 1n),
  temporal('ts_s', 'ts_ms', 1000n, 1n, 1_000_000n),
  temporal('ts_ns_utc', 'ts_us_ny', 1n, 1000n, 1n),
  { ...temporal('ts_ns_utc', 'ts_ns', 1n, 1n, 1n), timeZones: 'utc' },
  temporal('date32', 'ts_s', DAY, 1n, 1_000_000_000n),
  temporal('date32', 'date32', 1n, 1n, DAY * 1_000_000_000n),
  temporal('date64', 'date32', 1n, DAY * 1000n, 1_000_000n),
  temporal('time_s', 'time_ns', 1_000_000_000n, 1n, 1n),
  temporal('time_us', 'time_ms', 1n, 1000n, 1000n),
  temporal('dur_ns', 'dur_s', 1n, 1_000_000_000n, 1n),
  temporal('dur_us', 'dur_us', 1n, 1n, 1000n),
];

const bytes = (text: string, width = 0): Uint8Array => Uint8Array.from(Buffer.from(text.padEnd(width, '.')));

/** Two key types that may meet, and cells by class: equal classes are equal keys. */
interface KeyPair {
  readonly left: string;
  readonly right: string;
  readonly cells: readonly (readonly [key: string, left: Cell | undefined, right: Cell | undefined])[];
}

const words = ['', 'a', 'b', 'symbol', 'longer than twelve', 'ü'];
const strings = (left: string, right: string): KeyPair => ({
  ...{ left, right },
  cells: words.map((word) => [word, word, word]),
});
const binaries = words.map((word) => [word, bytes(word), bytes(word)] as const);
const numbers = (...list: bigint[]) => list.map((value) => [`${value}`, value, value] as const);

const KEY_PAIRS: readonly KeyPair[] = [
  strings('utf8', 'utf8'),
  strings('utf8', 'dict:int8:utf8'),
  strings('dict:int16:utf8', 'dict:int32:utf8'),
  strings('largeutf8', 'utf8'),
  { left: 'binary', right: 'largebinary', cells: binaries },
  { left: 'int64', right: 'int64', cells: numbers(-MAX - 1n, -1n, 0n, 1n, MAX) },
  {
    left: 'int8',
    right: 'uint32',
    cells: [...numbers(0n, 1n, 127n), ['-1', -1n, undefined], ['big', undefined, 2n ** 32n - 1n]],
  },
  {
    left: 'uint64',
    right: 'int64',
    cells: [...numbers(0n, MAX), ['neg', undefined, -1n], ['top', 2n ** 64n - 1n, undefined]],
  },
  { left: 'dict:int8:int64', right: 'int16', cells: numbers(-300n, 0n, 7n) },
  {
    left: 'bool',
    right: 'bool',
    cells: [
      ['t', true, true],
      ['f', false, false],
    ],
  },
  {
    left: 'float32',
    right: 'float64',
    cells: [
      ['nan', NaN, NaN],
      ['0', 0, -0],
      ['0', -0, 0],
      ['1.5', 1.5, 1.5],
      ['inf', Infinity, Infinity],
    ],
  },
  {
    left: 'date32',
    right: 'ts_ms',
    cells: [
      ['0', 0n, 0n],
      ['1', 1n, 86_400_000n],
      ['x', undefined, 1n],
    ],
  },
  {
    left: 'time_us',
    right: 'time_ns',
    cells: [
      ['0', 0n, 0n],
      ['1', 1n, 1000n],
      ['x', undefined, 1n],
    ],
  },
  {
    left: 'dur_s',
    right: 'dur_us',
    cells: [
      ['0', 0n, 0n],
      ['1', 1n, 1_000_000n],
    ],
  },
  { left: 'fixed8', right: 'fixed8', cells: ['a', 'b'].map((word) => [word, bytes(word, 8), bytes(word, 8)] as const) },
  {
    left: 'decimal',
    right: 'decimal',
    cells: ['a', 'b'].map((word) => [word, bytes(word, 16), bytes(word, 16)] as const),
  },
];

const PAYLOADS: readonly string[] = [
  ...['int8', 'uint16', 'int32', 'int64', 'uint64', 'float16', 'float32', 'float64', 'bool', 'utf8', 'largeutf8'],
  ...['binary', 'largebinary', 'fixed3', 'fixed8', 'decimal', 'date32', 'date64', 'time_ms', 'time_ns', 'ts_us'],
  ...['ts_ns_utc', 'dur_ns', 'dict:int8:utf8', 'dict:uint8:int64'],
  ...Object.keys(NESTED).map((name) => `nested:${name}`),
];

function payloadCell(type: string, row: number): Cell {
  if (row % 4 === 3) return null;
  const value = type.startsWith('dict:') ? (type.split(':')[2] ?? '') : type;
  if (value === 'bool') return row % 3 === 0;
  if (value.startsWith('float')) return row / 2;
  if (value.includes('utf8')) return `s${'x'.repeat(row % 9)}${row}`;
  if (value.includes('binary')) return bytes('y'.repeat(row % 5));
  if (value === 'fixed3' || value === 'fixed8' || value === 'decimal') {
    return bytes(`${row}`, value === 'fixed3' ? 3 : value === 'fixed8' ? 8 : 16);
  }
  return BigInt(row % 100);
}

export interface JoinCase {
  readonly left: Table;
  readonly right: Table;
  readonly options: AsofJoinOptions;
  readonly oracleLeft: OracleSide;
  readonly oracleRight: OracleSide;
  readonly oracleOptions: OracleOptions;
  /** What turns an aligned difference into the age column. */
  readonly ageScale: bigint;
  readonly floats: boolean;
  /** Types of time and keys, for messages. */
  readonly describe: string;
}

interface Draw {
  readonly cell: Cell;
  readonly time: OracleTime;
}

/** Times around a small grid of the coarser side's units, where both sides can meet; sometimes the type's limits. */
function timeOf(pair: TimePair, scale: bigint): fc.Arbitrary<Draw> {
  if (pair.family === 'float') {
    const values = [0, -0, 0.5, 1, 1, 2, 2.5, 3, 4, -1, Infinity, -Infinity, NaN];
    return fc.constantFrom(...values).map((value) => ({ cell: value, time: Number.isNaN(value) ? null : value + 0 }));
  }
  const coarse = pair.leftScale > pair.rightScale ? pair.leftScale : pair.rightScale;
  const near = fc
    .tuple(fc.integer({ min: 0, max: 8 }), fc.constantFrom(0n, 0n, 0n, 1n, 2n))
    .map(([grid, off]): Draw => {
      const cell = (BigInt(grid) * coarse) / scale + (scale === coarse ? 0n : off);
      return { cell, time: cell * scale };
    });
  const { min, max } = pair;
  if (min === undefined || max === undefined) return near;
  const limits = [min, min + 1n, max - 1n, max, 0n].map((cell): Draw => ({ cell, time: cell }));
  return fc.oneof({ weight: 3, arbitrary: near }, { weight: 1, arbitrary: fc.constantFrom(...limits) });
}

const nullable = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.oneof({ weight: 8, arbitrary }, { weight: 1, arbitrary: fc.constant(null) });

const layoutOf = fc.record({
  batches: fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 4 }),
  hidden: fc.constantFrom(0, 0, 1, 3, 9),
});

const COUNT = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 24 }) },
  { weight: 1, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 60, max: 140 }) },
);

interface SideDraw {
  readonly rows: readonly {
    readonly time: Draw | null;
    readonly keys: readonly (number | null)[];
    readonly known: Draw | null;
  }[];
  readonly layout: { readonly batches: readonly number[]; readonly hidden: number };
  readonly sorted: boolean;
}

function sideDraw(pair: TimePair, scale: bigint, keys: readonly KeyPair[], side: 1 | 2): fc.Arbitrary<SideDraw> {
  const row = fc.record({
    time: nullable(timeOf(pair, scale)),
    keys: fc.tuple(
      ...keys.map((key) =>
        nullable(fc.constantFrom(...key.cells.flatMap((cells, i) => (cells[side] === undefined ? [] : [i])))),
      ),
    ),
    known: nullable(timeOf(pair, scale)),
  });
  return COUNT.chain((count) =>
    fc.record({
      rows: fc.array(row, { minLength: count, maxLength: count }),
      layout: layoutOf,
      sorted: fc.boolean(),
    }),
  ).map((draw) => ({ ...draw, rows: draw.sorted ? [...draw.rows].sort(byTime) : draw.rows }));
}

function byTime(a: { time: Draw | null }, b: { time: Draw | null }): number {
  const x = a.time?.time ?? null;
  const y = b.time?.time ?? null;
  if (x === null || y === null) return 0;
  return x < y ? -1 : x > y ? 1 : 0;
}

function keyText(keys: readonly KeyPair[], row: readonly (number | null)[], nullsEqual: boolean): string | null {
  if (!nullsEqual && row.includes(null)) return null;
  return row.map((cell, k) => (cell === null ? 'null' : `=${keys[k]!.cells[cell]![0]}`)).join('|');
}

/** A distance as an option and in aligned units. Options of a part of a unit are cut down (tolerance) or up (lag). */
function distance(
  pair: TimePair,
  round: 'down' | 'up',
): fc.Arbitrary<{ option: bigint | number; aligned: bigint | number }> {
  if (pair.family === 'float') {
    return fc.constantFrom(0, 0.5, 1, 1.5, 3).map((value) => ({ option: value, aligned: value }));
  }
  const coarse = pair.leftScale > pair.rightScale ? pair.leftScale : pair.rightScale;
  const grid = fc.constantFrom(0n, 1n, coarse - 1n, coarse, coarse + 1n, 2n * coarse, 3n * coarse, MAX / pair.ns);
  return fc.tuple(grid, fc.boolean()).map(([aligned, odd]) => {
    if (pair.family === 'integer') {
      return { option: odd && aligned < 2n ** 53n ? Number(aligned) : aligned, aligned };
    }
    const part = !odd || pair.ns === 1n || aligned === 0n || aligned > MAX / pair.ns - 1n ? 0n : 1n;
    return { option: aligned * pair.ns + (round === 'down' ? part : -part), aligned };
  });
}

const sometimes = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });

function optionsOf(pair: TimePair) {
  return fc.record({
    direction: fc.constantFrom('backward' as const, 'forward' as const, 'nearest' as const),
    allowExactMatches: fc.boolean(),
    ties: fc.constantFrom('auto' as const, 'last' as const, 'first' as const),
    nearestTie: fc.constantFrom('earlier' as const, 'later' as const),
    nullKeys: fc.constantFrom('distinct' as const, 'equal' as const),
    how: fc.constantFrom('left' as const, 'left' as const, 'inner' as const),
    tolerance: sometimes(distance(pair, 'down')),
    lag: sometimes(distance(pair, 'up')),
    knownAt: fc.constantFrom(false, false, true),
    age: fc.boolean(),
    payload: fc.constantFrom(...PAYLOADS),
  });
}

/** The payload column, nested ones by row number. */
function withPayload(base: Table, type: string): Table {
  if (!type.startsWith('nested:')) return base;
  const nested = NESTED[type.slice(7)]!;
  const schema = new Schema([...base.schema.fields, new Field('payload', nested, true)], base.schema.metadata);
  let start = 0;
  const batches = base.batches.map(({ data }) => {
    const rows = Array.from({ length: data.length + 2 }, (_, i) => Math.max(start + i - 2, 0));
    start += data.length;
    const chunk = nestedChunk(nested, rows).slice(2, data.length);
    const struct = new Data(new Struct(schema.fields), 0, data.length, 0, {}, [...data.children, chunk]);
    return new RecordBatch(schema, struct);
  });
  return new Table(schema, batches);
}

/** A random join. */
export const joinCase: fc.Arbitrary<JoinCase> = fc
  .tuple(fc.constantFrom(...TIME_PAIRS), fc.array(fc.constantFrom(...KEY_PAIRS), { maxLength: 2 }))
  .chain(([pair, keys]) =>
    fc.record({
      pair: fc.constant(pair),
      keys: fc.constant(keys),
      left: sideDraw(pair, pair.leftScale, keys, 1),
      right: sideDraw(pair, pair.rightScale, keys, 2),
      chosen: optionsOf(pair),
    }),
  )
  .map(({ pair, keys, left, right, chosen }): JoinCase => {
    const nullsEqual = chosen.nullKeys === 'equal';
    const tableOf = (draw: SideDraw, side: 1 | 2): Table =>
      makeTable(
        [
          {
            name: 'time',
            type: typeNamed(side === 1 ? pair.left : pair.right),
            cells: draw.rows.map((row) => row.time?.cell ?? null),
          },
          ...keys.map((key, k) => ({
            name: `key${k}`,
            type: typeNamed(side === 1 ? key.left : key.right),
            cells: draw.rows.map(({ keys: cells }): Cell => {
              const cell = cells[k] ?? null;
              return cell === null ? null : (key.cells[cell]![side] ?? null);
            }),
          })),
          ...(side === 1
            ? [
                {
                  name: 'l',
                  type: typeNamed('dict:int16:utf8'),
                  cells: draw.rows.map((_, i) => (i % 5 === 4 ? null : `left ${i % 7}`)),
                },
              ]
            : [
                { name: 'known', type: typeNamed(pair.right), cells: draw.rows.map((row) => row.known?.cell ?? null) },
                { name: 'row', type: typeNamed('int32'), cells: draw.rows.map((_, i) => BigInt(i)) },
              ]),
          ...(side === 2 && !chosen.payload.startsWith('nested:')
            ? [
                {
                  name: 'payload',
                  type: typeNamed(chosen.payload),
                  cells: draw.rows.map((_, i) => payloadCell(chosen.payload, i)),
                },
              ]
            : []),
        ],
        draw.layout,
        new Map([['source', `side ${side}`]]),
      );
    const lag = chosen.direction === 'forward' ? undefined : chosen.lag;
    const options: AsofJoinOptions = {
      on: 'time',
      by: keys.map((_, k) => `key${k}`),
      direction: chosen.direction,
      allowExactMatches: chosen.allowExactMatches,
      ties: chosen.ties,
      nearestTie: chosen.nearestTie,
      nullKeys: chosen.nullKeys,
      how: chosen.how,
      columns: ['row', 'payload', 'time'],
      prefix: 'r.',
      rightTime: 'at',
      matched: 'hit',
      ...(chosen.age ? { age: 'age' } : {}),
      ...(chosen.tolerance === undefined ? {} : { tolerance: chosen.tolerance.option }),
      ...(lag === undefined ? {} : { lag: lag.option }),
      ...(chosen.knownAt ? { knownAt: 'known' } : {}),
      ...(pair.timeZones === undefined ? {} : { timeZones: pair.timeZones }),
    };
    const zero = pair.family === 'float' ? 0 : 0n;
    const sideOf = (draw: SideDraw): OracleSide => ({
      times: draw.rows.map((row) => row.time?.time ?? null),
      keys: draw.rows.map((row) => keyText(keys, row.keys, nullsEqual)),
    });
    return {
      left: tableOf(left, 1),
      right: withPayload(tableOf(right, 2), chosen.payload),
      options,
      oracleLeft: sideOf(left),
      oracleRight: {
        ...sideOf(right),
        ...(chosen.knownAt ? { known: right.rows.map((row) => row.known?.time ?? null) } : {}),
      },
      oracleOptions: {
        direction: chosen.direction,
        allowExact: chosen.allowExactMatches,
        ties: chosen.ties,
        nearestTie: chosen.nearestTie,
        tolerance: chosen.tolerance?.aligned ?? null,
        lag: lag?.aligned ?? zero,
      },
      ageScale: pair.ns,
      floats: pair.family === 'float',
      describe: `${pair.left}/${pair.right} by ${keys.map((key) => `${key.left}/${key.right}`).join(',')}`,
    };
  });
