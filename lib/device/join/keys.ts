/**
 * Key columns of device tables. Values of a fixed width are compared on the device. Text is compared by the numbers that
 * the host gives the values of both sides' dictionaries, which are small; plain text has to be dictionary-encoded.
 */
import { DataType } from 'apache-arrow';

import type { NativeKey } from '../../internal/native.js';
import type { NativeTableKey } from '../../internal/native-tables.js';
import { fail } from '../../internal/validate.js';
import { nativeColumn } from '../../schema/arrow-columns.js';
import { typeName } from '../../schema/arrow-types.js';
import { type Canonical, canonicalValues } from '../../schema/canonical.js';
import type { ColumnPlan } from '../column-plan.js';
import { columnsToHost } from '../columns-to-host.js';
import type { DeviceTable } from '../device-table.js';
import { cellsOf } from './cells.js';

/** A key column of one side, with how it is compared (`pairKeys`). */
export interface KeyColumn {
  readonly table: DeviceTable;
  readonly where: string;
  readonly plan: ColumnPlan;
  readonly native: Pick<NativeKey, 'scale' | 'unsignedForeign'>;
}

function isText(type: DataType): boolean {
  return DataType.isUtf8(type) || DataType.isLargeUtf8(type) || DataType.isBinary(type) || DataType.isLargeBinary(type);
}

/** True where the key is compared by numbers; throws FS_ERR_SCHEMA for plain text. */
export function isNumbered({ where, plan }: KeyColumn): boolean {
  const { type } = plan;
  if (isText(type)) {
    fail(
      'FS_ERR_SCHEMA',
      `${where} is a key of type ${typeName(type)}; on a device, dictionary-encode text keys before toDevice()`,
      { column: where, type: typeName(type) },
    );
  }
  return DataType.isDictionary(type) && isText(type.dictionary);
}

/** The values of dictionaries, downloaded once. */
const values = new WeakMap<ColumnPlan, readonly Canonical[]>();

async function dictionaryValues(
  { table, where, plan }: KeyColumn,
  signal: AbortSignal | null,
): Promise<readonly Canonical[]> {
  const { dictionary } = plan;
  if (dictionary === null) return fail('FS_ERR_CORRUPT', `${where} has no dictionary`, { column: where });
  const known = values.get(dictionary);
  if (known !== undefined) return known;
  const data = await columnsToHost(table, [dictionary], signal);
  const cells = canonicalValues(nativeColumn(where, dictionary.type, data), 1n);
  values.set(dictionary, cells);
  return cells;
}

/** Numbers of the right's values; the left's are looked up among them. */
export class RightNumbers {
  private readonly numbers = new Map<Canonical, number>();
  readonly byEntry: Int32Array;

  private constructor(cells: readonly Canonical[]) {
    this.byEntry = numberAll(cells, this.numbers);
  }

  static async of(key: KeyColumn, signal: AbortSignal | null): Promise<RightNumbers> {
    return new RightNumbers(await dictionaryValues(key, signal));
  }

  get size(): number {
    return this.numbers.size;
  }

  /** Numbers of the left's values, from `size` on where the right has none, and how many there are then. */
  async ofLeft(key: KeyColumn, signal: AbortSignal | null): Promise<{ byEntry: Int32Array; count: number }> {
    const all = new Map(this.numbers);
    const byEntry = numberAll(await dictionaryValues(key, signal), all);
    return { byEntry, count: all.size };
  }
}

function numberAll(cells: readonly Canonical[], numbers: Map<Canonical, number>): Int32Array {
  return Int32Array.from(cells, (cell) => {
    if (cell === null) return -1;
    let number = numbers.get(cell);
    if (number === undefined) {
      number = numbers.size;
      numbers.set(cell, number);
    }
    return number;
  });
}

/** The key as the addon takes it; `numbers` where it is compared by them. */
export function tableKey(
  { table, where, plan, native }: KeyColumn,
  numbers: { readonly byEntry: Int32Array; readonly known: number; readonly count: number } | null,
): NativeTableKey {
  const { dictionary } = plan;
  const entries = dictionary !== null && numbers === null ? cellsOf(table, where, dictionary) : null;
  return {
    name: where,
    rows: plan.length,
    scale: native.scale,
    unsignedForeign: native.unsignedForeign,
    cells: cellsOf(table, where, plan),
    entries,
    entryCount: entries === null ? 0 : (dictionary?.length ?? 0),
    number: numbers?.byEntry ?? null,
    known: numbers?.known ?? 0,
    numbers: numbers?.count ?? 0,
  };
}
