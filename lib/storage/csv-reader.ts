/**
 * Splits CSV (RFC 4180: commas, double quotes, quotes doubled inside) into records, from a stream of blocks, in memory
 * bounded by one block and the longest record. Line ends are LF, CRLF or a mix; a UTF-8 byte order mark is skipped;
 * blank lines are skipped where there are several columns. Fields stay bytes, so nothing is decoded that is not asked
 * for. O(bytes).
 */
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { pipeline } from 'node:stream/promises';
import { abortError, corrupt, ioError } from './io-error.js';

/** One record: fields i is bytes[starts[i], ends[i]), unescaped already. Valid until the next record is asked for. */
export interface CsvRecord {
  bytes: Uint8Array;
  starts: Int32Array;
  ends: Int32Array;
  /** Not 0 where the field was quoted: an empty quoted field is the empty string, an unquoted one is null. */
  quoted: Uint8Array;
  fields: number;
  /** Line of the file (from 1) on which the record starts. */
  line: number;
}

const QUOTE = 34;
const COMMA = 44;
const LF = 10;
const CR = 13;
const BLOCK = 1 << 20;
/** Values of `CsvRecord.quoted`. */
const QUOTED = 1;
const ESCAPED = 2;
const MAX_RECORD = 64 << 20;

/** Blocks of the file's text; `.gz` files are unpacked. FS_ERR_CORRUPT when the packing is damaged or cut off. */
export async function* csvBlocks(
  path: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  const file = createReadStream(path, { highWaterMark: BLOCK });
  const packed = path.toLowerCase().endsWith('.gz');
  const unpack = createGunzip({ chunkSize: BLOCK });
  const source = packed ? unpack : file;
  const piped = packed ? pipeline(file, unpack) : Promise.resolve();
  piped.catch(() => undefined);
  try {
    for await (const block of source) {
      if (signal?.aborted === true) throw abortError(`read of ${path}`);
      if (!Buffer.isBuffer(block)) throw corrupt(path, 'expected bytes');
      yield block;
    }
    await piped;
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
    if (code.startsWith('Z_')) throw corrupt(path, 'the gzip data is damaged or truncated', {}, error);
    throw ioError(error, path, 'read');
  } finally {
    file.destroy();
    source.destroy();
  }
}

/** Record by record over `blocks`. */
export class CsvRecordReader {
  readonly record: CsvRecord = {
    bytes: new Uint8Array(0),
    starts: new Int32Array(64),
    ends: new Int32Array(64),
    quoted: new Uint8Array(64),
    fields: 0,
    line: 1,
  };
  private buffer: Buffer = Buffer.alloc(0);
  private at = 0;
  private ended = false;
  private line = 1;
  private first = true;

  constructor(
    private readonly path: string,
    private readonly blocks: AsyncIterator<Buffer>,
  ) {}

  /** Where the next unread byte lies; with `buffered`, how much of the file was taken. */
  get nextLine(): number {
    return this.line;
  }

  /** Takes the next block. False at the end of the file. */
  async fill(): Promise<boolean> {
    if (this.ended) return false;
    const next = await this.blocks.next();
    if (next.done === true) {
      this.ended = true;
      return true;
    }
    const rest = this.buffer.length - this.at;
    if (rest > MAX_RECORD) {
      throw corrupt(this.path, `line ${this.line}: a record is longer than 64 MiB; is a quote left open?`, {
        line: this.line,
      });
    }
    this.buffer = rest === 0 ? next.value : Buffer.concat([this.buffer.subarray(this.at), next.value]);
    this.at = 0;
    if (this.first && this.buffer.length >= 3) {
      this.first = false;
      if (this.buffer[0] === 0xef && this.buffer[1] === 0xbb && this.buffer[2] === 0xbf) this.at = 3;
    }
    return true;
  }

  get done(): boolean {
    return this.ended && this.at >= this.buffer.length;
  }

