/**
 * Reader of Thrift's compact protocol, as far as Parquet footers use it. Values keep the position of their field's
 * header byte, because a boolean lives in that byte and a footer can then be corrected in place. Every length is
 * checked against what is left; damaged input throws RangeError, never loops or allocates by its word alone.
 * O(bytes).
 */

export type ThriftValue = bigint | boolean | number | Uint8Array | ThriftStruct | readonly ThriftValue[];

export interface ThriftField {
  readonly value: ThriftValue;
  /** Position of the field's header byte. */
  readonly at: number;
}

export type ThriftStruct = ReadonlyMap<number, ThriftField>;

const MAX_DEPTH = 32;

export class ThriftReader {
  private position = 0;
  private depth = 0;

  constructor(private readonly bytes: Uint8Array) {}

  readStruct(): ThriftStruct {
    if (++this.depth > MAX_DEPTH) throw new RangeError('metadata is nested too deeply');
    const fields = new Map<number, ThriftField>();
    let id = 0;
    for (;;) {
      const at = this.position;
      const header = this.byte();
      if (header === 0) break;
      const delta = header >> 4;
      id = delta === 0 ? Number(this.zigzag()) : id + delta;
      fields.set(id, { value: this.readValue(header & 15, true), at });
    }
    this.depth--;
    return fields;
  }

  private readValue(type: number, isField: boolean): ThriftValue {
    switch (type) {
      case 1:
        return isField ? true : this.byte() === 1;
      case 2:
        return isField ? false : this.byte() === 1;
      case 3:
        return (this.byte() << 24) >> 24;
      case 4:
      case 5:
      case 6:
        return this.zigzag();
      case 7: {
        const at = this.take(8);
        return new DataView(this.bytes.buffer, this.bytes.byteOffset + at, 8).getFloat64(0, true);
      }
      case 8: {
        const length = this.length();
        const at = this.take(length);
        return this.bytes.subarray(at, at + length);
      }
      case 9:
      case 10:
        return this.readList();
      case 12:
        return this.readStruct();
      default:
        throw new RangeError(`unknown type ${type} in metadata at byte ${this.position}`);
    }
  }

  private readList(): ThriftValue[] {
    const header = this.byte();
    const size = header >> 4 === 15 ? this.length() : header >> 4;
    // An element takes a byte at least, so a count beyond the rest is a lie.
    if (size > this.bytes.length - this.position) throw new RangeError('list in metadata is longer than the metadata');
    const list: ThriftValue[] = [];
    for (let i = 0; i < size; i++) list.push(this.readValue(header & 15, false));
    return list;
  }

  private byte(): number {
    const at = this.take(1);
    return this.bytes[at] ?? 0;
  }

  private take(count: number): number {
    if (count > this.bytes.length - this.position) throw new RangeError('metadata ends in the middle of a value');
    const at = this.position;
    this.position += count;
    return at;
  }

  private length(): number {
    const value = this.varint();
    if (value > BigInt(this.bytes.length)) throw new RangeError('a length in metadata is larger than the metadata');
    return Number(value);
  }

  private varint(): bigint {
    let result = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      result |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, result);
    }
    throw new RangeError('an integer in metadata is too long');
  }

  private zigzag(): bigint {
    const raw = this.varint();
    return BigInt.asIntN(64, (raw >> 1n) ^ -(raw & 1n));
  }
}

export function structOf(struct: ThriftStruct | undefined, id: number): ThriftStruct | undefined {
  const value = struct?.get(id)?.value;
  return value instanceof Map ? value : undefined;
}

export function listOf(struct: ThriftStruct | undefined, id: number): readonly ThriftValue[] {
  const value = struct?.get(id)?.value;
  return Array.isArray(value) ? value : [];
}

export function bytesOf(struct: ThriftStruct | undefined, id: number): Uint8Array | undefined {
  const value = struct?.get(id)?.value;
  return value instanceof Uint8Array ? value : undefined;
}

export function textOf(struct: ThriftStruct | undefined, id: number): string | undefined {
  const bytes = bytesOf(struct, id);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8');
}

export function integerOf(struct: ThriftStruct | undefined, id: number): bigint | undefined {
  const value = struct?.get(id)?.value;
  return typeof value === 'bigint' ? value : undefined;
}
