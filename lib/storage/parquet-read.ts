/**
 * Scan plans for Parquet files. The footer gives the exact logical types, DuckDB its view of them; where DuckDB would
 * widen (milliseconds to microseconds) or cut (nanoseconds in UTC), the plan brings the file's own unit back.
 */
import { FixedSizeBinary, TimeMillisecond, type DataType } from 'apache-arrow';
import { createError } from '../errors/from-native.js';
import { requireColumn, selectColumns } from './column-names.js';
import { withConnection } from './duck.js';
import { corrupt, duckError } from './io-error.js';
import { readParquetFooter, type ParquetElement, type ParquetFooter, type PhysicalType } from './parquet-footer.js';
import { exactlyReadable, type ReadableCopy } from './parquet-utc.js';
import { physicalOf, quoteName, quoteText, timestampType, type ScanColumn, type ScanPlan } from './scan-plan.js';
import type { ReadOptions, TimeRange } from './types.js';

export interface ParquetScan {
  readonly plan: ScanPlan;
  readonly footer: ParquetFooter;
  release(): Promise<void>;
}

/** Plans a scan of `path`; call `release` when it is done. */
export async function planParquet(path: string, options: ReadOptions): Promise<ParquetScan> {
  const footer = await readParquetFooter(path);
  const names = footer.columns.map((element) => element.name);
  const chosen = selectColumns(path, names, options.columns);
  const needed = new Set(chosen.map((index) => names[index] ?? ''));
  if (options.timeRange !== undefined) {
    requireColumn(path, names, options.timeRange.column);
    needed.add(options.timeRange.column);
  }
  const copy = await exactlyReadable(path, footer, [...needed], options.signal);
  try {
    const plan = await planColumns(path, copy, footer, chosen, options);
    return { plan, footer, release: () => copy.release() };
  } catch (error) {
    await copy.release();
    throw error;
  }
}

async function planColumns(
  path: string,
  copy: ReadableCopy,
  footer: ParquetFooter,
  chosen: readonly number[],
  options: ReadOptions,
): Promise<ScanPlan> {
  const from = `read_parquet(${quoteText(escapeGlob(copy.path))})`;
  const duckTypes = plainTypes(footer, chosen) ?? (await describe(path, from, options));
  const columns = chosen.map((index) => {
    const element = footer.columns[index];
    const duckType = element === undefined ? undefined : duckTypes.get(element.name);
    if (element === undefined || duckType === undefined) {
      throw corrupt(path, `column ${element?.name ?? index} is in the footer, but cannot be read`);
    }
    return planColumn(element, duckType);
  });
  const where = options.timeRange === undefined ? null : rangeSql(path, footer, options.timeRange);
  const clash = footer.columns.some((element) => element.name.toLowerCase() === 'file_row_number');
  return {
    path,
    from,
    where,
    columns,
    rows: where === null ? footer.rows : null,
    rowNumber: clash || where !== null ? null : 'file_row_number',
  };
}

