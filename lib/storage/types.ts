/** Options and results of reading and writing tables. All row counts are exact integers; times are bigint. */
import type { Schema } from 'apache-arrow';

export type TimeUnitName = 's' | 'ms' | 'us' | 'ns';

/** Rows to keep, in the column's own unit, both ends inclusive. Rows with a null there are left out. */
export interface TimeRange {
  readonly column: string;
  readonly min?: bigint;
  readonly max?: bigint;
}

/** Which engine decodes Parquet and CSV: the addon, DuckDB's JavaScript API, or the first that works. */
export type StorageBackend = 'auto' | 'native' | 'javascript';

export interface ReadOptions {
  /** Columns to decode, in this order; default: all. Others are neither read nor decoded. */
  readonly columns?: readonly string[];
  /** CSV: `"ts:timestamp[ns],symbol:utf8,price:float64"`; columns left out are inferred. */
  readonly schema?: string;
  /** CSV: unit of integer times in `timeColumns` (or, without those, in the schema's timestamp columns). */
  readonly timeUnit?: TimeUnitName;
  /** CSV: columns that hold integer epoch times in `timeUnit`. */
  readonly timeColumns?: readonly string[];
  /** Rows outside are skipped; Parquet row groups outside are not even read. */
  readonly timeRange?: TimeRange;
  /** Decoder threads; default: all of the machine's. The result never depends on it. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly backend?: StorageBackend;
}

export interface ReadBatchesOptions extends ReadOptions {
  /** Rows per batch (the last may be shorter); default 65,536. Arrow files keep their own, smaller batches. */
  readonly batchRows?: number;
}

export interface WriteOptions {
  /** Parquet only; default `zstd`. */
  readonly compression?: 'zstd' | 'snappy' | 'gzip' | 'none';
  /** Parquet only; rows per row group, rounded up to a multiple of 2,048; default: even groups of at most 122,880. */
  readonly rowGroupSize?: number;
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly backend?: StorageBackend;
}

export interface WriteResult {
  readonly rows: number;
  /** Size of the finished file (bytes written, for a stream to stdout). */
  readonly bytes: number;
}

/** Smallest and largest value of a column in a row group, as the file's statistics state them. */
export interface ColumnStatistics {
  readonly min: bigint | number | string | boolean | null;
  readonly max: bigint | number | string | boolean | null;
  readonly nullCount: number | null;
}

export interface RowGroupInfo {
  readonly rows: number;
  /** By column name; only columns whose statistics are there and exact. Empty for other formats than Parquet. */
  readonly statistics: Readonly<Record<string, ColumnStatistics>>;
}

export interface FileInfo {
  readonly format: FileFormat;
  readonly schema: Schema;
  /** Null where only reading the whole file would tell (CSV). */
  readonly rows: number | null;
  readonly bytes: number;
  /** Parquet row groups or Arrow record batches; empty for CSV. */
  readonly rowGroups: readonly RowGroupInfo[];
}

export type FileFormat = 'parquet' | 'arrow' | 'arrows' | 'csv';
