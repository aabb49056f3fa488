/**
 * One join of tables in device memory. Options are checked, and the result is described, by the parser and the planner
 * of host tables (`lib/join`), over tables that have the schemas and no rows.
 */
import { Data, type Field, RecordBatch, Struct, Table } from 'apache-arrow';

import { parseAsofJoin, type ParsedJoin, throwIfAborted } from '../../join/parse-options.js';
import type { AsofJoinOptions } from '../../join/options.js';
import { buildRequest, type JoinPlan } from '../../join/request.js';
import { runJoin } from '../../join/run-join.js';
import { type JoinStats, toJoinStats } from '../../join/stats.js';
import type { NativeTableJoinResult } from '../../internal/native-tables.js';
import { fail } from '../../internal/validate.js';
import { type ColumnPlan, planTable, relocate } from '../column-plan.js';
import { HostColumns } from '../columns-to-host.js';
import { DeviceTable } from '../device-table.js';
import { bytesOf, JavaScriptBackend } from '../javascript-backend.js';
import { NativeBackend } from '../native-backend.js';
import { Claims } from './blocks.js';
import { type DeviceJoinExplain, explainOf, explainOfJavaScript } from './explain.js';
import { type JoinSide, sourcePlan, tableRequest } from './request.js';
import { RightSide } from './right-side.js';
import { TakenColumns } from './taken.js';

type IndexOptions = Pick<AsofJoinOptions, 'on' | 'by' | 'lag' | 'knownAt' | 'nullKeys' | 'timeZones'>;

export interface TableOutcome {
  readonly table: DeviceTable;
  readonly stats: readonly JoinStats[];
  readonly explain: DeviceJoinExplain | null;
}

/** Parses the options over host tables that stand for the device's. */
export type Parse = (left: Table, rights: readonly Table[]) => ParsedJoin;

/** A right side of a join. `kept` is what an index keeps; a plain table's ends with the join. */
export interface Right {
  readonly table: DeviceTable;
  readonly kept: RightSide | null;
}

/** Rows of the left with those of the rights. On any error nothing that the join allocated stays on the device. */
export async function joinTables(left: DeviceTable, rights: readonly Right[], parse: Parse): Promise<TableOutcome> {
  const { backend } = left.device;
  const claims = new Claims();
  // Tables of the join's own: a caller may release the inputs while it runs.
  const held: DeviceTable[] = [];
  const hold = (table: DeviceTable): DeviceTable => {
    const own = table.share();
    held.push(own);
    return own;
  };
  const ended: RightSide[] = [];
  try {
    const own = hold(left);
    const sides = rights.map(({ table, kept }): JoinSide => {
      const side = kept ?? new RightSide();
      if (kept === null) ended.push(side);
      return { table: hold(table), side };
    });
    if (backend instanceof NativeBackend) return await joinNative(backend, own, sides, parse, claims);
    if (backend instanceof JavaScriptBackend) return await joinJavaScript(own, sides, parse, claims);
    return fail('FS_ERR_INTERNAL', `the device ${left.device.id} cannot join`);
  } catch (error) {
    claims.release();
    throw error;
  } finally {
    for (const side of ended) if (backend instanceof NativeBackend) side.release(backend);
    for (const table of held) table.release();
  }
}

/** Makes the index of the right side that a left side of its own types needs. */
export async function prepareSide(
  table: DeviceTable,
  side: RightSide,
  options: IndexOptions,
  signal: AbortSignal | null,
): Promise<void> {
  const { backend } = table.device;
  const of = (names: IndexOptions['by']): string | readonly string[] =>
    names === undefined || typeof names === 'string' || !('right' in names) ? (names ?? []) : names.right;
  const on = typeof options.on === 'string' ? options.on : options.on.right;
  const host = schemaOnly(table);
  const join = parseAsofJoin(host, host, { ...options, on, by: of(options.by), signal: signal ?? undefined });
  throwIfAborted(signal);
  const plan = buildRequest(join);
  if (!(backend instanceof NativeBackend)) return;
  const request = await tableRequest(table, [{ table, side }], join, plan);
  const right = request.streams[0]?.right ?? fail('FS_ERR_INTERNAL', 'a join without a stream');
  side.keep(backend, right, await backend.indexTable(right, signal));
}

