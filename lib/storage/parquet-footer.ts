/**
 * The Parquet footer: schema with logical types, row groups with their rows, byte ranges and statistics. Parsed here
 * because DuckDB loses what the library must keep: it reads nanoseconds in UTC as microseconds, and does not
 * tell milliseconds from microseconds. Layout: parquet-format's parquet.thrift. O(columns × row groups).
 */
import { promises as fs } from 'node:fs';
import { corrupt, ioError } from './io-error.js';
import { ThriftReader, bytesOf, integerOf, listOf, structOf, textOf, type ThriftStruct } from './thrift.js';
import type { TimeUnitName } from './types.js';

export type LogicalKind =
  'none' | 'string' | 'date' | 'time' | 'timestamp' | 'decimal' | 'integer' | 'uuid' | 'float16' | 'interval' | 'other';

/** Physical types in the order of their Thrift numbers. */
export const PHYSICAL = ['BOOLEAN', 'INT32', 'INT64', 'INT96', 'FLOAT', 'DOUBLE', 'BYTE_ARRAY', 'FIXED'] as const;
export type PhysicalType = (typeof PHYSICAL)[number];

export interface ParquetElement {
  readonly name: string;
  /** Null for groups. */
  readonly physical: PhysicalType | null;
  readonly logical: LogicalKind;
  readonly unit: TimeUnitName | null;
  readonly utc: boolean;
  /** Integers: false for unsigned. */
  readonly signed: boolean;
  readonly typeLength: number;
  readonly required: boolean;
  readonly repeated: boolean;
  readonly children: readonly ParquetElement[];
  /** Timestamps: position in the footer of the byte that holds isAdjustedToUTC; -1 where there is none. */
  readonly utcByteAt: number;
}

export interface ParquetColumnChunk {
  readonly path: readonly string[];
  readonly start: number;
  readonly length: number;
  readonly nullCount: number | null;
  readonly min: Uint8Array | null;
  readonly max: Uint8Array | null;
}

export interface ParquetRowGroup {
  readonly rows: number;
  readonly columns: readonly ParquetColumnChunk[];
}

export interface ParquetFooter {
  readonly rows: number;
  readonly columns: readonly ParquetElement[];
  readonly rowGroups: readonly ParquetRowGroup[];
  readonly fileSize: number;
  /** The Thrift bytes, and where in the file they start. */
  readonly bytes: Uint8Array;
  readonly start: number;
}

/** Reads and checks the footer. FS_ERR_CORRUPT when the file is truncated, damaged or no Parquet; FS_ERR_IO. */
export async function readParquetFooter(path: string): Promise<ParquetFooter> {
  const file = await fs.open(path, 'r').catch((error: unknown) => {
    throw ioError(error, path, 'open');
  });
  try {
    const { size } = await file.stat();
    if (size < 12) throw corrupt(path, `too short for Parquet: ${size} bytes`);
    const tail = Buffer.alloc(8);
    await file.read(tail, 0, 8, size - 8);
    const magic = tail.toString('latin1', 4);
    if (magic === 'PARE') throw corrupt(path, 'encrypted Parquet files are not supported');
    if (magic !== 'PAR1') throw corrupt(path, 'expected PAR1 at the end; the file is truncated or not Parquet');
    const length = tail.readUInt32LE(0);
    const start = size - 8 - length;
    if (start < 4) throw corrupt(path, `the footer claims ${length} bytes in a file of ${size}`);
    const bytes = Buffer.alloc(length);
    await file.read(bytes, 0, length, start);
    return parseFooter(path, bytes, start, size);
  } catch (error) {
    throw ioError(error, path, 'read');
  } finally {
    await file.close();
  }
}

function parseFooter(path: string, bytes: Uint8Array, start: number, fileSize: number): ParquetFooter {
  try {
    const meta = new ThriftReader(bytes).readStruct();
    const elements = listOf(meta, 2).filter((value): value is ThriftStruct => value instanceof Map);
    const cursor = { next: 1 };
    const root = elements[0];
    const columns = readChildren(elements, cursor, Number(integerOf(root, 5) ?? 0n), 0);
    if (columns.length === 0 || cursor.next !== elements.length) throw new RangeError('the schema tree is broken');
    const rowGroups = listOf(meta, 4).map((value, index) => {
      if (!(value instanceof Map)) throw new RangeError(`row group ${index} is not a struct`);
      return readRowGroup(value, index, fileSize);
    });
    const rows = Number(integerOf(meta, 3) ?? -1n);
    const counted = rowGroups.reduce((sum, group) => sum + group.rows, 0);
    if (rows !== counted) throw new RangeError(`the footer says ${rows} rows, its row groups ${counted}`);
    return { rows, columns, rowGroups, fileSize, bytes, start };
  } catch (error) {
    if (error instanceof RangeError) throw corrupt(path, `damaged footer: ${error.message}`, {}, error);
    throw error;
  }
}

