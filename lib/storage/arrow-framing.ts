/**
 * Walks an Arrow file's or stream's messages without their bodies. Damage to the framing is found here, where
 * apache-arrow would stop early, skip a batch or never end: every message must be whole, of the kind it should be, and
 * its buffers inside its body; a stream's end mark must be the last thing in the file. O(messages).
 */
import type { FileHandle } from 'node:fs/promises';
import {
  DICTIONARY_BATCH,
  RECORD_BATCH,
  SCHEMA,
  checkFooter,
  checkMessage,
  type Block,
  type MessageSummary,
} from './arrow-metadata.js';
import { corrupt } from './io-error.js';

const CONTINUATION = -1;

interface Framed extends MessageSummary {
  /** Position of the byte after the message. */
  readonly end: number;
}

/** The message at `at`; null for the end mark. Throws RangeError. */
async function readMessage(file: FileHandle, at: number, size: number): Promise<Framed | null> {
  const prefix = Buffer.alloc(8);
  const { bytesRead } = await file.read(prefix, 0, 8, at);
  if (bytesRead < 8) throw new RangeError('the file ends where a message should start');
  if (prefix.readInt32LE(0) !== CONTINUATION) throw new RangeError('expected the start of a message');
  const length = prefix.readInt32LE(4);
  if (length === 0) return null;
  if (length < 8 || at + 8 + length > size) throw new RangeError(`a header of ${length} bytes`);
  const metadata = new Uint8Array(length);
  await file.read(metadata, 0, length, at + 8);
  const message = checkMessage(metadata);
  const end = at + 8 + length + message.bodyLength;
  if (end > size) throw new RangeError(`a body of ${message.bodyLength} bytes`);
  return { ...message, end };
}

/** Rows of every record batch of a stream, in order. FS_ERR_CORRUPT. */
export async function walkStream(path: string, file: FileHandle, size: number): Promise<number[]> {
  const batches: number[] = [];
  for (let at = 0, index = 0; ; index++) {
    try {
      const message = await readMessage(file, at, size);
      if (message === null) {
        if (at + 8 !== size) throw new RangeError(`the end mark is followed by ${size - at - 8} bytes`);
        if (index === 0) throw new RangeError('there is no schema');
        return batches;
      }
      if ((message.kind === SCHEMA) !== (index === 0)) throw new RangeError('expected one schema, at the start');
      if (message.kind === RECORD_BATCH) batches.push(message.rows);
      at = message.end;
    } catch (error) {
      throw damaged(path, `message ${index} at byte ${at}`, error, batches.length);
    }
  }
}

/** Rows of every record batch that a file's footer names. FS_ERR_CORRUPT. */
export async function walkFile(path: string, file: FileHandle, size: number): Promise<number[]> {
  const tail = Buffer.alloc(4);
  await file.read(tail, 0, 4, size - 10);
  const length = tail.readInt32LE(0);
  const start = size - 10 - length;
  if (length < 8 || start < 8) throw corrupt(path, `the footer claims ${length} bytes in a file of ${size}`);
  const bytes = new Uint8Array(length);
  await file.read(bytes, 0, length, start);
  const footer = (() => {
    try {
      return checkFooter(bytes);
    } catch (error) {
      throw damaged(path, 'the footer', error, -1);
    }
  })();
  for (const [index, block] of footer.dictionaries.entries()) {
    await checkBlock(path, file, start, block, DICTIONARY_BATCH, `dictionary ${index}`, -1);
  }
  const batches: number[] = [];
  for (const [index, block] of footer.recordBatches.entries()) {
    batches.push(await checkBlock(path, file, start, block, RECORD_BATCH, `batch ${index}`, index));
  }
  return batches;
}

async function checkBlock(
  path: string,
  file: FileHandle,
  size: number,
  block: Block,
  kind: number,
  what: string,
  batch: number,
): Promise<number> {
  try {
    const message = await readMessage(file, block.offset, size);
    if (message === null || message.kind !== kind) throw new RangeError('the footer points to another message');
    if (message.end !== block.offset + block.metadataLength + block.bodyLength) {
      throw new RangeError('its size is not the one in the footer');
    }
    return message.rows;
  } catch (error) {
    throw damaged(path, what, error, batch);
  }
}

function damaged(path: string, what: string, error: unknown, batch: number): unknown {
  if (!(error instanceof RangeError)) return error;
  return corrupt(path, `${what} is damaged: ${error.message}`, batch < 0 ? {} : { batch }, error);
}