/** The schema without rows. */
function schemaOnly({ schema }: DeviceTable): Table {
  return new Table(schema);
}

async function joinNative(
  backend: NativeBackend,
  left: DeviceTable,
  sides: readonly JoinSide[],
  parse: Parse,
  claims: Claims,
): Promise<TableOutcome> {
  const join = parse(
    schemaOnly(left),
    sides.map(({ table }) => schemaOnly(table)),
  );
  throwIfAborted(join.run.signal);
  const plan = buildRequest(join);
  const request = await tableRequest(left, sides, join, plan);
  const result = await backend.joinTables(request, join.run.signal);
  for (const [s, { index }] of result.streams.entries()) {
    const stream = request.streams[s];
    if (stream !== undefined && index !== null) sides[s]?.side.keep(backend, stream.right, index);
  }
  return {
    table: assemble(backend, left, sides, plan, result, claims),
    stats: result.streams.map(({ stats }) => toJoinStats(stats)),
    explain: explainOf(result),
  };
}

function assemble(
  backend: NativeBackend,
  left: DeviceTable,
  sides: readonly JoinSide[],
  plan: JoinPlan,
  result: NativeTableJoinResult,
  claims: Claims,
): DeviceTable {
  const taken = new TakenColumns(left.device, backend, claims);
  const missing = (what: string): never => fail('FS_ERR_INTERNAL', `the addon returned no ${what}`);
  const columns: ColumnPlan[] = left.columns.map((column, i) => {
    if (!plan.inner) return claims.shareColumn(left, column.plan);
    const type = plan.leftColumns[i]?.field.type ?? column.type;
    return taken.plan(result.left[i] ?? missing(column.name), type, { table: left, plan: column.plan });
  });
  const fields: Field[] = plan.leftColumns.map(({ field }) => field);
  for (const [s, stream] of plan.streams.entries()) {
    const own = result.streams[s] ?? missing(`stream ${s}`);
    const table = sides[s]?.table ?? missing(`right side ${s}`);
    let next = 0;
    for (const output of stream.columns) {
      fields.push(output.field);
      const source = sourcePlan(table, output);
      const from = source !== null ? own.columns[next++] : output.source.kind === 'age' ? own.age : own.matched;
      const of = source === null ? null : { table, plan: source };
      columns.push(taken.plan(from ?? missing(output.field.name), output.field.type, of));
    }
  }
  return new DeviceTable(claims.blocks(left.device), fields, columns, result.rows);
}

/** Host tables over the very bytes of the JavaScript device. */
function hostView(table: DeviceTable): Table {
  const reader = new HostColumns(({ block, byteOffset, byteLength }) =>
    bytesOf(table.block(block).memory).subarray(byteOffset, byteOffset + byteLength),
  );
  const children = table.columns.map((column) => reader.data(column.plan));
  const { schema, numRows } = table;
  return new Table(schema, [
    new RecordBatch(schema, new Data(new Struct(schema.fields), 0, numRows, 0, undefined, children)),
  ]);
}

async function joinJavaScript(
  left: DeviceTable,
  sides: readonly JoinSide[],
  parse: Parse,
  claims: Claims,
): Promise<TableOutcome> {
  const join = parse(
    hostView(left),
    sides.map(({ table }) => hostView(table)),
  );
  const isInner = join.streams.some(({ how }) => how === 'inner');
  const { table, stats, explain } = await runJoin({ ...join, run: { ...join.run, backend: 'javascript' } });
  const { fields } = table.schema;
  const first = isInner ? 0 : left.columns.length;
  const shared = left.columns.slice(0, first).map((column) => claims.shareColumn(left, column.plan));
  const made = planTable(
    table,
    fields.slice(first).map((field, i) => ({ field, index: first + i })),
  );
  const buffer = left.device.allocate(made.byteLength);
  const block = claims.own(buffer);
  const copies = made.copies.map(({ offset, source }) => ({ memory: buffer.memory, offset, host: source }));
  await left.device.backend.upload(copies, join.run.signal);
  const columns = [...shared, ...made.columns.map((plan) => relocate(plan, () => block))];
  return {
    table: new DeviceTable(claims.blocks(left.device), fields, columns, table.numRows),
    stats,
    explain: explainOfJavaScript(explain),
  };
}
