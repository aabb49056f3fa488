/** The way every join goes: build the request, run it on the chosen executor, assemble the table. */
import type { Table } from 'apache-arrow';

import type { NativeJoinResult } from '../internal/native.js';
import { assembleTable } from './assemble.js';
import { type Executor, selectExecutor } from './executor.js';
import type { JoinExplain, StreamExplain } from './explain.js';
import { toStreamExplain } from './explain.js';
import { type ParsedJoin, throwIfAborted } from './parse-options.js';
import { buildRequest, type JoinPlan } from './request.js';
import { type JoinStats, toJoinStats } from './stats.js';

/** Table, statistics per stream in order, and the explanation where it was asked for. */
export interface JoinOutcome {
  readonly table: Table;
  readonly stats: readonly JoinStats[];
  readonly explain: JoinExplain<readonly StreamExplain[]> | null;
}

interface Prepared {
  readonly plan: JoinPlan;
  readonly executor: Executor;
  readonly started: bigint;
  readonly built: bigint;
}

function prepare(join: ParsedJoin): Prepared {
  const started = process.hrtime.bigint();
  throwIfAborted(join.run.signal);
  const executor = selectExecutor(join.run.backend);
  const plan = buildRequest(join);
  return { plan, executor, started, built: process.hrtime.bigint() };
}

function finish({ plan, executor, started, built }: Prepared, result: NativeJoinResult): JoinOutcome {
  const executed = process.hrtime.bigint();
  const table = assembleTable(plan, result);
  const assembled = process.hrtime.bigint();
  const explain = plan.request.explain
    ? {
        executor: executor.name,
        ns: {
          request: Number(built - started),
          execute: Number(executed - built),
          assemble: Number(assembled - executed),
        },
        streams: result.streams.map((stream) => toStreamExplain(stream.explain)),
      }
    : null;
  return { table, stats: result.streams.map((stream) => toJoinStats(stream.stats)), explain };
}

export async function runJoin(join: ParsedJoin): Promise<JoinOutcome> {
  const prepared = prepare(join);
  return finish(prepared, await prepared.executor.run(prepared.plan.request, join.run.signal));
}

export function runJoinSync(join: ParsedJoin): JoinOutcome {
  const prepared = prepare(join);
  return finish(prepared, prepared.executor.runSync(prepared.plan.request));
}
