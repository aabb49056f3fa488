/** `asofJoin` and its synchronous twin: one left table, one right table. */
import type { Table } from 'apache-arrow';

import { fail } from '../internal/validate.js';
import type { JoinExplain, StreamExplain } from './explain.js';
import type { AsofJoinOptions } from './options.js';
import { parseAsofJoin } from './parse-options.js';
import { type JoinOutcome, runJoin, runJoinSync } from './run-join.js';
import type { JoinStats } from './stats.js';

/** The answer of a join with `stats: true` or `explain: true`. `explain` is null unless it was asked for. */
export interface JoinReport {
  readonly table: Table;
  readonly stats: JoinStats;
  readonly explain: JoinExplain | null;
}

/** Options that make a join answer with a report. */
export type ReportingOptions = AsofJoinOptions & ({ readonly stats: true } | { readonly explain: true });

function report({ table, stats, explain }: JoinOutcome): JoinReport {
  const [own] = stats;
  if (own === undefined) return fail('FS_ERR_INTERNAL', 'the executor returned no statistics');
  if (explain === null) return { table, stats: own, explain: null };
  const [stream] = explain.streams;
  if (stream === undefined) return fail('FS_ERR_INTERNAL', 'the executor returned no explanation');
  const whole: JoinExplain<StreamExplain> = { executor: explain.executor, ns: explain.ns, streams: stream };
  return { table, stats: own, explain: whole };
}

/**
 * Joins each left row to the one right row that was current at its time: the latest at or before it, per key.
 *
 * The result has the left's rows in the left's order (`how: 'inner'` drops those without a match) and its columns,
 * which share the left's buffers, followed by the right's payload columns, nullable: null, with zero bytes below,
 * where nothing matched. Null times and (by default) null keys match nothing. Among equal right times the last in
 * input order wins looking back, the first looking ahead (`ties`). Both inputs may be in any order. The result does
 * not depend on chunking, threads or backend. Exact rules: docs/design/join-semantics.md.
 *
 * Resolves to the table; with `stats: true` or `explain: true` to `{ table, stats, explain }`. Inputs must not be
 * changed or transferred until it settles.
 *
 * Rejects with ArgumentError (FS_ERR_ARG_TYPE, FS_ERR_ARG_RANGE, FS_ERR_OPTION_UNKNOWN, FS_ERR_NAME_COLLISION),
 * DataError (FS_ERR_SCHEMA, FS_ERR_COLUMN_MISSING, FS_ERR_LENGTH, FS_ERR_UNSORTED, FS_ERR_OVERFLOW, FS_ERR_CORRUPT),
 * FS_ERR_DETACHED, FS_ERR_ABORTED, FS_ERR_OUT_OF_MEMORY, FS_ERR_ADDON_UNAVAILABLE or FS_ERR_CUDA_UNAVAILABLE.
 *
 * @example
 * const out = await asofJoin(trades, quotes, { on: 'timestamp', by: 'symbol', tolerance: '5s', age: 'quote_age' });
 */
export function asofJoin(left: Table, right: Table, options: ReportingOptions): Promise<JoinReport>;
export function asofJoin(left: Table, right: Table, options: AsofJoinOptions): Promise<Table>;
export async function asofJoin(left: Table, right: Table, options: AsofJoinOptions): Promise<Table | JoinReport> {
  const join = parseAsofJoin(left, right, options);
  const outcome = await runJoin(join);
  return join.run.stats ? report(outcome) : outcome.table;
}

/** `asofJoin` in the calling thread: the same result and errors, thrown. Blocks the event loop while it runs. */
export function asofJoinSync(left: Table, right: Table, options: ReportingOptions): JoinReport;
export function asofJoinSync(left: Table, right: Table, options: AsofJoinOptions): Table;
export function asofJoinSync(left: Table, right: Table, options: AsofJoinOptions): Table | JoinReport {
  const join = parseAsofJoin(left, right, options);
  const outcome = runJoinSync(join);
  return join.run.stats ? report(outcome) : outcome.table;
}
