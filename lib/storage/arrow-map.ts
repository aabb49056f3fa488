/**
 * An Arrow IPC file as a table whose buffers lie in the mapped file, so that a buffer's place in the file is known and
 * nothing but metadata has been read. Framing and metadata are checked; values are not looked at.
 */
import { RecordBatchReader, Table } from 'apache-arrow';

import { corrupt } from './io-error.js';
import { checkArrowEnds, fileBatches, parseError } from './arrow-read.js';
import { mapFile } from './map-file.js';

export interface MappedArrowFile {
  readonly bytes: Uint8Array;
  readonly table: Table;
}

/** Throws FS_ERR_IO, FS_ERR_CORRUPT naming the batch, FS_ERR_SCHEMA for compressed buffers. */
export async function mapArrowFile(path: string): Promise<MappedArrowFile> {
  const expected = await checkArrowEnds(path, 'arrow');
  const bytes = await mapFile(path);
  let batch = -1;
  try {
    const reader = RecordBatchReader.from(bytes);
    if (!reader.isFile() || !reader.isSync()) throw new RangeError('it has no footer');
    const { schema } = reader.open();
    const batches = [];
    for (const read of fileBatches(reader)) {
      batch++;
      if (expected[batch] !== read.numRows) throw new RangeError('batches are missing');
      batches.push(read);
    }
    if (batches.length !== expected.length) throw corrupt(path, 'batches are missing');
    return { bytes, table: new Table(schema, batches) };
  } catch (error) {
    throw parseError(error, path, batch);
  }
}
