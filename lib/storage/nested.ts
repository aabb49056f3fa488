/**
 * Lists, structs and maps from DuckDB's values: the slow, right way, used for nested columns only. Built here and not
 * by Arrow's builders, because those take nanosecond timestamps as doubles. O(values).
 */
import {
  Binary,
  Bool,
  DateDay,
  Decimal,
  Field,
  FixedSizeList,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  IntervalMonthDayNano,
  List,
  Map_,
  Struct,
  TimeMicrosecond,
  TimeNanosecond,
  Uint16,
  Uint32,
  Uint64,
  Uint8,
  Utf8,
  type Data,
  type DataType,
} from 'apache-arrow';
import type { DuckDBType, DuckDBValue } from '@duckdb/node-api';
import { createError } from '../errors/from-native.js';
import { bytesColumn, childrenColumn, fixedColumn, type Rows } from './make-column.js';
import { timestampType } from './scan-plan.js';

type Item = DuckDBValue | null | undefined;

/** The members of DuckDB's value objects that are read here, whichever of its classes has them. */
interface ValueObject {
  readonly items?: readonly DuckDBValue[];
  readonly entries?: Readonly<Record<string, DuckDBValue>> | readonly { key: DuckDBValue; value: DuckDBValue }[];
  readonly days?: number;
  readonly months?: number;
  readonly micros?: bigint;
  readonly millis?: bigint;
  readonly nanos?: bigint;
  readonly seconds?: bigint;
  readonly value?: bigint;
  readonly bytes?: Uint8Array;
}

function objectOf(item: Item): ValueObject {
  return typeof item === 'object' && item !== null ? (item as ValueObject) : {};
}

/** How one DuckDB type becomes an Arrow column. */
export interface NestedType {
  readonly type: DataType;
  build(items: readonly Item[]): Data;
}

function rowsOf(items: readonly Item[]): Rows {
  const bitmap = new Uint8Array((items.length + 7) >> 3);
  let nulls = 0;
  for (let i = 0; i < items.length; i++) {
    if (items[i] === null || items[i] === undefined) nulls++;
    else bitmap[i >> 3] = (bitmap[i >> 3] ?? 0) | (1 << (i & 7));
  }
  return { length: items.length, nullCount: nulls, nullBitmap: nulls === 0 ? null : bitmap };
}

function fixed(type: DataType, width: number, write: (view: DataView, at: number, item: Item) => void): NestedType {
  const build = (items: readonly Item[]): Data => {
    const bytes = new Uint8Array(items.length * width);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < items.length; i++) {
      if (items[i] !== null && items[i] !== undefined) write(view, i * width, items[i]);
    }
    return fixedColumn(type, rowsOf(items), bytes);
  };
  return { type, build };
}

function long(type: DataType, read: (value: ValueObject) => bigint | undefined): NestedType {
  return fixed(type, 8, (view, at, item) => view.setBigInt64(at, read(objectOf(item)) ?? 0n, true));
}

function number(type: DataType, width: number, put: (view: DataView, at: number, value: number) => void): NestedType {
  return fixed(type, width, (view, at, item) => put(view, at, Number(item)));
}

function variable(type: DataType, bytesOf: (item: Item) => Uint8Array): NestedType {
  const build = (items: readonly Item[]): Data => {
    const parts = items.map((item) => (item === null || item === undefined ? new Uint8Array(0) : bytesOf(item)));
    const offsets = new Int32Array(items.length + 1);
    let end = 0;
    for (const [i, part] of parts.entries()) {
      end += part.length;
      if (end > 2 ** 31 - 1) throw createError('FS_ERR_LENGTH', 'a nested column has more than 2 GiB of text or bytes');
      offsets[i + 1] = end;
    }
    const values = new Uint8Array(end);
    for (const [i, part] of parts.entries()) values.set(part, offsets[i]);
    return bytesColumn(type, rowsOf(items), offsets, values);
  };
  return { type, build };
}

