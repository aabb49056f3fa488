/** Against librdkafka's mock cluster: the protocol, groups and offsets are real, the storage is memory. */
import { Field, Float64, Int64, Schema, Table, Utf8 } from 'apache-arrow';
import { Kafka, type Producer } from 'kafkajs';

import {
  type KafkaSource,
  kafkaSource,
  type KafkaPosition,
  type KafkaSourceOptions,
} from '../../../lib/stream/sources/kafka/kafka-source.js';
import { StreamingJoin } from '../../../lib/stream/streaming-join.js';
import { boundedDisorder } from '../../../lib/stream/watermark/index.js';
import { hasKcat, KafkaBroker } from '../../helpers/kafka-broker.js';

if (!hasKcat) console.warn('kafka.test: kcat is not installed, so there is no broker: skipped');
const withBroker = hasKcat ? describe : describe.skip;

const schema = new Schema([
  new Field('t', new Int64(), false),
  new Field('s', new Utf8(), false),
  new Field('p', new Float64(), true),
]);

withBroker('kafkaSource', () => {
  let broker: KafkaBroker;
  let producer: Producer;
  let topics = 0;

  beforeAll(async () => {
    broker = await KafkaBroker.start();
    producer = new Kafka({ brokers: [broker.address], logLevel: 0 }).producer();
    await producer.connect();
  }, 30_000);
  afterAll(async () => {
    await producer?.disconnect();
    broker?.stop();
  });

  /** `count` messages over four keys, times 0 … count - 1. */
  async function topicOf(count: number, from = 0, topic = `t${++topics}`): Promise<string> {
    const messages = Array.from({ length: count }, (_, i) => {
      const t = from + i;
      return { key: `s${t % 4}`, value: JSON.stringify({ t, s: `s${t % 4}`, p: t / 2 }) };
    });
    await producer.send({ topic, messages });
    return topic;
  }

  const options = (topic: string, more: Partial<KafkaSourceOptions> = {}): KafkaSourceOptions => ({
    brokers: [broker.address],
    topic,
    groupId: `g-${topic}`,
    schema,
    client: 'kafkajs',
    // The mock cluster lets a member that left go only when its session has ended.
    sessionTimeoutMs: 4000,
    decode: ({ value }) => JSON.parse(String(value)) as Record<string, unknown>,
    ...more,
  });

  interface Read {
    readonly times: bigint[];
    readonly positions: KafkaPosition[];
  }

  /** Reads until `count` rows came, then leaves without a word. */
  async function read(given: KafkaSourceOptions, count: number, commitTo = 0): Promise<Read> {
    const source = kafkaSource(given);
    const times: bigint[] = [];
    const positions: KafkaPosition[] = [];
    for await (const { batch, position } of source) {
      times.push(...(batch.getChild('t')!.toArray() as BigInt64Array));
      positions.push(position);
      if (times.length <= commitTo) await source.commit(position);
      if (times.length >= count) break;
    }
    return { times, positions };
  }

  const sorted = (times: readonly bigint[]) => [...times].sort((a, b) => Number(a - b));
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => BigInt(from + i));

  test('gives every row once, with the position after each batch', async () => {
    const topic = await topicOf(100);
    const { times, positions } = await read(options(topic), 100);
    expect(sorted(times)).toEqual(range(0, 100));
    const total = Object.values(positions.at(-1)!.offsets).reduce((sum, offset) => sum + BigInt(offset), 0n);
    expect(total).toBe(100n);
    for (const [i, { offsets }] of positions.entries()) {
      for (const [partition, offset] of Object.entries(positions[i - 1]?.offsets ?? {})) {
        expect(BigInt(offsets[partition]!) >= BigInt(offset)).toBe(true);
      }
    }
  }, 60_000);

  test('what was not committed is read again, what was is not', async () => {
    const topic = await topicOf(40);
    const source = kafkaSource(options(topic));
    const first: bigint[] = [];
    const committed: bigint[] = [];
    for await (const { batch, position } of source) {
      first.push(...(batch.getChild('t')!.toArray() as BigInt64Array));
      if (committed.length === 0) {
        await source.commit(position);
        committed.push(...first);
      }
      if (first.length === 40) break;
    }
    expect(sorted(first)).toEqual(range(0, 40));
    const missing = range(0, 40).filter((t) => !committed.includes(t));
    // Something new at the end, so that there is an end to wait for where everything was committed.
    await topicOf(4, 40, topic);
    const again = await read(options(topic), missing.length + 4);
    expect(sorted(again.times)).toEqual([...missing, ...range(40, 44)]);
  }, 60_000);

  test('a snapshot says where to start, whatever the group has committed', async () => {
    const topic = await topicOf(40);
    const { times, positions } = await read(options(topic), 40, 40);
    const at = positions[0]!;
    const before = times.slice(
      0,
      Object.values(at.offsets).reduce((sum, offset) => sum + Number(offset), 0),
    );
    const rest = 40 - before.length;
    await topicOf(4, 40, topic);
    // Partitions that the position does not know are the group's: their rows were committed.
    const again = await read(options(topic, { from: at }), 4);
    const known = new Set(Object.keys(at.offsets));
    expect(known.size).toBeGreaterThan(0);
    expect(rest).toBeGreaterThanOrEqual(0);
    for (const t of before) expect(again.times).not.toContain(t);
  }, 60_000);

  test('a message that cannot be decoded ends the source with its error; null is skipped', async () => {
    const topic = await topicOf(8);
    const decode = ({ value }: { value: Buffer | null }) => {
      const row = JSON.parse(String(value)) as { t: number };
      if (row.t === 100) throw new Error('no such row');
      return row.t % 2 === 0 ? null : row;
    };
    const { times } = await read(options(topic, { decode }), 4);
    expect(sorted(times)).toEqual([1n, 3n, 5n, 7n]);
    await topicOf(1, 100, topic);
    await expect(read(options(topic, { decode, groupId: 'other' }), 50)).rejects.toThrow('no such row');
  }, 60_000);

  test('an abort ends the wait for messages', async () => {
    const topic = await topicOf(1);
    const controller = new AbortController();
    const waiting = read(options(topic, { signal: controller.signal }), 5);
    setTimeout(() => controller.abort(), 300);
    await expect(waiting).rejects.toMatchObject({ code: 'FS_ERR_ABORTED' });
  }, 60_000);
});

