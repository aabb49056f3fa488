/**
 * Where a Parquet file is damaged. DuckDB says what it could not decode, but not in which row group; a damaged file is
 * read again, row group by row group, until one fails, then column by column. O(file), and only after a failure.
 */
import { createError } from '../errors/from-native.js';
import { FlowStateError } from '../errors/errors.js';
import type { ParquetScan } from './parquet-read.js';
import { scanWhole } from './scan.js';
import type { ScanColumn } from './scan-plan.js';
import type { ReadOptions } from './types.js';

const isCorrupt = (error: unknown): error is FlowStateError =>
  error instanceof FlowStateError && error.code === 'FS_ERR_CORRUPT';

/** `error` with `rowGroup` (from 0) and `column` in its details and its message, or as it is where they do not show. */
export async function locateDamage(
  error: unknown,
  { plan, footer }: ParquetScan,
  options: ReadOptions,
): Promise<unknown> {
  // A column of this name hides the rows' own numbers.
  const numbered = !footer.columns.some(({ name }) => name.toLowerCase() === 'file_row_number');
  if (!isCorrupt(error) || !numbered) return error;
  const fails = async (columns: readonly ScanColumn[], from: number, rows: number): Promise<boolean> => {
    const where = `file_row_number BETWEEN ${from} AND ${from + rows - 1}`;
    try {
      await scanWhole({ ...plan, columns, where, rows: null, rowNumber: null }, options);
      return false;
    } catch (failure) {
      if (isCorrupt(failure)) return true;
      throw failure;
    }
  };
  try {
    let from = 0;
    for (const [rowGroup, { rows }] of footer.rowGroups.entries()) {
      if (rows > 0 && (await fails(plan.columns, from, rows))) {
        let column: string | undefined;
        for (const each of plan.columns) {
          if (column === undefined && (await fails([each], from, rows))) column = each.name;
        }
        const where = `row group ${rowGroup} (rows ${from} to ${from + rows - 1})`;
        const place = column === undefined ? where : `${where}, column ${column}`;
        const details = { ...error.details, rowGroup, column };
        return createError('FS_ERR_CORRUPT', `${error.message}, in ${place}`, { details, cause: error.cause });
      }
      from += rows;
    }
  } catch {
    // Aborted, or out of memory: what went wrong first is what to report.
  }
  return error;
}
