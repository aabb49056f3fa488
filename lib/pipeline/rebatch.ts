/**
 * Record batches of any length into batches of one: the columns that a pipeline needs, cut over the borders of what
 * comes. Cuts are slices; nothing is copied here. What a cut does not reach is held until the next.
 */
import { Data, DataType, Field, RecordBatch, Schema, Struct, Table, type Vector } from 'apache-arrow';

import { fail } from '../internal/validate.js';
import { columnIndex } from '../schema/arrow-columns.js';
import { localType } from '../schema/arrow-types.js';

interface Part {
  readonly columns: readonly Data[];
  readonly rows: number;
}

export class Rebatcher {
  private parts: Part[] = [];
  private held = 0;
  private chosen: readonly number[] | null = null;
  private schema: Schema | null = null;
  private readonly dictionaries = new Map<number, FixedDictionary>();

  constructor(
    private readonly names: readonly string[],
    private readonly batchRows: number,
  ) {}

  /** Whether a whole batch can be taken. */
  get isFull(): boolean {
    return this.held >= this.batchRows;
  }

  /** Throws FS_ERR_COLUMN_MISSING, and FS_ERR_SCHEMA where a dictionary changes. */
  add(batch: RecordBatch): void {
    this.chosen ??= this.choose(batch.schema);
    const rows = batch.data.length;
    if (rows === 0) return;
    const columns = this.chosen.map((index, place) => this.column(batch.data.children[index], place, rows));
    this.parts.push({ columns, rows });
    this.held += rows;
  }

  /** The next rows, `batchRows` of them or all that there are; null where there is none. */
  take(): Table | null {
    const { schema } = this;
    if (schema === null || this.held === 0) return null;
    const batches: RecordBatch[] = [];
    let missing = Math.min(this.batchRows, this.held);
    this.held -= missing;
    while (missing > 0) {
      const part = this.parts[0];
      if (part === undefined) return fail('FS_ERR_INTERNAL', 'a batch has fewer rows than were counted');
      const rows = Math.min(missing, part.rows);
      missing -= rows;
      batches.push(batchOf(schema, slice(part, 0, rows)));
      if (rows === part.rows) this.parts.shift();
      else this.parts[0] = slice(part, rows, part.rows - rows);
    }
    return new Table(schema, batches);
  }

  private choose(schema: Schema): readonly number[] {
    const table = new Table(schema, []);
    const chosen = this.names.map((name) => columnIndex(table, name, 'the rows'));
    this.schema = new Schema(
      chosen.map((index) => {
        const { name, type, nullable } = schema.fields[index] as Field;
        return new Field(name, localType(DataType.isDictionary(type) ? type.indices : type), nullable);
      }),
    );
    return chosen;
  }

  private column(data: Data | undefined, place: number, rows: number): Data {
    const name = this.names[place] ?? '';
    if (data?.length !== rows) {
      return fail('FS_ERR_LENGTH', `${name}: expected ${rows} rows, got ${data?.length ?? 'no column'}`, {
        column: name,
      });
    }
    const { type } = data;
    if (!DataType.isDictionary(type)) return data;
    let known = this.dictionaries.get(place);
    if (known === undefined) this.dictionaries.set(place, (known = new FixedDictionary(name)));
    return known.indices(data, type.indices);
  }
}

/**
 * A dictionary column is its indices, as in `featureMatrix`. These are the same feature in every batch only where the
 * dictionary is the same, or grows at its end.
 */
class FixedDictionary {
  private values: Vector | null = null;
  /** Dictionaries that were looked at. */
  private readonly known = new WeakSet<Vector>();

  constructor(private readonly name: string) {}

  indices(data: Data, type: DataType): Data {
    if (data.dictionary !== undefined && !this.known.has(data.dictionary)) {
      this.compare(data.dictionary);
      this.known.add(data.dictionary);
    }
    return new Data(localType(type), data.offset, data.length, data.nullCount, [
      undefined,
      data.values,
      data.nullBitmap,
    ]);
  }

  private compare(values: Vector): void {
    const { values: before } = this;
    const both = Math.min(before?.length ?? 0, values.length);
    for (let code = 0; code < both; code++) {
      if (isSame(before?.get(code), values.get(code))) continue;
      fail(
        'FS_ERR_SCHEMA',
        `${this.name}: index ${code} means another value in a later batch; batches of a pipeline must share one dictionary, ` +
          'or the column be numbers',
        { column: this.name, code },
      );
    }
    if (before === null || values.length > before.length) this.values = values;
  }
}

function isSame(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  return Object.is(a, b);
}

function slice({ columns }: Part, from: number, rows: number): Part {
  return { columns: columns.map((data) => data.slice(from, rows)), rows };
}

function batchOf(schema: Schema, { columns, rows }: Part): RecordBatch {
  const struct = new Data(new Struct(schema.fields), 0, rows, 0, undefined, [...columns]);
  return new RecordBatch(schema, struct);
}
