/** Files in, files out: Parquet, Arrow IPC and CSV. */
export { readBatches, readInfo, readTable, type BatchStream } from './read.js';
export { writeTable } from './write.js';
export { cleanupTempFiles } from './temp-files.js';
export { formatOf } from './format.js';
export type {
  ColumnStatistics,
  FileFormat,
  FileInfo,
  ReadBatchesOptions,
  ReadOptions,
  RowGroupInfo,
  StorageBackend,
  TimeRange,
  TimeUnitName,
  WriteOptions,
  WriteResult,
} from './types.js';
