/** `featureMatrix`: columns of a table on a device into one dense tensor there. */
import { fail, typeError } from '../internal/validate.js';
import type { DeviceBuffer } from './device-buffer.js';
import { DeviceTable } from './device-table.js';
import { DeviceTensor } from './device-tensor.js';
import { bytesPerElement } from './dtype.js';
import { type FeatureMatrixOptions, type FeatureSlot, type ParsedMatrix, parseMatrix } from './matrix-options.js';
import { throwIfAborted } from './native-backend.js';

export interface FeatureMatrix {
  /** To be released. */
  readonly matrix: DeviceTensor;
  /** Its columns in order, masks included: slot i is column i of the matrix. */
  readonly columns: readonly FeatureSlot[];
}

const NONE = 2n ** 64n - 1n;

/**
 * Chosen columns of a device table as one tensor: cast, normalised, nulls filled, marked or refused; row-major
 * [rows, columns] or column-major [columns, rows]. Queued on the device, no byte goes by the host: it settles at once
 * (with `nulls: 'error'` when the rows were seen), and `matrix.ready()` tells when the tensor is. The table may be
 * released before that.
 *
 * Each element is rounded once. v is the value as a double (int64 and uint64 to nearest, ties to even; bool 0 or 1;
 * dictionary columns their index, times their integer); (v - mean) × scale in double; then the dtype, to nearest, ties
 * to even, overflow to infinity. A bigint mean is subtracted exactly, before anything is rounded. Every NaN becomes the
 * dtype's quiet NaN. The same bits on every device.
 *
 * Throws FS_ERR_SCHEMA (text, decimals, nested columns; a null with `nulls: 'error'`, naming the first row and its first
 * column), FS_ERR_COLUMN_MISSING, FS_ERR_NAME_COLLISION, FS_ERR_ARG_TYPE, FS_ERR_ARG_RANGE, FS_ERR_OPTION_UNKNOWN,
 * FS_ERR_BUSY (a copy into the table is under way), FS_ERR_OUT_OF_MEMORY, FS_ERR_CUDA, FS_ERR_DEVICE_LOST,
 * FS_ERR_CLOSED, FS_ERR_ABORTED. On any error nothing stays on the device.
 */
export async function featureMatrix(table: DeviceTable, options: FeatureMatrixOptions = {}): Promise<FeatureMatrix> {
  if (!(table instanceof DeviceTable)) throw typeError('table', 'a DeviceTable, as toDevice() gives it', table);
  const { device } = table;
  const parsed = parseMatrix(table, options);
  throwIfAborted(parsed.signal);
  const { dtype, rows, slots } = parsed;
  const shape = parsed.layout === 'row' ? [rows, slots.length] : [slots.length, rows];
  const matrix = new DeviceTensor(device.allocate(rows * slots.length * bytesPerElement(dtype)), dtype, shape);
  try {
    await assemble(matrix, parsed);
    return { matrix, columns: slots };
  } catch (error) {
    matrix.release();
    throw error;
  }
}

async function assemble(matrix: DeviceTensor, parsed: ParsedMatrix): Promise<void> {
  if (!parsed.refusesNulls) {
    matrix.buffer.memory.matrix(parsed, null);
    return;
  }
  const first = matrix.device.allocate(8);
  try {
    matrix.buffer.memory.matrix(parsed, first.memory);
    await refuseNull(first, parsed);
  } finally {
    first.release();
  }
}

async function refuseNull(first: DeviceBuffer, { slots, signal }: ParsedMatrix): Promise<void> {
  const cell = new BigUint64Array(1);
  await first.download(cell, 0, signal);
  const at = cell[0] ?? NONE;
  if (at === NONE) return;
  const row = Number(at / BigInt(slots.length));
  const column = slots[Number(at % BigInt(slots.length))]?.column;
  fail('FS_ERR_SCHEMA', `expected no nulls, found one in row ${row} of ${column}`, { column, row });
}
