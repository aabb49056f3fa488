/** `alignStreams` and its synchronous twin: one left table, any number of right tables, one pass over the left. */
import type { Table } from 'apache-arrow';

import type { JoinExplain, StreamExplain } from './explain.js';
import type { AlignStreamsOptions, StreamOptions } from './options.js';
import { parseAlignStreams, type ParsedJoin } from './parse-options.js';
import { type JoinOutcome, runJoin, runJoinSync } from './run-join.js';
import type { JoinStats } from './stats.js';

/** The answer of `alignStreams`. `explain` is there only where it was asked for. */
export interface AlignResult<Name extends string = string> {
  readonly table: Table;
  readonly stats: Readonly<Record<Name, JoinStats>>;
  readonly explain?: JoinExplain<Readonly<Record<Name, StreamExplain>>>;
}

/** Values of the streams by name. */
function byName<T>(join: ParsedJoin, values: readonly T[]): Record<string, T> {
  return Object.fromEntries(values.map((value, s) => [join.streams[s]?.name ?? '', value]));
}

function result(join: ParsedJoin, { table, stats, explain }: JoinOutcome): AlignResult {
  const answer = { table, stats: byName(join, stats) };
  if (explain === null) return answer;
  return { ...answer, explain: { ...explain, streams: byName(join, explain.streams) } };
}

/**
 * Joins the left table with several right tables at once: each left row gets, from every stream, the row that was
 * current at its time. Every stream has its own options; those of the call are their defaults. The right columns are
 * called `<stream>_<column>` unless the stream has a `prefix` (`''` for none) or a `suffix` of its own. A left row is
 * dropped when any stream with `how: 'inner'` has no match for it. Rows, ties, nulls and errors as in `asofJoin`.
 *
 * @example
 * const { table, stats } = await alignStreams(
 *   trades,
 *   { quote: { table: quotes, columns: ['bid', 'ask'], tolerance: '5s' }, bar: { table: bars, columns: ['close'] } },
 *   { on: 'timestamp', by: 'symbol' },
 * );
 */
export async function alignStreams<Name extends string>(
  left: Table,
  streams: Readonly<Record<Name, StreamOptions>>,
  options: AlignStreamsOptions,
): Promise<AlignResult<Name>> {
  const join = parseAlignStreams(left, streams, options);
  return result(join, await runJoin(join));
}

/** `alignStreams` in the calling thread. Blocks the event loop while it runs. */
export function alignStreamsSync<Name extends string>(
  left: Table,
  streams: Readonly<Record<Name, StreamOptions>>,
  options: AlignStreamsOptions,
): AlignResult<Name> {
  const join = parseAlignStreams(left, streams, options);
  return result(join, runJoinSync(join));
}
