/**
 * Dictionary columns: the engine keeps codes into one dictionary. Codes in the engine cannot be rewritten, so a value
 * keeps its code for as long as a row uses it. A sweep frees the codes of the others; their values stay in the
 * dictionary, and come back under the same code, until new values take their places.
 *
 * A dictionary that went out with a batch never changes: places are refilled in copies. Writers of Arrow streams take a
 * dictionary whose first chunk is that of the one before for a longer version of it, so a copy has a first chunk of its
 * own.
 */
import { type Data, type Dictionary, type DataType, Vector } from 'apache-arrow';

import { type NativeColumn, NativeType } from '../internal/native.js';
import type { ColumnCodec } from './column-codec.js';
import { bytesOfData, everyRow, oneChunk, validAt } from './encoded-rows.js';
import type { ColumnShape } from './engine/types.js';
import { fail } from '../internal/validate.js';
import { layoutOf, nativeColumn, payloadColumn, validityOf } from '../schema/arrow-columns.js';
import { localData, typeName } from '../schema/arrow-types.js';
import { type OutputBuffers, rangeOf } from '../schema/byte-range.js';
import { type Canonical, canonicalValues } from '../schema/canonical.js';
import { dataFromOutput, takeColumn } from '../schema/take.js';

/** Chunks of a dictionary past which they are made fewer, and how many then: refilling a place copies one. */
const MAX_PARTS = 32;
const EVEN_PARTS = 16;
/** What a value costs beside its own bytes, about: it is found by value and by code. */
const VALUE_BYTES = 64;
/** Fewer values than this are not worth a sweep. */
const FLOOR = 1024;

interface Translation {
  readonly dictionary: Vector;
  /** Codes here by codes there; null: the same. */
  readonly codes: Int32Array | null;
}

export class DictionaryCodec implements ColumnCodec {
  readonly shape: ColumnShape;
  readonly isPlain = false;
  /** Values that are freed, too. Nested values are all different, and not here. */
  #codes = new Map<Canonical, number>();
  /** The other way round. */
  #values: (Canonical | undefined)[] = [];
  #parts: Data[] = [];
  /** Of the parts; null where they have changed since. */
  #bytes: number | null = 0;
  /** Codes given, freed ones too. */
  #size = 0;
  #free = new Set<number>();
  /** Codes that a sweep freed, ascending, from `#nextFree` on; those that came back are no longer in `#free`. */
  #freed: number[] = [];
  #nextFree = 0;
  #vector: Vector | null = null;
  #translated = new WeakMap<Vector, Translation>();
  /** Of the last batch: the next one is likely to bring the same, so its values stay. */
  #last: Translation | null = null;
  /** Codes in use after the last sweep; rows and new values since. */
  #live = 0;
  #work = 0;
  readonly #limit: number;

  constructor(
    private readonly where: string,
    private readonly type: Dictionary,
  ) {
    const layout =
      layoutOf(type.indices) ??
      fail('FS_ERR_SCHEMA', `${where} has dictionary indices of ${typeName(type.indices)}`, { column: where });
    this.shape = { name: where, type: layout.type, width: layout.width };
    const { bitWidth, isSigned } = type.indices;
    this.#limit = 2 ** (isSigned ? bitWidth - 1 : bitWidth);
  }

  get stored(): number {
    return this.#size;
  }

  get storedBytes(): number {
    this.#bytes ??= this.#parts.reduce((sum, part) => sum + bytesOfData(part), this.#size * VALUE_BYTES);
    return this.#bytes;
  }

  encode(data: Data): NativeColumn {
    const { where, type, shape } = this;
    const dictionary: Vector | undefined = data.dictionary;
    if (data.length === 0 || dictionary === undefined) {
      if (data.length > 0) fail('FS_ERR_CORRUPT', `${where} has no dictionary`, { column: where });
      return { ...shape, indexType: NativeType.Int32, chunks: [], dictionaries: [] };
    }
    const plain = payloadColumn({ where, type, chunks: [data] });
    if (plain === null) return fail('FS_ERR_INTERNAL', `${where} is no dictionary column`);
    const { codes } = this.#translate(dictionary);
    this.#work += data.length;
    if (codes === null) return plain;
    const from: ArrayLike<number> = data.values;
    const values = new type.indices.ArrayType(data.length);
    for (let row = 0; row < data.length; row++) values[row] = codes[from[row]!] ?? 0;
    return oneChunk(shape, {
      length: data.length,
      bitOffset: data.offset,
      values,
      offsets: null,
      validity: validityOf(where, data),
      dictionary: -1,
    });
  }

