/**
 * From tables and parsed options to the executor's request, and the description of the result. Checks what needs
 * column types: families, units, zones, key pairs, tolerances. O(columns + chunks): rows are not looked at.
 */
import type { Table } from 'apache-arrow';

import { rangeError, typeError } from '../internal/validate.js';
import {
  type NativeColumn,
  NativeDirection,
  type NativeJoinRequest,
  type NativeKey,
  NativeNearestTie,
  NativePlan,
  type NativeSide,
  type NativeStream,
  type NativeTime,
  NativeTies,
  NativeUnsorted,
} from '../internal/native.js';
import { type ArrowColumn, columnAt, columnIndex, nativeColumn, rowCount } from '../schema/arrow-columns.js';
import { pairKeys } from '../schema/key-type.js';
import { type AlignedTimes, alignTimes, nsPerUnit } from '../schema/time-type.js';
import { leftColumns, type OutputColumn, OutputNames, streamColumns } from './columns.js';
import type { ParsedDistance, ParsedJoin, ParsedStream } from './parse-options.js';

/** Everything assembly needs besides the executor's result. */
export interface JoinPlan {
  readonly request: NativeJoinRequest;
  readonly left: Table;
  readonly leftColumns: readonly OutputColumn[];
  readonly streams: readonly { readonly name: string | null; readonly columns: readonly OutputColumn[] }[];
  readonly inner: boolean;
}

const MAX_ROWS = 2 ** 31 - 2;

function requireRows(table: Table, side: string): number {
  const rows = rowCount(table);
  if (rows > MAX_ROWS) throw rangeError(side, `a table of at most ${MAX_ROWS} rows`, rows);
  return rows;
}

/** A distance in the join's aligned unit: floats as number, everything else as bigint. */
function alignDistance(
  distance: ParsedDistance,
  times: AlignedTimes,
  where: string,
  round: 'down' | 'up',
): bigint | number {
  if (times.family === 'float') {
    if (distance.kind === 'number') return distance.value;
    if (distance.kind === 'bigint') {
      const value = Number(distance.value);
      if (BigInt(value) !== distance.value) throw rangeError(where, 'exact as a double', distance.value);
      return value;
    }
    throw typeError(where, "a number in the unit of 'on', which is a float column", distance.text);
  }
  if (times.family === 'integer') {
    if (distance.kind === 'bigint') return distance.value;
    if (distance.kind === 'number') {
      if (!Number.isSafeInteger(distance.value)) {
        throw rangeError(where, "a whole number, as 'on' is an integer column (a bigint past 2^53)", distance.value);
      }
      return BigInt(distance.value);
    }
    throw typeError(where, "a number or bigint in the unit of 'on', which is an integer column", distance.text);
  }
  if (distance.kind === 'number') {
    throw typeError(where, "a duration such as '5s' or a bigint of nanoseconds, as 'on' is temporal", distance.value);
  }
  const ns = distance.kind === 'duration' ? distance.ns : distance.value;
  const unit = nsPerUnit(times.unit);
  return round === 'down' ? ns / unit : (ns + unit - 1n) / unit;
}

/** One side's table. Columns are wrapped once, so that the left sides of two streams compare by identity. */
class SideTable {
  readonly #columns = new Map<string, NativeColumn>();

  constructor(
    readonly table: Table,
    readonly side: string,
  ) {}

  column(name: string): ArrowColumn {
    return columnAt(this.table, columnIndex(this.table, name, this.side), this.side);
  }

  native(name: string): NativeColumn {
    let native = this.#columns.get(name);
    if (native === undefined) {
      const { where, type, chunks } = this.column(name);
      native = nativeColumn(where, type, chunks);
      this.#columns.set(name, native);
    }
    return native;
  }
}

interface Sides {
  readonly left: NativeSide;
  readonly right: NativeSide;
  readonly knownAt: NativeTime | null;
  readonly times: AlignedTimes;
}

