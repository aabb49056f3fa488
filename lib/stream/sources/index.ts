/** Live sources by name. */
export { fromIterable, type FromIterableOptions } from './from-iterable.js';
export {
  alpacaFeed,
  type AlpacaFeedOptions,
  type BackoffOptions,
  type FeedClock,
  type FeedGap,
  type FeedKind,
  type FeedOptions,
  type FeedStats,
  MarketFeed,
  type OverflowPolicy,
  polygonFeed,
  type PolygonFeedOptions,
} from './feed/index.js';
export {
  type KafkaBatch,
  type KafkaPosition,
  type KafkaRecord,
  type KafkaSource,
  kafkaSource,
  type KafkaSourceOptions,
} from './kafka/kafka-source.js';
export type { PlainRow } from './types.js';
