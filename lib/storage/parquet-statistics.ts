/** Decodes the min/max bytes of Parquet row groups into JavaScript values; integers and times stay exact (bigint). */
import type { ParquetColumnChunk, ParquetElement, ParquetFooter } from './parquet-footer.js';
import type { ColumnStatistics, RowGroupInfo } from './types.js';

function decodeBound(element: ParquetElement, bytes: Uint8Array | null): ColumnStatistics['min'] {
  if (bytes === null) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (element.physical) {
    case 'BOOLEAN':
      return bytes.length === 1 ? bytes[0] === 1 : null;
    case 'INT32':
      if (bytes.length !== 4 || element.logical === 'decimal') return null;
      return element.signed ? view.getInt32(0, true) : view.getUint32(0, true);
    case 'INT64':
      if (bytes.length !== 8 || element.logical === 'decimal') return null;
      return element.signed ? view.getBigInt64(0, true) : view.getBigUint64(0, true);
    case 'FLOAT':
      return bytes.length === 4 ? view.getFloat32(0, true) : null;
    case 'DOUBLE':
      return bytes.length === 8 ? view.getFloat64(0, true) : null;
    case 'BYTE_ARRAY':
      return element.logical === 'string' ? Buffer.from(bytes).toString('utf8') : null;
    default:
      return null;
  }
}

function statisticsOf(element: ParquetElement, chunk: ParquetColumnChunk): ColumnStatistics | null {
  const min = decodeBound(element, chunk.min);
  const max = decodeBound(element, chunk.max);
  if (min === null && max === null && chunk.nullCount === null) return null;
  return { min, max, nullCount: chunk.nullCount };
}

/** Row groups with the statistics of their top-level, non-nested columns. */
export function rowGroupInfos(footer: ParquetFooter): RowGroupInfo[] {
  const byName = new Map(footer.columns.map((element) => [element.name, element]));
  return footer.rowGroups.map((group) => {
    const statistics: Record<string, ColumnStatistics> = {};
    for (const chunk of group.columns) {
      const element = chunk.path.length === 1 ? byName.get(chunk.path[0] ?? '') : undefined;
      const found = element === undefined ? null : statisticsOf(element, chunk);
      if (element !== undefined && found !== null) statistics[element.name] = found;
    }
    return { rows: group.rows, statistics };
  });
}