function bool(): NestedType {
  const build = (items: readonly Item[]): Data => {
    const bits = new Uint8Array((items.length + 7) >> 3);
    for (let i = 0; i < items.length; i++) {
      if (items[i] === true) bits[i >> 3] = (bits[i >> 3] ?? 0) | (1 << (i & 7));
    }
    return fixedColumn(new Bool(), rowsOf(items), bits);
  };
  return { type: new Bool(), build };
}

function list(duckChild: DuckDBType): NestedType {
  const child = nestedType(duckChild);
  const type = new List(new Field('item', child.type, true));
  const build = (items: readonly Item[]): Data => {
    const { offsets, flat } = flatten(items, (item) => objectOf(item).items ?? []);
    return childrenColumn(type, rowsOf(items), offsets, [child.build(flat)]);
  };
  return { type, build };
}

function array(duckChild: DuckDBType, size: number): NestedType {
  const child = nestedType(duckChild);
  const type = new FixedSizeList(size, new Field('item', child.type, true));
  const nulls: Item[] = Array.from({ length: size }, () => null);
  const build = (items: readonly Item[]): Data => {
    const flat = items.flatMap((item): readonly Item[] => objectOf(item).items ?? nulls);
    return childrenColumn(type, rowsOf(items), undefined, [child.build(flat)]);
  };
  return { type, build };
}

function struct(names: readonly string[], types: readonly DuckDBType[]): NestedType {
  const members = types.map((type) => nestedType(type));
  const type = new Struct(members.map((member, i) => new Field(names[i] ?? '', member.type, true)));
  const build = (items: readonly Item[]): Data => {
    const children = members.map((member, i) =>
      member.build(
        items.map((item) => {
          const { entries } = objectOf(item);
          return entries === undefined || Array.isArray(entries)
            ? null
            : (entries as Record<string, DuckDBValue>)[names[i] ?? ''];
        }),
      ),
    );
    return childrenColumn(type, rowsOf(items), undefined, children);
  };
  return { type, build };
}

function map(duckKey: DuckDBType, duckValue: DuckDBType): NestedType {
  const [key, value] = [nestedType(duckKey), nestedType(duckValue)];
  const entry = new Struct<{ key: DataType; value: DataType }>([
    new Field('key', key.type, false),
    new Field('value', value.type, true),
  ]);
  const type = new Map_(new Field('entries', entry, false));
  const build = (items: readonly Item[]): Data => {
    const { offsets, flat } = flatten(items, (item) => {
      const { entries } = objectOf(item);
      return Array.isArray(entries) ? (entries as readonly { key: DuckDBValue; value: DuckDBValue }[]) : [];
    });
    const children = [key.build(flat.map((each) => each.key)), value.build(flat.map((each) => each.value))];
    const rows: Rows = { length: flat.length, nullCount: 0, nullBitmap: null };
    return childrenColumn(type, rowsOf(items), offsets, [childrenColumn(entry, rows, undefined, children)]);
  };
  return { type, build };
}

function flatten<T>(
  items: readonly Item[],
  childrenOf: (item: Item) => readonly T[],
): { offsets: Int32Array; flat: T[] } {
  const offsets = new Int32Array(items.length + 1);
  const flat: T[] = [];
  for (const [i, item] of items.entries()) {
    for (const child of childrenOf(item)) flat.push(child);
    offsets[i + 1] = flat.length;
  }
  return { offsets, flat };
}

/** Member types of DuckDB's nested types that are read here. */
interface TypeObject {
  readonly valueType?: DuckDBType;
  readonly keyType?: DuckDBType;
  readonly length?: number;
  readonly entryNames?: readonly string[];
  readonly entryTypes?: readonly DuckDBType[];
  readonly width?: number;
  readonly scale?: number;
}

