/** No false "no", the rate promised, DuckDB's own filters byte for byte, and the addon against its twin. */
import { mkdtempSync, openSync, readSync, closeSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';

import { BloomFilter, type BloomType, type BloomValues } from '../../../lib/index.js';
import { xxh64 } from '../../../lib/stream/xxh64.js';
import { onBothBackends, withBackend } from '../../helpers/both-backends.js';
import { runs } from '../../helpers/property.js';

const text = new TextEncoder();

it.each([
  ['', 0xef46db3751d8e999n],
  ['a', 0xd24ec4f1a98c6e5bn],
  ['abc', 0x44bc2cf5ad770999n],
  ['xxhash', 0x32dd38952c4bc720n],
  ['Nobody inspects the spammish repetition', 0xfbcea83c8a378bf1n],
])('xxh64 of %j is the published value', (input, hash) => {
  expect(xxh64(text.encode(input))).toBe(hash);
});

const COLUMNS: readonly { type: BloomType; make: (n: number, from: number) => BloomValues }[] = [
  { type: 'int32', make: (n, from) => Int32Array.from({ length: n }, (_, i) => (from + i) * 7 - 1000) },
  { type: 'int64', make: (n, from) => BigInt64Array.from({ length: n }, (_, i) => BigInt(from + i) * 1000003n - 5n) },
  { type: 'float', make: (n, from) => Float32Array.from({ length: n }, (_, i) => (from + i) / 4) },
  { type: 'double', make: (n, from) => Float64Array.from({ length: n }, (_, i) => (from + i) / 8) },
  {
    type: 'bytes',
    make: (n, from) => Array.from({ length: n }, (_, i) => `symbol ${from + i} ${'x'.repeat((from + i) % 50)}`),
  },
];

onBothBackends('BloomFilter', () => {
  it.each(COLUMNS)('finds all it was given, and little else: $type', ({ type, make }) => {
    const filter = new BloomFilter({ type, expectedKeys: 1000, falsePositiveRate: 0.01 });
    filter.addAll(make(1000, 0));
    expect(filter.hasAll(make(1000, 0))).toEqual(new Uint8Array(1000).fill(1));
    const wrong = filter.hasAll(make(2000, 5000)).reduce((sum, found) => sum + found, 0);
    expect(wrong).toBeLessThan(60);
    const one = make(1, 3)[0]!;
    expect(filter.has(one)).toBe(true);
    const other = new BloomFilter({ type, expectedKeys: 1000 });
    expect(other.has(one)).toBe(false);
    other.add(one);
    expect(other.has(one)).toBe(true);
  });

  it('is the union of what it was merged from', () => {
    const sized = { type: 'bytes', expectedKeys: 100 } as const;
    const [a, b, both] = [new BloomFilter(sized), new BloomFilter(sized), new BloomFilter(sized)];
    a.addAll(['AAPL', 'MSFT']);
    b.addAll(['IBM', 'AAPL']);
    both.addAll(['AAPL', 'MSFT', 'IBM']);
    a.merge(b);
    expect(a.bytes).toEqual(both.bytes);
    expect(() => a.merge(new BloomFilter({ ...sized, expectedKeys: 9999 }))).toThrow(
      expect.objectContaining({ code: 'FS_ERR_LENGTH' }),
    );
    expect(() => a.merge(new BloomFilter({ ...sized, type: 'int32' }))).toThrow(
      expect.objectContaining({ code: 'FS_ERR_ARG_RANGE' }),
    );
  });

  it('finds either zero', () => {
    for (const type of ['float', 'double'] as const) {
      const filter = new BloomFilter({ type, expectedKeys: 10 });
      filter.add(-0);
      expect(filter.has(0)).toBe(true);
      expect(filter.has(-0)).toBe(true);
    }
  });

  it('refuses values of another type, and then holds nothing of them', () => {
    const filter = new BloomFilter({ type: 'bytes', expectedKeys: 10 });
    const mixed: unknown = ['a', 7];
    expect(() => filter.addAll(mixed as BloomValues)).toThrow(expect.objectContaining({ code: 'FS_ERR_ARG_TYPE' }));
    expect(filter.bytes.every((byte) => byte === 0)).toBe(true);
    const ints = new BloomFilter({ type: 'int64', expectedKeys: 10 });
    expect(() => ints.addAll(Int32Array.of(1))).toThrow(expect.objectContaining({ code: 'FS_ERR_ARG_TYPE' }));
    expect(() => ints.add(1.5)).toThrow(expect.objectContaining({ code: 'FS_ERR_ARG_TYPE' }));
    expect(() => ints.add(2n ** 64n)).toThrow(expect.objectContaining({ code: 'FS_ERR_ARG_RANGE' }));
  });

  it('refuses sizes that are none', () => {
    for (const falsePositiveRate of [0, 1, Number.NaN]) {
      expect(() => new BloomFilter({ type: 'int32', expectedKeys: 1, falsePositiveRate })).toThrow(
        expect.objectContaining({ code: 'FS_ERR_ARG_RANGE' }),
      );
    }
    expect(() => new BloomFilter({ type: 'int32', expectedKeys: 2 ** 52 })).toThrow(
      expect.objectContaining({ code: 'FS_ERR_ARG_RANGE' }),
    );
    for (const length of [0, 31]) {
      expect(() => BloomFilter.fromBytes(new Uint8Array(length), 'int32')).toThrow(
        expect.objectContaining({ code: 'FS_ERR_LENGTH' }),
      );
    }
  });
});

it('the addon and its twin set the same bits and find the same', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.array(fc.oneof(fc.string(), fc.uint8Array({ maxLength: 80 }))),
      fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
      (blocks, texts, numbers) => {
        const on = (backend: 'native' | 'javascript') =>
          withBackend(backend, () => {
            const bytes = BloomFilter.fromBytes(new Uint8Array(32 * blocks), 'bytes');
            bytes.addAll(texts);
            const ints = BloomFilter.fromBytes(bytes.bytes, 'int64');
            ints.addAll(BigInt64Array.from(numbers));
            const probes = BigInt64Array.from({ length: 50 }, (_, i) => BigInt(i));
            return [bytes.bytes, ints.bytes, ints.hasAll(probes), bytes.hasAll([...texts, 'a', 'b', ''])];
          });
        expect(on('native')).toEqual(on('javascript'));
      },
    ),
    runs(60),
  );
});

