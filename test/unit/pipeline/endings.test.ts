/** How a pipeline ends: by an error of any stage at any batch, by an abort, by leaving the loop. Nothing is left behind. */
import type { RecordBatch } from 'apache-arrow';

import { type Device, GpuPipeline, type PipelineBatch } from '../../../lib/index.js';
import { onDevices } from '../../helpers/devices.js';
import { batchesOf, drain, market, Source, until } from '../../helpers/pipeline.js';

const code = (name: string): Error => expect.objectContaining({ code: `FS_ERR_${name}` });
const silence = (): Promise<never> => new Promise(() => undefined);

onDevices('the end of a pipeline', ({ open }) => {
  let device: Device;
  const { trades, quotes } = market(160, 150);
  const left = (): readonly RecordBatch[] => batchesOf(trades, [20]);
  const right = (): readonly RecordBatch[] => batchesOf(quotes, [10]);

  beforeAll(() => {
    device = open({ memoryBytes: 2 ** 28 });
  });
  afterEach(() => expect(device.memoryInfo().usedBytes).toBe(0));
  afterAll(() => device.close());

  function joining(source: Source, quote: Source, more: object = {}): GpuPipeline {
    return new GpuPipeline({
      source,
      join: { on: 'timestamp', by: 'symbol', streams: { quote: { source: quote, columns: ['bid'] } } },
      features: ['price', 'quote_bid'],
      labels: 'target',
      batchRows: 20,
      device,
      ...more,
    });
  }

  function expectAllBack(pipeline: GpuPipeline, ...sources: Source[]): void {
    for (const source of sources) expect(source.closed).toBe(source.opened);
    expect(pipeline.stats()).toMatchObject({ ahead: 0, held: 0 });
    expect(pipeline.stats().pinned).toMatchObject({ leases: 0, lentBytes: 0 });
    expect(device.memoryInfo().usedBytes).toBe(0);
  }

  it.each([0, 1, 4, 7, 8])('is the error of the left source before its batch %d, as it is', async (at) => {
    for (const depth of [1, 2, 5]) {
      const failure = new Error('the feed broke');
      const source = new Source(left()).before(at, () => Promise.reject(failure));
      const quote = new Source(right());
      const pipeline = joining(source, quote, { depth });
      const taken = await drain(pipeline);
      expect(taken.error).toBe(failure);
      expect(taken.rows).toEqual(new Array(at).fill(20));
      expectAllBack(pipeline, source, quote);
    }
  });

  it.each([0, 1, 7, 14])('is the error of the right source before its batch %d', async (at) => {
    const failure = new Error('no more quotes');
    const source = new Source(left());
    const quote = new Source(right()).before(at, () => {
      throw failure;
    });
    const pipeline = joining(source, quote);
    const taken = await drain(pipeline);
    expect(taken.error).toBe(failure);
    expect(taken.rows.length).toBeLessThan(9);
    expectAllBack(pipeline, source, quote);
  });

  it('is told though a source is silent', async () => {
    let asked = false;
    const quote = new Source(right()).before(8, () => {
      asked = true;
      return silence();
    });
    const cells = trades[3]!.cells.map((cell, row) => (row === 25 ? null : cell));
    const source = new Source(batchesOf([...trades.slice(0, 3), { ...trades[3]!, cells }, ...trades.slice(4)], [20]));
    const pipeline = joining(source, quote, { depth: 8 });
    const batches = pipeline[Symbol.asyncIterator]();
    ((await batches.next()).value as PipelineBatch).release();
    await until(() => asked);
    await expect(batches.next()).rejects.toEqual(code('SCHEMA'));
    expect(quote.closed).toBe(0);
    expectAllBack(pipeline, source);
  });

  it('is what a source throws, be it no Error', async () => {
    const source = new Source(left()).before(2, () => {
      throw 'a word';
    });
    const pipeline = joining(source, new Source(right()));
    expect(await drain(pipeline)).toMatchObject({ rows: [20, 20], error: 'a word' });
    expectAllBack(pipeline, source);
  });

  it('leaves out rows before an error that fill no batch', async () => {
    const failure = new Error('half way');
    const source = new Source(left()).before(3, () => Promise.reject(failure));
    const pipeline = joining(source, new Source(right()), { batchRows: 25 });
    expect(await drain(pipeline)).toMatchObject({ rows: [25, 25], error: failure });
    expectAllBack(pipeline, source);
  });

  it.each([1, 5])('is the error of the join at batch %d', async (at) => {
    const disordered = left().map((batch, i, all) => (i === at ? all[0]! : batch));
    const source = new Source(disordered);
    const quote = new Source(right());
    const pipeline = joining(source, quote);
    expect(await drain(pipeline)).toMatchObject({ rows: new Array(at).fill(20), error: code('UNSORTED') });
    expectAllBack(pipeline, source, quote);
  });

  it.each([0, 3, 7])('is the error of the matrix at batch %d', async (at) => {
    // One null among the labels.
    const cells = trades[3]!.cells.map((cell, row) => (row === at * 20 + 13 ? null : cell));
    const source = new Source(batchesOf([...trades.slice(0, 3), { ...trades[3]!, cells }, ...trades.slice(4)], [32]));
    const quote = new Source(right());
    const pipeline = joining(source, quote);
    const taken = await drain(pipeline);
    expect(taken).toMatchObject({ rows: new Array(at).fill(20), error: code('SCHEMA') });
    expect(taken.error).toMatchObject({ details: { column: 'target', row: 13 } });
    expectAllBack(pipeline, source, quote);
  });

  it.each(['upload', 'allocate'] as const)('is the first error of %s, at every batch', async (call) => {
    for (let nth = 0; nth < 8; nth++) {
      const failure = new Error(`${call} failed`);
      let calls = 0;
      const real = device.backend[call].bind(device.backend) as (...args: unknown[]) => unknown;
      const failing = jest.spyOn(device.backend, call).mockImplementation(((...args: unknown[]) => {
        if (calls++ === nth) throw failure;
        return real(...args);
      }) as never);
      const source = new Source(left());
      const pipeline = joining(source, new Source(right()), { depth: 3 });
      const taken = await drain(pipeline);
      failing.mockRestore();
      expect(taken.error).toBe(failure);
      // Three blocks a batch: rows, features, labels.
      if (call === 'upload') expect(taken.rows).toEqual(new Array(nth).fill(20));
      expectAllBack(pipeline, source);
    }
  });

  it('is the earlier of two errors by rows, not by time', async () => {
    const cells = trades[3]!.cells.map((cell, row) => (row === 45 ? null : cell));
    const source = new Source(batchesOf([...trades.slice(0, 3), { ...trades[3]!, cells }, ...trades.slice(4)], [20]));
    source.before(4, () => Promise.reject(new Error('later rows')));
    const pipeline = joining(source, new Source(right()), { depth: 8 });
    const batches = pipeline[Symbol.asyncIterator]();
    const first = (await batches.next()).value as PipelineBatch;
    // Both have happened by now, and the consumer has not asked.
    await until(() => source.closed === 1);
    first.release();
    ((await batches.next()).value as PipelineBatch).release();
    await expect(batches.next()).rejects.toEqual(code('SCHEMA'));
    expect(await batches.next()).toEqual({ done: true, value: undefined });
    expectAllBack(pipeline, source);
  });

  it('is an abort before it began: no source is opened', async () => {
    const source = new Source(left());
    const reason = new Error('not today');
    const pipeline = joining(source, new Source(right()), { signal: AbortSignal.abort(reason) });
    const taken = await drain(pipeline);
    expect(taken).toMatchObject({ rows: [], error: code('ABORTED') });
    expect(taken.error).toMatchObject({ cause: reason });
    expect(source.opened).toBe(0);
    expectAllBack(pipeline, source);
  });

  it.each([
    ['left', 0],
    ['left', 3],
    ['right', 0],
    ['right', 5],
  ] as const)('is an abort while the %s source is silent before batch %d', async (side, at) => {
    const abort = new AbortController();
    const sources = { left: new Source(left()), right: new Source(right()) };
    let asked = false;
    sources[side].before(at, () => {
      asked = true;
      return silence();
    });
    const pipeline = joining(sources.left, sources.right, { signal: abort.signal });
    const taking = drain(pipeline);
    await until(() => asked);
    abort.abort(new Error('enough'));
    const { error } = await taking;
    expect(error).toEqual(code('ABORTED'));
    // The silent one was told to close and will when it speaks; the other has.
    expect(sources[side].closed).toBe(0);
    const other = sources[side === 'left' ? 'right' : 'left'];
    expect(other.closed).toBe(other.opened);
    expectAllBack(pipeline);
  });

  it('is an abort while the consumer works: ready batches are let go, sources closed, before it asks', async () => {
    const abort = new AbortController();
    const source = new Source(left());
    const quote = new Source(right());
    const pipeline = joining(source, quote, { signal: abort.signal, depth: 3 });
    const batches = pipeline[Symbol.asyncIterator]();
    const first = (await batches.next()).value as PipelineBatch;
    await until(() => pipeline.stats().ahead === 3);
    abort.abort();
    await until(() => pipeline.stats().ahead === 0 && source.closed === 1 && quote.closed === 1);
    expect((await first.features.toHost()).length).toBe(40);
    first.release();
    await expect(batches.next()).rejects.toEqual(code('ABORTED'));
    expectAllBack(pipeline, source, quote);
  });

  it('is an abort at any moment: at most the batch under way is still delivered', async () => {
    for (let after = 1; after < 8; after++) {
      const abort = new AbortController();
      const source = new Source(left());
      const pipeline = joining(source, new Source(right()), { signal: abort.signal });
      let taken = 0;
      const { error, rows } = await drain(pipeline, () => {
        if (++taken === after) abort.abort();
      });
      expect(error).toEqual(code('ABORTED'));
      expect(rows).toHaveLength(after);
      expectAllBack(pipeline, source);
    }
  });

  it('is a break: sources closed, memory back, when the loop is left', async () => {
    for (let after = 1; after < 8; after++) {
      const source = new Source(left());
      const quote = new Source(right());
      const pipeline = joining(source, quote, { depth: 4 });
      let taken = 0;
      for await (const batch of pipeline) {
        batch.release();
        if (++taken === after) break;
      }
      expect(source.closed).toBe(1);
      expectAllBack(pipeline, source, quote);
    }
  });

  it('is an error of the consumer, which stays its own', async () => {
    const source = new Source(left());
    const pipeline = joining(source, new Source(right()));
    const failure = new Error('the model diverged');
    const { error } = await drain(pipeline, (batch) => {
      batch.release();
      throw failure;
    });
    expect(error).toBe(failure);
    expectAllBack(pipeline, source);
  });

  it('is a `return` while a batch is waited for: that wait ends without one', async () => {
    let speak = (): void => undefined;
    let asked = false;
    const source = new Source(left()).before(2, () => {
      asked = true;
      return new Promise<void>((resolve) => {
        speak = resolve;
      });
    });
    const pipeline = joining(source, new Source(right()));
    const batches = pipeline[Symbol.asyncIterator]();
    for (let i = 0; i < 2; i++) ((await batches.next()).value as PipelineBatch).release();
    const waiting = batches.next();
    await until(() => asked);
    const returned = batches.return();
    speak();
    expect(await waiting).toEqual({ done: true, value: undefined });
    await returned;
    expectAllBack(pipeline, source);
  });

  it('is no end where it never began', async () => {
    const source = new Source(left());
    const pipeline = joining(source, new Source(right()));
    await pipeline[Symbol.asyncIterator]().return();
    expect(source.opened).toBe(0);
    expect(pipeline.stats().batches).toBe(0);
  });

  it('ignores what a source throws while it is closed', async () => {
    const iterator = left().values();
    const source = {
      [Symbol.iterator]: () => ({
        next: () => iterator.next(),
        return: () => {
          throw new Error('cannot be closed');
        },
      }),
    };
    const pipeline = new GpuPipeline({ source: source as never, features: ['price'], batchRows: 20, device });
    for await (const batch of pipeline) {
      batch.release();
      break;
    }
    expectAllBack(pipeline);
  });

  it('is FS_ERR_CLOSED where the device goes in between', async () => {
    const passing = open({ memoryBytes: 2 ** 26 });
    const source = new Source(left()).before(3, () => passing.close());
    const pipeline = joining(source, new Source(right()), { device: passing });
    const taking = (async () => {
      for await (const batch of pipeline) batch.release();
    })();
    await expect(taking).rejects.toEqual(code('CLOSED'));
    expectAllBack(pipeline, source);
    expect(() => joining(source, source, { device: passing })).toThrow(code('CLOSED'));
  });
});
