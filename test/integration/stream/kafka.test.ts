/** Against librdkafka's mock cluster: the protocol, groups and offsets are real, the storage is memory. */
import { Field, Float64, Int64, Schema, Utf8 } from 'apache-arrow';
import { Kafka, type Producer } from 'kafkajs';

import {
  kafkaSource,
  type KafkaPosition,
  type KafkaSourceOptions,
} from '../../../lib/stream/sources/kafka/kafka-source.js';
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
