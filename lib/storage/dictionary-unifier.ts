/**
 * One growing dictionary per column, for whoever needs one for all batches: the Arrow file format, which allows
 * additions but no replacement, and columns in device memory. A batch
 * whose dictionary is (or starts with) the one written passes with its codes; another's codes are translated and its
 * new values appended. O(codes) for translated batches.
 */
import { Data, DataType, RecordBatch, Vector } from 'apache-arrow';
import { createError } from '../errors/from-native.js';
import { bytesColumn, dictionaryColumn } from './make-column.js';

export class ColumnDictionary {
  private readonly codes = new Map<unknown, number>();
  private parts: Data[] = [];
  private vector: Vector;
  private readonly translated = new WeakMap<object, Int32Array | null>();

  /** `remedy` ends the messages: what to do where the batches' dictionaries cannot be one. */
  constructor(
    private readonly name: string,
    first: Vector,
    private readonly remedy: string,
  ) {
    this.vector = first;
    this.parts = [...first.data];
    this.translated.set(first, null);
  }

  apply(data: Data): Data {
    const { dictionary } = data;
    if (dictionary === undefined) return data;
    let translation = this.translated.get(dictionary);
    if (translation === undefined) {
      translation = this.translate(dictionary);
      this.translated.set(dictionary, translation);
    }
    if (translation === null) return withDictionary(data, data.values, this.vector);
    this.requireRoom(data.type);
    const { values } = data;
    const codes: Codes = data.values.slice(0, data.length);
    for (let row = 0; row < data.length; row++) {
      const code = translation[Number(values[row])] ?? 0;
      if (codes instanceof BigInt64Array || codes instanceof BigUint64Array) codes[row] = BigInt(code);
      else codes[row] = code;
    }
    return withDictionary(data, codes, this.vector);
  }

  /** Codes that do not fit the column's index type would wrap around to other values. */
  private requireRoom(type: DataType): void {
    if (!DataType.isDictionary(type)) return;
    const { bitWidth, isSigned } = type.indices;
    const most = 2 ** (isSigned ? bitWidth - 1 : bitWidth);
    if (this.vector.length <= most) return;
    throw createError(
      'FS_ERR_OVERFLOW',
      `column ${this.name}: all batches together have ${this.vector.length} dictionary values, ` +
        `${String(type.indices)} indices hold ${most}; use wider indices, or ${this.remedy}`,
      { details: { column: this.name, values: this.vector.length, most } },
    );
  }

  private translate(dictionary: Vector): Int32Array | null {
    if (this.codes.size === 0) this.learn(this.vector);
    const translation = new Int32Array(dictionary.length);
    const added: string[] = [];
    let same = true;
    for (let code = 0; code < dictionary.length; code++) {
      const value: unknown = dictionary.get(code);
      let mine = this.codes.get(value);
      if (mine === undefined) {
        if (typeof value !== 'string') this.unsupported();
        mine = this.codes.size;
        this.codes.set(value, mine);
        added.push(value);
      }
      translation[code] = mine;
      same &&= mine === code;
    }
    if (added.length > 0) this.grow(added);
    return same ? null : translation;
  }

  private learn(vector: Vector): void {
    for (let code = 0; code < vector.length; code++) {
      const value: unknown = vector.get(code);
      if (typeof value !== 'string') this.unsupported();
      // A value twice in one dictionary keeps its first code; the numbering must not shift.
      this.codes.set(this.codes.has(value) ? Symbol(value) : value, code);
    }
  }

  private grow(added: readonly string[]): void {
    const texts = added.map((text) => Buffer.from(text, 'utf8'));
    const offsets = new Int32Array(texts.length + 1);
    for (const [index, text] of texts.entries()) offsets[index + 1] = (offsets[index] ?? 0) + text.length;
    const values = new Uint8Array(Buffer.concat(texts));
    const rows = { length: texts.length, nullCount: 0, nullBitmap: null };
    this.parts = [...this.parts, bytesColumn(this.vector.type, rows, offsets, values)];
    this.vector = new Vector(this.parts);
  }

  private unsupported(): never {
    throw createError(
      'FS_ERR_SCHEMA',
      `column ${this.name}: batches have different dictionaries of other values than text, which cannot become one; ` +
        this.remedy,
    );
  }
}

type Codes =
  Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array | BigInt64Array | BigUint64Array;

function withDictionary(data: Data, codes: Codes, dictionary: Vector): Data {
  const { offset } = data;
  if (offset === 0 || data.nullCount === 0) {
    const nullBitmap = data.nullCount === 0 ? null : data.nullBitmap;
    return dictionaryColumn(
      data.type,
      { length: data.length, nullCount: data.nullCount, nullBitmap },
      codes,
      dictionary,
    );
  }
  return new Data(data.type, offset, data.length, data.nullCount, [undefined, codes, data.nullBitmap], [], dictionary);
}

const REMEDY = 'write a stream (.arrows) or Parquet';

export class DictionaryUnifier {
  private readonly columns = new Map<number, ColumnDictionary>();

  unify(batch: RecordBatch): RecordBatch {
    let changed = false;
    const children = batch.data.children.map((child, index) => {
      if (!DataType.isDictionary(child.type) || child.dictionary === undefined) return child;
      let column = this.columns.get(index);
      if (column === undefined) {
        column = new ColumnDictionary(batch.schema.fields[index]?.name ?? '', child.dictionary, REMEDY);
        this.columns.set(index, column);
        return child;
      }
      changed = true;
      return column.apply(child);
    });
    if (!changed) return batch;
    return new RecordBatch(batch.schema, new Data(batch.data.type, 0, batch.numRows, 0, undefined, children));
  }
}
