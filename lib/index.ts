/** The public names. Everything else may change without notice. */
export { alignStreamsSync, type AlignResult } from './join/align-streams.js';
export { asofJoinSync, type JoinReport, type ReportingOptions } from './join/asof-join.js';
export type { ExplainPhase, JoinExplain, StreamExplain } from './join/explain.js';
export type {
  AlignStreamsOptions,
  AsofJoinOptions,
  Backend,
  By,
  Direction,
  Distance,
  JoinKind,
  MatchOptions,
  NearestTie,
  NullKeys,
  On,
  OutputOptions,
  RunOptions,
  StreamOptions,
  Ties,
  TimeZones,
  UnsortedRule,
} from './join/options.js';
export type { JoinStats } from './join/stats.js';
export {
  type AlignerStream,
  type AlignerTotals,
  TemporalAligner,
  type TemporalAlignerOptions,
} from './join/temporal-aligner.js';
export { formatDuration, parseDuration } from './schema/duration.js';
export { ERROR_CODES, type ErrorClassName, type ErrorCode } from './errors/codes.js';
export {
  ArgumentError,
  DataError,
  DeviceError,
  type ErrorDetails,
  FlowStateError,
  InternalError,
  IoError,
  ResourceError,
  StateError,
} from './errors/errors.js';
export { alignBatches, asofJoinStream } from './stream/asof-join-stream.js';
export type {
  AlignBatchesOptions,
  AsofJoinStreamOptions,
  BatchSource,
  BatchStreamOptions,
  JoinedBatches,
} from './stream/options.js';
export { StreamingAligner } from './stream/streaming-aligner.js';
export { StreamingJoin } from './stream/streaming-join.js';
export type * from './stream/streaming-types.js';
export { boundedDisorder, monotone, punctuated, wallClock } from './stream/watermark/index.js';
export type { ObservedBatch, WallClockOptions, WatermarkPlan, WatermarkStrategy } from './stream/watermark/index.js';
export * from './stream/sources/index.js';
export * from './stream/metrics/index.js';
export {
  type ArrowStreamOptions,
  type ByteSource,
  fromArrowStream,
  type LiveInputOptions,
  openLive,
} from './storage/live/index.js';
export { readBatches, readInfo, readTable, writeTable } from './storage/index.js';
export type {
  ColumnStatistics,
  FileInfo,
  ReadBatchesOptions,
  ReadOptions,
  RowGroupInfo,
  TimeRange,
  WriteOptions,
  WriteResult,
} from './storage/index.js';
export {
  simulateMarket,
  simulateMarketBatches,
  type SimulatedBatch,
  type SimulatedMarket,
} from './orderbook/simulate.js';
export type {
  BookKind,
  HawkesKernel,
  HawkesOptions,
  SimulatedSymbol,
  SimulatedTableName,
  SimulateMarketOptions,
  SimulationModel,
} from './orderbook/simulate-options.js';
export { OrderBook } from './orderbook/order-book.js';
export type { BatchResult, CommandBatch } from './orderbook/batch.js';
export {
  CANCEL_REASONS,
  type CancelReason,
  COMMAND_KINDS,
  type CommandKind,
  ORDER_STATES,
  ORDER_TYPES,
  type OrderState,
  type OrderType,
  POST_ONLY,
  type PostOnly,
  type RejectReason,
  REJECTS,
  SELF_TRADE,
  type SelfTrade,
  type Side,
  SIDES,
  type TimeInForce,
  TIMES_IN_FORCE,
} from './orderbook/names.js';
export type { PriceLike, Whole } from './orderbook/numbers.js';
export type { OrderBookOptions } from './orderbook/options.js';
export type {
  Accepted,
  Bbo,
  BookStats,
  ChangeRequest,
  DepthLevel,
  Fill,
  LevelDeltas,
  OrderRequest,
  OrderResult,
  QueuePosition,
  Rejected,
  Removal,
  ReplaceRequest,
  RestingOrder,
} from './orderbook/types.js';
export { EVENT_KINDS, type EventKind } from './orderbook/names.js';
export { type BookReplay, type FeedSource, replayBook } from './orderbook/replay/replay-book.js';
export type { BookFeature, FeedFormat, ReplayBookOptions, SampleTimes } from './orderbook/replay/options.js';
export type { ReplayStats, SequenceGap } from './orderbook/replay/stats.js';
export { HdrHistogram, type HdrHistogramOptions } from './stream/hdr-histogram.js';
export {
  BLOOM_TYPES,
  BloomFilter,
  type BloomFilterOptions,
  type BloomType,
  type BloomValue,
  type BloomValues,
} from './stream/bloom-filter.js';
export { SlabLease, SlabPool, type SlabPoolOptions, type SlabPoolStats } from './stream/slab-pool.js';
export {
  RING_TYPES,
  type RingArrays,
  type RingType,
  SharedRing,
  type SharedRingHandle,
  type SharedRingOptions,
} from './stream/shared-ring.js';
export * from './device/index.js';
export * from './device/join/index.js';
export * from './tensor/tfjs/index.js';
export * from './tensor/onnx/index.js';
export * from './pipeline/index.js';
