/**
 * The Kafka clients that can serve: Confluent's `@confluentinc/kafka-javascript` (maintained, over librdkafka) and
 * `kafkajs` (plain JavaScript, no longer developed). The former speaks the latter's interface with its settings one
 * level deeper, so one adapter does for both. Whichever is installed is loaded on first use, Confluent's first.
 */
import { createError } from '../../../errors/from-native.js';
import { FlowStateError } from '../../../errors/errors.js';
import { loadOptional } from '../../../internal/optional.js';

/** A message as both clients give it. */
export interface KafkaMessage {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Milliseconds since 1970, as text. */
  readonly timestamp: string;
  readonly offset: string;
  readonly headers?: Readonly<Record<string, unknown>>;
}

export interface BatchPayload {
  readonly batch: { readonly topic: string; readonly partition: number; readonly messages: readonly KafkaMessage[] };
  resolveOffset(offset: string): void;
  heartbeat(): Promise<void>;
  isRunning(): boolean;
  isStale(): boolean;
}

export interface Consumer {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  subscribe(options: { readonly topics: readonly string[]; readonly fromBeginning?: boolean }): Promise<void>;
  run(options: {
    readonly autoCommit?: boolean;
    readonly eachBatchAutoResolve: boolean;
    readonly eachBatch: (payload: BatchPayload) => Promise<void>;
  }): Promise<void>;
  seek(options: { readonly topic: string; readonly partition: number; readonly offset: string }): void;
  commitOffsets(
    offsets: readonly { readonly topic: string; readonly partition: number; readonly offset: string }[],
  ): Promise<void>;
  /** kafkajs only. */
  on?(event: string, listener: (event: { readonly payload: unknown }) => void): () => void;
}

export interface KafkaConnection {
  readonly brokers: readonly string[];
  readonly clientId?: string;
  readonly groupId: string;
  readonly fromBeginning: boolean;
  readonly sessionTimeoutMs?: number;
  /** Passed on to the client: TLS and credentials. */
  readonly ssl?: unknown;
  readonly sasl?: unknown;
}

export type KafkaClientName = '@confluentinc/kafka-javascript' | 'kafkajs';

type Settings = Readonly<Record<string, unknown>>;
type KafkaClass = new (settings: Settings) => { consumer(settings: Settings): Consumer };

function withoutUndefined(settings: Settings): Settings {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

async function openKafkaJs(connection: KafkaConnection): Promise<Consumer> {
  const module = (await loadOptional('kafkajs', 'kafkaSource', () => importByName('kafkajs'))) as {
    readonly Kafka?: KafkaClass;
    readonly default?: { readonly Kafka: KafkaClass };
  };
  const Kafka = module.Kafka ?? module.default!.Kafka;
  const { brokers, clientId, ssl, sasl, groupId, sessionTimeoutMs } = connection;
  // 1: errors only; they reach the caller as errors.
  const kafka = new Kafka(withoutUndefined({ brokers, clientId, ssl, sasl, logLevel: 0 }));
  return kafka.consumer(withoutUndefined({ groupId, sessionTimeout: sessionTimeoutMs }));
}

async function openConfluent(connection: KafkaConnection): Promise<Consumer> {
  const name = '@confluentinc/kafka-javascript';
  const module = (await loadOptional(name, 'kafkaSource', () => importByName(name))) as {
    readonly KafkaJS?: { readonly Kafka: KafkaClass };
    readonly default?: { readonly KafkaJS: { readonly Kafka: KafkaClass } };
  };
  const { Kafka } = module.KafkaJS ?? module.default!.KafkaJS;
  const { brokers, clientId, ssl, sasl, groupId, sessionTimeoutMs, fromBeginning } = connection;
  const kafka = new Kafka({ kafkaJS: withoutUndefined({ brokers, clientId, ssl, sasl, logLevel: 0 }) });
  return kafka.consumer({
    kafkaJS: withoutUndefined({ groupId, sessionTimeout: sessionTimeoutMs, fromBeginning, autoCommit: false }),
  });
}

/** By a name that bundlers and the compiler do not follow: neither client need be there. */
function importByName(name: string): Promise<unknown> {
  return import(name) as Promise<unknown>;
}

/** FS_ERR_DEPENDENCY_MISSING where neither client is installed. */
export async function openConsumer(connection: KafkaConnection, client?: KafkaClientName): Promise<Consumer> {
  if (client === 'kafkajs') return openKafkaJs(connection);
  if (client !== undefined) return openConfluent(connection);
  try {
    return await openConfluent(connection);
  } catch (error) {
    if (!(error instanceof FlowStateError) || error.code !== 'FS_ERR_DEPENDENCY_MISSING') throw error;
  }
  try {
    return await openKafkaJs(connection);
  } catch (error) {
    if (!(error instanceof FlowStateError) || error.code !== 'FS_ERR_DEPENDENCY_MISSING') throw error;
    throw createError(
      'FS_ERR_DEPENDENCY_MISSING',
      'kafkaSource needs a Kafka client: npm install @confluentinc/kafka-javascript (or kafkajs)',
      { details: { package: '@confluentinc/kafka-javascript' }, cause: error },
    );
  }
}
