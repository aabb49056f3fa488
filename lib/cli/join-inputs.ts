/**
 * Reading the inputs of `flowstate join` side by side. Which times of a right Parquet file are needed follows from the
 * left file's statistics where it states them, so that neither waits for the other; else from the left itself.
 */
import type { Table } from 'apache-arrow';
import { createError } from '../errors/from-native.js';
import { formatOf, readInfo, readTable } from '../storage/index.js';
import type { FileInfo, ReadOptions } from '../storage/types.js';
import { onColumns, type SideOptions } from './join-options.js';
import { type Extremes, extremes, neededTimes, statedExtremes } from './prune.js';

export interface InputFile {
  readonly path: string;
  readonly read: ReadOptions;
}

export type RightFile = InputFile & { readonly options: SideOptions };

/**
 * Runs all at once. When some fail, the error is that of the first in order, as if they had run one after the other;
 * later ones are cancelled as soon as they cannot matter.
 */
async function inOrder<T>(reads: readonly ((signal: AbortSignal) => Promise<T>)[]): Promise<T[]> {
  const controllers = reads.map(() => new AbortController());
  const settled = await Promise.allSettled(
    reads.map(async (read, index) => {
      try {
        return await read(controllers[index]!.signal);
      } catch (error) {
        for (const later of controllers.slice(index + 1)) later.abort();
        throw error;
      }
    }),
  );
  return settled.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}

/** The left and the rights, in order. Errors as `readTable`; FS_ERR_CORRUPT where the left's statistics are wrong. */
export async function readInputs(left: InputFile, rights: readonly RightFile[]): Promise<[Table, Table[]]> {
  let taken: Promise<Table> | undefined;
  const leftTable = (signal?: AbortSignal): Promise<Table> => {
    taken ??= readTable(left.path, { ...left.read, signal });
    return taken;
  };
  let asked: Promise<FileInfo> | undefined;
  const leftInfo = (): Promise<FileInfo> => (asked ??= readInfo(left.path, left.read));
  /** Statistics that a right was cut by; they have to hold. */
  const trusted: { readonly column: string; readonly range: Extremes }[] = [];

  const readRight = async ({ path, read, options }: RightFile, signal: AbortSignal): Promise<Table> => {
    if (formatOf(path) !== 'parquet') return readTable(path, { ...read, signal });
    const column = onColumns(options).left;
    const info = await readInfo(path);
    const stated = formatOf(left.path) === 'parquet' ? statedExtremes(await leftInfo(), column) : null;
    if (stated !== null) {
      const timeRange = neededTimes((await leftInfo()).schema, stated, info, options);
      if (timeRange !== undefined) trusted.push({ column, range: stated });
      return readTable(path, { ...read, timeRange, signal });
    }
    const table = await leftTable();
    const timeRange = neededTimes(table.schema, extremes(table, column), info, options);
    return readTable(path, { ...read, timeRange, signal });
  };

  const [table, ...tables] = await inOrder([
    (signal) => leftTable(signal),
    ...rights.map((right) => (signal: AbortSignal) => readRight(right, signal)),
  ]);
  for (const { column, range } of trusted) checkStatistics(left.path, table!, column, range);
  return [table!, tables];
}

/** Rows that were left unread because of statistics that lie would be missing from the answer. */
function checkStatistics(path: string, table: Table, column: string, stated: Extremes): void {
  const seen = extremes(table, column);
  if (seen === null || (seen.min >= stated.min && seen.max <= stated.max)) return;
  throw createError(
    'FS_ERR_CORRUPT',
    `${path}: the statistics of column ${column} say ${stated.min} to ${stated.max}, its values are ${seen.min} to ${seen.max}`,
    { details: { path, column } },
  );
}
