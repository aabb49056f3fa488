/** Rows of a streaming join between Arrow and the engine, by a plan: wraps buffers and looks at no row. */
import { Data, type Field, Int64, Int8, RecordBatch, Schema, Struct } from 'apache-arrow';

import type { NativeColumn } from '../internal/native.js';
import { fail } from '../internal/validate.js';
import { nativeColumn } from '../schema/arrow-columns.js';
import { localField } from '../schema/arrow-types.js';
import type { OutputBuffers } from '../schema/byte-range.js';
import { dataFromOutput } from '../schema/take.js';
import type { EngineBatch, EngineOutput } from './engine/types.js';
import { wideSequence } from './sequence-column.js';
import { distinctDictionaries, type InputPlan, type OutputPlan } from './streaming-plan.js';

/** The rows of a batch as the engine takes them. `data` gives the column at a position of the input's schema. */
export function encodeRows(
  input: InputPlan,
  rows: number,
  data: (position: number) => Data,
  source: number,
): EngineBatch {
  const wrapped: NativeColumn[] = [];
  const column = (position: number): NativeColumn => {
    const known = wrapped[position];
    if (known !== undefined) return known;
    const field = input.schema.fields[position]!;
    return (wrapped[position] = nativeColumn(`${input.name}.${field.name}`, field.type, [data(position)]));
  };
  let encoded = 0;
  try {
    const columns: NativeColumn[] = [];
    for (; encoded < input.stored.length; encoded++) {
      const { position, codec } = input.stored[encoded]!;
      const native = codec.encode(data(position));
      columns.push(native);
      // What is kept as it is serves for comparing, too.
      if (codec.isPlain) wrapped[position] = native;
    }
    return {
      rows,
      time: column(input.time),
      keys: input.keys.map((keys) => keys.map(column)),
      columns,
      knownAt: input.knownAt === null ? null : column(input.knownAt),
      source,
      sequence: input.sequence === null ? null : wideSequence(column(input.sequence)),
    };
  } catch (error) {
    for (const { codec } of input.stored.slice(0, encoded)) codec.rollBack();
    throw error;
  }
}

function makeBatch(schema: Schema, length: number, children: readonly Data[]): RecordBatch {
  return new RecordBatch(schema, new Data(new Struct(schema.fields), 0, length, 0, undefined, [...children]));
}

/** The table of an output. */
export function decodeOutput({ schema, left, streams, rowId, op }: OutputPlan, output: EngineOutput): RecordBatch {
  const missing = (what: string): never => fail('FS_ERR_INTERNAL', `the engine returned no ${what}`);
  const children = left.map(({ field, codec }, i) => codec.decode(output.left[i] ?? missing(field.name), field.type));
  streams.forEach((columns, s) => {
    const stream = output.streams[s] ?? missing(`stream ${s}`);
    for (const column of columns) {
      const { field } = column;
      if (column.kind === 'payload') {
        children.push(column.codec.decode(stream.columns[column.index] ?? missing(field.name), field.type));
      } else {
        children.push(dataFromOutput(field.type, stream[column.kind] ?? missing(column.kind)));
      }
    }
  });
  const flat = (values: OutputBuffers['values']): OutputBuffers => ({
    length: output.rows,
    nullCount: 0,
    values,
    offsets: null,
    validity: null,
  });
  if (rowId) children.push(dataFromOutput(new Int64(), flat(output.rowIds)));
  if (op) children.push(dataFromOutput(new Int8(), flat(output.ops ?? new Int8Array(output.rows).fill(1).buffer)));
  return makeBatch(schema, output.rows, children);
}

/** Kept columns of an input as a batch: what exports and the side output are made of. */
export function decodeRows(
  input: InputPlan,
  rows: number,
  columns: EngineOutput['left'],
  extra: readonly { readonly field: Field; readonly data: Data }[] = [],
): RecordBatch {
  const fields = distinctDictionaries(input.stored.map(({ position }) => localField(input.schema.fields[position])));
  const kept = input.stored.map(({ codec }, i) => ({
    field: fields[i]!,
    data: codec.decode(columns[i]!, fields[i]!.type),
  }));
  const all = [...kept, ...extra];
  return makeBatch(
    new Schema(
      all.map(({ field }) => field),
      new Map(input.schema.metadata),
    ),
    rows,
    all.map(({ data }) => data),
  );
}