/** The Arrow type of a DuckDB type inside a nested column; text is plain there, not dictionary-encoded. */
export function nestedType(duck: DuckDBType): NestedType {
  const name = duck.toString().toUpperCase();
  const parts = duck as TypeObject;
  if (parts.keyType !== undefined && parts.valueType !== undefined) return map(parts.keyType, parts.valueType);
  if (/\[\d+\]$/.test(name) && parts.valueType !== undefined) return array(parts.valueType, parts.length ?? 0);
  if (parts.valueType !== undefined) return list(parts.valueType);
  if (name.startsWith('STRUCT')) return struct(parts.entryNames ?? [], parts.entryTypes ?? []);
  if (name.startsWith('DECIMAL')) return decimal(parts.width ?? 38, parts.scale ?? 0);
  switch (name) {
    case 'BOOLEAN':
      return bool();
    case 'TINYINT':
      return number(new Int8(), 1, (view, at, value) => view.setInt8(at, value));
    case 'SMALLINT':
      return number(new Int16(), 2, (view, at, value) => view.setInt16(at, value, true));
    case 'INTEGER':
      return number(new Int32(), 4, (view, at, value) => view.setInt32(at, value, true));
    case 'UTINYINT':
      return number(new Uint8(), 1, (view, at, value) => view.setUint8(at, value));
    case 'USMALLINT':
      return number(new Uint16(), 2, (view, at, value) => view.setUint16(at, value, true));
    case 'UINTEGER':
      return number(new Uint32(), 4, (view, at, value) => view.setUint32(at, value, true));
    case 'BIGINT':
      return fixed(new Int64(), 8, (view, at, item) => view.setBigInt64(at, BigInt(item as bigint), true));
    case 'UBIGINT':
      return fixed(new Uint64(), 8, (view, at, item) => view.setBigUint64(at, BigInt(item as bigint), true));
    case 'FLOAT':
      return number(new Float32(), 4, (view, at, value) => view.setFloat32(at, value, true));
    case 'DOUBLE':
      return number(new Float64(), 8, (view, at, value) => view.setFloat64(at, value, true));
    case 'DATE':
      return fixed(new DateDay(), 4, (view, at, item) => view.setInt32(at, objectOf(item).days ?? 0, true));
    case 'TIME':
      return long(new TimeMicrosecond(), (value) => value.micros);
    case 'TIME_NS':
      return long(new TimeNanosecond(), (value) => value.nanos);
    case 'TIMESTAMP_S':
      return long(timestampType('s', null), (value) => value.seconds);
    case 'TIMESTAMP_MS':
      return long(timestampType('ms', null), (value) => value.millis);
    case 'TIMESTAMP':
      return long(timestampType('us', null), (value) => value.micros);
    case 'TIMESTAMP_NS':
      return long(timestampType('ns', null), (value) => value.nanos);
    case 'TIMESTAMP WITH TIME ZONE':
      return long(timestampType('us', 'UTC'), (value) => value.micros);
    case 'INTERVAL':
      return fixed(new IntervalMonthDayNano(), 16, (view, at, item) => {
        const { months, days, micros } = objectOf(item);
        view.setInt32(at, months ?? 0, true);
        view.setInt32(at + 4, days ?? 0, true);
        view.setBigInt64(at + 8, (micros ?? 0n) * 1000n, true);
      });
    case 'BLOB':
      return variable(new Binary(), (item) => objectOf(item).bytes ?? new Uint8Array(0));
    default:
      return variable(new Utf8(), (item) => Buffer.from(String(item), 'utf8'));
  }
}

function decimal(width: number, scale: number): NestedType {
  return fixed(new Decimal(scale, width, 128), 16, (view, at, item) => {
    const value = objectOf(item).value ?? 0n;
    view.setBigUint64(at, BigInt.asUintN(64, value), true);
    view.setBigInt64(at + 8, BigInt.asIntN(64, value >> 64n), true);
  });
}