function buildSides(left: SideTable, stream: ParsedStream): Sides {
  const right = new SideTable(stream.table, stream.side);
  const timeColumns = [left.column(stream.leftOn), right.column(stream.rightOn)];
  if (stream.knownAt !== null) timeColumns.push(right.column(stream.knownAt));
  const times = alignTimes(timeColumns, stream.timeZones);
  const time = (column: NativeColumn, i: number): NativeTime => ({
    column,
    scale: times.scales[i] ?? 1n,
    unit: times.unit,
  });
  const leftKeys: NativeKey[] = [];
  const rightKeys: NativeKey[] = [];
  stream.leftBy.forEach((leftName, i) => {
    const rightName = stream.rightBy[i] ?? leftName;
    const pair = pairKeys(left.column(leftName), right.column(rightName), stream.timeZones);
    leftKeys.push({
      column: left.native(leftName),
      scale: pair.leftScale,
      unsignedForeign: pair.leftUnsignedForeign,
    });
    rightKeys.push({
      column: right.native(rightName),
      scale: pair.rightScale,
      unsignedForeign: pair.rightUnsignedForeign,
    });
  });
  return {
    left: { time: time(left.native(stream.leftOn), 0), keys: leftKeys },
    right: { time: time(right.native(stream.rightOn), 1), keys: rightKeys },
    knownAt: stream.knownAt === null ? null : time(right.native(stream.knownAt), 2),
    times,
  };
}

function sameSide(a: NativeSide, b: NativeSide): boolean {
  return (
    a.time.column === b.time.column &&
    a.time.scale === b.time.scale &&
    a.keys.length === b.keys.length &&
    a.keys.every((key, i) => {
      const other = b.keys[i];
      return key.column === other?.column && key.scale === other.scale && key.unsignedForeign === other.unsignedForeign;
    })
  );
}

/** The request and the plan of the result. Throws what the docstring of `asofJoin` lists, before any work. */
export function buildRequest({ left, streams, run }: ParsedJoin): JoinPlan {
  const leftRows = requireRows(left, 'left');
  const leftTable = new SideTable(left, 'left');
  const inner = streams.some((stream) => stream.how === 'inner');
  const names = new OutputNames(
    left,
    streams.map((stream) => stream.table),
  );
  const leftOutput = leftColumns(left, inner, names);
  const leftSides: NativeSide[] = [];
  const outputs: { name: string | null; columns: readonly OutputColumn[] }[] = [];
  const nativeStreams = streams.map((stream): NativeStream => {
    requireRows(stream.table, stream.side);
    const sides = buildSides(leftTable, stream);
    let leftSide = leftSides.findIndex((known) => sameSide(known, sides.left));
    if (leftSide === -1) leftSide = leftSides.push(sides.left) - 1;
    const { columns, payload } = streamColumns(stream, sides.times.family, names);
    outputs.push({ name: stream.name, columns });
    const at = stream.name === null ? '' : `streams.${stream.name}.`;
    const none = sides.times.family === 'float' ? 0 : 0n;
    return {
      leftSide,
      right: sides.right,
      knownAt: sides.knownAt,
      payload,
      direction: NativeDirection[stream.direction],
      allowExact: stream.allowExactMatches,
      ties: NativeTies[stream.ties],
      nearestTie: NativeNearestTie[stream.nearestTie],
      tolerance:
        stream.tolerance === null ? null : alignDistance(stream.tolerance, sides.times, `${at}tolerance`, 'down'),
      lag: stream.lag === null ? none : alignDistance(stream.lag, sides.times, `${at}lag`, 'up'),
      inner: stream.how === 'inner',
      nullKeysEqual: stream.nullKeys === 'equal',
      unsorted: NativeUnsorted[stream.unsorted],
      plan: NativePlan[stream.plan],
      wantIndices: columns.some(({ source }) => source.kind === 'taken'),
      wantMatched: stream.matched !== null,
      wantAge: stream.age !== null,
      ageScale: nsPerUnit(sides.times.unit),
    };
  });
  return {
    request: {
      leftRows,
      leftSides,
      leftPayload: leftOutput.payload,
      streams: nativeStreams,
      threads: run.threads,
      explain: run.explain,
    },
    left,
    leftColumns: leftOutput.columns,
    streams: outputs,
    inner,
  };
}
