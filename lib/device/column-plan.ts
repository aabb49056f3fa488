/**
 * Where the buffers of Arrow columns go in one block of device memory: chunks end to end, so that a column is contiguous
 * whatever its batches were; every buffer 256-byte aligned; bitmaps from bit 0; offsets from 0.
 *
 * Values are copied from where they lie. Only what must be recomputed is made on the host: bitmaps whose chunks do not
 * end on bytes, and offsets (they count from the start of the column).
 */
import { type Data, DataType, type Field, type Schema, type Table, type Vector } from 'apache-arrow';

import { fail } from '../internal/validate.js';
import { layoutOf, sharedDictionary, validityOf } from '../schema/arrow-columns.js';
import { localType, typeName } from '../schema/arrow-types.js';
import { ColumnDictionary } from '../storage/dictionary-unifier.js';
import { appendBits } from './bits.js';

/** Every buffer starts at a multiple of this: what TensorFlow and the copy engines want. */
export const BUFFER_ALIGNMENT = 256;

/** Bytes [byteOffset, byteOffset + byteLength) of one of the table's blocks. */
export interface Region {
  /** Which: a table that was uploaded has one, a table that a join made shares those of its inputs. */
  readonly block: number;
  readonly byteOffset: number;
  readonly byteLength: number;
}

export interface ColumnPlan {
  readonly type: DataType;
  readonly length: number;
  readonly nullCount: number;
  readonly validity: Region | null;
  /** int32, or int64 for the large types. */
  readonly offsets: Region | null;
  readonly values: Region | null;
  readonly children: readonly ColumnPlan[];
  readonly dictionary: ColumnPlan | null;
}

/** The plan with its regions in other blocks: `blockOf` says which. */
export function relocate(plan: ColumnPlan, blockOf: (block: number) => number): ColumnPlan {
  const moved = (region: Region | null): Region | null =>
    region === null ? null : { ...region, block: blockOf(region.block) };
  return {
    ...plan,
    validity: moved(plan.validity),
    offsets: moved(plan.offsets),
    values: moved(plan.values),
    children: plan.children.map((child) => relocate(child, blockOf)),
    dictionary: plan.dictionary === null ? null : relocate(plan.dictionary, blockOf),
  };
}

/** Bytes to put at an offset of the block. */
export interface PlannedCopy {
  readonly offset: number;
  readonly source: ArrayBufferView;
}

export interface TablePlan {
  readonly schema: Schema;
  readonly rows: number;
  readonly byteLength: number;
  readonly columns: readonly ColumnPlan[];
  readonly copies: readonly PlannedCopy[];
}

/** Plans the named columns of a table, in that order. Throws FS_ERR_SCHEMA for unions, views and run-end types. */
export function planTable(
  table: Table,
  fields: readonly { readonly field: Field; readonly index: number }[],
): TablePlan {
  const planner = new Planner();
  const columns = fields.map(({ field, index }) => {
    const chunks = table.batches.flatMap((batch) => batch.data.children[index] ?? []);
    return planner.column(field.name, field.type, chunks);
  });
  return {
    schema: table.schema,
    rows: table.numRows,
    byteLength: planner.byteLength,
    columns,
    copies: planner.copies,
  };
}

class Planner {
  byteLength = 0;
  readonly copies: PlannedCopy[] = [];
  /** Dictionaries that several columns share go once. */
  private readonly dictionaries = new Map<Vector, ColumnPlan>();

