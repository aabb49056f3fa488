/** How Arrow types go into Parquet: the DuckDB column that carries the bytes, and the SQL that gives it its final type. */
import { DataType, TimeUnit, type Schema } from 'apache-arrow';
import { createError } from '../errors/from-native.js';
import { quoteName, quoteText } from './scan-plan.js';
import type { WriteOptions } from './types.js';

const TIMESTAMPS: Readonly<Record<TimeUnit, string>> = {
  [TimeUnit.SECOND]: 'TIMESTAMP_S',
  [TimeUnit.MILLISECOND]: 'TIMESTAMP_MS',
  [TimeUnit.MICROSECOND]: 'TIMESTAMP',
  [TimeUnit.NANOSECOND]: 'TIMESTAMP_NS',
};

function intName(bits: number, signed: boolean): string {
  const name = { 8: 'TINYINT', 16: 'SMALLINT', 32: 'INTEGER', 64: 'BIGINT' }[bits] ?? 'BIGINT';
  return signed ? name : `U${name}`;
}

/**
 * The DuckDB type for an Arrow type. Dictionaries count as their values; durations go as int64 in their own unit;
 * times of day as microseconds or nanoseconds; zones are set in the footer afterwards. FS_ERR_SCHEMA for types that
 * Parquet (by DuckDB) cannot hold.
 */
export function duckTypeOf(type: DataType, name: string): string {
  if (DataType.isDictionary(type)) return duckTypeOf(type.dictionary, name);
  if (DataType.isInt(type)) return intName(type.bitWidth, type.isSigned);
  if (DataType.isFloat(type)) return type.precision === 2 ? 'DOUBLE' : 'FLOAT';
  if (DataType.isBool(type)) return 'BOOLEAN';
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isUtf8View(type)) return 'VARCHAR';
  if (DataType.isBinary(type) || DataType.isLargeBinary(type) || DataType.isBinaryView(type)) return 'BLOB';
  if (DataType.isFixedSizeBinary(type)) return 'BLOB';
  if (DataType.isDate(type)) return 'DATE';
  if (DataType.isTimestamp(type)) return TIMESTAMPS[type.unit];
  if (DataType.isTime(type)) return type.unit === TimeUnit.NANOSECOND ? 'TIME_NS' : 'TIME';
  if (DataType.isDuration(type)) return 'BIGINT';
  if (DataType.isDecimal(type) && type.bitWidth === 128) return `DECIMAL(${type.precision},${type.scale})`;
  if (DataType.isInterval(type)) return 'INTERVAL';
  if (DataType.isNull(type)) return 'INTEGER';
  if (DataType.isList(type) || DataType.isLargeList(type)) {
    return `${duckTypeOf(childType(type, name), name)}[]`;
  }
  if (DataType.isFixedSizeList(type)) return `${duckTypeOf(childType(type, name), name)}[${type.listSize}]`;
  if (DataType.isStruct(type)) {
    const members = type.children.map((field) => `${quoteName(field.name)} ${duckTypeOf(field.type, name)}`);
    return `STRUCT(${members.join(', ')})`;
  }
  if (DataType.isMap(type)) {
    const entry = childType(type, name);
    const [key, value] = DataType.isStruct(entry) ? entry.children : [];
    if (key !== undefined && value !== undefined) {
      return `MAP(${duckTypeOf(key.type, name)}, ${duckTypeOf(value.type, name)})`;
    }
  }
  throw createError('FS_ERR_SCHEMA', `column ${name}: ${type} cannot be written to Parquet`, {
    details: { column: name, type: String(type) },
  });
}

function childType(type: DataType, name: string): DataType {
  const child: DataType | undefined = type.children?.[0]?.type;
  if (child === undefined) throw createError('FS_ERR_SCHEMA', `column ${name}: ${type} has no child type`);
  return child;
}

/** Top-level timestamp columns with a zone. */
export function zonedColumns(schema: Schema): string[] {
  return schema.fields
    .filter(({ type }) => DataType.isTimestamp(type) && Boolean(type.timezone))
    .map((field) => field.name);
}

/** What is known of the rows before they are written. */
export interface WriteShape {
  /** Null where batches come as they are made. */
  readonly rows: number | null;
  /** Values in the largest of the dictionaries. */
  readonly dictionaryLength: number;
}

/** Rows of a row group where nothing else is asked for: DuckDB's default. */
const GROUP_ROWS = 122_880;
/** Not below: smaller groups compress worse and are slower to read. */
const SMALL_GROUP_ROWS = 40_960;
/** DuckDB works in vectors of this many rows, and rounds row groups up to them. */
const VECTOR_ROWS = 2048;
/** Values that a column of numbers may have to be worth a dictionary; building one that is thrown away costs a third. */
const DICTIONARY_LENGTH = 2000;

/**
 * Rows per row group. Where the number of rows is known they go into even groups, a multiple of four where they are
 * large enough: threads that encode one each are then done together. It never depends on the machine.
 */
export function rowGroupSizeOf(options: WriteOptions, { rows }: WriteShape): number {
  if (options.rowGroupSize !== undefined) return options.rowGroupSize;
  if (rows === null || rows <= 2 * SMALL_GROUP_ROWS) return GROUP_ROWS;
  const fewest = Math.ceil(rows / GROUP_ROWS);
  const even = [4, 2].map((of) => Math.ceil(fewest / of) * of).find((count) => rows / count >= SMALL_GROUP_ROWS);
  return Math.ceil(rows / (even ?? fewest) / VECTOR_ROWS) * VECTOR_ROWS;
}

/**
 * COPY of `source` to `path`, each column in its final type. The path is a temporary file of ours already; one more of
 * DuckDB's own would stay behind when a write fails.
 */
export function copySql(
  source: string,
  path: string,
  schema: Schema,
  options: WriteOptions,
  shape: WriteShape = { rows: null, dictionaryLength: 0 },
): string {
  const list = schema.fields.map((field) => {
    const name = quoteName(field.name);
    return DataType.isDecimal(field.type) || DataType.isNull(field.type)
      ? `CAST(${name} AS ${duckTypeOf(field.type, field.name)}) AS ${name}`
      : name;
  });
  const codec = options.compression === 'none' ? 'uncompressed' : (options.compression ?? 'zstd');
  const size = rowGroupSizeOf(options, shape);
  // A dictionary that the table has already is worth one in the file too, up to a fifth of the rows.
  const dictionary = Math.max(DICTIONARY_LENGTH, Math.min(shape.dictionaryLength, Math.floor(size / 5)));
  const limit = shape.rows === null ? '' : `, DICTIONARY_SIZE_LIMIT ${dictionary}`;
  return (
    `COPY (SELECT ${list.join(', ')} FROM ${source}) TO ${quoteText(path)} ` +
    `(FORMAT parquet, COMPRESSION ${codec}, ROW_GROUP_SIZE ${size}, USE_TMP_FILE false${limit})`
  );
}
