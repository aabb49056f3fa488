/**
 * Checks Arrow's metadata (flatbuffers: format/Message.fbs, Schema.fbs, File.fbs) before apache-arrow decodes it.
 * Its decoder follows any offset and makes as many objects as a length says, so that four wrong bytes keep it busy
 * for hours; here every offset and length must lie inside the bytes. Throws RangeError. O(bytes).
 */

const MAX_FIELDS = 100_000;
const MAX_DEPTH = 64;

/** Kinds of `MessageHeader`. */
export const SCHEMA = 1;
export const DICTIONARY_BATCH = 2;
export const RECORD_BATCH = 3;

export interface MessageSummary {
  readonly kind: number;
  readonly bodyLength: number;
  /** Rows of a record batch or dictionary; 0 for a schema. */
  readonly rows: number;
}

/** Position and size of a message in a file. */
export interface Block {
  readonly offset: number;
  readonly metadataLength: number;
  readonly bodyLength: number;
}

export interface FooterSummary {
  readonly dictionaries: readonly Block[];
  readonly recordBatches: readonly Block[];
}

class Flatbuffer {
  private readonly view: DataView;
  private fields = 0;

  constructor(bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Position of the root table. */
  root(): number {
    return this.table(this.view.getUint32(0, true));
  }

  /** DataView throws RangeError beyond the bytes, which is all the checking that single values need. */
  private table(at: number): number {
    const vtable = at - this.view.getInt32(at, true);
    if (vtable < 0 || this.view.getUint16(vtable, true) < 4) throw new RangeError('a table has no field list');
    return at;
  }

  /** Position of a field's value; 0 where it is left out. */
  field(table: number, id: number): number {
    const vtable = table - this.view.getInt32(table, true);
    if (4 + 2 * id >= this.view.getUint16(vtable, true)) return 0;
    const offset = this.view.getUint16(vtable + 4 + 2 * id, true);
    return offset === 0 ? 0 : table + offset;
  }

  /** The table a field refers to; 0 where it is left out. */
  child(table: number, id: number): number {
    const at = this.field(table, id);
    return at === 0 ? 0 : this.table(at + this.view.getUint32(at, true));
  }

  byte(table: number, id: number): number {
    const at = this.field(table, id);
    return at === 0 ? 0 : this.view.getUint8(at);
  }

  long(table: number, id: number): number {
    const at = this.field(table, id);
    return at === 0 ? 0 : this.longAt(at);
  }

  longAt(at: number): number {
    const value = this.view.getBigInt64(at, true);
    if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`a length of ${value}`);
    return Number(value);
  }

  intAt(at: number): number {
    return this.view.getInt32(at, true);
  }

  /** Start and length of a vector of elements of `size` bytes. */
  vector(table: number, id: number, size: number): { readonly start: number; readonly length: number } {
    const at = this.field(table, id);
    if (at === 0) return { start: 0, length: 0 };
    const vector = at + this.view.getUint32(at, true);
    const length = this.view.getUint32(vector, true);
    if (vector + 4 + length * size > this.view.byteLength) throw new RangeError(`a list of ${length} elements`);
    return { start: vector + 4, length };
  }

  /** The tables of a vector of tables. */
  *tables(table: number, id: number): Generator<number, void, undefined> {
    const { start, length } = this.vector(table, id, 4);
    for (let i = 0; i < length; i++) {
      const at = start + i * 4;
      yield this.table(at + this.view.getUint32(at, true));
    }
  }

  checkSchema(schema: number): void {
    if (schema === 0) throw new RangeError('there is no schema');
    for (const field of this.tables(schema, 1)) this.checkField(field, 0);
    this.checkPairs(schema, 2);
  }

  private checkField(field: number, depth: number): void {
    if (depth > MAX_DEPTH) throw new RangeError('the schema is nested too deeply');
    if (++this.fields > MAX_FIELDS) throw new RangeError('the schema has too many fields');
    this.vector(field, 0, 1);
    const type = this.child(field, 3);
    // Union, the one type with a list of its own.
    if (this.byte(field, 2) === 14 && type !== 0) this.vector(type, 1, 4);
    this.child(field, 4);
    for (const child of this.tables(field, 5)) this.checkField(child, depth + 1);
    this.checkPairs(field, 6);
  }

  private checkPairs(table: number, id: number): void {
    for (const pair of this.tables(table, id)) {
      this.vector(pair, 0, 1);
      this.vector(pair, 1, 1);
    }
  }

  checkBatch(batch: number, bodyLength: number): number {
    if (batch === 0) throw new RangeError('there is no batch');
    const nodes = this.vector(batch, 1, 16);
    for (let i = 0; i < nodes.length; i++) {
      const rows = this.longAt(nodes.start + i * 16);
      if (this.longAt(nodes.start + i * 16 + 8) > rows) throw new RangeError('more nulls than rows');
    }
    const buffers = this.vector(batch, 2, 16);
    for (let i = 0; i < buffers.length; i++) {
      const offset = this.longAt(buffers.start + i * 16);
      const length = this.longAt(buffers.start + i * 16 + 8);
      if (offset + length > bodyLength) throw new RangeError(`buffer ${i} lies outside its message`);
    }
    this.vector(batch, 4, 8);
    return this.long(batch, 0);
  }
}

/** Checks a message's metadata; its body is not looked at. */
export function checkMessage(metadata: Uint8Array): MessageSummary {
  const buffer = new Flatbuffer(metadata);
  const message = buffer.root();
  const kind = buffer.byte(message, 1);
  const bodyLength = buffer.long(message, 3);
  const header = buffer.child(message, 2);
  if (kind === SCHEMA) {
    buffer.checkSchema(header);
    return { kind, bodyLength, rows: 0 };
  }
  if (kind !== RECORD_BATCH && kind !== DICTIONARY_BATCH) throw new RangeError(`a message of kind ${kind}`);
  const batch = kind === RECORD_BATCH ? header : header === 0 ? 0 : buffer.child(header, 1);
  return { kind, bodyLength, rows: buffer.checkBatch(batch, bodyLength) };
}

/** Checks a file's footer. */
export function checkFooter(bytes: Uint8Array): FooterSummary {
  const buffer = new Flatbuffer(bytes);
  const footer = buffer.root();
  buffer.checkSchema(buffer.child(footer, 1));
  const blocks = (id: number): Block[] => {
    const { start, length } = buffer.vector(footer, id, 24);
    return Array.from({ length }, (_, i) => ({
      offset: buffer.longAt(start + i * 24),
      metadataLength: buffer.intAt(start + i * 24 + 8),
      bodyLength: buffer.longAt(start + i * 24 + 16),
    }));
  };
  return { dictionaries: blocks(2), recordBatches: blocks(3) };
}