/** DuckDB reads `*`, `?` and `[` in paths as patterns. */
function escapeGlob(path: string): string {
  return path.replace(/[*?[]/g, (char) => `[${char}]`);
}

/** Physical types that stand for themselves where no logical type is given. Plain bytes are left to DuckDB. */
const PLAIN_TYPES: Partial<Record<PhysicalType, string>> = {
  INT32: 'INTEGER',
  INT64: 'BIGINT',
  FLOAT: 'FLOAT',
  DOUBLE: 'DOUBLE',
  BOOLEAN: 'BOOLEAN',
};

/**
 * DuckDB's types of the chosen columns where the footer alone determines them, else null. Asking DuckDB costs a
 * second engine in the process, about as much time as reading a million rows.
 */
function plainTypes(footer: ParquetFooter, chosen: readonly number[]): Map<string, string> | null {
  const types = new Map<string, string>();
  for (const index of chosen) {
    const element = footer.columns[index];
    const type = element === undefined ? null : plainType(element);
    if (element === undefined || type === null) return null;
    types.set(element.name, type);
  }
  return types;
}

function plainType({ physical, logical, unit, utc, repeated, children }: ParquetElement): string | null {
  if (repeated || children.length > 0) return null;
  switch (logical) {
    case 'none':
      return physical === null ? null : (PLAIN_TYPES[physical] ?? null);
    case 'string':
      return physical === 'BYTE_ARRAY' ? 'VARCHAR' : null;
    case 'timestamp':
      if (physical !== 'INT64') return null;
      if (unit === 'ns') return 'TIMESTAMP_NS';
      return unit === 'us' ? (utc ? 'TIMESTAMP WITH TIME ZONE' : 'TIMESTAMP') : null;
    default:
      return null;
  }
}

async function describe(path: string, from: string, options: ReadOptions): Promise<Map<string, string>> {
  return withConnection(options, async (connection) => {
    const reader = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${from}`).catch((error: unknown) => {
      throw duckError(error, path, 'read');
    });
    return new Map(reader.getRows().map((row) => [String(row[0]), String(row[1])]));
  });
}

function planColumn(element: ParquetElement, duckType: string): ScanColumn {
  const reference = quoteName(element.name);
  const nullable = !element.required;
  const base = { name: element.name, nullable, ...physicalOf(duckType, reference) };
  const fixed = (width: number, type: DataType, expression: string): ScanColumn => ({
    ...base,
    kind: 'fixed',
    width,
    type,
    expression,
  });
  if (element.repeated || element.children.length > 0) return base;
  const zone = element.utc ? 'UTC' : null;
  if (element.logical === 'timestamp' && element.unit === 'ns') {
    return fixed(8, timestampType('ns', zone), reference);
  }
  if (element.logical === 'timestamp' && element.unit === 'ms') {
    return fixed(8, timestampType('ms', zone), `epoch_ms(${reference})`);
  }
  if (element.logical === 'time' && element.unit === 'ms') {
    return fixed(4, new TimeMillisecond(), `CAST(epoch_us(${base.expression}) // 1000 AS INTEGER)`);
  }
  if (element.physical === 'FIXED' && duckType === 'BLOB' && element.typeLength > 0) {
    return { ...base, kind: 'fixedBinary', width: element.typeLength, type: new FixedSizeBinary(element.typeLength) };
  }
  return base;
}

const INT64_MAX = 2n ** 63n - 1n;

/** SQL for a time range. Constants are of the column's DuckDB type, so that row groups are skipped by statistics. */
function rangeSql(path: string, footer: ParquetFooter, range: TimeRange): string {
  const element = footer.columns[footer.columns.findIndex((each) => each.name === range.column)];
  const constant = element === undefined ? null : constantOf(element);
  if (constant === null) {
    throw createError(
      'FS_ERR_SCHEMA',
      `a time range needs an integer, date or timestamp column; ${range.column} is none`,
      {
        details: { path, column: range.column },
      },
    );
  }
  const reference = quoteName(range.column);
  const parts = [`${reference} IS NOT NULL`];
  if (range.min !== undefined) parts.push(constant(reference, '>=', range.min));
  if (range.max !== undefined) parts.push(constant(reference, '<=', range.max));
  return parts.join(' AND ');
}

type Comparison = (reference: string, operator: '>=' | '<=', value: bigint) => string;

function constantOf(element: ParquetElement): Comparison | null {
  if (element.children.length > 0 || element.repeated) return null;
  const within =
    (scale: bigint, text: (value: bigint) => string): Comparison =>
    (reference, operator, value) => {
      const scaled = value * scale;
      const beyond = scaled >= INT64_MAX ? 1 : scaled <= -INT64_MAX ? -1 : 0;
      if (beyond !== 0) return beyond > 0 === (operator === '<=') ? 'TRUE' : 'FALSE';
      return `${reference} ${operator} ${text(scaled)}`;
    };
  const zoned = (text: string): string => (element.utc ? `CAST(${text} AS TIMESTAMPTZ)` : text);
  if (element.logical === 'timestamp') {
    if (element.unit === 'ns') return within(1n, (value) => `make_timestamp_ns(${value})`);
    return within(element.unit === 'ms' ? 1000n : 1n, (value) => zoned(`make_timestamp(${value})`));
  }
  if (element.logical === 'date') {
    return (reference, operator, value) => `${reference} ${operator} DATE '1970-01-01' + CAST(${value} AS INTEGER)`;
  }
  const integer = element.physical === 'INT32' || element.physical === 'INT64';
  if (integer && (element.logical === 'none' || element.logical === 'integer')) {
    return (reference, operator, value) => `${reference} ${operator} ${value}`;
  }
  return null;
}
