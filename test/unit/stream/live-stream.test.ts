/** The asynchronous face: who is read when, how it ends, and where the sources stand. */
import { type RecordBatch, Table } from 'apache-arrow';

import { asofJoinSync } from '../../../lib/join/asof-join';
import { StreamingAligner } from '../../../lib/stream/streaming-aligner';
import { StreamingJoin } from '../../../lib/stream/streaming-join';
import { boundedDisorder, monotone } from '../../../lib/stream/watermark';
import { cellsOf, table } from '../../helpers/columns';

function rows(times: readonly bigint[], payload: string): RecordBatch {
  return table({ t: ['int64', times], [payload]: ['int64', times] }).batches[0]!;
}

const ascending = (from: number, count: number): bigint[] => Array.from({ length: count }, (_, i) => BigInt(from + i));

async function* lazily<T>(items: readonly T[], onPull: (index: number) => void = () => undefined): AsyncGenerator<T> {
  for (const [index, item] of items.entries()) {
    onPull(index);
    await new Promise((resolve) => setImmediate(resolve));
    yield item;
  }
}

async function collect(source: AsyncIterable<RecordBatch>): Promise<Table> {
  const batches: RecordBatch[] = [];
  for await (const batch of source) batches.push(batch);
  return new Table(batches);
}

const left = Array.from({ length: 20 }, (_, i) => rows(ascending(i * 10, 10), 'a'));
const right = Array.from({ length: 40 }, (_, i) => rows(ascending(i * 5, 5), 'b'));
const expected = asofJoinSync(new Table([...left]), new Table([...right]), { on: 't' });

test('yields the rows of asofJoin, the first long before the sources end', async () => {
  const join = new StreamingJoin({ on: 't', watermark: monotone() });
  let pulled = 0;
  let atFirst = 0;
  const parts: RecordBatch[] = [];
  for await (const batch of join.stream(
    lazily(left, () => pulled++),
    lazily(right),
  )) {
    if (parts.length === 0) atFirst = pulled;
    parts.push(batch);
  }
  expect(atFirst).toBeLessThan(10);
  const joined = new Table(parts);
  for (const name of ['t', 'a', 'b']) expect(cellsOf(joined, name)).toEqual(cellsOf(expected, name));
});

test('without watermarks everything comes at the end', async () => {
  const joined = await collect(new StreamingJoin({ on: 't' }).stream(left, right));
  expect(cellsOf(joined, 'b')).toEqual(cellsOf(expected, 'b'));
});

test('several sources of one input hold it back together', async () => {
  const odd = left.filter((_, i) => i % 2 === 1);
  const even = left.filter((_, i) => i % 2 === 0);
  const join = new StreamingJoin({ on: 't', watermark: monotone() });
  const joined = await collect(join.stream([lazily(odd), lazily(even)], [lazily(right)]));
  expect(cellsOf(joined, 't')).toEqual(cellsOf(expected, 't'));
  expect(cellsOf(joined, 'b')).toEqual(cellsOf(expected, 'b'));
  expect(join.counters.inputs.left).toMatchObject({ rows: 200, late: 0 });
});

test('above the high-water mark only the source that holds the output back is read', async () => {
  const join = new StreamingJoin({ on: 't', watermark: monotone(), highWaterMark: { rows: 60 } });
  let leftPulled = 0;
  let most = 0;
  // The right comes slowly: 40 batches, one for each turn of the event loop but ten.
  async function* slow(): AsyncGenerator<RecordBatch> {
    for (const batch of right) {
      for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
      most = Math.max(most, join.counters.pendingRows);
      yield batch;
    }
  }
  const joined = await collect(
    join.stream(
      lazily(left, () => leftPulled++),
      slow(),
    ),
  );
  expect(cellsOf(joined, 'b')).toEqual(cellsOf(expected, 'b'));
  expect(leftPulled).toBe(20);
  expect(most).toBeLessThanOrEqual(80);
});

test('a full state that waits for a slow source ends well; one that cannot be emptied says who lags', async () => {
  const options = { on: 't', maxStateBytes: 40_000 } as const;
  const join = new StreamingJoin({ ...options, watermark: monotone() });
  const joined = await collect(join.stream(lazily(left), lazily(right)));
  expect(cellsOf(joined, 'b')).toEqual(cellsOf(expected, 'b'));

  const many = Array.from({ length: 100 }, (_, i) => rows(ascending(i * 10, 10), 'b'));
  const never = new StreamingJoin({ ...options, watermark: { left: monotone() } });
  await expect(collect(never.stream(lazily(left), lazily(many)))).rejects.toMatchObject({
    code: 'FS_ERR_BACKPRESSURE',
    details: { lagging: ["'right'"] },
  });
});

