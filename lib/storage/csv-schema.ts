/** Column types of a CSV file: the `schema` text of the options, and what they mean in Arrow. */
import {
  Bool,
  DateDay,
  Decimal,
  Float32,
  Float64,
  type Int,
  Int16,
  Int32,
  Int64,
  Int8,
  TimeMicrosecond,
  TimeMillisecond,
  TimeNanosecond,
  TimeSecond,
  Uint16,
  Uint32,
  Uint64,
  Uint8,
  type DataType,
} from 'apache-arrow';
import { createError } from '../errors/from-native.js';
import { dictionaryType, timestampType } from './scan-plan.js';
import type { TimeUnitName } from './types.js';

export type CsvType =
  | { readonly kind: 'bool' }
  | { readonly kind: 'int'; readonly type: Int; readonly min: bigint; readonly max: bigint }
  | { readonly kind: 'float'; readonly bits: 32 | 64 }
  | { readonly kind: 'text' }
  | { readonly kind: 'date' }
  | { readonly kind: 'time'; readonly unit: TimeUnitName }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  /** `epoch`: the text is an integer in that unit, not ISO 8601. */
  | {
      readonly kind: 'timestamp';
      readonly unit: TimeUnitName;
      readonly zone: string | null;
      readonly epoch: TimeUnitName | null;
    };

function int(type: Int, bits: bigint, signed: boolean): CsvType {
  return signed
    ? { kind: 'int', type, min: -(1n << (bits - 1n)), max: (1n << (bits - 1n)) - 1n }
    : { kind: 'int', type, min: 0n, max: (1n << bits) - 1n };
}

export const INT64: CsvType = int(new Int64(), 64n, true);
export const UINT64: CsvType = int(new Uint64(), 64n, false);

const PLAIN: Readonly<Record<string, CsvType>> = {
  bool: { kind: 'bool' },
  boolean: { kind: 'bool' },
  int8: int(new Int8(), 8n, true),
  int16: int(new Int16(), 16n, true),
  int32: int(new Int32(), 32n, true),
  int64: INT64,
  uint8: int(new Uint8(), 8n, false),
  uint16: int(new Uint16(), 16n, false),
  uint32: int(new Uint32(), 32n, false),
  uint64: UINT64,
  float: { kind: 'float', bits: 32 },
  float32: { kind: 'float', bits: 32 },
  double: { kind: 'float', bits: 64 },
  float64: { kind: 'float', bits: 64 },
  utf8: { kind: 'text' },
  string: { kind: 'text' },
  date: { kind: 'date' },
  date32: { kind: 'date' },
};

const TIME_TYPES: Readonly<Record<TimeUnitName, () => DataType>> = {
  s: () => new TimeSecond(),
  ms: () => new TimeMillisecond(),
  us: () => new TimeMicrosecond(),
  ns: () => new TimeNanosecond(),
};

/** The Arrow type of a CSV column. */
export function arrowType(type: CsvType): DataType {
  switch (type.kind) {
    case 'bool':
      return new Bool();
    case 'int':
      return type.type;
    case 'float':
      return type.bits === 32 ? new Float32() : new Float64();
    case 'text':
      return dictionaryType();
    case 'date':
      return new DateDay();
    case 'time':
      return TIME_TYPES[type.unit]();
    case 'decimal':
      return new Decimal(type.scale, type.precision, 128);
    case 'timestamp':
      return timestampType(type.unit, type.zone);
    default:
      return type satisfies never;
  }
}

function parseType(text: string): CsvType | null {
  const plain = PLAIN[text.toLowerCase()];
  if (plain !== undefined) return plain;
  const timestamp = /^timestamp\s*\[\s*(s|ms|us|ns)\s*(?:,\s*(?:tz\s*=\s*)?([A-Za-z0-9_+\-/:]+)\s*)?\]$/i.exec(text);
  if (timestamp !== null) {
    const unit = unitOf(timestamp[1]);
    return unit === null ? null : { kind: 'timestamp', unit, zone: timestamp[2] ?? null, epoch: null };
  }
  const time = /^time(?:32|64)?\s*\[\s*(s|ms|us|ns)\s*\]$/i.exec(text);
  if (time !== null) {
    const unit = unitOf(time[1]);
    return unit === null ? null : { kind: 'time', unit };
  }
  const decimal = /^decimal(?:128)?\s*\(\s*(\d{1,2})\s*,\s*(\d{1,2})\s*\)$/i.exec(text);
  if (decimal === null) return null;
  const [precision, scale] = [Number(decimal[1]), Number(decimal[2])];
  return precision >= 1 && precision <= 38 && scale <= precision ? { kind: 'decimal', precision, scale } : null;
}

export function unitOf(text: string | undefined): TimeUnitName | null {
  const lower = text?.toLowerCase();
  return lower === 's' || lower === 'ms' || lower === 'us' || lower === 'ns' ? lower : null;
}

/**
 * Parses `"ts:timestamp[ns],symbol:utf8,price:float64"`. A name with a colon or comma is written in double quotes.
 * FS_ERR_ARG_RANGE names the entry that cannot be read.
 */
export function parseSchema(text: string): Map<string, CsvType> {
  const schema = new Map<string, CsvType>();
  const entry = /\s*(?:"((?:[^"]|"")*)"|([^":,]+?))\s*:\s*([A-Za-z0-9]+\s*(?:\[[^\]]*\]|\([^)]*\))?)\s*(?:,|$)/y;
  while (entry.lastIndex < text.length) {
    const start = entry.lastIndex;
    const match = entry.exec(text);
    const name = match?.[1]?.replaceAll('""', '"') ?? match?.[2];
    const type = match === null ? null : parseType((match[3] ?? '').trim());
    if (match === null || name === undefined || type === null) {
      const rest = text.slice(start).trim();
      throw createError(
        'FS_ERR_ARG_RANGE',
        `the schema is not understood at "${rest}": expected name:type with one of bool, int8 to int64, uint8 to uint64, ` +
          'float32, float64, utf8, date, time[unit], decimal(p,s), timestamp[unit] or timestamp[unit, zone]',
        { details: { schema: text } },
      );
    }
    if (schema.has(name)) {
      throw createError('FS_ERR_NAME_COLLISION', `the schema names column ${name} twice`, { details: { name } });
    }
    schema.set(name, type);
  }
  return schema;
}
