/**
 * Text as dictionary codes in order of first appearance. Over batches the dictionary grows (earlier codes keep their
 * meaning) and starts anew when it is large; a whole column whose values are mostly distinct becomes plain Utf8.
 */
import { isUtf8 } from 'node:buffer';
import { Dictionary, Utf8, type Data, type DataType, type Vector } from 'apache-arrow';
import { createError } from '../errors/from-native.js';
import { GrowingBytes } from './growing.js';
import { bytesColumn, dictionaryColumn, textVector, type Rows } from './make-column.js';
import { prefersPlain } from './scan-plan.js';

const RESET_ABOVE = 65_536;
const MAX_OFFSET = 2 ** 31 - 1;
const EMPTY = new Uint8Array(0);

export class TextColumn {
  private readonly codes = new GrowingBytes();
  private readonly known = new Map<string, number>();
  private values: Uint8Array[] = [];
  private dictionary: Vector | null = null;

  constructor(
    private readonly name: string,
    private readonly type: DataType,
  ) {}

  pushNull(): void {
    this.codes.pushInt32(0);
  }

  /** False when the bytes are not UTF-8. */
  push(bytes: Uint8Array, from: number, to: number): boolean {
    const key = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1');
    let code = this.known.get(key);
    if (code === undefined) {
      const value = bytes.slice(from, to);
      if (!isUtf8(value)) return false;
      code = this.values.length;
      this.known.set(key, code);
      this.values.push(value);
      this.dictionary = null;
    }
    this.codes.pushInt32(code);
    return true;
  }

  finish(rows: Rows, whole: boolean): Data {
    const bytes = this.codes.take();
    const codes = new Int32Array(bytes.buffer, bytes.byteOffset, rows.length);
    const plain = whole && prefersPlain(this.values.length, rows.length);
    const data = plain ? this.plain(codes, rows) : this.encoded(codes, rows);
    if (whole || this.values.length > RESET_ABOVE) {
      this.known.clear();
      this.values = [];
      this.dictionary = null;
    }
    return data;
  }

  private encoded(codes: Int32Array, rows: Rows): Data {
    if (!(this.type instanceof Dictionary)) return this.plain(codes, rows);
    if (this.dictionary === null) {
      const packed = packText(this.values, this.name);
      this.dictionary = textVector(packed.offsets, packed.values);
    }
    return dictionaryColumn(this.type, rows, codes, this.dictionary);
  }

  private plain(codes: Int32Array, rows: Rows): Data {
    const { nullBitmap } = rows;
    const texts = Array.from(codes, (code, row) => {
      const valid = nullBitmap === null || (((nullBitmap[row >> 3] ?? 0) >> (row & 7)) & 1) === 1;
      return valid ? (this.values[code] ?? EMPTY) : EMPTY;
    });
    const { offsets, values } = packText(texts, this.name);
    return bytesColumn(new Utf8(), rows, offsets, values);
  }
}

function packText(texts: readonly Uint8Array[], name: string): { offsets: Int32Array; values: Uint8Array } {
  const offsets = new Int32Array(texts.length + 1);
  let end = 0;
  for (const [index, text] of texts.entries()) {
    end += text.length;
    if (end > MAX_OFFSET) throw tooLong(name);
    offsets[index + 1] = end;
  }
  const values = new Uint8Array(end);
  for (const [index, text] of texts.entries()) values.set(text, offsets[index]);
  return { offsets, values };
}

export function tooLong(name: string): Error {
  return createError(
    'FS_ERR_LENGTH',
    `column ${name} has more than 2 GiB of text or bytes; read the file in batches instead`,
  );
}
