/** A pipeline's batches: which rows, of what shape, whose memory, and how far ahead. */
import { makeVector, type RecordBatch, Table } from 'apache-arrow';

import { asofJoin, type Device, GpuPipeline, type GpuPipelineOptions, type PipelineBatch } from '../../../lib/index.js';
import { makeTable, table } from '../../helpers/columns.js';
import { onDevices } from '../../helpers/devices.js';
import { batchesOf, drain, market, plainMatrix, Source, until } from '../../helpers/pipeline.js';

const code = (name: string): Error => expect.objectContaining({ code: `FS_ERR_${name}` });

onDevices('GpuPipeline', ({ open, isHost }) => {
  let device: Device;
  const { trades, quotes } = market(250, 200);
  let joined: Table;
  const FEATURES = ['price', 'quote_bid', 'quote_ask', 'size'];

  beforeAll(async () => {
    device = open({ memoryBytes: 2 ** 28 });
    joined = await asofJoin(makeTable(trades), makeTable(quotes), {
      on: 'timestamp',
      by: 'symbol',
      tolerance: '5s',
      columns: ['bid', 'ask'],
      prefix: 'quote_',
    });
  });
  afterEach(() => expect(device.memoryInfo().usedBytes).toBe(0));
  afterAll(() => device.close());

  function joining(left: GpuPipelineOptions['source'], right: GpuPipelineOptions['source'], more = {}): GpuPipeline {
    return new GpuPipeline({
      source: left,
      join: {
        on: 'timestamp',
        by: 'symbol',
        streams: { quote: { source: right, columns: ['bid', 'ask'], tolerance: '5s' } },
      },
      features: FEATURES,
      labels: 'target',
      batchRows: 64,
      device,
      ...more,
    });
  }
  const cut = (sizes: readonly number[]): readonly RecordBatch[] => batchesOf(trades, sizes);

  it('gives the rows of the join in batches of one size, and the rest', async () => {
    const pipeline = joining(new Source(cut([10, 90, 1])), new Source(batchesOf(quotes, [33])));
    const indices: number[] = [];
    const taken = await drain(pipeline, (batch) => {
      indices.push(batch.index);
      expect(batch.features).toMatchObject({ dtype: 'float32', shape: [batch.rows, 4], isReady: true });
      expect(batch.labels).toMatchObject({ dtype: 'float32', shape: [batch.rows, 1], isReady: true });
      expect(batch.columns.map(({ name }) => name)).toEqual(FEATURES);
    });
    expect(taken.error).toBeNull();
    expect(taken.rows).toEqual([64, 64, 64, 58]);
    expect(indices).toEqual([0, 1, 2, 3]);
    expect(taken.features.equals(plainMatrix(joined, FEATURES))).toBe(true);
    expect(taken.labels?.equals(plainMatrix(joined, ['target']))).toBe(true);
    const stats = pipeline.stats();
    expect(stats).toMatchObject({ batches: 4, rows: 250, depth: 2, ahead: 0, held: 0 });
    expect(stats.join.quote).toMatchObject({ rows: 250, rightRows: 200 });
    expect(stats.pinned.lentBytes).toBe(0);
    expect(stats.bytes).toBeGreaterThan(250 * (8 * 4 + 4));
  });

  it('leaves out a last batch that is short, where told', async () => {
    const dropped = await drain(joining(cut([100]), batchesOf(quotes, [33]), { dropLast: true }));
    expect(dropped.rows).toEqual([64, 64, 64]);
    const even = await drain(joining(cut([100]), batchesOf(quotes, [33]), { dropLast: true, batchRows: 125 }));
    expect(even.rows).toEqual([125, 125]);
  });

  it.each<[string, () => GpuPipelineOptions['source']]>([
    ['a table', () => makeTable(trades, { batches: [70, 100], hidden: 2 })],
    ['a record batch', () => makeTable(trades).batches[0] as never],
    ['an array of batches', () => cut([40])],
    [
      'a generator of tables',
      () =>
        (function* () {
          yield makeTable(trades);
        })(),
    ],
    ['an async source', () => new Source(cut([90, 3]))],
  ])('takes %s as its source', async (_, make) => {
    const pipeline = new GpuPipeline({ source: make(), features: ['price', 'size'], fill: -1, batchRows: 100, device });
    const taken = await drain(pipeline);
    expect(taken.rows).toEqual([100, 100, 50]);
    expect(taken.labels).toBeNull();
    expect(taken.features.equals(plainMatrix(makeTable(trades), ['price', 'size'], { fill: -1 }))).toBe(true);
  });

  it('has columns of its own form for features and for labels', async () => {
    const source = makeTable(trades);
    const pipeline = new GpuPipeline({
      source,
      features: ['price', { column: 'size', mean: 10n, scale: 0.5, name: 'lots' }],
      nulls: 'mask',
      dtype: 'float64',
      layout: 'column',
      labels: { columns: ['target', 'price'], dtype: 'float16', fill: 0 },
      batchRows: 250,
      device,
    });
    const taken = await drain(pipeline, ({ features, labels, columns }) => {
      expect(columns.map(({ name }) => name)).toEqual(['price', 'price_valid', 'lots', 'lots_valid']);
      expect(features).toMatchObject({ dtype: 'float64', shape: [4, 250] });
      expect(labels).toMatchObject({ dtype: 'float16', shape: [250, 2] });
    });
    expect(taken.labels?.equals(plainMatrix(source, ['target', 'price'], { dtype: 'float16', fill: 0 }))).toBe(true);
    const lots = Float64Array.from(trades[4]!.cells, (size) => Number((size as bigint) - 10n) * 0.5);
    expect(taken.features.subarray(250 * 16, 250 * 24).equals(Buffer.from(lots.buffer))).toBe(true);
  });

  it('gives nothing for no rows', async () => {
    for (const source of [[], [makeTable(trades).batches[0]!.slice(0, 0)]]) {
      expect(await drain(joining(source, batchesOf(quotes, [50])))).toMatchObject({ rows: [], error: null });
      const alone = new GpuPipeline({ source, features: ['price'], device });
      expect(await drain(alone)).toMatchObject({ rows: [], error: null });
    }
  });

  it('takes the indices of a dictionary that all batches share, and refuses one that changes', async () => {
    const venues = (names: readonly string[]): Table => table({ venue: ['dict:int8:utf8', names] });
    const same = new GpuPipeline({
      source: [venues(['X', 'Y', 'X']), venues(['X', 'Y'])],
      features: ['venue'],
      device,
    });
    const taken = await drain(same);
    // `table` numbers values from the last one that is new.
    expect(taken.features.equals(Buffer.from(Float32Array.of(1, 0, 1, 1, 0).buffer))).toBe(true);
    const source = [venues(['X', 'Y', 'X']), venues(['Y', 'X'])];
    const changed = await drain(new GpuPipeline({ source, features: ['venue'], batchRows: 3, device }));
    expect(changed).toMatchObject({ rows: [3], error: code('SCHEMA') });
  });

  it('leaves a batch to its holder until it is released, whatever the loop does', async () => {
    const kept: PipelineBatch[] = [];
    const pipeline = joining(cut([50]), batchesOf(quotes, [33]));
    for await (const batch of pipeline) kept.push(batch);
    expect(pipeline.stats()).toMatchObject({ held: 4, ahead: 0 });
    const host = await Promise.all(kept.map(async ({ features }) => features.toHost()));
    const bytes = Buffer.concat(host.map(({ buffer }) => Buffer.from(buffer)));
    expect(bytes.equals(plainMatrix(joined, FEATURES))).toBe(true);
    const reshaped = kept[0]!.features.reshape([64 * 4]);
    for (const batch of kept) {
      expect(batch.isReleased).toBe(false);
      batch.release();
      batch.release();
      expect(batch.isReleased).toBe(true);
      expect(() => batch.features.device).toThrow(code('CLOSED'));
      expect(() => batch.labels!.isReady).toThrow(code('CLOSED'));
    }
    expect(pipeline.stats().held).toBe(0);
    expect((await reshaped.toHost()).length).toBe(256);
    reshaped.release();
  });

  it('gives memory back by `using`', async () => {
    for await (using batch of joining(cut([50]), batchesOf(quotes, [33]))) expect(batch.isReleased).toBe(false);
  });

  it.each([1, 2, 4])('makes at most %d batches ahead, and asks its sources for no more rows', async (depth) => {
    const source = new Source(cut([10]));
    const pipeline = new GpuPipeline({ source, features: ['price'], batchRows: 10, depth, device });
    const batches = pipeline[Symbol.asyncIterator]();
    let held = (await batches.next()).value as PipelineBatch;
    for (let taken = 1; taken < 20; taken++) {
      await until(() => pipeline.stats().ahead === depth);
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      // The batches taken, those ahead, and the one that a reader asks for beforehand.
      expect(source.pulled).toBeLessThanOrEqual(taken + depth + 1);
      held.release();
      held = (await batches.next()).value as PipelineBatch;
    }
    held.release();
    expect(pipeline.stats()).toMatchObject({ peakAhead: depth, batches: 20 });
    await batches.return();
    expect(source).toMatchObject({ opened: 1, closed: 1 });
  });

  it('uses a few leases of pinned memory in turn', async () => {
    const pipeline = joining(cut([7]), batchesOf(quotes, [33]), { batchRows: 10, depth: 4 });
    let peak = 0;
    const taken = await drain(pipeline, () => {
      peak = Math.max(peak, pipeline.stats().pinned.leases);
    });
    expect(taken.rows).toHaveLength(25);
    expect(peak).toBeGreaterThan(0);
    expect(peak).toBeLessThanOrEqual(2);
    expect(pipeline.stats().pinned.misses).toBeLessThanOrEqual(4);
  });

  // A GPU has what it has, which would take long to fill.
  (isHost ? it : it.skip)('is bounded by the device where batches are held, and ends with that error', async () => {
    const small = open({ memoryBytes: 2 ** 25 });
    const rows = 250_000;
    const batch = new Table({ price: makeVector(new Float64Array(rows).fill(1.5)) });
    const endless = function* (): Generator<Table> {
      for (;;) yield batch;
    };
    const pipeline = new GpuPipeline({ source: endless(), features: ['price'], batchRows: rows, device: small });
    const held: PipelineBatch[] = [];
    let error: unknown = null;
    try {
      for await (const each of pipeline) held.push(each);
    } catch (reason) {
      error = reason;
    }
    expect(error).toEqual(code('OUT_OF_MEMORY'));
    expect(pipeline.stats()).toMatchObject({ held: held.length, ahead: 0 });
    expect(held.length).toBeGreaterThan(0);
    expect(held.length * rows * 4).toBeLessThan(2 ** 25);
    for (const each of held) {
      expect(((await each.features.toHost()) as Float32Array).every((value) => value === 1.5)).toBe(true);
      each.release();
    }
    expect(small.memoryInfo().usedBytes).toBe(0);
    small.close();
  });

  it('is iterated once', async () => {
    const pipeline = joining(cut([50]), batchesOf(quotes, [33]));
    await drain(pipeline);
    expect(await drain(pipeline)).toMatchObject({ rows: [], error: code('CLOSED') });
    expect(pipeline.stats().batches).toBe(4);
  });

  it.each<[string, unknown, string]>([
    ['no options', undefined, 'ARG_TYPE'],
    ['a source that is none', { source: 5 }, 'ARG_TYPE'],
    ['an option that is not known', { batchSize: 5 }, 'OPTION_UNKNOWN'],
    ['no features', { features: undefined }, 'ARG_TYPE'],
    ['features of nothing', { features: [] }, 'ARG_RANGE'],
    ['a feature that is no name', { features: [7] }, 'ARG_TYPE'],
    ['a feature without its column', { features: [{ mean: 1 }] }, 'ARG_TYPE'],
    ['labels that are none', { labels: 5 }, 'ARG_TYPE'],
    ['a label option that is not known', { labels: { columns: ['a'], rows: 1 } }, 'OPTION_UNKNOWN'],
    ['a depth of 0', { depth: 0 }, 'ARG_RANGE'],
    ['a depth beyond 64', { depth: 65 }, 'ARG_RANGE'],
    ['batches of no rows', { batchRows: 0 }, 'ARG_RANGE'],
    ['dropLast that is no boolean', { dropLast: 1 }, 'ARG_TYPE'],
    ['a device that is a name', { device: 'host' }, 'ARG_TYPE'],
    ['a signal that is none', { signal: {} }, 'ARG_TYPE'],
    ['a dtype that no matrix has', { dtype: 'int8' }, 'OPTION_UNKNOWN'],
    ['a fill that is no number', { fill: '0' }, 'ARG_TYPE'],
    ['a join without streams', { join: { on: 't' } }, 'ARG_TYPE'],
    ['a stream without a source', { join: { on: 't', streams: { q: {} } } }, 'ARG_TYPE'],
    ['a signal of the join', { join: { on: 't', streams: {}, signal: 1 } }, 'ARG_TYPE'],
    ['a join that sorts', { join: { on: 't', unsorted: 'sort', streams: {} } }, 'ARG_RANGE'],
  ])('refuses %s', (_, wrong, expected) => {
    const options = wrong === undefined ? wrong : { source: [], features: ['price'], device, ...(wrong as object) };
    expect(() => new GpuPipeline(options as never)).toThrow(code(expected));
  });

  it.each<[string, object, string]>([
    ['a feature that the rows do not have', { features: ['prise'] }, 'COLUMN_MISSING'],
    ['a feature that is text', { features: ['symbol'] }, 'SCHEMA'],
    ['a feature option that is not known', { features: [{ column: 'price', std: 1 }] }, 'OPTION_UNKNOWN'],
    ['a null where none may be', { nulls: 'error' }, 'SCHEMA'],
    ['a label that is null', { labels: 'price' }, 'SCHEMA'],
  ])('ends with a typed error for %s', async (_, wrong, expected) => {
    const source = new Source(cut([100]));
    const pipeline = new GpuPipeline({ source, features: ['price'], device, ...wrong });
    expect(await drain(pipeline)).toMatchObject({ rows: [], error: code(expected) });
    expect(source).toMatchObject({ opened: 1, closed: 1 });
  });
});
