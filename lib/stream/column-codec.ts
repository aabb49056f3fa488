/**
 * How a column goes into an engine and comes out again. Flat columns go as they are. Dictionary columns go as codes
 * into one dictionary per column that only grows, whatever dictionaries the batches bring. Nested columns stay here, in
 * an append-only store, and the engine keeps int64 handles.
 */
import { type Data, DataType, type Dictionary, Vector } from 'apache-arrow';

import { type NativeChunk, type NativeColumn, type NativeOutputColumn, NativeType } from '../internal/native.js';
import type { ColumnShape } from './engine/types.js';
import { fail } from '../internal/validate.js';
import { layoutOf, nativeColumn, payloadColumn, validityOf } from '../schema/arrow-columns.js';
import { localData, localType, typeName } from '../schema/arrow-types.js';
import { type Canonical, canonicalValues } from '../schema/canonical.js';
import { dataFromOutput, takeColumn } from '../schema/take.js';

export interface ColumnCodec {
  readonly shape: ColumnShape;
  /** The rows as the engine takes them; copied where they stay here. */
  encode(data: Data): NativeColumn;
  /** The engine did not take what was encoded last. */
  rollBack(): void;
  /** Rows that the engine gave back, labelled with `type`. */
  decode(output: NativeOutputColumn, type: DataType): Data;
  clear(): void;
}

/** The codec of a column. `where` is its place for messages: `left.price`. */
export function columnCodec(where: string, foreign: DataType): ColumnCodec {
  const type = localType(foreign);
  if (DataType.isDictionary(type)) return new CodeCodec(where, type);
  const layout = layoutOf(type);
  return layout === null ? new HandleCodec(where, type) : new PlainCodec({ name: where, ...layout }, type);
}

class PlainCodec implements ColumnCodec {
  constructor(
    readonly shape: ColumnShape,
    private readonly type: DataType,
  ) {}

  encode(data: Data): NativeColumn {
    return nativeColumn(this.shape.name, this.type, [data]);
  }

  rollBack(): void {}

  decode(output: NativeOutputColumn, type: DataType): Data {
    return dataFromOutput(type, output);
  }

  clear(): void {}
}

/** Rows 0 … count - 1. */
function everyRow(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, row) => row);
}

function oneChunk(shape: ColumnShape, chunk: NativeChunk): NativeColumn {
  return { ...shape, indexType: NativeType.Int32, chunks: chunk.length === 0 ? [] : [chunk], dictionaries: [] };
}

/** Chunks of a dictionary past which they are made one. */
const MAX_PARTS = 16;

class CodeCodec implements ColumnCodec {
  readonly shape: ColumnShape;
  #codes = new Map<Canonical, number>();
  #parts: Data[] = [];
  #size = 0;
  #vector: Vector | null = null;
  /** Codes here by codes there; null: the same. */
  #translated = new WeakMap<Vector, Int32Array | null>();

