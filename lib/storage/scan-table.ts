/** Tables and batches over finished columns. */
import { Data, Field, RecordBatch, Schema, Struct, Table, type DataType } from 'apache-arrow';

export interface NamedColumn {
  readonly name: string;
  readonly nullable: boolean;
  readonly type: DataType;
}

/** The planned schema with the types the data turned out to have. */
export function schemaOf(columns: readonly NamedColumn[], data: readonly Data[] = []): Schema {
  return new Schema(
    columns.map((column, index) => new Field(column.name, data[index]?.type ?? column.type, column.nullable)),
  );
}

export function batchOf(schema: Schema, rows: number, columns: readonly Data[]): RecordBatch {
  return new RecordBatch(schema, new Data(new Struct(schema.fields), 0, rows, 0, undefined, [...columns]));
}

export function tableOf(columns: readonly NamedColumn[], rows: number, data: readonly Data[]): Table {
  const schema = schemaOf(columns, data);
  return new Table(schema, [batchOf(schema, rows, data)]);
}