  /** Reads the next record into `record`. False when the buffer holds no whole record: fill, then try again. */
  next(): boolean {
    const { record } = this;
    const { buffer } = this;
    const limit = buffer.length;
    let at = this.at;
    if (at >= limit) return false;
    let fields = 0;
    let lines = 0;
    let escaped = false;
    for (;;) {
      if (fields === record.starts.length) this.growRecord();
      let end: number;
      if (buffer[at] === QUOTE) {
        const start = at + 1;
        let from = start;
        let escapes = 0;
        for (;;) {
          const close = buffer.indexOf(QUOTE, from);
          if (close < 0 || (close + 1 >= limit && !this.ended)) return this.unfinished();
          if (buffer[close + 1] !== QUOTE) {
            end = close;
            break;
          }
          escapes++;
          from = close + 2;
        }
        for (let i = buffer.indexOf(LF, start); i >= 0 && i < end; i = buffer.indexOf(LF, i + 1)) lines++;
        record.starts[fields] = start;
        record.ends[fields] = end;
        record.quoted[fields] = escapes === 0 ? QUOTED : ESCAPED;
        escaped ||= escapes > 0;
        at = end + 1;
        const after = buffer[at];
        if (at < limit && after !== COMMA && after !== LF && after !== CR) {
          throw corrupt(
            this.path,
            `line ${this.line + lines}: expected a comma or the line's end after a closing quote`,
            {
              line: this.line + lines,
            },
          );
        }
      } else {
        const start = at;
        let byte: number | undefined;
        while (at < limit && (byte = buffer[at]) !== COMMA && byte !== LF) {
          if (byte === QUOTE) {
            throw corrupt(this.path, `line ${this.line + lines}: a quote in the middle of an unquoted field`, {
              line: this.line + lines,
            });
          }
          at++;
        }
        if (at >= limit && !this.ended) return false;
        end = at > start && buffer[at - 1] === CR && (at >= limit || buffer[at] === LF) ? at - 1 : at;
        record.starts[fields] = start;
        record.ends[fields] = end;
        record.quoted[fields] = 0;
      }
      fields++;
      if (at < limit && buffer[at] === CR) at++;
      if (at >= limit) {
        if (!this.ended) return false;
        break;
      }
      if (buffer[at] === LF) {
        at++;
        lines++;
        break;
      }
      if (buffer[at] !== COMMA) {
        throw corrupt(this.path, `line ${this.line + lines}: a carriage return inside a line`, {
          line: this.line + lines,
        });
      }
      at++;
      if (at >= limit && !this.ended) return false;
    }
    // Only now: a record that has to wait for more bytes is read again from its start.
    if (escaped) unescapeRecord(record, fields, buffer);
    record.bytes = buffer;
    record.fields = fields;
    record.line = this.line;
    this.line += lines;
    this.at = at;
    return true;
  }

  private unfinished(): boolean {
    if (!this.ended) return false;
    throw corrupt(this.path, `line ${this.line}: a quoted field is not closed before the end of the file`, {
      line: this.line,
    });
  }

  private growRecord(): void {
    const { record } = this;
    const size = record.starts.length * 2;
    const grow = <T extends Int32Array | Uint8Array>(target: T, source: T): T => {
      target.set(source);
      return target;
    };
    record.starts = grow(new Int32Array(size), record.starts);
    record.ends = grow(new Int32Array(size), record.ends);
    record.quoted = grow(new Uint8Array(size), record.quoted);
  }
}

/** Removes one of every two quotes, in place. */
function unescapeRecord(record: CsvRecord, fields: number, buffer: Buffer): void {
  for (let field = 0; field < fields; field++) {
    if (record.quoted[field] !== ESCAPED) continue;
    let to = record.starts[field] ?? 0;
    const end = record.ends[field] ?? 0;
    for (let from = to; from < end; from++) {
      buffer[to++] = buffer[from] ?? 0;
      if (buffer[from] === QUOTE) from++;
    }
    record.ends[field] = to;
  }
}
