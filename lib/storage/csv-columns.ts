/**
 * Columns under construction: each parses a field's bytes exactly into its type. Integers and times go through bigint
 * (or integers below 2^53), never through a float.
 */
import type { Data, DataType } from 'apache-arrow';
import { parseBool, parseClock, parseDate, parseFloat64, parseInstant, parseInteger } from './csv-bytes.js';
import { arrowType, type CsvType } from './csv-schema.js';
import { GrowingBits, GrowingBytes } from './growing.js';
import { fixedColumn, type Rows } from './make-column.js';
import { UNIT_NS } from './scan-plan.js';
import { TextColumn } from './text-column.js';
import type { TimeUnitName } from './types.js';

/** Why a field is not of its column's type: null when it is. `overflow` does not fit 64 bits. */
export type Mismatch = null | 'type' | 'overflow' | 'digits' | 'zone';

/** A 64-bit value or the reason why there is none. */
type Parsed = bigint | Exclude<Mismatch, null>;

const NS_PER_SECOND = 1_000_000_000n;
const DECIMALS: Readonly<Record<TimeUnitName, number>> = { s: 0, ms: 3, us: 6, ns: 9 };

function fits(value: bigint): Parsed {
  return BigInt.asIntN(64, value) === value ? value : 'overflow';
}

/** Trailing zeros are no digits: 12:00:00.500000000 fits milliseconds. */
function fitsUnit(nanos: number, unit: TimeUnitName): boolean {
  return nanos % 10 ** (9 - DECIMALS[unit]) === 0;
}

function parseEpoch(value: bigint | null, from: TimeUnitName, to: TimeUnitName): Parsed {
  if (value === null) return 'type';
  const [source, target] = [UNIT_NS[from], UNIT_NS[to]];
  if (source >= target) return fits(value * (source / target));
  return value % (target / source) === 0n ? value / (target / source) : 'digits';
}

/** The value of an integer, date, time or timestamp field as its column stores it; null for other kinds. */
export function integerParser(type: CsvType): ((bytes: Uint8Array, from: number, to: number) => Parsed) | null {
  switch (type.kind) {
    case 'int':
      return (bytes, from, to) => {
        const value = parseInteger(bytes, from, to);
        if (value === null) return 'type';
        return value < type.min || value > type.max ? 'overflow' : value;
      };
    case 'date':
      return (bytes, from, to) => {
        const days = parseDate(bytes, from, to);
        return days === null ? 'type' : BigInt(days);
      };
    case 'time':
      return (bytes, from, to) => {
        const clock = parseClock(bytes, from, to);
        if (clock === null || clock.end !== to) return 'type';
        if (!fitsUnit(clock.nanos, type.unit)) return 'digits';
        return (BigInt(clock.seconds) * NS_PER_SECOND + BigInt(clock.nanos)) / UNIT_NS[type.unit];
      };
    case 'timestamp': {
      const { epoch, unit, zone } = type;
      if (epoch !== null) return (bytes, from, to) => parseEpoch(parseInteger(bytes, from, to), epoch, unit);
      const perSecond = NS_PER_SECOND / UNIT_NS[unit];
      return (bytes, from, to) => {
        const instant = parseInstant(bytes, from, to);
        if (instant === null) return 'type';
        if (instant.zoned !== (zone !== null) && !(zone === 'UTC' && !instant.zoned)) return 'zone';
        if (!fitsUnit(instant.nanos, unit)) return 'digits';
        return fits(BigInt(instant.seconds) * perSecond + BigInt(instant.nanos) / UNIT_NS[unit]);
      };
    }
    default:
      return null;
  }
}

/** A column that fields are appended to. */
export abstract class CsvColumn {
  private readonly validity = new GrowingBits();

  /** Appends a field; on a mismatch nothing is appended. */
  append(bytes: Uint8Array, from: number, to: number): Mismatch {
    const mismatch = this.parse(bytes, from, to);
    if (mismatch === null) this.validity.push(true);
    return mismatch;
  }

  appendNull(): void {
    this.validity.push(false);
    this.parseNull();
  }

  /** What was appended since the last call. `whole`: it is all there will be. */
  finish(whole: boolean): Data {
    const length = this.validity.length;
    const nullCount = length - this.validity.ones;
    const bitmap = this.validity.take();
    return this.build({ length, nullCount, nullBitmap: nullCount === 0 ? null : bitmap }, whole);
  }

  protected abstract parse(bytes: Uint8Array, from: number, to: number): Mismatch;
  protected abstract parseNull(): void;
  protected abstract build(rows: Rows, whole: boolean): Data;
}

