/** `alignStreams` wherever its tables lie: on the host (`lib/join`), or on a device. */
import type { Table } from 'apache-arrow';

import { isRecord } from '../../internal/validate.js';
import { alignStreams as alignHostStreams, type AlignResult } from '../../join/align-streams.js';
import type { AlignStreamsOptions, StreamOptions } from '../../join/options.js';
import { parseAlignStreams } from '../../join/parse-options.js';
import type { JoinStats } from '../../join/stats.js';
import type { DeviceTable } from '../device-table.js';
import type { DeviceJoinExplain } from './explain.js';
import { joinTables } from './run.js';
import {
  type DeviceRight,
  isOnDevice,
  requireDeviceBackend,
  requireLeft,
  requireRight,
  withDefaults,
} from './sides.js';

/** One right side of `alignStreams` on a device. */
export interface DeviceStreamOptions extends Omit<StreamOptions, 'table'> {
  readonly table: DeviceRight;
}

/** The answer of `alignStreams` on a device. `explain` is there only where it was asked for. */
export interface DeviceAlignResult<Name extends string = string> {
  readonly table: DeviceTable;
  readonly stats: Readonly<Record<Name, JoinStats>>;
  readonly explain?: DeviceJoinExplain;
}

/**
 * Joins the left table with several right tables at once: each left row gets, from every stream, the row that was
 * current at its time. Every stream has its own options; those of the call are their defaults. The right columns are
 * called `<stream>_<column>` unless the stream has a `prefix` (`''` for none) or a `suffix` of its own. A left row is
 * dropped when any stream with `how: 'inner'` has no match for it. Rows, ties, nulls, devices and errors as in
 * `asofJoin`.
 *
 * @example
 * const { table, stats } = await alignStreams(
 *   trades,
 *   { quote: { table: quotes, columns: ['bid', 'ask'], tolerance: '5s' }, bar: { table: bars, columns: ['close'] } },
 *   { on: 'timestamp', by: 'symbol' },
 * );
 */
export function alignStreams<Name extends string>(
  left: Table,
  streams: Readonly<Record<Name, StreamOptions>>,
  options: AlignStreamsOptions,
): Promise<AlignResult<Name>>;
export function alignStreams<Name extends string>(
  left: DeviceTable,
  streams: Readonly<Record<Name, DeviceStreamOptions>>,
  options: AlignStreamsOptions,
): Promise<DeviceAlignResult<Name>>;
export async function alignStreams(
  left: Table | DeviceTable,
  streams: Readonly<Record<string, StreamOptions | DeviceStreamOptions>>,
  options: AlignStreamsOptions,
): Promise<AlignResult | DeviceAlignResult> {
  const named = isRecord(streams) ? Object.entries(streams) : [];
  if (!isOnDevice(left) && !named.some(([, stream]) => isRecord(stream) && isOnDevice(stream.table))) {
    return alignHostStreams(left, streams as Readonly<Record<string, StreamOptions>>, options);
  }
  const table = requireLeft(left);
  requireDeviceBackend(options);
  const rights = named.map(([name, stream]) =>
    requireRight(isRecord(stream) ? stream.table : undefined, `streams.${name}.table`, table.device),
  );
  const outcome = await joinTables(table, rights, (leftOnHost, rightsOnHost) => {
    const onHost = named.map(([name, stream], s): [string, unknown] => {
      const own = withDefaults(stream.table, stream);
      return [name, isRecord(own) ? { ...own, table: rightsOnHost[s] } : own];
    });
    return parseAlignStreams(leftOnHost, named.length === 0 ? streams : Object.fromEntries(onHost), options);
  });
  const stats = named.flatMap(([name], s) => {
    const own = outcome.stats[s];
    return own === undefined ? [] : [[name, own] as const];
  });
  const answer = { table: outcome.table, stats: Object.fromEntries(stats) };
  return outcome.explain === null ? answer : { ...answer, explain: outcome.explain };
}
