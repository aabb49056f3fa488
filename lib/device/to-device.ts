/** `toDevice`: an Arrow table into device memory. */
import type { Field, Table } from 'apache-arrow';

import { fail, rejectUnknown, requireNames, requireRecord, requireSignal } from '../internal/validate.js';
import { columnIndex, rowCount } from '../schema/arrow-columns.js';
import { requireTable } from '../schema/arrow-types.js';
import { planTable } from './column-plan.js';
import { defaultDevice, Device } from './device.js';
import { DeviceTable } from './device-table.js';

export interface ToDeviceOptions {
  /** Default: the process's default device (FLOWSTATE_DEVICE, else `auto`). */
  readonly device?: Device;
  /** Columns to take, in this order. Default: all. */
  readonly columns?: string | readonly string[];
  readonly signal?: AbortSignal;
}

const KEYS = ['device', 'columns', 'signal'] as const;

/**
 * Copies a table to the device: columns contiguous whatever its batches were, bitmaps from bit 0, offsets from 0. Pageable
 * memory goes through pinned staging on several streams, views of a `PinnedBufferPool` straight. Settles when everything
 * is there; the table must not change until then.
 *
 * Throws FS_ERR_ARG_TYPE, FS_ERR_COLUMN_MISSING, FS_ERR_SCHEMA (unions, views, run-end types, dictionaries of
 * other values than text that differ between batches), FS_ERR_LENGTH, FS_ERR_DETACHED, FS_ERR_OVERFLOW (int32 offsets,
 * dictionary indices), FS_ERR_OUT_OF_MEMORY, FS_ERR_CUDA,
 * FS_ERR_DEVICE_LOST, FS_ERR_CLOSED, FS_ERR_ABORTED. On any error nothing stays on the device.
 */
export async function toDevice(table: Table, options: ToDeviceOptions = {}): Promise<DeviceTable> {
  requireTable(table, 'table');
  const { device, signal } = parseToDevice(options);
  const fields = chooseFields(table, options.columns);
  const plan = planTable(table, fields);
  const buffer = device.allocate(plan.byteLength);
  try {
    const copies = plan.copies.map(({ offset, source }) => ({ memory: buffer.memory, offset, host: source }));
    await device.backend.upload(copies, signal);
    return new DeviceTable(
      [buffer],
      fields.map(({ field }) => field),
      plan.columns,
      rowCount(table),
    );
  } catch (error) {
    buffer.release();
    throw error;
  }
}

function parseToDevice(options: unknown): { readonly device: Device; readonly signal: AbortSignal | null } {
  const given = requireRecord(options, 'options');
  rejectUnknown(given, 'options', KEYS);
  return {
    device: given.device === undefined ? defaultDevice() : requireDevice(given.device, 'options.device'),
    signal: given.signal === undefined ? null : requireSignal(given.signal, 'options.signal'),
  };
}

export function requireDevice(value: unknown, where: string): Device {
  if (value instanceof Device) return value;
  return fail('FS_ERR_ARG_TYPE', `${where} must be a Device, as Device.open() gives it`, { where });
}

/** The columns by name, or all, with their places in the table. */
export function chooseFields(
  table: Table,
  columns: unknown,
): readonly { readonly field: Field; readonly index: number }[] {
  const { fields } = table.schema;
  if (columns === undefined) return fields.map((field, index) => ({ field, index }));
  return requireNames(columns, 'options.columns').flatMap((name) => {
    const index = columnIndex(table, name, 'table');
    const field = fields[index];
    return field === undefined ? [] : [{ field, index }];
  });
}