function readChildren(
  elements: readonly ThriftStruct[],
  cursor: { next: number },
  count: number,
  depth: number,
): ParquetElement[] {
  if (depth > 64) throw new RangeError('the schema is nested too deeply');
  const result: ParquetElement[] = [];
  for (let i = 0; i < count; i++) {
    const element = elements[cursor.next++];
    if (element === undefined) throw new RangeError('the schema tree is broken');
    const children = readChildren(elements, cursor, Number(integerOf(element, 5) ?? 0n), depth + 1);
    result.push(readElement(element, children));
  }
  return result;
}

const UNITS: readonly TimeUnitName[] = ['ms', 'us', 'ns'];

function readElement(element: ThriftStruct, children: readonly ParquetElement[]): ParquetElement {
  const physicalIndex = integerOf(element, 1);
  const repetition = Number(integerOf(element, 3) ?? 0n);
  const base = {
    name: textOf(element, 4) ?? '',
    physical: children.length > 0 || physicalIndex === undefined ? null : (PHYSICAL[Number(physicalIndex)] ?? null),
    typeLength: Number(integerOf(element, 2) ?? 0n),
    required: repetition === 0,
    repeated: repetition === 2,
    children,
  };
  return { ...base, ...logicalOf(element) };
}

type Logical = Pick<ParquetElement, 'logical' | 'unit' | 'utc' | 'signed' | 'utcByteAt'>;

function logicalOf(element: ThriftStruct): Logical {
  const none: Logical = { logical: 'none', unit: null, utc: false, signed: true, utcByteAt: -1 };
  const union = structOf(element, 10);
  const kind = union === undefined ? undefined : [...union.keys()][0];
  if (union !== undefined && kind !== undefined) {
    const body = structOf(union, kind);
    switch (kind) {
      case 1:
        return { ...none, logical: 'string' };
      case 5:
        return { ...none, logical: 'decimal' };
      case 6:
        return { ...none, logical: 'date' };
      case 7:
      case 8: {
        const adjusted = body?.get(1);
        const unit = [...(structOf(body, 2)?.keys() ?? [])][0] ?? 0;
        return {
          ...none,
          logical: kind === 7 ? 'time' : 'timestamp',
          unit: UNITS[unit - 1] ?? null,
          utc: adjusted?.value === true,
          utcByteAt: adjusted?.at ?? -1,
        };
      }
      case 10:
        return { ...none, logical: 'integer', signed: body?.get(2)?.value !== false };
      case 14:
        return { ...none, logical: 'uuid' };
      case 15:
        return { ...none, logical: 'float16' };
      default:
        return { ...none, logical: 'other' };
    }
  }
  const converted = integerOf(element, 6);
  switch (converted === undefined ? -1 : Number(converted)) {
    case 0:
      return { ...none, logical: 'string' };
    case 5:
      return { ...none, logical: 'decimal' };
    case 6:
      return { ...none, logical: 'date' };
    case 7:
      return { ...none, logical: 'time', unit: 'ms', utc: true };
    case 8:
      return { ...none, logical: 'time', unit: 'us', utc: true };
    case 9:
      return { ...none, logical: 'timestamp', unit: 'ms', utc: true };
    case 10:
      return { ...none, logical: 'timestamp', unit: 'us', utc: true };
    case 11:
    case 12:
    case 13:
    case 14:
      return { ...none, logical: 'integer', signed: false };
    case 15:
    case 16:
    case 17:
    case 18:
      return { ...none, logical: 'integer' };
    case 21:
      return { ...none, logical: 'interval' };
    default:
      return none;
  }
}

function readRowGroup(group: ThriftStruct, index: number, fileSize: number): ParquetRowGroup {
  const rows = Number(integerOf(group, 3) ?? -1n);
  if (rows < 0) throw new RangeError(`row group ${index} has no row count`);
  const columns = listOf(group, 1).map((value, columnIndex) => {
    const meta = value instanceof Map ? structOf(value, 3) : undefined;
    if (meta === undefined) throw new RangeError(`row group ${index}, column ${columnIndex} has no metadata`);
    const dataAt = Number(integerOf(meta, 9) ?? -1n);
    const dictionaryAt = Number(integerOf(meta, 11) ?? 0n);
    const start = dictionaryAt > 0 ? Math.min(dictionaryAt, dataAt) : dataAt;
    const length = Number(integerOf(meta, 7) ?? -1n);
    if (start < 0 || length < 0 || start + length > fileSize) {
      throw new RangeError(`row group ${index}, column ${columnIndex} lies outside the file`);
    }
    const statistics = structOf(meta, 12);
    const nulls = integerOf(statistics, 3);
    return {
      path: listOf(meta, 3).map((part) => (part instanceof Uint8Array ? Buffer.from(part).toString('utf8') : '')),
      start,
      length,
      nullCount: nulls === undefined ? null : Number(nulls),
      min: bytesOf(statistics, 6) ?? null,
      max: bytesOf(statistics, 5) ?? null,
    };
  });
  return { rows, columns };
}