withBroker('a join of two topics', () => {
  let broker: KafkaBroker;
  let kafka: Kafka;
  const leftSchema = new Schema([new Field('t', new Int64(), false), new Field('x', new Int64(), false)]);
  const rightSchema = new Schema([new Field('t', new Int64(), false), new Field('v', new Int64(), false)]);
  const ROWS = 300;
  /** Rows that only move the watermarks. */
  const END = 100_000;

  beforeAll(async () => {
    broker = await KafkaBroker.start();
    kafka = new Kafka({ brokers: [broker.address], logLevel: 0 });
    const producer = kafka.producer();
    await producer.connect();
    // One key, so that a topic is in order; several batches, so that there is a middle to stop in.
    for (let from = 0; from < ROWS; from += 20) {
      const rows = Array.from({ length: 20 }, (_, i) => from + i);
      const messages = (row: (i: number) => object) => rows.map((i) => ({ key: 'k', value: JSON.stringify(row(i)) }));
      await producer.send({ topic: 'trades', messages: messages((i) => ({ t: i * 10, x: i })) });
      await producer.send({ topic: 'quotes', messages: messages((i) => ({ t: i * 10 - (i % 7), v: i })) });
    }
    for (const [topic, row] of [
      ['trades', { t: END, x: -1 }],
      ['quotes', { t: END + 1, v: -1 }],
    ] as const) {
      await producer.send({ topic, messages: [{ key: 'k', value: JSON.stringify(row) }] });
    }
    await producer.disconnect();
  }, 60_000);
  afterAll(() => broker?.stop());

  const open = (topic: string, rowSchema: Schema, groupId: string, from?: KafkaPosition) =>
    kafkaSource({
      brokers: [broker.address],
      topic,
      groupId,
      schema: rowSchema,
      client: 'kafkajs',
      sessionTimeoutMs: 4000,
      decode: ({ value }) => JSON.parse(String(value)) as Record<string, unknown>,
      from,
    });
  const newJoin = () => new StreamingJoin({ on: 't', watermark: boundedDisorder(10n), rowId: 'id' });
  type Row = Record<string, bigint | null>;

  /** Runs until every row before END is out, or `stop` says so. */
  async function run(
    join: StreamingJoin,
    group: string,
    from: Readonly<Record<string, KafkaPosition>>,
    each: (rows: readonly Row[], left: KafkaSource, right: KafkaSource) => Promise<boolean> | boolean,
  ): Promise<void> {
    const left = open('trades', leftSchema, `${group}-l`, from.left);
    const right = open('quotes', rightSchema, `${group}-r`, from.right);
    try {
      for await (const batch of join.stream(left, right, { maxRows: 16 })) {
        const rows = new Table([batch]).toArray().map((row) => (row as { toJSON(): Row }).toJSON());
        if (await each(rows, left, right)) break;
      }
    } finally {
      await Promise.all([left.close(), right.close()]);
    }
  }

  test('killed and restored anywhere gives the rows of an uninterrupted run, none lost, none twice', async () => {
    const whole: Row[] = [];
    await run(newJoin(), 'whole', {}, (rows) => {
      whole.push(...rows);
      return whole.length >= ROWS;
    });
    expect(whole.map(({ x }) => x)).toEqual(Array.from({ length: ROWS }, (_, i) => BigInt(i)));
    for (const { t, v } of whole) {
      const best = Array.from({ length: ROWS }, (_, i) => i).filter((i) => i * 10 - (i % 7) <= Number(t!));
      expect(v).toBe(BigInt(best.at(-1)!));
    }
    for (const stopAfter of [40, 170]) {
      const kept: Row[] = [];
      let blob: Uint8Array | null = null;
      let from: Readonly<Record<string, KafkaPosition>> = {};
      let lost = 0;
      const first = newJoin();
      await run(first, `first-${stopAfter}`, {}, (rows) => {
        if (blob === null) {
          kept.push(...rows);
          if (kept.length < stopAfter) return false;
          // Rows and snapshot are stored together; what comes after is lost with the process.
          blob = first.snapshot();
          return false;
        }
        lost += rows.length;
        return lost >= 20;
      });
      const second = newJoin();
      second.restore(blob!);
      const read = second.readPositions;
      from = { left: read.left![0] as KafkaPosition, right: read.right![0] as KafkaPosition };
      await run(second, `second-${stopAfter}`, from, (rows) => {
        kept.push(...rows);
        return kept.length >= ROWS;
      });
      expect(lost).toBeGreaterThanOrEqual(20);
      expect(kept).toEqual(whole);
    }
  }, 120_000);

  test('a group never holds an offset of which a row was not emitted', async () => {
    const join = newJoin();
    let emitted = 0;
    let settled: KafkaPosition | null = null;
    await run(join, 'commits', {}, async (rows, left) => {
      emitted += rows.length;
      const position = join.positions.left?.[0] as KafkaPosition | undefined;
      if (position === undefined || emitted < 50) return false;
      const total = Object.values(position.offsets).reduce((sum, offset) => sum + Number(offset), 0);
      expect(total).toBeLessThanOrEqual(emitted);
      await left.commit(position);
      settled = position;
      return emitted >= 200;
    });
    const admin = kafka.admin();
    await admin.connect();
    const [held] = await admin.fetchOffsets({ groupId: 'commits-l', topics: ['trades'] });
    await admin.disconnect();
    expect(settled).not.toBeNull();
    for (const { partition, offset } of held!.partitions) {
      const expected = settled!.offsets[String(partition)];
      if (expected !== undefined) expect(offset).toBe(expected);
    }
  }, 120_000);
});

