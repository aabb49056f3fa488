/**
 * Which Arrow types may be `on`, and how two of them meet: the family, the common (finest) unit, and the factor that
 * takes each side's values there. Rules: docs/design/join-semantics.md, "Times".
 */
import { DataType, DateUnit, TimeUnit } from 'apache-arrow';

import { fail } from '../internal/validate.js';
import { typeName } from './arrow-types.js';

export type TimeFamily = 'integer' | 'float' | 'timestamp' | 'time' | 'duration';

/** Unit of a temporal value, '' for plain numbers. */
export type TimeUnitName = 'd' | 's' | 'ms' | 'us' | 'ns' | '';

export interface TimeType {
  readonly family: TimeFamily;
  readonly unit: TimeUnitName;
  /** Instants only: 'aware' has a time zone, 'naive' has none. Dates are naive. */
  readonly zone: 'aware' | 'naive' | null;
}

/** A time column as it takes part: its place for messages and its type. */
export interface NamedTime {
  readonly where: string;
  readonly type: DataType;
}

export type TimeZoneRule = 'error' | 'utc';

const NS_PER_UNIT: Readonly<Record<TimeUnitName, bigint>> = {
  d: 86_400_000_000_000n,
  s: 1_000_000_000n,
  ms: 1_000_000n,
  us: 1_000n,
  ns: 1n,
  '': 1n,
};

/** Nanoseconds in one unit; 1 for plain numbers, which have no unit. */
export function nsPerUnit(unit: TimeUnitName): bigint {
  return NS_PER_UNIT[unit];
}

function unitName(unit: TimeUnit): TimeUnitName {
  switch (unit) {
    case TimeUnit.SECOND:
      return 's';
    case TimeUnit.MILLISECOND:
      return 'ms';
    case TimeUnit.MICROSECOND:
      return 'us';
    case TimeUnit.NANOSECOND:
      return 'ns';
    default:
      return unit satisfies never;
  }
}

/** Family, unit and zone of a type, or null where it cannot order rows in time. */
export function timeTypeOf(type: DataType): TimeType | null {
  if (DataType.isInt(type)) return { family: 'integer', unit: '', zone: null };
  if (DataType.isFloat(type)) return { family: 'float', unit: '', zone: null };
  if (DataType.isDate(type)) {
    return { family: 'timestamp', unit: type.unit === DateUnit.DAY ? 'd' : 'ms', zone: 'naive' };
  }
  if (DataType.isTimestamp(type)) {
    return { family: 'timestamp', unit: unitName(type.unit), zone: type.timezone ? 'aware' : 'naive' };
  }
  if (DataType.isTime(type)) return { family: 'time', unit: unitName(type.unit), zone: null };
  if (DataType.isDuration(type)) return { family: 'duration', unit: unitName(type.unit), zone: null };
  return null;
}

export interface AlignedTimes {
  readonly family: TimeFamily;
  readonly unit: TimeUnitName;
  /** Per column, in the order given: aligned value = value × scale. */
  readonly scales: readonly bigint[];
}

/** Throws FS_ERR_SCHEMA unless zones agree, or `rule` says that naive times are UTC. */
export function requireSameZone(
  a: NamedTime & { readonly time: TimeType },
  b: NamedTime & { readonly time: TimeType },
  rule: TimeZoneRule,
): void {
  if (rule === 'utc' || a.time.zone === b.time.zone) return;
  const [aware, naive] = a.time.zone === 'aware' ? [a, b] : [b, a];
  fail(
    'FS_ERR_SCHEMA',
    `${aware.where} (${typeName(aware.type)}) has a time zone and ${naive.where} (${typeName(naive.type)}) has ` +
      `none; pass timeZones: 'utc' if times without a zone are UTC`,
    { [aware.where]: typeName(aware.type), [naive.where]: typeName(naive.type) },
  );
}

/**
 * The common unit of the columns and the factor of each. Throws FS_ERR_SCHEMA for a type that cannot be a time, for
 * two families, and for a time with a zone against one without.
 */
export function alignTimes(columns: readonly NamedTime[], rule: TimeZoneRule): AlignedTimes {
  const times = columns.map((column) => {
    const time = timeTypeOf(column.type);
    if (time === null) {
      return fail(
        'FS_ERR_SCHEMA',
        `${column.where} must be an integer, float, date, time, timestamp or duration, got ${typeName(column.type)}`,
        { column: column.where, type: typeName(column.type) },
      );
    }
    return { ...column, time };
  });
  const first = times[0];
  if (first === undefined) return fail('FS_ERR_INTERNAL', 'alignTimes needs at least one column');
  let unit = first.time.unit;
  for (const other of times.slice(1)) {
    if (other.time.family !== first.time.family) {
      fail(
        'FS_ERR_SCHEMA',
        `${first.where} (${typeName(first.type)}) and ${other.where} (${typeName(other.type)}) cannot be compared; ` +
          'both must be integers, floats, timestamps or dates, times of day, or durations',
        { [first.where]: typeName(first.type), [other.where]: typeName(other.type) },
      );
    }
    requireSameZone(first, other, rule);
    if (nsPerUnit(other.time.unit) < nsPerUnit(unit)) unit = other.time.unit;
  }
  return {
    family: first.time.family,
    unit,
    scales: times.map(({ time }) => nsPerUnit(time.unit) / nsPerUnit(unit)),
  };
}
