/** The public names. Everything else may change without notice. */
export { alignStreams, alignStreamsSync, type AlignResult } from './join/align-streams.js';
export { asofJoin, asofJoinSync, type JoinReport, type ReportingOptions } from './join/asof-join.js';
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
