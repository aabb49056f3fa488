/** Small inputs on disk, written by apache-arrow and node:fs alone: the product's own writers are tested elsewhere. */
import { writeFileSync } from 'node:fs';
import {
  type Data,
  type DataType,
  Field,
  Int64,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  tableToIPC,
  Timestamp,
  type TimeUnit,
} from 'apache-arrow';

export const TRADES_CSV = 'ts,symbol,price\n10,A,1.5\n20,B,2.5\n30,A,3.5\n40,C,4.5\n';
export const QUOTES_CSV = 'ts,symbol,bid,ask\n5,A,1.25,1.75\n9,A,1.26,1.76\n20,B,2.25,2.75\n31,A,3.25,3.75\n';

/** A table from columns of data, every field nullable. */
export function tableOf(columns: Readonly<Record<string, Data>>): Table {
  const fields = Object.entries(columns).map(([name, data]) => new Field<DataType>(name, data.type, true));
  const children = Object.values(columns);
  const schema = new Schema(fields);
  const length = children[0]?.length ?? 0;
  return new Table(schema, [new RecordBatch(schema, makeData({ type: new Struct(fields), length, children }))]);
}

export function int64(values: readonly bigint[]): Data {
  return makeData({ type: new Int64(), length: values.length, data: BigInt64Array.from(values) });
}

export function timestamps(values: readonly bigint[], unit: TimeUnit, zone: string | null = null): Data {
  return makeData({ type: new Timestamp(unit, zone), length: values.length, data: BigInt64Array.from(values) });
}

/** Writes an Arrow file, or a stream where the name ends in .arrows. */
export function writeArrow(path: string, table: Table): void {
  writeFileSync(path, tableToIPC(table, path.endsWith('.arrows') ? 'stream' : 'file'));
}
