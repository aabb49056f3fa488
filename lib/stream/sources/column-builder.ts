/**
 * Record batches from values that come one by one. Values are exact: int64, timestamps, times and durations take bigint
 * (in the column's own unit) or safe integers, integers are held to their range, floats take numbers only. Text may be
 * Utf8 or a dictionary of it; each batch has its own dictionary. Other types go through apache-arrow. O(1) per value.
 */
import {
  Bool,
  Data,
  DataType,
  type Field,
  makeData,
  RecordBatch,
  type Schema,
  Struct,
  Utf8,
  Vector,
  vectorFromArray,
} from 'apache-arrow';

import { describe, fail } from '../../internal/validate.js';
import type { PlainRow } from './types.js';

type Numbers =
  Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array | Float32Array | Float64Array;
type BigNumbers = BigInt64Array | BigUint64Array;

/** One column of the batch in the making. `set` is called for every row in order, with null for none. */
interface ColumnBuilder {
  push(value: unknown): void;
  finish(): Data;
  /** Takes back the last value. */
  pop(): void;
}

function mismatch(field: Field, value: unknown): never {
  fail('FS_ERR_SCHEMA', `column ${field.name} expects ${field.type}, got ${describe(value)}`, {
    column: field.name,
    expected: String(field.type),
  });
}

function overflow(field: Field, value: unknown): never {
  fail('FS_ERR_OVERFLOW', `column ${field.name}: ${String(value)} does not fit ${field.type}`, { column: field.name });
}

/** The validity of a column: a bitmap that is left out where every row has a value. */
class Validity {
  #bits = new Uint8Array(128);
  length = 0;
  nulls = 0;