test('mistakes are named before anything is connected', async () => {
  const good = { brokers: ['x:1'], topic: 't', groupId: 'g', schema, decode: () => null };
  const code = (code: string) => expect.objectContaining({ code }) as Error;
  expect(() => kafkaSource({ ...good, topic: '' })).toThrow(code('FS_ERR_ARG_RANGE'));
  expect(() => kafkaSource({ ...good, decode: 1 as never })).toThrow(code('FS_ERR_ARG_TYPE'));
  expect(() => kafkaSource({ ...good, groupID: 'g' } as never)).toThrow(code('FS_ERR_OPTION_UNKNOWN'));
  expect(() => kafkaSource({ ...good, from: { topic: 'u', offsets: {} } })).toThrow(code('FS_ERR_ARG_TYPE'));
  expect(() => kafkaSource({ ...good, from: { topic: 't', offsets: { 0: '-1' } } })).toThrow(code('FS_ERR_ARG_TYPE'));
  await expect(kafkaSource(good).commit({ topic: 't', offsets: {} })).rejects.toMatchObject({ code: 'FS_ERR_CLOSED' });
  const missing = kafkaSource({ ...good, client: '@confluentinc/kafka-javascript' });
  await expect(missing[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'FS_ERR_DEPENDENCY_MISSING' });
});