class IntegerColumn extends CsvColumn {
  private readonly bytes = new GrowingBytes();
  private readonly arrow: DataType;
  private readonly width: number;

  constructor(
    type: CsvType,
    private readonly read: (bytes: Uint8Array, from: number, to: number) => Parsed,
  ) {
    super();
    this.arrow = arrowType(type);
    this.width = this.arrow.ArrayType.BYTES_PER_ELEMENT;
  }

  protected parse(bytes: Uint8Array, from: number, to: number): Mismatch {
    const value = this.read(bytes, from, to);
    if (typeof value !== 'bigint') return value;
    this.push(value);
    return null;
  }

  protected parseNull(): void {
    this.push(0n);
  }

  private push(value: bigint): void {
    if (this.width === 8) this.bytes.pushBigInt64(value);
    else this.bytes.pushInt(Number(value), this.width);
  }

  protected build(rows: Rows): Data {
    return fixedColumn(this.arrow, rows, this.bytes.take());
  }
}

class FloatColumn extends CsvColumn {
  private readonly bytes = new GrowingBytes();

  constructor(private readonly type: CsvType & { readonly kind: 'float' }) {
    super();
  }

  protected parse(bytes: Uint8Array, from: number, to: number): Mismatch {
    const value = parseFloat64(bytes, from, to);
    if (value === null) return 'type';
    this.push(value);
    return null;
  }

  protected parseNull(): void {
    this.push(0);
  }

  private push(value: number): void {
    if (this.type.bits === 64) this.bytes.pushFloat64(value);
    else this.bytes.pushFloat32(value);
  }

  protected build(rows: Rows): Data {
    return fixedColumn(arrowType(this.type), rows, this.bytes.take());
  }
}

class BoolColumn extends CsvColumn {
  private readonly bits = new GrowingBits();

  protected parse(bytes: Uint8Array, from: number, to: number): Mismatch {
    const value = parseBool(bytes, from, to);
    if (value === null) return 'type';
    this.bits.push(value);
    return null;
  }

  protected parseNull(): void {
    this.bits.push(false);
  }

  protected build(rows: Rows): Data {
    return fixedColumn(arrowType({ kind: 'bool' }), rows, this.bits.take());
  }
}

class DecimalColumn extends CsvColumn {
  private readonly bytes = new GrowingBytes();

  constructor(private readonly type: CsvType & { readonly kind: 'decimal' }) {
    super();
  }

  protected parse(bytes: Uint8Array, from: number, to: number): Mismatch {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1');
    const match = /^([+-]?)(\d+)(?:\.(\d*))?$/.exec(text);
    if (match === null) return 'type';
    const fraction = (match[3] ?? '').replace(/0+$/, '');
    const { precision, scale } = this.type;
    if (fraction.length > scale) return 'digits';
    const magnitude = BigInt((match[2] ?? '') + fraction.padEnd(scale, '0'));
    if (magnitude >= 10n ** BigInt(precision)) return 'overflow';
    this.push(match[1] === '-' ? -magnitude : magnitude);
    return null;
  }

  protected parseNull(): void {
    this.push(0n);
  }

  private push(value: bigint): void {
    this.bytes.pushBigInt64(BigInt.asIntN(64, value));
    this.bytes.pushBigInt64(value >> 64n);
  }

  protected build(rows: Rows): Data {
    return fixedColumn(arrowType(this.type), rows, this.bytes.take());
  }
}

class Utf8Column extends CsvColumn {
  private readonly text: TextColumn;

  constructor(name: string, type: CsvType) {
    super();
    this.text = new TextColumn(name, arrowType(type));
  }

  protected parse(bytes: Uint8Array, from: number, to: number): Mismatch {
    return this.text.push(bytes, from, to) ? null : 'type';
  }

  protected parseNull(): void {
    this.text.pushNull();
  }

  protected build(rows: Rows, whole: boolean): Data {
    return this.text.finish(rows, whole);
  }
}

export function makeCsvColumn(name: string, type: CsvType): CsvColumn {
  switch (type.kind) {
    case 'bool':
      return new BoolColumn();
    case 'float':
      return new FloatColumn(type);
    case 'decimal':
      return new DecimalColumn(type);
    case 'text':
      return new Utf8Column(name, type);
    default: {
      const read = integerParser(type);
      if (read === null) throw new TypeError(`no parser for ${type.kind}`);
      return new IntegerColumn(type, read);
    }
  }
}
