/**
 * Which Arrow types may be keys, and which may face each other: docs/design/join-semantics.md, "Keys". Dictionaries
 * count as their values. Times as keys meet in their finest unit, and follow the rule about zones that `on` follows.
 */
import { DataType } from 'apache-arrow';

import { fail } from '../internal/validate.js';
import { typeName } from './arrow-types.js';
import { nsPerUnit, requireSameZone, timeTypeOf, type TimeZoneRule } from './time-type.js';

export interface KeyPair {
  readonly leftScale: bigint;
  readonly rightScale: bigint;
  /** That side is uint64 and the other signed: values of 2^63 and more equal nothing. */
  readonly leftUnsignedForeign: boolean;
  readonly rightUnsignedForeign: boolean;
}

export interface NamedKey {
  readonly where: string;
  readonly type: DataType;
}

/** The type a key's values have: the dictionary's where there is one. */
export function keyValueType(type: DataType): DataType {
  return DataType.isDictionary(type) ? keyValueType(type.dictionary) : type;
}

/** What two key types must share: the family, and the parameter that must agree bit for bit. Null: not a key. */
function keyFamily(type: DataType): string | null {
  if (DataType.isInt(type)) return 'integers';
  if (DataType.isFloat(type)) return 'floats';
  if (DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isUtf8View(type)) return 'strings';
  if (DataType.isBinary(type) || DataType.isLargeBinary(type) || DataType.isBinaryView(type)) return 'binary';
  if (DataType.isBool(type)) return 'booleans';
  if (DataType.isDate(type) || DataType.isTimestamp(type)) return 'dates or timestamps';
  if (DataType.isTime(type)) return 'times of day';
  if (DataType.isDuration(type)) return 'durations';
  if (DataType.isDecimal(type)) return `${type.bitWidth}-bit decimals of scale ${type.scale}`;
  if (DataType.isFixedSizeBinary(type)) return `fixed-size binary of ${type.byteWidth} bytes`;
  return null;
}

function requireFamily(key: NamedKey): string {
  return (
    keyFamily(keyValueType(key.type)) ??
    fail('FS_ERR_SCHEMA', `${key.where} cannot be a key: ${typeName(key.type)} has no equality that joins use`, {
      column: key.where,
      type: typeName(key.type),
    })
  );
}

/** How a pair of key columns is compared. Throws FS_ERR_SCHEMA for types that cannot be. */
export function pairKeys(left: NamedKey, right: NamedKey, timeZones: TimeZoneRule): KeyPair {
  const leftFamily = requireFamily(left);
  const rightFamily = requireFamily(right);
  if (leftFamily !== rightFamily) {
    fail(
      'FS_ERR_SCHEMA',
      `${left.where} (${typeName(left.type)}) and ${right.where} (${typeName(right.type)}) cannot be equal: ` +
        `${leftFamily} against ${rightFamily}`,
      { [left.where]: typeName(left.type), [right.where]: typeName(right.type) },
    );
  }
  const leftType = keyValueType(left.type);
  const rightType = keyValueType(right.type);
  const leftTime = timeTypeOf(leftType);
  const rightTime = timeTypeOf(rightType);
  let leftScale = 1n;
  let rightScale = 1n;
  if (leftTime !== null && rightTime !== null && leftTime.unit !== '') {
    requireSameZone({ ...left, time: leftTime }, { ...right, time: rightTime }, timeZones);
    const a = nsPerUnit(leftTime.unit);
    const b = nsPerUnit(rightTime.unit);
    if (a > b) leftScale = a / b;
    else rightScale = b / a;
  }
  return {
    leftScale,
    rightScale,
    leftUnsignedForeign: isUint64(leftType) && isSigned(rightType),
    rightUnsignedForeign: isUint64(rightType) && isSigned(leftType),
  };
}

function isUint64(type: DataType): boolean {
  return DataType.isInt(type) && !type.isSigned && type.bitWidth === 64;
}

function isSigned(type: DataType): boolean {
  return DataType.isInt(type) && type.isSigned;
}