  push(valid: boolean): void {
    const at = this.length >> 3;
    if (at >= this.#bits.length) this.#bits = resized(this.#bits, this.#bits.length * 2);
    if (valid) this.#bits[at] = this.#bits[at]! | (1 << (this.length & 7));
    else this.nulls++;
    this.length++;
  }

  pop(): void {
    const at = --this.length >> 3;
    const bit = 1 << (this.length & 7);
    if ((this.#bits[at]! & bit) === 0) this.nulls--;
    this.#bits[at] = this.#bits[at]! & ~bit;
  }

  /** The bitmap, or undefined. */
  bitmap(): Uint8Array | undefined {
    return this.nulls === 0 ? undefined : this.#bits.slice(0, (this.length + 7) >> 3);
  }
}

function resized(source: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const grown = new Uint8Array(length);
  grown.set(source);
  return grown;
}

class FixedBuilder implements ColumnBuilder {
  readonly #validity = new Validity();
  readonly #values: (number | bigint)[] = [];

  constructor(
    private readonly field: Field,
    private readonly make: (length: number) => Numbers | BigNumbers,
    private readonly read: (value: unknown) => number | bigint,
    private readonly zero: number | bigint,
  ) {}

  push(value: unknown): void {
    this.#values.push(value == null ? this.zero : this.read(value));
    this.#validity.push(value != null);
  }

  pop(): void {
    this.#values.pop();
    this.#validity.pop();
  }

  finish(): Data {
    const values = this.make(this.#values.length);
    for (let i = 0; i < values.length; i++) values[i] = this.#values[i]!;
    const { length, nulls } = this.#validity;
    return new Data(this.field.type, 0, length, nulls, [undefined, values, this.#validity.bitmap()]);
  }
}

class BoolBuilder implements ColumnBuilder {
  readonly #validity = new Validity();
  readonly #values = new Validity();

  constructor(private readonly field: Field) {}

  push(value: unknown): void {
    if (value != null && typeof value !== 'boolean') mismatch(this.field, value);
    this.#values.push(value === true);
    this.#validity.push(value != null);
  }

  pop(): void {
    this.#values.pop();
    this.#validity.pop();
  }

  finish(): Data {
    const { length, nulls } = this.#validity;
    const values = this.#values.bitmap() ?? new Uint8Array((length + 7) >> 3).fill(255);
    return new Data(new Bool(), 0, length, nulls, [undefined, values, this.#validity.bitmap()]);
  }
}

function utf8Data(texts: readonly string[], validity: Validity): Data {
  const offsets = new Int32Array(texts.length + 1);
  const parts = texts.map((text) => Buffer.from(text, 'utf8'));
  for (let i = 0; i < parts.length; i++) offsets[i + 1] = offsets[i]! + parts[i]!.length;
  const bytes = new Uint8Array(offsets[texts.length]!);
  for (let i = 0; i < parts.length; i++) bytes.set(parts[i]!, offsets[i]);
  return new Data(new Utf8(), 0, texts.length, validity.nulls, [offsets, bytes, validity.bitmap()]);
}

class TextBuilder implements ColumnBuilder {
  readonly #validity = new Validity();
  readonly #texts: string[] = [];

  constructor(private readonly field: Field) {}

  push(value: unknown): void {
    if (value != null && typeof value !== 'string') mismatch(this.field, value);
    this.#texts.push(typeof value === 'string' ? value : '');
    this.#validity.push(value != null);
  }

  pop(): void {
    this.#texts.pop();
    this.#validity.pop();
  }

  finish(): Data {
    return utf8Data(this.#texts, this.#validity);
  }
}

class DictionaryBuilder implements ColumnBuilder {
  readonly #validity = new Validity();
  readonly #codes: number[] = [];
  readonly #known = new Map<string, number>();

  constructor(private readonly field: Field) {}

  push(value: unknown): void {
    if (value != null && typeof value !== 'string') mismatch(this.field, value);
    let code = 0;
    if (typeof value === 'string') {
      code = this.#known.get(value) ?? this.#known.size;
      this.#known.set(value, code);
    }
    this.#codes.push(code);
    this.#validity.push(value != null);
  }

  pop(): void {
    this.#codes.pop();
    this.#validity.pop();
  }

  finish(): Data {
    const texts = [...this.#known.keys()];
    const valid = new Validity();
    for (const _ of texts) valid.push(true);
    const { length, nulls } = this.#validity;
    const codes = Int32Array.from(this.#codes);
    const buffers = [undefined, codes, this.#validity.bitmap()] as const;
    return new Data(this.field.type, 0, length, nulls, [...buffers], [], new Vector([utf8Data(texts, valid)]));
  }
}

class OtherBuilder implements ColumnBuilder {
  readonly #values: unknown[] = [];

  constructor(private readonly field: Field) {}

  push(value: unknown): void {
    this.#values.push(value ?? null);
  }

  pop(): void {
    this.#values.pop();
  }

  finish(): Data {
    return vectorFromArray(this.#values, this.field.type).data[0] ?? makeData({ type: this.field.type, length: 0 });
  }
}

function bigBuilder(field: Field, signed: boolean): ColumnBuilder {
  const fits = signed ? (value: bigint) => BigInt.asIntN(64, value) : (value: bigint) => BigInt.asUintN(64, value);
  const read = (value: unknown): bigint => {
    const whole =
      typeof value === 'bigint'
        ? value
        : typeof value === 'number' && Number.isSafeInteger(value)
          ? BigInt(value)
          : null;
    if (whole === null) return mismatch(field, value);
    if (fits(whole) !== whole) overflow(field, value);
    return whole;
  };
  return new FixedBuilder(
    field,
    (length) => (signed ? new BigInt64Array(length) : new BigUint64Array(length)),
    read,
    0n,
  );
}

function builderOf(field: Field): ColumnBuilder {
  const { type } = field;
  if (DataType.isBool(type)) return new BoolBuilder(field);
  if (DataType.isUtf8(type)) return new TextBuilder(field);
  if (DataType.isDictionary(type) && DataType.isUtf8(type.dictionary) && DataType.isInt(type.indices)) {
    if (type.indices.bitWidth === 32 && type.indices.isSigned) return new DictionaryBuilder(field);
  }
  if (DataType.isTimestamp(type)) return bigBuilder(field, true);
  if (DataType.isInt(type)) {
    if (type.bitWidth === 64) return bigBuilder(field, type.isSigned);
    const min = type.isSigned ? -(2 ** (type.bitWidth - 1)) : 0;
    const max = 2 ** (type.isSigned ? type.bitWidth - 1 : type.bitWidth) - 1;
    const read = (value: unknown): number => {
      const number = typeof value === 'bigint' ? Number(value) : value;
      if (typeof number !== 'number' || !Number.isInteger(number)) return mismatch(field, value);
      if (number < min || number > max) overflow(field, value);
      return number;
    };
    const array = type.ArrayType as new (length: number) => Numbers;
    return new FixedBuilder(field, (length) => new array(length), read, 0);
  }
  if (DataType.isFloat(type) && type.precision !== 0) {
    const read = (value: unknown): number => (typeof value === 'number' ? value : mismatch(field, value));
    const array = type.ArrayType as new (length: number) => Numbers;
    return new FixedBuilder(field, (length) => new array(length), read, 0);
  }
  return new OtherBuilder(field);
}

/** Rows of a schema, gathered into batches. A row that does not fit changes nothing. */
export class BatchBuilder {
  readonly schema: Schema;
  #columns: ColumnBuilder[];
  rows = 0;

  constructor(schema: Schema) {
    this.schema = schema;
    this.#columns = schema.fields.map(builderOf);
  }

  /** FS_ERR_SCHEMA or FS_ERR_OVERFLOW names the column. Keys that are no columns are ignored. */
  push(row: PlainRow): void {
    let done = 0;
    try {
      for (; done < this.#columns.length; done++) this.#columns[done]!.push(row[this.schema.fields[done]!.name]);
    } catch (error) {
      while (done-- > 0) this.#columns[done]!.pop();
      throw error;
    }
    this.rows++;
  }

  /** The rows so far as a batch; the builder starts anew. */
  take(): RecordBatch {
    const children = this.#columns.map((column) => column.finish());
    const batch = new RecordBatch(
      this.schema,
      makeData({ type: new Struct(this.schema.fields), length: this.rows, nullCount: 0, children }),
    );
    this.#columns = this.schema.fields.map(builderOf);
    this.rows = 0;
    return batch;
  }
}
