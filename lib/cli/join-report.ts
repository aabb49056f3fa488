/** What `--stats` and `--explain` print: one JSON line for programs, a short text for people. Both go to stderr. */
import type { Table } from 'apache-arrow';
import type { JoinExplain, StreamExplain } from '../join/explain.js';
import type { JoinStats } from '../join/stats.js';
import type { WriteResult } from '../storage/types.js';
import { grouped, textTable } from './terminal.js';

/** The answer of a join, with its streams by name; a plain join has one, called `right`. */
export interface JoinAnswer {
  readonly table: Table;
  readonly stats: Readonly<Record<string, JoinStats>>;
  readonly explain: JoinExplain<Readonly<Record<string, StreamExplain>>> | null;
}

export interface Timings {
  read: number;
  join: number;
  write: number;
}

export interface RunFacts {
  readonly left: { readonly path: string; readonly rows: number };
  readonly right: readonly { readonly name: string; readonly path: string; readonly rows: number }[];
  readonly out: { readonly path: string } & WriteResult;
  readonly executor: string;
  readonly answer: Pick<JoinAnswer, 'stats' | 'explain'>;
  readonly ms: Timings;
}

/** One line of JSON. Times in ms, memory in bytes; `rowsPerSecond` counts both sides over the join alone. */
export function printStats({ left, right, out, executor, answer, ms }: RunFacts): void {
  const rows = left.rows + right.reduce((sum, side) => sum + side.rows, 0);
  const streams = Object.fromEntries(
    Object.entries(answer.stats).map(([name, stats]) => [
      name,
      { ...stats, matchRate: stats.rows === 0 ? null : stats.matched / stats.rows },
    ]),
  );
  const facts = {
    left,
    right,
    out,
    executor,
    streams,
    ms: { ...ms, total: ms.read + ms.join + ms.write },
    rowsPerSecond: Math.round(rows / (ms.join / 1000)),
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    explain: answer.explain ?? undefined,
  };
  process.stderr.write(`${JSON.stringify(facts)}\n`);
}

const MS = (ns: number): string => (ns / 1e6).toFixed(3);

/** The plan of each stream, why it was chosen, and where the time went. */
export function formatExplain(explain: NonNullable<JoinAnswer['explain']>): string {
  const { request, execute, assemble } = explain.ns;
  const parts = [
    `executor ${explain.executor}: request ${MS(request)} ms, execution ${MS(execute)} ms, assembly ${MS(assemble)} ms`,
  ];
  for (const [name, stream] of Object.entries(explain.streams)) {
    parts.push('', `${name}: plan ${stream.plan}`, `  ${stream.reason}`);
    const statistics = Object.entries(stream.statistics).map(([key, value]) => `${key} ${grouped(value)}`);
    if (statistics.length > 0) parts.push(`  ${statistics.join(', ')}`);
    if (stream.phases.length === 0) continue;
    const rows = stream.phases.map((phase) => [
      phase.name,
      MS(phase.ns),
      (phase.bytes / 2 ** 20).toFixed(2),
      phase.ns === 0 ? '' : (phase.bytes / phase.ns).toFixed(2),
    ]);
    parts.push('', textTable(['phase', 'ms', 'MiB', 'GB/s'], rows).replace(/^/gm, '  '));
  }
  return parts.join('\n');
}

export function printExplain(answer: JoinAnswer): void {
  if (answer.explain !== null) process.stderr.write(`${formatExplain(answer.explain)}\n`);
}
