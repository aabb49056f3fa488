/** Who takes part in a join on a device: tables there, or indexes of them; never a host table beside one. */
import { fail, isRecord, rangeError, typeError } from '../../internal/validate.js';
import type { Device } from '../device.js';
import { DeviceTable } from '../device-table.js';
import { DeviceJoinIndex } from './device-join-index.js';
import type { Right } from './run.js';

export type DeviceRight = DeviceTable | DeviceJoinIndex;

export function isOnDevice(value: unknown): value is DeviceRight {
  return value instanceof DeviceTable || value instanceof DeviceJoinIndex;
}

/** The left table. Throws FS_ERR_ARG_TYPE for an index. */
export function requireLeft(value: unknown): DeviceTable {
  if (value instanceof DeviceTable) return value;
  throw typeError('left', 'a DeviceTable, as toDevice(left) gives it, because the right is on a device', value);
}

/** A right side on the left's device. Throws FS_ERR_ARG_TYPE for a host table, FS_ERR_ARG_RANGE for another device. */
export function requireRight(value: unknown, where: string, device: Device): Right {
  if (!isOnDevice(value)) {
    throw typeError(
      where,
      `a DeviceTable, as toDevice(table) gives it, or a DeviceJoinIndex, as left is on ${device.id}`,
      value,
    );
  }
  const own = value.device;
  if (own !== device) {
    fail('FS_ERR_ARG_RANGE', `${where} is on another device than left (${own.id} and ${device.id}, opened apart)`, {
      where,
    });
  }
  return value instanceof DeviceTable ? { table: value, kept: null } : { table: value.table, kept: value.side };
}

/** Options over those of an index, which stand where nothing else is said. */
export function withDefaults(right: unknown, options: unknown): unknown {
  if (!(right instanceof DeviceJoinIndex) || !isRecord(options)) return options;
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return { ...right.defaults, ...given };
}

/** Tables on a device are joined there. */
export function requireDeviceBackend(options: unknown): void {
  const backend = isRecord(options) ? options.backend : undefined;
  if (backend === 'native' || backend === 'javascript') {
    throw rangeError('backend', "'auto' or 'device', as the tables are on a device", backend);
  }
}
