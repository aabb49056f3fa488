/** Live sessions made of whole tables: rows in random order, in random batches, under promises that are kept. */
import { Data, Field, Int64, RecordBatch, Schema, Struct, Table } from 'apache-arrow';

import { columnAt } from '../../lib/schema/arrow-columns';
import { localData, localField } from '../../lib/schema/arrow-types';
import { takeColumn } from '../../lib/schema/take';
import { makeChunk } from './columns';

/** Numbers in [0, 1) that a seed decides. */
export function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The table with an int64 column of row numbers, in one batch. */
export function numbered(table: Table, name: string): Table {
  const rows = Int32Array.from({ length: table.numRows }, (_, i) => i);
  const fields = [...table.schema.fields.map(localField), new Field(name, new Int64(), false)];
  const schema = new Schema(fields, table.schema.metadata);
  const children = [
    ...table.schema.fields.map((_, i) => takeColumn(columnAt(table, i, 'table'), rows)),
    makeChunk(
      new Int64(),
      Array.from(rows, (row) => BigInt(row)),
    ),
  ];
  return new Table(schema, [
    new RecordBatch(schema, new Data(new Struct(fields), 0, rows.length, 0, undefined, children)),
  ]);
}

/** Rows of a table as a batch of its own. */
export function pick(table: Table, rows: readonly number[]): RecordBatch {
  const indices = Int32Array.from(rows);
  const { schema } = table;
  const children = schema.fields.map((field, i) => {
    const data = takeColumn(columnAt(table, i, 'table'), indices);
    return localData(
      data.type === field.type
        ? data
        : new Data(
            field.type,
            data.offset,
            data.length,
            data.nullCount,
            data.buffers,
            data.children,
            data.dictionary,
            data.variadicBuffers,
          ),
    );
  });
  return new RecordBatch(schema, new Data(new Struct(schema.fields), 0, rows.length, 0, undefined, children));
}

export type Time = bigint | number | null;

export type Step =
  | { readonly kind: 'push'; readonly input: number; readonly rows: readonly number[] }
  | { readonly kind: 'advance'; readonly input: number; readonly time: bigint | number }
  | { readonly kind: 'emit' };

export interface SessionShape {
  /** How far rows stray from the order of time: 0 in order, 1 anywhere. */
  readonly disorder: number;
  readonly maxBatch: number;
  /** Chance of a promise after a batch. */
  readonly promises: number;
}

function shuffled(times: readonly Time[], random: () => number, disorder: number): number[] {
  const place = (time: Time): number => (time === null || Number.isNaN(Number(time)) ? random() : Number(time));
  const order = times
    .map((_, row) => row)
    .sort((a, b) => {
      const x = place(times[a]!);
      const y = place(times[b]!);
      return x < y ? -1 : x > y ? 1 : a - b;
    });
  return order
    .map((row, i) => ({ row, at: i + disorder * order.length * random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ row }) => row);
}

/**
 * A session over inputs whose rows have these times (of the API): every row once, and after some batches a promise that
 * the rows still to come honour.
 */
export function session(inputs: readonly (readonly Time[])[], seed: number, shape: SessionShape): Step[] {
  const random = randomOf(seed);
  const queues = inputs.map((times) => shuffled(times, random, shape.disorder));
  const steps: Step[] = [];
  const sent = inputs.map(() => 0);
  // Least time still to come, from each place in the queue on.
  const least = inputs.map((times, input) => {
    const queue = queues[input]!;
    const low: (bigint | number | null)[] = new Array<null>(queue.length + 1).fill(null);
    for (let i = queue.length - 1; i >= 0; i--) {
      const time = times[queue[i]!]!;
      const next = low[i + 1]!;
      low[i] = time === null || Number.isNaN(time) ? next : next === null || time < next ? time : next;
    }
    return low;
  });
  while (queues.some((queue, input) => sent[input]! < queue.length)) {
    const open = inputs.flatMap((_, input) => (sent[input]! < queues[input]!.length ? [input] : []));
    const input = open[Math.floor(random() * open.length)]!;
    const size = Math.floor(random() * (shape.maxBatch + 1));
    steps.push({ kind: 'push', input, rows: queues[input]!.slice(sent[input], sent[input]! + size) });
    sent[input] = Math.min(sent[input]! + size, queues[input]!.length);
    for (const other of inputs.keys()) {
      if (random() >= shape.promises) continue;
      const time = least[other]![sent[other]!]!;
      if (time === null) continue;
      const back = random() < 0.5 ? 0 : Math.floor(random() * 3);
      steps.push({
        kind: 'advance',
        input: other,
        time: typeof time === 'bigint' ? time - BigInt(back) : time - back,
      });
    }
    if (random() < 0.5) steps.push({ kind: 'emit' });
  }
  return steps;
}
