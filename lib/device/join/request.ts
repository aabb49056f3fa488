/** From a join's plan, made over the tables' schemas, to the addon's request over their memory. */
import type { JoinPlan } from '../../join/request.js';
import type { ParsedJoin, ParsedStream } from '../../join/parse-options.js';
import { type NativeStream, NativeType } from '../../internal/native.js';
import {
  NativeMatchPlan,
  type NativeTableJoin,
  type NativeTableRight,
  type NativeTableStream,
  type NativeTableTime,
  NativeTimeDomain,
} from '../../internal/native-tables.js';
import { fail } from '../../internal/validate.js';
import type { OutputColumn } from '../../join/columns.js';
import type { ColumnPlan } from '../column-plan.js';
import type { DeviceTable } from '../device-table.js';
import { takeOf, timeOf } from './cells.js';
import { isNumbered, type KeyColumn, tableKey } from './keys.js';
import type { RightSide } from './right-side.js';

const FLOATS: readonly NativeType[] = [NativeType.Float16, NativeType.Float32, NativeType.Float64];
const SIGNED: readonly NativeType[] = [NativeType.Int8, NativeType.Int16, NativeType.Int32, NativeType.Int64];

/** As `time_kind` of `cpp/src/asof/times.cc`. */
function domainOf(times: readonly NativeTableTime[]): NativeTimeDomain {
  const types = times.map(({ cells }) => cells.type);
  if (types.some((type) => FLOATS.includes(type))) return NativeTimeDomain.float;
  const isUnsigned = types.includes(NativeType.UInt64) && !types.some((type) => SIGNED.includes(type));
  return isUnsigned ? NativeTimeDomain.unsigned : NativeTimeDomain.signed;
}

/** The column of an output that is taken from a table; null for those that the join makes. */
export function sourcePlan(table: DeviceTable, { source }: OutputColumn): ColumnPlan | null {
  if (source.kind === 'age' || source.kind === 'matched') return null;
  return table.columns[source.position]?.plan ?? fail('FS_ERR_INTERNAL', `there is no column ${source.position}`);
}

/** A right table as a join holds it, and what is kept of it. */
export interface JoinSide {
  readonly table: DeviceTable;
  readonly side: RightSide;
}

interface Keys {
  readonly left: KeyColumn;
  readonly right: KeyColumn;
}

function keyColumns(
  left: DeviceTable,
  right: DeviceTable,
  parsed: ParsedStream,
  plan: JoinPlan,
  stream: NativeStream,
): readonly Keys[] {
  const leftSide = plan.request.leftSides[stream.leftSide];
  return stream.right.keys.map((native, k): Keys => {
    const leftName = parsed.leftBy[k] ?? '';
    const rightName = parsed.rightBy[k] ?? leftName;
    const leftNative = leftSide?.keys[k] ?? fail('FS_ERR_INTERNAL', `the left has no key ${k}`);
    return {
      left: { table: left, where: `left.${leftName}`, plan: left.column(leftName).plan, native: leftNative },
      right: { table: right, where: `${parsed.side}.${rightName}`, plan: right.column(rightName).plan, native },
    };
  });
}

async function streamRequest(
  left: DeviceTable,
  { table, side }: JoinSide,
  parsed: ParsedStream,
  plan: JoinPlan,
  s: number,
  signal: AbortSignal | null,
): Promise<NativeTableStream> {
  const stream = plan.request.streams[s] ?? fail('FS_ERR_INTERNAL', `the plan has no stream ${s}`);
  const leftSide = plan.request.leftSides[stream.leftSide] ?? fail('FS_ERR_INTERNAL', `no left side for stream ${s}`);
  const leftTime = timeOf(left, `left.${parsed.leftOn}`, left.column(parsed.leftOn).plan, leftSide.time);
  const where = (name: string): string => `${parsed.side}.${name}`;
  const time = timeOf(table, where(parsed.rightOn), table.column(parsed.rightOn).plan, stream.right.time);
  const known =
    parsed.knownAt === null || stream.knownAt === null
      ? null
      : timeOf(table, where(parsed.knownAt), table.column(parsed.knownAt).plan, stream.knownAt);
  const domain = domainOf(known === null ? [leftTime, time] : [leftTime, time, known]);
  const keys = await Promise.all(
    keyColumns(left, table, parsed, plan, stream).map(async (key) => {
      const byNumber = isNumbered(key.left);
      if (byNumber !== isNumbered(key.right)) fail('FS_ERR_INTERNAL', `${key.left.where} meets another family of keys`);
      if (!byNumber) return { left: tableKey(key.left, null), right: tableKey(key.right, null) };
      const numbers = await side.numbersOf(key.right, key.right.where, signal);
      const { byEntry, count } = await numbers.ofLeft(key.left, signal);
      const known = numbers.size;
      return {
        left: tableKey(key.left, { byEntry, known, count }),
        right: tableKey(key.right, { byEntry: numbers.byEntry, known, count: known }),
      };
    }),
  );
  const mayLack = (of: NativeTableTime): boolean =>
    domain === NativeTimeDomain.float || (of.cells.validity !== null && of.rows > 0);
  const right: NativeTableRight = {
    time,
    known,
    keys: keys.map((key) => key.right),
    domain,
    lag: stream.lag,
    nullsEqual: stream.nullKeysEqual,
    coded: keys.length > 0 || mayLack(time) || mayLack(leftTime) || known !== null || stream.lag > 0,
  };
  const outputs = plan.streams[s]?.columns ?? [];
  return {
    leftTime,
    leftKeys: keys.map((key) => key.left),
    right,
    index: side.find(right),
    payload: outputs.flatMap((output) => {
      const source = sourcePlan(table, output);
      return source === null ? [] : [takeOf(table, where(output.field.name), source)];
    }),
    direction: stream.direction,
    allowExact: stream.allowExact,
    ties: stream.ties,
    nearestTie: stream.nearestTie,
    tolerance: stream.tolerance,
    inner: stream.inner,
    unsorted: stream.unsorted,
    plan:
      parsed.plan === 'auto'
        ? NativeMatchPlan.auto
        : parsed.plan === 'probe'
          ? NativeMatchPlan.probe
          : NativeMatchPlan.merge,
    wantMatched: stream.wantMatched,
    wantAge: stream.wantAge,
    ageScale: stream.ageScale,
  };
}

/** The request. Downloads the dictionaries of text keys that were not seen before, and nothing else. */
export async function tableRequest(
  left: DeviceTable,
  sides: readonly JoinSide[],
  { streams, run }: ParsedJoin,
  plan: JoinPlan,
): Promise<NativeTableJoin> {
  const native: NativeTableStream[] = [];
  for (const [s, parsed] of streams.entries()) {
    const side = sides[s] ?? fail('FS_ERR_INTERNAL', `there is no right side ${s}`);
    native.push(await streamRequest(left, side, parsed, plan, s, run.signal));
  }
  const leftPayload = plan.inner ? left.columns.map((column) => takeOf(left, `left.${column.name}`, column.plan)) : [];
  return { leftRows: left.numRows, leftPayload, streams: native, explain: run.explain };
}
