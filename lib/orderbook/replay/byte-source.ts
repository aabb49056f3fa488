/**
 * Bytes of a feed, piece by piece: from files, memory or any async iterable. Gzip and zstd are told by their first bytes,
 * whatever a file is called, and decompressed as they are read. What is held is a piece or two.
 */
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import zlib from 'node:zlib';

import { createError } from '../../errors/from-native.js';
import { typeError } from '../../internal/validate.js';

/** Input is handed to the addon in pieces of at most this: copying one takes the event loop some ten microseconds. */
const PIECE_BYTES = 256 * 1024;

export type ByteSource = string | readonly string[] | Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

type Pieces = AsyncGenerator<Uint8Array, void, undefined>;

/** Decompressed pieces of at most 256 KiB. FS_ERR_IO, FS_ERR_CORRUPT for damaged compression. */
export async function* readPieces(source: ByteSource): Pieces {
  if (typeof source === 'string') yield* inflated(filePieces(source), source);
  else if (ArrayBuffer.isView(source)) yield* inflated(memoryPieces(source), 'input');
  else if (Array.isArray(source) && source.every((each) => typeof each === 'string')) {
    for (const path of source as readonly string[]) yield* inflated(filePieces(path), path);
  } else yield* inflated(iterablePieces(source as AsyncIterable<Uint8Array>), 'input');
}

async function* filePieces(path: string): Pieces {
  try {
    for await (const piece of createReadStream(path, { highWaterMark: PIECE_BYTES })) yield piece as Uint8Array;
  } catch (error) {
    const { code, errno, syscall, message } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    throw createError('FS_ERR_IO', `cannot read ${path}: ${message}`, {
      details: { errno: code ?? errno, syscall, path },
      cause: error,
    });
  }
}

async function* memoryPieces(bytes: Uint8Array): Pieces {
  yield bytes;
}

async function* iterablePieces(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Pieces {
  for await (const piece of source) {
    if (!ArrayBuffer.isView(piece)) throw typeError('source', 'to yield Uint8Arrays', piece);
    yield piece;
  }
}

/** Looks at the first four bytes and decompresses accordingly. */
async function* inflated(pieces: Pieces, name: string): Pieces {
  let head = new Uint8Array(0);
  const begun: Uint8Array[] = [];
  while (head.length < 4) {
    const { done, value } = await pieces.next();
    if (done === true) break;
    begun.push(value);
    head = Uint8Array.from([...head, ...value.subarray(0, 4 - head.length)]);
  }
  async function* all(): Pieces {
    try {
      yield* begun;
      yield* pieces;
    } finally {
      await pieces.return();
    }
  }
  const [a, b, c, d] = head;
  if (a === 0x1f && b === 0x8b) yield* cut(gunzip(all(), name));
  else if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) yield* cut(unzstd(all(), name));
  else yield* cut(all());
}

function damaged(name: string, what: string, cause: unknown): unknown {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code?.startsWith('FS_ERR') === true) return cause;
  return createError('FS_ERR_CORRUPT', `${name}: damaged ${what} data: ${message}`, { cause });
}

async function* gunzip(pieces: Pieces, name: string): Pieces {
  yield* through(pieces, zlib.createGunzip({ chunkSize: PIECE_BYTES }), name, 'gzip');
}

async function* through(pieces: Pieces, stage: zlib.Gunzip, name: string, what: string): Pieces {
  const input = Readable.from(pieces, { objectMode: true });
  let failure: unknown = null;
  input.on('error', (error) => {
    failure = error;
    stage.destroy(error);
  });
  input.pipe(stage);
  try {
    for await (const piece of stage) yield piece as Uint8Array;
  } catch (error) {
    throw failure ?? damaged(name, what, error);
  } finally {
    input.destroy();
    stage.destroy();
  }
}

/** Node has zstd from 22.15 on; before that a small JavaScript decoder does. */
async function* unzstd(pieces: Pieces, name: string): Pieces {
  const native = (zlib as { createZstdDecompress?: () => zlib.Gunzip }).createZstdDecompress;
  if (native !== undefined) return yield* through(pieces, native(), name, 'zstd');
  const { Decompress } = await import('fzstd');
  const ready: Uint8Array[] = [];
  let finished = false;
  const decoder = new Decompress((piece, isLast) => {
    if (piece.length > 0) ready.push(piece);
    finished ||= isLast === true;
  });
  try {
    for await (const piece of pieces) {
      for (const part of split(piece, PIECE_BYTES)) {
        decoder.push(part, false);
        yield* ready.splice(0);
      }
    }
    decoder.push(new Uint8Array(0), true);
    yield* ready.splice(0);
  } catch (error) {
    throw damaged(name, 'zstd', error);
  }
  if (!finished) throw createError('FS_ERR_CORRUPT', `${name}: damaged zstd data: it ends inside a frame`);
}

function* split(piece: Uint8Array, bytes: number): Generator<Uint8Array, void, undefined> {
  for (let at = 0; at < piece.length; at += bytes) yield piece.subarray(at, at + bytes);
}

async function* cut(pieces: Pieces): Pieces {
  for await (const piece of pieces) yield* split(piece, PIECE_BYTES);
}
