/**
 * Runs scan plans by DuckDB's JavaScript API: chunks of 2,048 rows in file order, copied into column sinks. The slower
 * of the two engines, and the reference for the other.
 */
import type { Data } from 'apache-arrow';
import { abortError, duckError } from './io-error.js';
import { connect } from './duck.js';
import { makeSink } from './js-sinks.js';
import { quoteName, type ScanPlan } from './scan-plan.js';

export interface ScanOptions {
  readonly threads?: number;
  readonly signal?: AbortSignal;
}

export interface ScanPiece {
  readonly rows: number;
  readonly columns: readonly Data[];
}

export function scanSql(plan: ScanPlan): string {
  const list = plan.columns.map((column) => `${column.expression} AS ${quoteName(column.name)}`);
  const where = plan.where === null ? '' : ` WHERE ${plan.where}`;
  return `SELECT ${list.length === 0 ? '1' : list.join(', ')} FROM ${plan.from}${where}`;
}

/** DuckDB's vectors hold this many rows at most. */
const CHUNK_ROWS = 2048;

/** Pieces of at most `pieceRows` rows where that is a chunk or more; `Infinity`: one piece. One piece at least. */
export async function* scanPieces(
  plan: ScanPlan,
  pieceRows: number,
  options: ScanOptions,
): AsyncGenerator<ScanPiece, void, undefined> {
  const lease = await connect(options);
  try {
    const result = await lease.connection.stream(scanSql(plan));
    const sinks = plan.columns.map((column, index) => makeSink(column, result.columnType(index)));
    const whole = pieceRows === Infinity;
    let rows = 0;
    let yielded = false;
    for (;;) {
      if (lease.aborted()) throw abortError(`read of ${plan.path}`);
      const chunk = await result.fetchChunk();
      if (chunk === null || chunk.rowCount === 0) break;
      for (const [index, sink] of sinks.entries()) sink.append(chunk, index);
      rows += chunk.rowCount;
      if (rows + CHUNK_ROWS > pieceRows) {
        yield { rows, columns: sinks.map((sink) => sink.finish(whole)) };
        yielded = true;
        rows = 0;
      }
    }
    if (rows > 0 || !yielded) yield { rows, columns: sinks.map((sink) => sink.finish(whole)) };
  } catch (error) {
    throw lease.aborted() ? abortError(`read of ${plan.path}`) : duckError(error, plan.path, 'read');
  } finally {
    lease.release();
  }
}
