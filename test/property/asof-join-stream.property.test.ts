/**
 * Splitting into batches changes nothing: joins over batches against the whole-table join, for every option, with
 * clean-ups of the right window at every step.
 */
import fc from 'fast-check';
import {
  Field,
  Float64,
  Int32,
  RecordBatch,
  Schema,
  Struct,
  Table,
  Timestamp,
  TimeUnit,
  Utf8,
  makeData,
  vectorFromArray,
} from 'apache-arrow';
import { alignBatches, alignStreams, asofJoin, asofJoinStream, type AsofJoinStreamOptions } from '../../lib/index.js';
import { loadAddon } from '../../lib/internal/native.js';
import { windowLimits } from '../../lib/stream/right-window.js';

const RUNS = Number(process.env.FLOWSTATE_RUNS ?? 150);
const SEED = Number(process.env.FLOWSTATE_SEED ?? 20261122);
const backends = loadAddon().addon ? (['native', 'device', 'javascript'] as const) : (['javascript'] as const);

interface Row {
  readonly time: bigint | null;
  readonly key: string | null;
  readonly value: number | null;
  readonly known: bigint | null;
}

function batchOf(rows: readonly Row[], payload: string, known: boolean): RecordBatch {
  const time = new Timestamp(TimeUnit.NANOSECOND);
  const times = makeData({
    type: time,
    length: rows.length,
    data: BigInt64Array.from(rows, (row) => row.time ?? 0n),
    ...validity(rows.map((row) => row.time !== null)),
  });
  const knowns = makeData({
    type: time,
    length: rows.length,
    data: BigInt64Array.from(rows, (row) => row.known ?? 0n),
    ...validity(rows.map((row) => row.known !== null)),
  });
  const values = makeData({
    type: new Float64(),
    length: rows.length,
    data: Float64Array.from(rows, (row) => row.value ?? 0),
    ...validity(rows.map((row) => row.value !== null)),
  });
  const numbers = makeData({ type: new Int32(), length: rows.length, data: Int32Array.from(rows, (_, i) => i) });
  const keys =
    rows.length === 0
      ? makeData({ type: new Utf8(), length: 0 })
      : vectorFromArray(
          rows.map((r) => r.key),
          new Utf8(),
        ).data[0]!;
  const columns = [
    ['t', times],
    ['k', keys],
    [payload, values],
    [`${payload}_n`, numbers],
    ...(known ? [['known', knowns] as const] : []),
  ] as const;
  const fields = columns.map(([name, data]) => new Field(name, data.type, true));
  const children = columns.map(([, data]) => data);
  return new RecordBatch(
    new Schema(fields),
    makeData({ type: new Struct(fields), length: rows.length, nullCount: 0, children }),
  );
}

function validity(flags: readonly boolean[]): { nullBitmap: Uint8Array; nullCount: number } {
  const nullBitmap = new Uint8Array(Math.ceil(flags.length / 8));
  flags.forEach((flag, i) => {
    if (flag) nullBitmap[i >> 3]! |= 1 << (i & 7);
  });
  return { nullBitmap, nullCount: flags.filter((flag) => !flag).length };
}

/** Rows in time order, with ties and gaps, cut into batches (empty ones among them). */
function batches(payload: string, known: boolean, maxRows: number): fc.Arbitrary<RecordBatch[]> {
  const row = fc.record({
    step: fc.constantFrom(0n, 0n, 1n, 1n, 2n, 5n),
    noTime: fc.boolean().map((b) => b),
    rare: fc.integer({ min: 0, max: 9 }),
    key: fc.constantFrom('A', 'B', 'B', 'CCC', null),
    value: fc.option(fc.integer({ min: 0, max: 99 }), { freq: 5 }),
    delay: fc.constantFrom(-1n, 0n, 1n, 4n, null),
  });
  return fc
    .tuple(
      fc.array(row, { maxLength: maxRows, size: 'max' }),
      fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 20, size: 'max' }),
    )
    .map(([steps, cuts]) => {
      let at = 0n;
      const rows = steps.map(({ step, noTime, rare, key, value, delay }): Row => {
        at += step;
        return { time: noTime && rare === 0 ? null : at, key, value, known: delay === null ? null : at + delay };
      });
      const out: RecordBatch[] = [];
      let begin = 0;
      for (const size of [...cuts, rows.length]) {
        out.push(batchOf(rows.slice(begin, begin + size), payload, known));
        begin = Math.min(rows.length, begin + size);
      }
      return out;
    });
}