  column(where: string, type: DataType, chunks: readonly Data[]): ColumnPlan {
    // First of all: a union counts nulls without having a bitmap.
    if (DataType.isUnion(type)) return refuse(where, type);
    const length = chunks.reduce((sum, data) => sum + data.length, 0);
    const nullCount = DataType.isNull(type) ? length : chunks.reduce((sum, data) => sum + data.nullCount, 0);
    const validity = nullCount > 0 && !DataType.isNull(type) ? this.validity(where, chunks, length) : null;
    const base = {
      type: localType(type),
      length,
      nullCount,
      validity,
      offsets: null,
      values: null,
      children: [],
      dictionary: null,
    };
    if (DataType.isNull(type)) return base;
    if (DataType.isDictionary(type)) {
      const alike = sharedDictionary(chunks) === null ? unified(where, chunks) : chunks;
      const dictionary = this.dictionary(where, type.dictionary, alike);
      return { ...base, values: this.fixed(where, type.indices, alike), dictionary };
    }
    if (DataType.isBool(type)) return { ...base, values: this.bits(chunks, length, (data) => data.values) };
    if (DataType.isStruct(type)) return { ...base, children: this.children(where, type, chunks) };
    if (DataType.isFixedSizeList(type)) return { ...base, children: this.children(where, type, chunks) };
    if (DataType.isList(type) || DataType.isMap(type) || DataType.isLargeList(type)) {
      const offsets = this.offsets(where, chunks, length, DataType.isLargeList(type));
      const items = chunks.flatMap((data) => itemsOf(where, data));
      return {
        ...base,
        offsets,
        children: [this.column(where, type.children[0]?.type ?? fail('FS_ERR_SCHEMA', where), items)],
      };
    }
    if (DataType.isUtf8(type) || DataType.isBinary(type)) return this.bytes(where, base, chunks, false);
    if (DataType.isLargeUtf8(type) || DataType.isLargeBinary(type)) return this.bytes(where, base, chunks, true);
    return { ...base, values: this.fixed(where, type, chunks) };
  }

  private children(where: string, type: DataType, chunks: readonly Data[]): readonly ColumnPlan[] {
    const fields: readonly Field[] = type.children ?? [];
    return fields.map((field, i) =>
      this.column(
        `${where}.${field.name}`,
        field.type,
        chunks.flatMap((data) => data.children[i] ?? []),
      ),
    );
  }

  private dictionary(where: string, type: DataType, chunks: readonly Data[]): ColumnPlan {
    const shared = sharedDictionary(chunks);
    if (shared === null) return this.column(where, type, []);
    const known = this.dictionaries.get(shared);
    if (known !== undefined) return known;
    const plan = this.column(where, shared.type, shared.data);
    this.dictionaries.set(shared, plan);
    return plan;
  }

  private fixed(where: string, type: DataType, chunks: readonly Data[]): Region {
    const layout = layoutOf(type);
    if (layout === null || layout.width === 0) return refuse(where, type);
    const region = this.place(chunks.reduce((sum, data) => sum + data.length, 0) * layout.width);
    let at = region.byteOffset;
    for (const data of chunks) {
      const bytes = data.length * layout.width;
      this.copy(at, viewBytes(where, data.values as ArrayBufferView | undefined, bytes));
      at += bytes;
    }
    return region;
  }