describe('filters that DuckDB wrote into a Parquet file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flowstate-bloom-'));
  const file = join(folder, 'bloom.parquet');
  const DISTINCT = 500;
  let filters: Map<string, Uint8Array>;

  beforeAll(async () => {
    const connection = await (await DuckDBInstance.create()).connect();
    await connection.run(`COPY (
      SELECT CAST(i % ${DISTINCT} * 7 - 1000 AS INTEGER) AS int32,
             CAST(i % ${DISTINCT} AS BIGINT) * 1000003 - 5 AS int64,
             CAST(i % ${DISTINCT} AS FLOAT) / 4 AS float,
             CAST(i % ${DISTINCT} AS DOUBLE) / 8 AS double,
             'symbol ' || (i % ${DISTINCT}) || ' ' || repeat('x', CAST(i % ${DISTINCT} % 50 AS INTEGER)) AS bytes
      FROM range(20000) t(i)) TO '${file}' (FORMAT parquet)`);
    const rows = await connection.runAndReadAll(
      `SELECT path_in_schema, bloom_filter_offset, bloom_filter_length FROM parquet_metadata('${file}')`,
    );
    filters = new Map();
    const handle = openSync(file, 'r');
    for (const [name, offset, length] of rows.getRows()) {
      if (offset === null) continue;
      const raw = new Uint8Array(Number(length));
      readSync(handle, raw, 0, raw.length, Number(offset));
      // BloomFilterHeader in Thrift's compact form: i32 numBytes, then three unions of an empty struct each.
      expect(raw[0]).toBe(0x15);
      let at = 1;
      let zigzag = 0;
      for (let shift = 0; ; shift += 7) {
        zigzag |= (raw[at]! & 0x7f) << shift;
        if (raw[at++]! < 0x80) break;
      }
      const header = [0x1c, 0x1c, 0, 0, 0x1c, 0x1c, 0, 0, 0x1c, 0x1c, 0, 0, 0];
      expect([...raw.subarray(at, at + header.length)]).toEqual(header);
      at += header.length;
      filters.set(String(name), raw.subarray(at, at + (zigzag >>> 1)));
    }
    closeSync(handle);
    connection.closeSync();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(COLUMNS)('are ours, byte for byte: $type', ({ type, make }) => {
    const theirs = filters.get(type);
    expect(theirs?.length).toBeGreaterThan(0);
    for (const backend of ['native', 'javascript'] as const) {
      withBackend(backend, () => {
        const ours = BloomFilter.fromBytes(new Uint8Array(theirs!.length), type);
        ours.addAll(make(DISTINCT, 0));
        expect(Buffer.compare(ours.bytes, theirs!)).toBe(0);
        const read = BloomFilter.fromBytes(theirs!, type);
        expect(read.hasAll(make(DISTINCT, 0))).toEqual(new Uint8Array(DISTINCT).fill(1));
        expect(read.hasAll(make(DISTINCT, 10 * DISTINCT)).reduce((sum, found) => sum + found, 0)).toBeLessThan(50);
      });
    }
  });
});