const matching = fc.record({
  direction: fc.constantFrom('backward', 'forward', 'nearest'),
  tolerance: fc.constantFrom(undefined, undefined, 0n, 1n, 3n),
  allowExactMatches: fc.boolean(),
  ties: fc.constantFrom('auto', 'last', 'first'),
  nearestTie: fc.constantFrom('earlier', 'later'),
  nullKeys: fc.constantFrom('distinct', 'equal'),
  how: fc.constantFrom('left', 'inner'),
  lag: fc.constantFrom(undefined, undefined, 1n, 3n),
  known: fc.boolean(),
  by: fc.constantFrom(undefined, 'k'),
});

function whole(parts: readonly RecordBatch[]): Table {
  return new Table(parts[0]!.schema, [...parts]);
}

function rowsOf(table: Table): unknown[] {
  return table
    .toArray()
    .map((row) => JSON.parse(JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? `${value}n` : value))));
}

async function collect(source: AsyncIterable<RecordBatch>): Promise<Table> {
  const parts: RecordBatch[] = [];
  for await (const part of source) parts.push(part);
  return new Table(parts);
}

async function* lazily(parts: readonly RecordBatch[]): AsyncGenerator<RecordBatch> {
  for (const part of parts) {
    await Promise.resolve();
    yield part;
  }
}

