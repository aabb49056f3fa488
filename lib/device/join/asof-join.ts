/** `asofJoin` wherever its tables lie: on the host (`lib/join`), or on a device. */
import type { Table } from 'apache-arrow';

import { fail } from '../../internal/validate.js';
import { asofJoin as joinHostTables, type JoinReport, type ReportingOptions } from '../../join/asof-join.js';
import type { AsofJoinOptions, On } from '../../join/options.js';
import { parseAsofJoin } from '../../join/parse-options.js';
import type { JoinStats } from '../../join/stats.js';
import type { DeviceTable } from '../device-table.js';
import type { DeviceJoinIndex } from './device-join-index.js';
import type { DeviceJoinExplain } from './explain.js';
import { joinTables } from './run.js';
import { isOnDevice, requireDeviceBackend, requireLeft, requireRight, withDefaults } from './sides.js';

/** The answer of a join of device tables with `stats: true` or `explain: true`. */
export interface DeviceJoinReport {
  readonly table: DeviceTable;
  readonly stats: JoinStats;
  /** Null unless it was asked for. */
  readonly explain: DeviceJoinExplain | null;
}

/** Options of a join of device tables. `on` is the index's own where there is one. */
export interface DeviceAsofJoinOptions extends Omit<AsofJoinOptions, 'on' | 'explain' | 'stats'> {
  readonly on?: On;
  /** Answer with `{ table, stats, explain }` in place of the table. */
  readonly stats?: boolean;
  /** The same, with plan, time and bytes of every step, and the floor that the device's copy rate sets. */
  readonly explain?: boolean;
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
 * Tables on a device (`toDevice`) are joined there, and so is the result: the same rows and bytes, no column through the
 * host. The right may be a `DeviceJoinIndex`. The result is to be released; it keeps what it shares with its inputs.
 *
 * Rejects with ArgumentError (FS_ERR_ARG_TYPE, FS_ERR_ARG_RANGE, FS_ERR_OPTION_UNKNOWN, FS_ERR_NAME_COLLISION),
 * DataError (FS_ERR_SCHEMA, FS_ERR_COLUMN_MISSING, FS_ERR_LENGTH, FS_ERR_UNSORTED, FS_ERR_OVERFLOW, FS_ERR_CORRUPT),
 * FS_ERR_DETACHED, FS_ERR_ABORTED, FS_ERR_OUT_OF_MEMORY, FS_ERR_ADDON_UNAVAILABLE or FS_ERR_CUDA_UNAVAILABLE; for device
 * tables also FS_ERR_CLOSED, FS_ERR_CUDA, FS_ERR_DEVICE_LOST, and FS_ERR_SCHEMA for keys of text that is not
 * dictionary-encoded.
 *
 * @example
 * const out = await asofJoin(trades, quotes, { on: 'timestamp', by: 'symbol', tolerance: '5s', age: 'quote_age' });
 */
export function asofJoin(left: Table, right: Table, options: ReportingOptions): Promise<JoinReport>;
export function asofJoin(left: Table, right: Table, options: AsofJoinOptions): Promise<Table>;
export function asofJoin(
  left: DeviceTable,
  right: DeviceTable | DeviceJoinIndex,
  options: DeviceAsofJoinOptions & ({ readonly stats: true } | { readonly explain: true }),
): Promise<DeviceJoinReport>;
export function asofJoin(
  left: DeviceTable,
  right: DeviceTable | DeviceJoinIndex,
  options: DeviceAsofJoinOptions,
): Promise<DeviceTable>;
export async function asofJoin(
  left: Table | DeviceTable,
  right: Table | DeviceTable | DeviceJoinIndex,
  options: AsofJoinOptions | DeviceAsofJoinOptions,
): Promise<Table | JoinReport | DeviceTable | DeviceJoinReport> {
  if (!isOnDevice(left) && !isOnDevice(right)) return joinHostTables(left, right, options as AsofJoinOptions);
  const table = requireLeft(left);
  const side = requireRight(right, 'right', table.device);
  const merged = withDefaults(right, options);
  requireDeviceBackend(merged);
  let wantsStats = false;
  const outcome = await joinTables(table, [side], (leftOnHost, [rightOnHost]) => {
    const join = parseAsofJoin(leftOnHost, rightOnHost, merged);
    wantsStats = join.run.stats;
    return join;
  });
  if (!wantsStats) return outcome.table;
  const [stats] = outcome.stats;
  return {
    table: outcome.table,
    stats: stats ?? fail('FS_ERR_INTERNAL', 'the join returned no statistics'),
    explain: outcome.explain,
  };
}