  constructor(
    private readonly where: string,
    private readonly type: Dictionary,
  ) {
    const layout =
      layoutOf(type.indices) ??
      fail('FS_ERR_SCHEMA', `${where} has dictionary indices of ${typeName(type.indices)}`, { column: where });
    this.shape = { name: where, type: layout.type, width: layout.width };
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
    const codes = this.#translate(dictionary);
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

  /** A dictionary that has learnt a value too much is none the worse. */
  rollBack(): void {}

  decode(output: NativeOutputColumn, type: DataType): Data {
    return dataFromOutput(type, output, this.#dictionary());
  }

  clear(): void {
    this.#codes = new Map();
    this.#parts = [];
    this.#size = 0;
    this.#vector = null;
    this.#translated = new WeakMap();
  }

  #translate(dictionary: Vector): Int32Array | null {
    const known = this.#translated.get(dictionary);
    if (known !== undefined) return known;
    const { where, type } = this;
    const parts = dictionary.data.map(localData);
    const cells =
      layoutOf(type.dictionary) === null ? null : canonicalValues(nativeColumn(where, type.dictionary, parts), 1n);
    const codes = new Int32Array(dictionary.length);
    const added: number[] = [];
    const learnt: Canonical[] = [];
    const before = this.#size;
    for (let code = 0; code < codes.length; code++) {
      const cell = cells?.[code] ?? null;
      // Minus zero is another value than zero here: the output must have what went in.
      const value = Object.is(cell, -0) ? '-0' : cell;
      let mine = cells === null ? undefined : this.#codes.get(value);
      if (mine === undefined) {
        mine = before + added.length;
        added.push(code);
        if (cells !== null) {
          this.#codes.set(value, mine);
          learnt.push(value);
        }
      }
      codes[code] = mine;
    }
    this.#grow(parts, added, learnt);
    const same = codes.every((code, there) => code === there);
    const translation = same ? null : codes;
    this.#translated.set(dictionary, translation);
    return translation;
  }

  #grow(parts: readonly Data[], added: readonly number[], learnt: readonly Canonical[]): void {
    if (added.length === 0) return;
    const { where, type } = this;
    const { bitWidth, isSigned } = type.indices;
    const limit = 2 ** (isSigned ? bitWidth - 1 : bitWidth);
    if (this.#size + added.length > limit) {
      for (const value of learnt) this.#codes.delete(value);
      const values = this.#size + added.length;
      fail('FS_ERR_LENGTH', `${where}: its batches use ${values} values, ${typeName(type.indices)} counts ${limit}`, {
        column: where,
        values,
      });
    }
    const column = { where, type: type.dictionary, chunks: parts };
    this.#parts = [...this.#parts, takeColumn(column, Int32Array.from(added), type.dictionary)];
    this.#size += added.length;
    if (this.#parts.length > MAX_PARTS) {
      const all = { where, type: type.dictionary, chunks: this.#parts };
      this.#parts = [takeColumn(all, everyRow(this.#size), type.dictionary)];
    }
    this.#vector = null;
  }

  #dictionary(): Vector {
    if (this.#vector === null) {
      const { where, type } = this;
      const none = takeColumn({ where, type: type.dictionary, chunks: [] }, new Int32Array(0), type.dictionary);
      this.#vector = new Vector(this.#parts.length === 0 ? [none] : this.#parts);
    }
    return this.#vector;
  }
}

/** Rows stored at consecutive handles. */
interface Segment {
  readonly first: number;
  readonly data: Data;
}

class HandleCodec implements ColumnCodec {
  readonly shape: ColumnShape;
  #segments: Segment[] = [];
  #next = 0;

  constructor(
    private readonly where: string,
    private readonly type: DataType,
  ) {
    this.shape = { name: where, type: NativeType.Int64, width: 8 };
  }

  encode(data: Data): NativeColumn {
    const { where, type } = this;
    const copy = takeColumn({ where, type, chunks: [localData(data)] }, everyRow(data.length), type);
    const first = this.#next;
    this.#segments.push({ first, data: copy });
    this.#next += data.length;
    const values = BigInt64Array.from({ length: data.length }, (_, row) => BigInt(first + row));
    return oneChunk(this.shape, {
      length: data.length,
      bitOffset: 0,
      values,
      offsets: null,
      validity: null,
      dictionary: -1,
    });
  }

  rollBack(): void {
    const last = this.#segments.pop();
    if (last !== undefined) this.#next = last.first;
  }

  decode(output: NativeOutputColumn, type: DataType): Data {
    return takeColumn(
      { where: this.where, type: this.type, chunks: this.#segments.map(({ data }) => data) },
      this.#rowsOf(output),
      type,
    );
  }

  clear(): void {
    this.#segments = [];
    this.#next = 0;
  }

  /** Rows in the concatenation of all segments. */
  #rowsOf({ length, values, validity }: NativeOutputColumn): Int32Array {
    const handles = new BigInt64Array(values ?? new ArrayBuffer(0));
    const bits = validity === null ? null : new Uint8Array(validity);
    const rows = new Int32Array(length);
    const base = this.#segments[0]?.first ?? 0;
    for (let i = 0; i < length; i++) {
      const missing = bits !== null && (bits[i >> 3]! & (1 << (i & 7))) === 0;
      rows[i] = missing ? -1 : Number(handles[i]!) - base;
    }
    return rows;
  }
}
