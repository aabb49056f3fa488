/**
 * The columns of a result: their order, their names, their types, and where each comes from. Names follow
 * docs/design/join-semantics.md, "Output"; a collision that no suffix solves is FS_ERR_NAME_COLLISION.
 */
import { Bool, type DataType, Field, Float64, Int64, type Table } from 'apache-arrow';

import { fail } from '../internal/validate.js';
import type { NativeColumn } from '../internal/native.js';
import { type ArrowColumn, columnAt, columnIndex, payloadColumn } from '../schema/arrow-columns.js';
import { dictionaryIds, localField, localType, relabelDictionaries } from '../schema/arrow-types.js';
import type { TimeFamily } from '../schema/time-type.js';
import type { ParsedStream } from './parse-options.js';

/**
 * Where an output column's rows come from: gathered by the executor, or taken by row number afterwards. `position` is
 * the column's in its table.
 */
export type ColumnSource =
  | { readonly kind: 'gathered'; readonly index: number; readonly column: ArrowColumn; readonly position: number }
  | { readonly kind: 'taken'; readonly column: ArrowColumn; readonly position: number }
  | { readonly kind: 'age' }
  | { readonly kind: 'matched' };

export interface OutputColumn {
  readonly field: Field;
  readonly source: ColumnSource;
}

/** The output of one stream and what the executor must gather for it. */
export interface StreamColumns {
  readonly columns: readonly OutputColumn[];
  readonly payload: readonly NativeColumn[];
}

/** Names that the result has so far, and dictionary ids in use: one per result. */
export class OutputNames {
  readonly #names: Set<string>;
  /** Null: the left table, whose ids no right column may have, since batches may hold dictionaries of their own. */
  readonly #ownerOf = new Map<number, Table | null>();
  readonly #relabelled = new Map<Table, Map<number, number>>();
  #nextId: number;

  constructor(left: Table, rights: readonly Table[]) {
    this.#names = new Set(left.schema.fields.map((field) => field.name));
    for (const id of dictionaryIds(left.schema.fields)) this.#ownerOf.set(id, null);
    const ids = [left, ...rights].flatMap((table) => dictionaryIds(table.schema.fields));
    this.#nextId = ids.reduce((max, id) => Math.max(max, id), -1) + 1;
  }

  /** Takes a name exactly, or throws. */
  take(name: string, why: string): string {
    if (this.#names.has(name)) {
      fail('FS_ERR_NAME_COLLISION', `the result already has a column '${name}': ${why}`, { name });
    }
    this.#names.add(name);
    return name;
  }

  /** Name of a payload column, by prefix or suffix. */
  payload(name: string, { prefix, suffix, side }: ParsedStream): string {
    if (prefix !== '') return this.take(prefix + name, `${side}.${name} with the prefix '${prefix}' needs another`);
    if (!this.#names.has(name)) return this.take(name, '');
    return this.take(name + suffix, `${side}.${name} collides, and so does its name with the suffix '${suffix}'`);
  }

  /**
   * The type with dictionary ids that no other table's dictionaries have: ids are only unique within a table, and a
   * writer would mix two dictionaries of one id. `rebuilt` says that rows get dictionaries of their own.
   */
  type(type: DataType, table: Table, rebuilt: boolean): DataType {
    return relabelDictionaries(type, (id) => {
      if (rebuilt) return this.#nextId++;
      const owner = this.#ownerOf.get(id);
      if (owner === undefined || owner === table) {
        this.#ownerOf.set(id, table);
        return id;
      }
      const ids = this.#relabelled.get(table) ?? new Map<number, number>();
      this.#relabelled.set(table, ids);
      const fresh = ids.get(id) ?? this.#nextId++;
      ids.set(id, fresh);
      return fresh;
    });
  }
}

/** Right columns to take, as positions: those named, or all but `on` and `by`. */
function payloadIndices(stream: ParsedStream): readonly number[] {
  const { table, columns, side } = stream;
  if (columns !== null) return columns.map((name) => columnIndex(table, name, side));
  const matching = new Set([stream.rightOn, ...stream.rightBy]);
  return table.schema.fields.flatMap((field, i) => (matching.has(field.name) ? [] : [i]));
}

/** The columns of one right side. */
export function streamColumns(stream: ParsedStream, family: TimeFamily, names: OutputNames): StreamColumns {
  const { table, side } = stream;
  const payload: NativeColumn[] = [];
  const gathered = new Map<number, number>();
  const columns: OutputColumn[] = [];
  const add = (index: number, name: string): void => {
    const column = columnAt(table, index, side);
    const native = payloadColumn(column);
    const type = names.type(localType(column.type), table, native === null);
    const field = new Field(name, type, true, table.schema.fields[index]?.metadata);
    if (native === null) {
      columns.push({ field, source: { kind: 'taken', column, position: index } });
      return;
    }
    const at = gathered.get(index) ?? payload.push(native) - 1;
    gathered.set(index, at);
    columns.push({ field, source: { kind: 'gathered', index: at, column, position: index } });
  };
  for (const index of payloadIndices(stream)) {
    add(index, names.payload(table.schema.fields[index]?.name ?? '', stream));
  }
  if (stream.rightTime !== null) {
    add(columnIndex(table, stream.rightOn, side), names.take(stream.rightTime, 'choose another name for rightTime'));
  }
  if (stream.age !== null) {
    const name = names.take(stream.age, 'choose another name for age');
    const type = family === 'float' ? new Float64() : new Int64();
    columns.push({ field: new Field(name, type, true), source: { kind: 'age' } });
  }
  if (stream.matched !== null) {
    const name = names.take(stream.matched, 'choose another name for matched');
    columns.push({ field: new Field(name, new Bool(), false), source: { kind: 'matched' } });
  }
  return { columns, payload };
}

/** The left columns, as they are, or gathered where an inner join drops rows. */
export function leftColumns(left: Table, inner: boolean, names: OutputNames): StreamColumns {
  const payload: NativeColumn[] = [];
  const columns = left.schema.fields.map((foreign, i): OutputColumn => {
    const field = localField(foreign);
    const column = columnAt(left, i, 'left');
    const native = inner ? payloadColumn(column) : null;
    if (native !== null) {
      return { field, source: { kind: 'gathered', index: payload.push(native) - 1, column, position: i } };
    }
    const type = inner ? names.type(field.type, left, true) : field.type;
    return {
      field: type === field.type ? field : field.clone({ type }),
      source: { kind: 'taken', column, position: i },
    };
  });
  return { columns, payload };
}
