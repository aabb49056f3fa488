/** Which types meet as times and as keys, and in which unit. */
import { DataType } from 'apache-arrow';

import { sameType } from '../../../lib/schema/arrow-types';
import { pairKeys } from '../../../lib/schema/key-type';
import { alignTimes } from '../../../lib/schema/time-type';
import { typeNamed } from '../../helpers/columns';
import { NESTED } from '../../helpers/nested';

const named = (where: string, type: DataType | string) => ({
  where,
  type: typeof type === 'string' ? typeNamed(type) : type,
});
const align = (...types: string[]) =>
  alignTimes(
    types.map((type, i) => named(`column ${i}`, type)),
    'error',
  );
const schemaError = expect.objectContaining({ code: 'FS_ERR_SCHEMA' });

test.each([
  [['ts_s', 'ts_ns'], 'ns', [1_000_000_000n, 1n]],
  [['ts_us', 'ts_ms', 'ts_s'], 'us', [1n, 1000n, 1_000_000n]],
  [['date32', 'date32'], 'd', [1n, 1n]],
  [['date32', 'ts_s'], 's', [86_400n, 1n]],
  [['date64', 'date32'], 'ms', [1n, 86_400_000n]],
  [['time_s', 'time_us'], 'us', [1_000_000n, 1n]],
  [['dur_s', 'dur_ns'], 'ns', [1_000_000_000n, 1n]],
  [['int8', 'uint64'], '', [1n, 1n]],
  [['float16', 'float64'], '', [1n, 1n]],
  [['ts_ns_utc', 'ts_us_ny'], 'ns', [1n, 1000n]],
])('%p meet in %p', (types, unit, scales) => {
  expect(align(...types)).toMatchObject({ unit, scales });
});

test.each([
  [['int64', 'float64']],
  [['int64', 'ts_ns']],
  [['time_s', 'ts_s']],
  [['dur_s', 'int64']],
  [['utf8', 'utf8']],
  [['bool', 'bool']],
  [['decimal', 'decimal']],
  [['ts_ns_utc', 'ts_ns']],
  [['date32', 'ts_ns_utc']],
  [['ts_ns', 'ts_ns', 'ts_ns_utc']],
])('%p do not meet', (types) => {
  expect(() => align(...types)).toThrow(schemaError);
});

test.each([
  ['utf8', 'largeutf8'],
  ['dict:int8:utf8', 'utf8'],
  ['dict:int16:int64', 'uint8'],
  ['float16', 'float64'],
  ['binary', 'largebinary'],
  ['fixed8', 'fixed8'],
  ['bool', 'bool'],
])('%s and %s are keys of one family', (left, right) => {
  expect(pairKeys(named('l', left), named('r', right), 'error')).toMatchObject({ leftScale: 1n, rightScale: 1n });
});

test.each([
  ['utf8', 'binary'],
  ['int64', 'float64'],
  ['int64', 'utf8'],
  ['int64', 'ts_ns'],
  ['fixed3', 'fixed8'],
  ['fixed8', 'binary'],
  ['bool', 'int8'],
  ['time_s', 'dur_s'],
  ['ts_ns', 'ts_ns_utc'],
])('%s and %s are not', (left, right) => {
  expect(() => pairKeys(named('l', left), named('r', right), 'error')).toThrow(schemaError);
});

test('nested types are no keys', () => {
  for (const type of Object.values(NESTED).filter((nested) => !DataType.isUtf8View(nested))) {
    expect(() => pairKeys(named('l', type), named('r', type), 'error')).toThrow(schemaError);
  }
});

test('times as keys meet in the finer unit; uint64 against signed is marked', () => {
  expect(pairKeys(named('l', 'date32'), named('r', 'ts_ms'), 'error')).toMatchObject({
    leftScale: 86_400_000n,
    rightScale: 1n,
  });
  expect(pairKeys(named('l', 'int8'), named('r', 'uint64'), 'error')).toMatchObject({
    leftUnsignedForeign: false,
    rightUnsignedForeign: true,
  });
  expect(pairKeys(named('l', 'uint64'), named('r', 'uint64'), 'error')).toMatchObject({ leftUnsignedForeign: false });
});

test('types are the same by what they are, not by which object', () => {
  for (const [name, type] of Object.entries(NESTED)) {
    expect(sameType(type, type)).toBe(true);
    for (const [other, otherType] of Object.entries(NESTED)) {
      if (other !== name) expect(sameType(type, otherType)).toBe(false);
    }
  }
  expect(sameType(typeNamed('ts_ns'), typeNamed('ts_ns_utc'))).toBe(false);
  expect(sameType(typeNamed('dict:int8:utf8'), typeNamed('dict:int8:utf8'))).toBe(true);
  expect(sameType(typeNamed('dict:int8:utf8'), typeNamed('dict:int16:utf8'))).toBe(false);
});
