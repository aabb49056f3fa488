/** A table as plain data with every bit that counts: for comparing results of executors that must not differ. */
import { type Data, DataType, type Table } from 'apache-arrow';

import { cellsOf } from './columns.js';

function hex(view: ArrayBufferView | undefined, bytes: number): string {
  if (view === undefined || bytes === 0) return '';
  return Buffer.from(view.buffer, view.byteOffset, bytes).toString('hex');
}

/** Buffers of a flat column of one chunk from offset 0; null for those that have no one layout. */
function buffersOf(data: Data): unknown {
  const { type, length, nullCount } = data;
  if (data.offset !== 0 || (type.children?.length ?? 0) > 0 || DataType.isNull(type)) return null;
  const validity = nullCount === 0 ? '' : hex(data.nullBitmap, (length + 7) >> 3);
  if (DataType.isDictionary(type)) return { validity };
  if (DataType.isBool(type)) return { validity, values: hex(data.values as Uint8Array, (length + 7) >> 3) };
  const offsets = data.valueOffsets as Int32Array | BigInt64Array | undefined;
  if (DataType.isUtf8(type) || DataType.isBinary(type) || DataType.isLargeUtf8(type) || DataType.isLargeBinary(type)) {
    return {
      validity,
      offsets: offsets === undefined ? '' : hex(offsets, (length + 1) * offsets.BYTES_PER_ELEMENT),
      values: hex(data.values as Uint8Array, Number(offsets?.[length] ?? 0)),
    };
  }
  const values = data.values as ArrayBufferView & { readonly byteLength: number };
  return { validity, values: hex(values, values.byteLength) };
}

/** Columns by name, type, cells, and, from column `from` on, where there is one batch, their buffers. */
export function bitsOf(table: Table, from = 0): unknown {
  const [only] = table.batches.length === 1 ? table.batches : [];
  return {
    rows: table.numRows,
    columns: table.schema.fields.map(({ name, type, nullable }, i) => ({
      name,
      type: String(type),
      nullable,
      cells: cellsOf(table, name),
      buffers: only === undefined || i < from ? null : buffersOf(only.data.children[i]!),
    })),
  };
}