  private bytes(
    where: string,
    base: Omit<ColumnPlan, 'offsets' | 'values'>,
    chunks: readonly Data[],
    large: boolean,
  ): ColumnPlan {
    const offsets = this.offsets(where, chunks, base.length, large);
    const pieces = chunks.flatMap((data) => {
      const { first, last } = span(data);
      if (last === first) return [];
      const values = data.values as Uint8Array;
      if (values.byteLength < last)
        fail('FS_ERR_LENGTH', `${where}: its values buffer must hold ${last} bytes, got ${values.byteLength}`);
      return [values.subarray(first, last)];
    });
    const region = this.place(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
    let at = region.byteOffset;
    for (const piece of pieces) {
      this.copy(at, piece);
      at += piece.byteLength;
    }
    return { ...base, offsets, values: region };
  }

  /** Offsets of all chunks, counted from the first value of the first; one chunk that counts so already goes as it is. */
  private offsets(where: string, chunks: readonly Data[], length: number, large: boolean): Region {
    for (const data of chunks) requireOffsets(where, data);
    const end = chunks.reduce((sum, data) => sum + span(data).last - span(data).first, 0);
    if (!large && end > 0x7fffffff) {
      fail('FS_ERR_OVERFLOW', `${where}: ${end} bytes or items do not fit int32 offsets; upload fewer rows at once`, {
        column: where,
      });
    }
    const only = chunks.length === 1 ? chunks[0] : undefined;
    const out =
      only !== undefined && only.length > 0 && span(only).first === 0
        ? (only.valueOffsets as Int32Array | BigInt64Array).subarray(0, length + 1)
        : joinedOffsets(chunks, length, large);
    const region = this.place(out.byteLength);
    this.copy(region.byteOffset, out);
    return region;
  }

  private validity(where: string, chunks: readonly Data[], length: number): Region {
    return this.bits(chunks, length, (data) => validityOf(where, data));
  }

  /** Bits of all chunks from bit 0; a chunk without any counts as all ones. */
  private bits(all: readonly Data[], length: number, of: (data: Data) => Uint8Array | null): Region {
    const region = this.place((length + 7) >> 3);
    // A chunk without rows may have no buffer at all.
    const chunks = all.filter((data) => data.length > 0);
    const only = chunks.length === 1 ? chunks[0] : undefined;
    const source = only === undefined ? null : of(only);
    if (only !== undefined && source !== null && only.offset % 8 === 0 && only.length % 8 === 0) {
      this.copy(region.byteOffset, source.subarray(only.offset >> 3, (only.offset + only.length) >> 3));
      return region;
    }
    const out = new Uint8Array(region.byteLength);
    let at = 0;
    for (const data of chunks) {
      appendBits(out, at, of(data), data.offset, data.length);
      at += data.length;
    }
    this.copy(region.byteOffset, out);
    return region;
  }

  private place(byteLength: number): Region {
    const byteOffset = Math.ceil(this.byteLength / BUFFER_ALIGNMENT) * BUFFER_ALIGNMENT;
    this.byteLength = byteOffset + byteLength;
    return { block: 0, byteOffset, byteLength };
  }

  private copy(offset: number, source: ArrayBufferView): void {
    if (source.byteLength > 0) this.copies.push({ offset, source });
  }
}

function refuse(where: string, type: DataType): never {
  return fail('FS_ERR_SCHEMA', `${where} has the type ${typeName(type)}, which no device column has`, {
    column: where,
  });
}

function requireOffsets(where: string, { length, valueOffsets }: Data): void {
  const have = (valueOffsets as ArrayLike<unknown> | undefined)?.length ?? 0;
  if (length === 0 || have > length) return;
  fail('FS_ERR_LENGTH', `${where}: ${length} rows need ${length + 1} offsets, got ${have}`, { column: where });
}

function joinedOffsets(chunks: readonly Data[], length: number, large: boolean): Int32Array | BigInt64Array {
  const out = large ? new BigInt64Array(length + 1) : new Int32Array(length + 1);
  let row = 0;
  let end = 0;
  for (const data of chunks) {
    const { first, last } = span(data);
    const from = data.valueOffsets as Int32Array | BigInt64Array;
    if (out instanceof BigInt64Array) {
      const shift = BigInt(end - first);
      for (let i = 1; i <= data.length; i++) out[++row] = BigInt(from[i] ?? 0) + shift;
    } else if (from instanceof Int32Array) {
      const shift = end - first;
      for (let i = 1; i <= data.length; i++) out[++row] = (from[i] ?? 0) + shift;
    }
    end += last - first;
  }
  return out;
}

/** Chunks whose dictionaries differ, with the codes of one that has all their values. */
function unified(where: string, chunks: readonly Data[]): readonly Data[] {
  const first = chunks.find((data) => data.dictionary !== undefined)?.dictionary;
  if (first === undefined) return chunks;
  const column = new ColumnDictionary(where, first, 'unify them before the upload');
  return chunks.map((data) => column.apply(data));
}

/** First and last offset of a chunk's rows; a chunk without rows may have none. */
function span(data: Data): { readonly first: number; readonly last: number } {
  if (data.length === 0) return { first: 0, last: 0 };
  return { first: Number(data.valueOffsets[0] ?? 0), last: Number(data.valueOffsets[data.length] ?? 0) };
}

function itemsOf(where: string, data: Data): Data[] {
  const child = data.children[0];
  if (child === undefined) return [];
  const { first, last } = span(data);
  if (last > child.length) fail('FS_ERR_LENGTH', `${where}: its offsets reach ${last} of ${child.length} items`);
  return last === first ? [] : [child.slice(first, last - first)];
}

function viewBytes(where: string, values: ArrayBufferView | undefined, bytes: number): Uint8Array {
  // A chunk without rows may have no buffer at all.
  if (bytes === 0) return new Uint8Array(0);
  if (values === undefined || values.byteLength < bytes) {
    return fail(
      'FS_ERR_LENGTH',
      `${where}: its values buffer must hold ${bytes} bytes, got ${values?.byteLength ?? 0}`,
      {
        column: where,
      },
    );
  }
  return new Uint8Array(values.buffer, values.byteOffset, bytes);
}