  /** A dictionary that has learnt a value too much is none the worse: the next sweep frees it. */
  rollBack(): void {}

  decode(output: OutputBuffers, type: DataType): Data {
    return dataFromOutput(type, output, this.#dictionary());
  }

  wantsSweep(rows: number): boolean {
    const floor = Math.min(FLOOR, this.#limit / 4);
    const used = this.#size - this.#free.size;
    const many = used > Math.min(2 * this.#live + floor, this.#limit / 2);
    return many && this.#work >= Math.max(rows, this.#size / 2);
  }

  sweep(live: readonly OutputBuffers[], all = false): void {
    const used = new Uint8Array(this.#size);
    const { ArrayType } = this.type.indices;
    for (const column of live) {
      const { buffer, byteOffset, byteLength } = rangeOf(column.values);
      const codes = new ArrayType(buffer, byteOffset, byteLength / ArrayType.BYTES_PER_ELEMENT);
      const valid = validAt(column);
      for (let row = 0; row < column.length; row++) if (valid(row)) used[Number(codes[row]!)] = 1;
    }
    const last = all ? null : this.#last;
    this.#last = last;
    if (last !== null) {
      for (let code = 0; code < last.dictionary.length; code++)
        used[last.codes === null ? code : last.codes[code]!] = 1;
    }
    const count = used.reduce((sum, one) => sum + one, 0);
    if (all || this.#size > 4 * count + FLOOR) this.#shorten(used.lastIndexOf(1) + 1);
    if (all && count < this.#size) this.#empty(used);
    this.#freed = [];
    for (let code = 0; code < this.#size; code++) if (used[code] === 0) this.#freed.push(code);
    this.#free = new Set(this.#freed);
    this.#nextFree = 0;
    this.#live = count;
    this.#work = 0;
    // Others may name codes that are given anew from now on.
    this.#translated = new WeakMap();
    if (last !== null) this.#translated.set(last.dictionary, last);
  }

  clear(): void {
    this.#codes = new Map();
    this.#values = [];
    this.#parts = [];
    this.#bytes = 0;
    this.#size = 0;
    this.#free = new Set();
    this.#freed = [];
    this.#nextFree = 0;
    this.#vector = null;
    this.#translated = new WeakMap();
    this.#last = null;
    this.#live = 0;
    this.#work = 0;
  }

  #translate(dictionary: Vector): Translation {
    const known = this.#translated.get(dictionary);
    if (known !== undefined) return (this.#last = known);
    const { where, type } = this;
    const parts = dictionary.data.map(localData);
    const cells =
      layoutOf(type.dictionary) === null ? null : canonicalValues(nativeColumn(where, type.dictionary, parts), 1n);
    const codes = new Int32Array(dictionary.length);
    const added: { readonly there: number; readonly value: Canonical }[] = [];
    const seen = new Map<Canonical, number>();
    for (let there = 0; there < codes.length; there++) {
      const cell = cells?.[there] ?? null;
      // Minus zero is another value than zero here: the output must have what went in.
      const value = Object.is(cell, -0) ? '-0' : cell;
      const mine = cells === null ? undefined : this.#codes.get(value);
      if (mine !== undefined) {
        this.#free.delete(mine);
        codes[there] = mine;
        continue;
      }
      let place = cells === null ? undefined : seen.get(value);
      if (place === undefined) {
        place = added.push({ there, value }) - 1;
        seen.set(value, place);
      }
      codes[there] = ~place;
    }
    const given = this.#give(added.length);
    for (let there = 0; there < codes.length; there++) if (codes[there]! < 0) codes[there] = given[~codes[there]!]!;
    if (cells !== null) added.forEach(({ value }, i) => this.#name(given[i]!, value));
    this.#store(
      parts,
      added.map(({ there }) => there),
      given,
    );
    this.#work += added.length;
    const same = codes.every((code, there) => code === there);
    const translation = { dictionary, codes: same ? null : codes };
    this.#translated.set(dictionary, translation);
    return (this.#last = translation);
  }

  /** Codes for new values: free ones, ascending, then new ones. Throws FS_ERR_LENGTH and has given none. */
  #give(count: number): Int32Array {
    const values = this.#size - this.#free.size + count;
    if (values > this.#limit) {
      const { where, type } = this;
      fail(
        'FS_ERR_LENGTH',
        `${where}: its batches use ${values} values, ${typeName(type.indices)} counts ${this.#limit}`,
        {
          column: where,
          values,
        },
      );
    }
    const given = new Int32Array(count);
    let size = this.#size;
    for (let i = 0; i < count; i++) {
      while (this.#nextFree < this.#freed.length && !this.#free.has(this.#freed[this.#nextFree]!)) this.#nextFree++;
      const code = this.#freed[this.#nextFree];
      if (code === undefined) given[i] = size++;
      else {
        this.#free.delete(code);
        given[i] = code;
      }
    }
    return given;
  }

  #name(code: number, value: Canonical): void {
    const before = this.#values[code];
    if (before !== undefined) this.#codes.delete(before);
    this.#codes.set(value, code);
    this.#values[code] = value;
  }

  /** Puts values `added` of the dictionary `parts` at the codes `given`. */
  #store(parts: readonly Data[], added: readonly number[], given: Int32Array): void {
    if (added.length === 0) return;
    const { where, type } = this;
    const take = (chunks: readonly Data[], rows: Int32Array): Data =>
      takeColumn({ where, type: type.dictionary, chunks }, rows, type.dictionary);
    let next = 0;
    let start = 0;
    let refilled = false;
    // The places to refill ascend, as the parts do.
    const own = this.#parts.map((part) => {
      const end = start + part.length;
      const rows = everyRow(part.length);
      const first = next;
      for (; next < added.length && given[next]! < end; next++) rows[given[next]! - start] = part.length + added[next]!;
      start = end;
      if (next === first) return part;
      refilled = true;
      return take([part, ...parts], rows);
    });
    if (refilled && own[0] === this.#parts[0]) own[0] = take([own[0]!], everyRow(own[0]!.length));
    if (next < added.length) own.push(take(parts, Int32Array.from(added.slice(next))));
    this.#size += added.length - next;
    this.#bytes = null;
    this.#parts = own.length > MAX_PARTS ? this.#even(own, this.#size) : own;
    this.#vector = null;
  }

  /** The first `size` values, null where not `kept`, in a few chunks of one length. */
  #even(chunks: readonly Data[], size: number, kept: (code: number) => boolean = () => true): Data[] {
    const { where, type } = this;
    const step = Math.max(1, Math.ceil(size / EVEN_PARTS));
    const parts: Data[] = [];
    for (let start = 0; start < size; start += step) {
      const rows = everyRow(Math.min(step, size - start)).map((row) => (kept(start + row) ? start + row : -1));
      parts.push(takeColumn({ where, type: type.dictionary, chunks }, rows, type.dictionary));
    }
    return parts;
  }

  /** Lets go of the values that are not used; nulls keep their places. */
  #empty(used: Uint8Array): void {
    for (let code = 0; code < this.#size; code++) {
      if (used[code] === 1) continue;
      const value = this.#values[code];
      if (value !== undefined) this.#codes.delete(value);
      this.#values[code] = undefined;
    }
    this.#bytes = null;
    this.#parts = this.#even(this.#parts, this.#size, (code) => used[code] === 1);
    this.#vector = null;
  }

  /** Forgets all codes from `size` on. */
  #shorten(size: number): void {
    for (let code = size; code < this.#values.length; code++) {
      const value = this.#values[code];
      if (value !== undefined) this.#codes.delete(value);
    }
    this.#values.length = Math.min(size, this.#values.length);
    this.#bytes = null;
    this.#parts = this.#even(this.#parts, size);
    this.#size = size;
    this.#vector = null;
  }

  #dictionary(): Vector {
    if (this.#vector === null) {
      const { where, type } = this;
      const none = takeColumn({ where, type: type.dictionary, chunks: [] }, new Int32Array(0), type.dictionary);
      this.#vector = new Vector(this.#parts.length === 0 ? [none] : [...this.#parts]);
    }
    return this.#vector;
  }
}
