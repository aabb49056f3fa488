/** The schema of one input: given, or learnt from its first batch; every batch is held to it. */
import { type Data, type RecordBatch, Schema, Table } from 'apache-arrow';

import { fail, typeError } from '../internal/validate.js';
import { localData, localField, localType, sameType, typeName } from '../schema/arrow-types.js';
import { takeColumn } from '../schema/take.js';

/** Columns of some rows: the record batch as it came, or one made of a table's batches. */
export interface Rows {
  readonly schema: Schema;
  readonly length: number;
  readonly columns: readonly Data[];
}

function show(schema: Schema): string {
  return schema.fields.map((field) => `${field.name}: ${typeName(field.type)}`).join(', ');
}

export class InputSchema {
  #checked: Schema | null = null;

  constructor(
    readonly where: string,
    public schema: Schema | null,
  ) {}

  /** Throws FS_ERR_SCHEMA unless the columns are the input's. O(1) for a schema that came before. */
  check(schema: Schema): void {
    if (schema === this.#checked) return;
    const expected = this.schema;
    if (expected !== null && expected !== schema) {
      const same =
        expected.fields.length === schema.fields.length &&
        expected.fields.every((field, i) => {
          const other = schema.fields[i]!;
          if (field.name !== other.name) return false;
          // Every record batch has a schema of its own, made of the same types.
          return field.type === other.type || sameType(localType(field.type), localType(other.type));
        });
      if (!same) {
        fail('FS_ERR_SCHEMA', `${this.where} has the columns (${show(expected)}), got (${show(schema)})`, {
          input: this.where,
        });
      }
    }
    this.#checked = schema;
  }
}

/** The rows of a record batch or of a whole table. A table of several batches is copied into one. */
export function rowsOf(value: unknown, where: string): Rows {
  if (typeof value === 'object' && value !== null && 'schema' in value) {
    if ('batches' in value && Array.isArray(value.batches)) {
      const table = value as Table;
      const filled = table.batches.filter((batch) => batch.data.length > 0);
      if (filled.length === 1) return rowsOfBatch(filled[0]!, table.schema);
      const length = filled.reduce((rows, batch) => rows + batch.data.length, 0);
      const rows = Int32Array.from({ length }, (_, row) => row);
      const columns = table.schema.fields.map((field, i) =>
        takeColumn(
          {
            where: `${where}.${field.name}`,
            type: field.type,
            chunks: filled.map((batch) => localData(batch.data.children[i]!)),
          },
          rows,
        ),
      );
      return { schema: table.schema, length, columns };
    }
    if ('data' in value) return rowsOfBatch(value as RecordBatch, (value as RecordBatch).schema);
  }
  throw typeError(where, 'a record batch or table of apache-arrow', value);
}

function rowsOfBatch({ data }: RecordBatch, schema: Schema): Rows {
  return { schema, length: data.length, columns: data.children };
}

/** Rows of our own, for when the caller's must not be held. */
export function copyRows({ schema, length, columns }: Rows, where: string): Rows {
  const every = Int32Array.from({ length }, (_, row) => row);
  return {
    schema,
    length,
    columns: columns.map((data, i) => {
      const field = schema.fields[i]!;
      const chunks = [localData(data)];
      return takeColumn({ where: `${where}.${field.name}`, type: field.type, chunks }, every);
    }),
  };
}

/** A table without rows, whichever copy of apache-arrow made the schema. */
export function emptyTable({ fields, metadata }: Pick<Schema, 'fields' | 'metadata'>): Table {
  return new Table(new Schema(fields.map(localField), new Map(metadata)), []);
}
