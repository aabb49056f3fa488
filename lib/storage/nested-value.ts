/** Items of nested Arrow columns as DuckDB's values: the slow, right way, for lists, structs and maps only. */
import {
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimeNSValue,
  DuckDBTimeValue,
  DuckDBTimestampMillisecondsValue,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampSecondsValue,
  DuckDBTimestampValue,
  type DuckDBValue,
} from '@duckdb/node-api';
import { DataType, TimeUnit, Vector, type Data } from 'apache-arrow';
import { createError } from '../errors/from-native.js';

/** Row `row` of `data`. Times come from the buffers: apache-arrow's getters go through doubles. */
export function nestedItem(data: Data, row: number): DuckDBValue {
  if (!data.getValid(row)) return null;
  const { type, values, children } = data;
  if (DataType.isTimestamp(type)) return timestampValue(type.unit, values[row]);
  if (DataType.isDate(type)) {
    const value: unknown = values[row];
    return new DuckDBDateValue(typeof value === 'bigint' ? Math.floor(Number(value) / 86_400_000) : Number(value));
  }
  if (DataType.isTime(type)) {
    const value = BigInt(values[row]);
    if (type.unit === TimeUnit.NANOSECOND) return new DuckDBTimeNSValue(value);
    const factor = type.unit === TimeUnit.SECOND ? 1_000_000n : type.unit === TimeUnit.MILLISECOND ? 1000n : 1n;
    return new DuckDBTimeValue(value * factor);
  }
  if (DataType.isDecimal(type)) {
    let value = 0n;
    for (let word = 3; word >= 0; word--) value = (value << 32n) | BigInt(values[row * 4 + word]);
    return new DuckDBDecimalValue(BigInt.asIntN(128, value), type.precision, type.scale);
  }
  if (DataType.isInt(type) || DataType.isDuration(type)) return values[row];
  if (DataType.isList(type) || DataType.isLargeList(type)) {
    return new DuckDBListValue(items(children[0], data.valueOffsets[row], data.valueOffsets[row + 1]));
  }
  if (DataType.isFixedSizeList(type)) {
    return new DuckDBArrayValue(items(children[0], row * type.listSize, (row + 1) * type.listSize));
  }
  if (DataType.isStruct(type)) {
    const entries: Record<string, DuckDBValue> = {};
    for (const [index, field] of type.children.entries()) {
      const child = children[index];
      entries[field.name] = child === undefined ? null : nestedItem(child, row);
    }
    return new DuckDBStructValue(entries);
  }
  if (DataType.isMap(type)) {
    const [keys, mapped] = children[0]?.children ?? [];
    const [from, to] = [data.valueOffsets[row], data.valueOffsets[row + 1]];
    const values_ = items(mapped, from, to);
    return new DuckDBMapValue(items(keys, from, to).map((key, index) => ({ key, value: values_[index] ?? null })));
  }
  const value: unknown = new Vector([data]).get(row);
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (ArrayBuffer.isView(value)) {
    return new DuckDBBlobValue(new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice());
  }
  throw createError('FS_ERR_SCHEMA', `${type} inside a nested column cannot be written to Parquet`);
}

function items(
  child: Data | undefined,
  from: number | bigint | undefined,
  to: number | bigint | undefined,
): DuckDBValue[] {
  const result: DuckDBValue[] = [];
  if (child === undefined) return result;
  for (let row = Number(from ?? 0); row < Number(to ?? 0); row++) result.push(nestedItem(child, row));
  return result;
}

function timestampValue(unit: TimeUnit, value: bigint): DuckDBValue {
  switch (unit) {
    case TimeUnit.SECOND:
      return new DuckDBTimestampSecondsValue(value);
    case TimeUnit.MILLISECOND:
      return new DuckDBTimestampMillisecondsValue(value);
    case TimeUnit.MICROSECOND:
      return new DuckDBTimestampValue(value);
    case TimeUnit.NANOSECOND:
      return new DuckDBTimestampNanosecondsValue(value);
    default:
      return unit satisfies never;
  }
}