test('sources are closed at the end, on a break, on an error and on abort, also one that never answers', async () => {
  let open = 0;
  async function* source(payload: string, fail: boolean): AsyncGenerator<RecordBatch> {
    open++;
    try {
      for (let i = 0; i < 10; i++) {
        if (fail && i === 3) throw new Error('feed lost');
        yield rows(ascending(i * 10, 10), payload);
      }
    } finally {
      open--;
    }
  }
  const make = (): StreamingJoin => new StreamingJoin({ on: 't', watermark: monotone() });
  await collect(make().stream(source('a', false), source('b', false)));
  expect(open).toBe(0);
  await expect(collect(make().stream(source('a', false), source('b', true)))).rejects.toThrow('feed lost');
  expect(open).toBe(0);
  for await (const _ of make().stream(source('a', false), source('b', false))) break;
  expect(open).toBe(0);

  const controller = new AbortController();
  const stuck = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) };
  const waiting = collect(make().stream(source('a', false), stuck, { signal: controller.signal }));
  setTimeout(() => controller.abort(new Error('enough')), 20);
  await expect(waiting).rejects.toMatchObject({
    code: 'FS_ERR_ABORTED',
    cause: expect.objectContaining({ message: 'enough' }),
  });
  expect(open).toBe(0);
});

test('an idle source does not hold the output back', async () => {
  const join = new StreamingJoin({ on: 't', watermark: boundedDisorder(0n), idleTimeout: '20ms' });
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  async function* quiet(): AsyncGenerator<RecordBatch> {
    yield rows([0n], 'b');
    await gate;
  }
  const seen: bigint[] = [];
  async function* endless(): AsyncGenerator<RecordBatch> {
    for (let i = 0; i < 1000 && seen.length === 0; i++) {
      yield rows([BigInt(i)], 'a');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    release();
  }
  for await (const batch of join.stream(endless(), quiet()))
    seen.push(...(cellsOf(new Table([batch]), 't') as bigint[]));
  expect(seen.slice(0, 3)).toEqual([0n, 1n, 2n]);
});

test('positions say what has been read and what has been emitted, over a restart too', async () => {
  const positioned = (batches: readonly RecordBatch[]) =>
    batches.map((batch, offset) => ({ batch, position: { offset } }));
  const uninterrupted = cellsOf(expected, 'b');
  const out: unknown[] = [];
  let blob: Uint8Array | null = null;
  let restarts = 0;
  for (;;) {
    const join = new StreamingJoin({ on: 't', watermark: monotone() });
    if (blob !== null) join.restore(blob);
    const next = (input: string): number => {
      const at = join.readPositions[input]?.[0] as { offset: number } | undefined;
      return at === undefined ? 0 : at.offset + 1;
    };
    let killed = false;
    for await (const batch of join.stream(
      lazily(positioned(left).slice(next('left'))),
      lazily(positioned(right).slice(next('right'))),
    )) {
      out.push(...cellsOf(new Table([batch]), 'b'));
      const settled = join.positions.left?.[0] as { offset: number } | undefined;
      if (settled !== undefined) expect(out.length).toBeGreaterThanOrEqual((settled.offset + 1) * 10);
      blob = join.snapshot();
      if (++restarts % 3 === 0) {
        killed = true;
        break;
      }
    }
    if (!killed) {
      expect(join.positions).toEqual({ left: { 0: { offset: 19 } }, right: { 0: { offset: 39 } } });
      break;
    }
  }
  expect(restarts).toBeGreaterThan(5);
  expect(out).toEqual(uninterrupted);
});

test('N right sources by name', async () => {
  const aligner = new StreamingAligner({ x: {}, y: { direction: 'forward' } }, { on: 't', watermark: monotone() });
  const joined = await collect(aligner.stream(lazily(left), { x: lazily(right), y: lazily(right) }));
  expect(cellsOf(joined, 'x_b')).toEqual(cellsOf(expected, 'b'));
  expect(cellsOf(joined, 'y_b')).toEqual(cellsOf(joined, 't'));
});
