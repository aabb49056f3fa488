/**
 * What a scan has to deliver, whichever engine runs it: the SQL expressions that bring every column into a physical
 * form both engines copy without interpreting, and the Arrow types those bytes then have.
 */
import {
  Binary,
  Bool,
  DateDay,
  Decimal,
  Dictionary,
  FixedSizeBinary,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  IntervalMonthDayNano,
  TimeMicrosecond,
  TimeNanosecond,
  TimeUnit,
  Timestamp,
  Uint16,
  Uint32,
  Uint64,
  Uint8,
  Utf8,
  type DataType,
} from 'apache-arrow';
import type { TimeUnitName } from './types.js';

/** How the bytes of a DuckDB vector become those of an Arrow column. */
export type ScanKind = 'fixed' | 'bool' | 'string' | 'binary' | 'fixedBinary' | 'interval' | 'nested';

export interface ScanColumn {
  readonly name: string;
  /** SQL that yields the physical form. */
  readonly expression: string;
  readonly kind: ScanKind;
  /** Bytes per row for `fixed` and `fixedBinary`, else 0. */
  readonly width: number;
  /** `string`: the dictionary type; `readTable` falls back to Utf8 when nearly every value is distinct. */
  readonly type: DataType;
  readonly nullable: boolean;
}

export interface ScanPlan {
  /** The file, for messages. */
  readonly path: string;
  readonly from: string;
  readonly where: string | null;
  readonly columns: readonly ScanColumn[];
  /** Rows the scan yields, where known beforehand. */
  readonly rows: number | null;
  /** SQL of each row's position in the result, where the source knows it: rows may then be decoded in any order. */
  readonly rowNumber: string | null;
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export const ARROW_UNIT: Readonly<Record<TimeUnitName, TimeUnit>> = {
  s: TimeUnit.SECOND,
  ms: TimeUnit.MILLISECOND,
  us: TimeUnit.MICROSECOND,
  ns: TimeUnit.NANOSECOND,
};

export const UNIT_NS: Readonly<Record<TimeUnitName, bigint>> = { s: 1_000_000_000n, ms: 1_000_000n, us: 1000n, ns: 1n };

export function timestampType(unit: TimeUnitName, timezone: string | null): Timestamp {
  return new Timestamp(ARROW_UNIT[unit], timezone);
}

/** Dictionary-encoded text, codes in order of first appearance. */
export function dictionaryType(): Dictionary<Utf8, Int32> {
  return new Dictionary(new Utf8(), new Int32());
}

type Physical = Pick<ScanColumn, 'kind' | 'width' | 'type' | 'expression'>;

function fixed(width: number, type: DataType, expression: string): Physical {
  return { kind: 'fixed', width, type, expression };
}

/**
 * The physical form of a DuckDB type (its SQL name) as the column `reference`. Types that only DuckDB has go as
 * their nearest Arrow type: hugeint as decimal(38, 0), enum as dictionary, bit strings as text, uuid as 16 bytes.
 */
export function physicalOf(duckType: string, reference: string): Physical {
  const name = duckType.toUpperCase();
  const cast = (type: string): string => `CAST(${reference} AS ${type})`;
  const text = (expression: string): Physical => ({ kind: 'string', width: 0, type: dictionaryType(), expression });
  if (/\[\d*\]$/.test(name) || /^(STRUCT|MAP|UNION|LIST)\b/.test(name)) {
    return { kind: 'nested', width: 0, type: new Binary(), expression: reference };
  }
  const decimal = /^DECIMAL\((\d+),\s*(\d+)\)$/.exec(name);
  if (decimal !== null) {
    const [precision, scale] = [Number(decimal[1]), Number(decimal[2])];
    return fixed(16, new Decimal(scale, precision, 128), cast(`DECIMAL(38,${scale})`));
  }
  if (name.startsWith('ENUM')) return text(cast('VARCHAR'));
  switch (name) {
    case 'BOOLEAN':
      return { kind: 'bool', width: 0, type: new Bool(), expression: reference };
    case 'TINYINT':
      return fixed(1, new Int8(), reference);
    case 'SMALLINT':
      return fixed(2, new Int16(), reference);
    case 'INTEGER':
      return fixed(4, new Int32(), reference);
    case 'BIGINT':
      return fixed(8, new Int64(), reference);
    case 'UTINYINT':
      return fixed(1, new Uint8(), reference);
    case 'USMALLINT':
      return fixed(2, new Uint16(), reference);
    case 'UINTEGER':
      return fixed(4, new Uint32(), reference);
    case 'UBIGINT':
      return fixed(8, new Uint64(), reference);
    case 'HUGEINT':
    case 'UHUGEINT':
      return fixed(16, new Decimal(0, 38, 128), cast('DECIMAL(38,0)'));
    case 'FLOAT':
      return fixed(4, new Float32(), reference);
    case 'DOUBLE':
      return fixed(8, new Float64(), reference);
    case 'DATE':
      return fixed(4, new DateDay(), reference);
    case 'TIME':
      return fixed(8, new TimeMicrosecond(), reference);
    case 'TIME WITH TIME ZONE':
      return fixed(8, new TimeMicrosecond(), cast('TIME'));
    case 'TIME_NS':
      return fixed(8, new TimeNanosecond(), reference);
    case 'TIMESTAMP_S':
      return fixed(8, timestampType('s', null), reference);
    case 'TIMESTAMP_MS':
      return fixed(8, timestampType('ms', null), reference);
    case 'TIMESTAMP':
      return fixed(8, timestampType('us', null), reference);
    case 'TIMESTAMP_NS':
      return fixed(8, timestampType('ns', null), reference);
    case 'TIMESTAMP WITH TIME ZONE':
      return fixed(8, timestampType('us', 'UTC'), reference);
    case 'INTERVAL':
      return { kind: 'interval', width: 16, type: new IntervalMonthDayNano(), expression: reference };
    case 'UUID':
      return {
        kind: 'fixedBinary',
        width: 16,
        type: new FixedSizeBinary(16),
        expression: `unhex(replace(${cast('VARCHAR')}, '-', ''))`,
      };
    case 'BLOB':
      return { kind: 'binary', width: 0, type: new Binary(), expression: reference };
    case 'VARCHAR':
    case 'JSON':
      return text(reference);
    case '"NULL"':
    case 'NULL':
      return fixed(4, new Int32(), cast('INTEGER'));
    default:
      return text(cast('VARCHAR'));
  }
}

/** A dictionary column becomes plain text when it has many values and most rows have their own. */
export function prefersPlain(distinct: number, rows: number): boolean {
  return distinct > 65_536 && distinct * 2 > rows;
}
