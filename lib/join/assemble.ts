/**
 * From an executor's result to an Arrow table. A left join shares the left's buffers and keeps its batches: the right
 * columns are contiguous and sliced to them, O(chunks). An inner join is one batch, everything gathered.
 */
import { Data, DataType, type Field, RecordBatch, Schema, Struct, Table } from 'apache-arrow';

import { fail } from '../internal/validate.js';
import type { NativeJoinResult, NativeOutputColumn, NativeStreamResult } from '../internal/native.js';
import { localData } from '../schema/arrow-types.js';
import { dataFromOutput, resultDictionary, takeColumn } from '../schema/take.js';
import type { OutputColumn } from './columns.js';
import type { JoinPlan } from './request.js';

function requireOutput(output: NativeOutputColumn | null | undefined, what: string): NativeOutputColumn {
  return output ?? fail('FS_ERR_INTERNAL', `the executor returned no ${what}`);
}

function indicesOf(buffer: ArrayBuffer | null, what: string): Int32Array {
  return new Int32Array(buffer ?? fail('FS_ERR_INTERNAL', `the executor returned no ${what}`));
}

/** One column over all output rows. `indices` are the source rows, for what must be taken here. */
function columnData(
  { field, source }: OutputColumn,
  gathered: readonly NativeOutputColumn[],
  stream: NativeStreamResult | null,
  indices: () => Int32Array,
): Data {
  const type: DataType = field.type;
  switch (source.kind) {
    case 'gathered': {
      const output = requireOutput(gathered[source.index], field.name);
      if (!DataType.isDictionary(type)) return dataFromOutput(type, output);
      const dictionary = resultDictionary(source.column, type);
      if (dictionary === null) return fail('FS_ERR_INTERNAL', `${source.column.where} has several dictionaries`);
      return dataFromOutput(type, output, dictionary);
    }
    case 'taken':
      return takeColumn(source.column, indices(), type);
    case 'age':
      return dataFromOutput(type, requireOutput(stream?.age, 'age'));
    case 'matched':
      return dataFromOutput(type, requireOutput(stream?.matched, 'matched'));
    default:
      return source satisfies never;
  }
}

function makeBatch(schema: Schema, length: number, children: readonly Data[]): RecordBatch {
  const struct = new Data(new Struct(schema.fields), 0, length, 0, undefined, [...children]);
  return new RecordBatch(schema, struct);
}

/** The result table: left columns, then each stream's. Left schema and field metadata are kept. */
export function assembleTable(plan: JoinPlan, result: NativeJoinResult): Table {
  const right = plan.streams.flatMap(({ columns }, s) => {
    const stream = result.streams[s] ?? fail('FS_ERR_INTERNAL', `the executor returned no stream ${s}`);
    let taken: Int32Array | null = null;
    const indices = (): Int32Array => (taken ??= indicesOf(stream.indices, 'indices'));
    return columns.map((column) => columnData(column, stream.columns, stream, indices));
  });
  const fields: readonly Field[] = [
    ...plan.leftColumns.map((column) => column.field),
    ...plan.streams.flatMap(({ columns }) => columns.map((column) => column.field)),
  ];
  const schema = new Schema([...fields], new Map(plan.left.schema.metadata));
  if (plan.inner) {
    const selection = indicesOf(result.selection, 'selection');
    const left = plan.leftColumns.map((column) => columnData(column, result.left, null, () => selection));
    return new Table(schema, [makeBatch(schema, result.rows, [...left, ...right])]);
  }
  let begin = 0;
  const single = plan.left.batches.length === 1;
  const batches = plan.left.batches.map(({ data }) => {
    const slice = (column: Data): Data => (single ? column : column.slice(begin, data.length));
    const batch = makeBatch(schema, data.length, [...data.children.map(localData), ...right.map(slice)]);
    begin += data.length;
    return batch;
  });
  return new Table(schema, batches);
}