describe.each(backends)('joins over batches on the %s executor', (backend) => {
  beforeAll(() => {
    windowLimits.cleanUpRows = 1;
  });
  afterAll(() => {
    windowLimits.cleanUpRows = 65_536;
  });

  it('gives the rows and the statistics of the whole-table join, whatever the batches', async () => {
    await fc.assert(
      fc.asyncProperty(batches('p', false, 40), batches('q', true, 40), matching, async (left, right, match) => {
        const { known, ...rest } = match;
        if (rest.direction === 'forward' && rest.lag !== undefined) return;
        const options = {
          on: 't',
          ...rest,
          knownAt: known ? 'known' : undefined,
          backend,
          rightTime: 'rt',
          age: 'age',
          matched: 'm',
        } as AsofJoinStreamOptions;
        const joined = asofJoinStream(lazily(left), right, options);
        const table = await collect(joined);
        const expected = await asofJoin(whole(left), whole(right), { ...options, stats: true });
        expect(rowsOf(table)).toEqual(rowsOf(expected.table));
        const { rightRows, ...counted } = joined.stats.right!;
        expect(rightRows).toBeLessThanOrEqual(expected.stats.rightRows);
        if (rest.direction === 'backward')
          expect({ ...counted, rightRows: expected.stats.rightRows }).toEqual(expected.stats);
        const { rows, matched, unmatched } = expected.stats;
        expect(counted).toMatchObject({ rows, matched, unmatched });
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });

  it('joins several streams as alignStreams does', async () => {
    await fc.assert(
      fc.asyncProperty(
        batches('p', false, 30),
        batches('q', true, 30),
        batches('q', true, 30),
        matching,
        matching,
        async (left, a, b, matchA, matchB) => {
          const clean = ({ known, ...rest }: typeof matchA) => ({
            ...rest,
            lag: rest.direction === 'forward' ? undefined : rest.lag,
            knownAt: known ? 'known' : undefined,
          });
          const shared = { on: 't', backend };
          const streams = { a: clean(matchA), b: clean(matchB) };
          const table = await collect(
            alignBatches(left, { a: { ...streams.a, batches: lazily(a) }, b: { ...streams.b, batches: b } }, shared),
          );
          const expected = await alignStreams(
            whole(left),
            { a: { ...streams.a, table: whole(a) }, b: { ...streams.b, table: whole(b) } },
            shared,
          );
          expect(rowsOf(table)).toEqual(rowsOf(expected.table));
        },
      ),
      { numRuns: Math.ceil(RUNS / 2), seed: SEED },
    );
  });

  it('holds one row per key however long the stream is', async () => {
    const size = 200;
    function* make(payload: string, count: number): Generator<RecordBatch> {
      for (let n = 0; n < count; n++) {
        const rows = Array.from({ length: size }, (_, i): Row => {
          const at = BigInt(n * size + i);
          return { time: at, key: `K${(n * size + i) % 10}`, value: i, known: at };
        });
        yield batchOf(rows, payload, false);
      }
    }
    const joined = asofJoinStream(make('p', 50), make('q', 50), { on: 't', by: 'k', backend });
    let most = 0;
    let rows = 0;
    for await (const batch of joined) {
      rows += batch.numRows;
      most = Math.max(most, joined.retainedRows.right!);
    }
    expect(rows).toBe(50 * size);
    // The batch in flight, the one that showed that it was passed, and ten keys.
    expect(most).toBeLessThanOrEqual(2 * size + 10);
  });

  it('names the row that is out of order, over batches', async () => {
    const row = (time: bigint): Row => ({ time, key: 'A', value: 0, known: null });
    const good = [batchOf([row(1n), row(5n)], 'p', false)];
    const left = [batchOf([row(1n), row(5n)], 'p', false), batchOf([row(4n)], 'p', false)];
    const right = [batchOf([row(1n)], 'q', false), batchOf([row(3n), row(2n), row(9n)], 'q', false)];
    await expect(
      collect(asofJoinStream(left, [batchOf([row(9n)], 'q', false)], { on: 't', backend })),
    ).rejects.toMatchObject({
      code: 'FS_ERR_UNSORTED',
      details: { side: 'left', row: 2, previousRow: 1 },
    });
    await expect(collect(asofJoinStream(good, right, { on: 't', backend }))).rejects.toMatchObject({
      code: 'FS_ERR_UNSORTED',
      details: { side: 'right', row: 2, previousRow: 1 },
    });
  });

  it('closes its sources on an error, on a break and at the end, and passes their errors on', async () => {
    const row = (time: bigint): Row => ({ time, key: 'A', value: 0, known: null });
    let closed = 0;
    async function* source(payload: string, fail: boolean): AsyncGenerator<RecordBatch> {
      try {
        for (let n = 0n; n < 10n; n++) {
          if (fail && n === 3n) throw new Error('feed lost');
          yield batchOf([row(n)], payload, false);
        }
      } finally {
        closed++;
      }
    }
    await expect(collect(asofJoinStream(source('p', false), source('q', true), { on: 't', backend }))).rejects.toThrow(
      'feed lost',
    );
    expect(closed).toBe(2);
    for await (const batch of asofJoinStream(source('p', false), source('q', false), { on: 't', backend })) {
      expect(batch.numRows).toBe(1);
      break;
    }
    expect(closed).toBe(4);
    const controller = new AbortController();
    controller.abort();
    await expect(
      collect(asofJoinStream(source('p', false), source('q', false), { on: 't', backend, signal: controller.signal })),
    ).rejects.toMatchObject({ code: 'FS_ERR_ABORTED' });
    expect(closed).toBe(6);
  });

  it('refuses to sort, and a side that never told its columns', async () => {
    const one = [batchOf([], 'p', false)];
    expect(() => asofJoinStream(one, one, { on: 't', unsorted: 'sort' as 'error' })).toThrow(/cannot sort/);
    await expect(collect(asofJoinStream(one, [], { on: 't', backend }))).rejects.toMatchObject({
      code: 'FS_ERR_SCHEMA',
    });
    expect((await collect(asofJoinStream(one, [batchOf([], 'q', false)], { on: 't', backend }))).numRows).toBe(0);
  });
});
