/** Batches of commands: columns in, columns out, no object per command. */
import {
  Data,
  Field,
  Int64,
  RecordBatch,
  Schema,
  Struct,
  Table,
  Uint32,
  Uint64,
  Uint8,
  type DataType,
} from 'apache-arrow';

import type { NativeCommandResults, NativeCommands } from '../internal/native-book.js';
import { fail, isRecord, rejectUnknown, typeError } from '../internal/validate.js';
import { columnFrom, isArrow } from './arrow-input.js';
import { answerColumns, fillColumns, removalColumns, triggerColumns } from './blocks.js';

/**
 * Commands as columns of the same length. `kind`: 0 add, 1 cancel, 2 modify, 3 replace. Enumerations are numbers in the
 * order of their names (`ORDER_TYPES`, `TIMES_IN_FORCE`, …). Prices are ticks. A column left out is 0 in every row.
 */
export interface CommandBatch {
  readonly kind: Uint8Array;
  readonly id: BigUint64Array;
  readonly side?: Uint8Array;
  readonly price?: BigInt64Array;
  readonly quantity?: BigUint64Array;
  readonly newId?: BigUint64Array;
  readonly type?: Uint8Array;
  readonly timeInForce?: Uint8Array;
  readonly postOnly?: Uint8Array;
  readonly selfTrade?: Uint8Array;
  readonly stopPrice?: BigInt64Array;
  readonly displayQuantity?: BigUint64Array;
  readonly owner?: Uint32Array;
  readonly time?: BigInt64Array;
}

/**
 * Answers, a row per command; and what the commands caused, in order, with the command's row. The columns of the answers
 * lie in one ArrayBuffer, those of the fills in another: a view is cheap, a transfer takes all of its kind.
 */
export interface BatchResult {
  readonly rows: number;
  readonly rejected: number;
  /** 0, or the number of the reason in `REJECTS`. */
  readonly status: Uint8Array;
  /** Number in `ORDER_STATES`; 0 where rejected. */
  readonly state: Uint8Array;
  readonly filled: BigUint64Array;
  readonly remaining: BigUint64Array;
  readonly cancelled: BigUint64Array;
  readonly fills: {
    readonly length: number;
    readonly row: Uint32Array;
    readonly makerId: BigUint64Array;
    readonly takerId: BigUint64Array;
    /** Ticks. */
    readonly price: BigInt64Array;
    readonly quantity: BigUint64Array;
    /** 0 buy, 1 sell. */
    readonly takerSide: Uint8Array;
  };
  /** Orders that left other than by trades and by the command's own request; `reason` is a number in `CANCEL_REASONS`. */
  readonly removed: {
    readonly length: number;
    readonly row: Uint32Array;
    readonly id: BigUint64Array;
    readonly quantity: BigUint64Array;
    readonly reason: Uint8Array;
  };
  readonly triggered: { readonly length: number; readonly row: Uint32Array; readonly id: BigUint64Array };
  /** The answers as an Arrow table over the same memory: status, state, filled, remaining, cancelled. */
  toArrow(): Table;
  /** The fills as an Arrow table over the same memory. */
  fillsToArrow(): Table;
}

/** Constructors by column; the names are those of `CommandBatch`. */
const COLUMNS = {
  kind: Uint8Array,
  id: BigUint64Array,
  side: Uint8Array,
  price: BigInt64Array,
  quantity: BigUint64Array,
  newId: BigUint64Array,
  type: Uint8Array,
  timeInForce: Uint8Array,
  postOnly: Uint8Array,
  selfTrade: Uint8Array,
  stopPrice: BigInt64Array,
  displayQuantity: BigUint64Array,
  owner: Uint32Array,
  time: BigInt64Array,
} as const;
type ColumnName = keyof typeof COLUMNS;
const NAMES = Object.keys(COLUMNS) as readonly ColumnName[];

/** Checks kinds and lengths of the columns; the addon checks their values before it begins. */
export function parseBatch(commands: unknown): NativeCommands {
  const read = isArrow(commands) ? arrowColumns(commands) : typedColumns(commands);
  const column = <N extends ColumnName>(name: N): InstanceType<(typeof COLUMNS)[N]> | null =>
    (read(name) as InstanceType<(typeof COLUMNS)[N]> | undefined) ?? null;
  const kind = column('kind') ?? fail('FS_ERR_COLUMN_MISSING', "commands have no column 'kind'", { column: 'kind' });
  const id = column('id') ?? fail('FS_ERR_COLUMN_MISSING', "commands have no column 'id'", { column: 'id' });
  return {
    rows: kind.length,
    kind,
    id,
    newId: column('newId'),
    side: column('side'),
    price: column('price'),
    quantity: column('quantity'),
    type: column('type'),
    timeInForce: column('timeInForce'),
    postOnly: column('postOnly'),
    selfTrade: column('selfTrade'),
    stopPrice: column('stopPrice'),
    display: column('displayQuantity'),
    owner: column('owner'),
    time: column('time'),
  };
}

function typedColumns(commands: unknown): (name: ColumnName) => unknown {
  if (!isRecord(commands)) throw typeError('commands', 'columns, a Table or a RecordBatch', commands);
  rejectUnknown(commands, 'commands', NAMES);
  return (name) => {
    const value = commands[name];
    if (value === undefined) return undefined;
    // By name: typed arrays of another realm (Jest, vm) fail instanceof.
    const wanted = COLUMNS[name].name;
    if (!ArrayBuffer.isView(value) || Object.prototype.toString.call(value) !== `[object ${wanted}]`) {
      throw typeError(`commands.${name}`, `a ${wanted}`, value);
    }
    return value;
  };
}

function arrowColumns(commands: Table | RecordBatch): (name: ColumnName) => unknown {
  const names = commands.schema.fields.map((field) => field.name);
  rejectUnknown(Object.fromEntries(names.map((name) => [name, null])), 'commands', NAMES);
  return (name) => columnFrom(commands, name, COLUMNS[name], 'commands');
}

function tableOf(rows: number, columns: readonly (readonly [string, DataType, ArrayBufferView])[]): Table {
  const fields = columns.map(([name, type]) => new Field(name, type, false));
  const schema = new Schema(fields);
  const children = columns.map(([, type, values]) => new Data(type, 0, rows, 0, [undefined, values]));
  const data = new Data(new Struct(fields), 0, rows, 0, [undefined], children);
  return new Table(schema, [new RecordBatch(schema, data)]);
}

/** Views over what the addon returned; nothing is copied. */
export function batchResult(native: NativeCommandResults): BatchResult {
  const { rows, rejected } = native;
  const result = {
    rows,
    rejected,
    ...answerColumns(native.answers, rows),
    fills: fillColumns(native.fills),
    removed: removalColumns(native.removals),
    triggered: triggerColumns(native.triggers),
  };
  return {
    ...result,
    toArrow: () =>
      tableOf(rows, [
        ['status', new Uint8(), result.status],
        ['state', new Uint8(), result.state],
        ['filled', new Uint64(), result.filled],
        ['remaining', new Uint64(), result.remaining],
        ['cancelled', new Uint64(), result.cancelled],
      ]),
    fillsToArrow: () =>
      tableOf(result.fills.length, [
        ['row', new Uint32(), result.fills.row],
        ['makerId', new Uint64(), result.fills.makerId],
        ['takerId', new Uint64(), result.fills.takerId],
        ['price', new Int64(), result.fills.price],
        ['quantity', new Uint64(), result.fills.quantity],
        ['takerSide', new Uint8(), result.fills.takerSide],
      ]),
  };
}
