/** Outputs of the addon on their way out: one buffer with all columns, or one each, and words that say where they lie. */
import { StreamWord } from '../../internal/native-stream.js';
import type { ByteRange, OutputBuffers } from '../../schema/byte-range.js';
import type { EngineConfig, EngineOutput, EngineStreamOutput } from './types.js';

type Buffers = ArrayBuffer | readonly ArrayBuffer[];

export class OutputReader {
  #at = 0;

  /** Words of columns begin at `tail`. */
  constructor(
    private readonly config: EngineConfig,
    private readonly words: Float64Array,
    private readonly tail: number,
  ) {}

  read(buffers: Buffers): EngineOutput {
    const { left, streams } = this.config;
    const rows = this.words[StreamWord.emittedRows]!;
    this.#at = this.tail;
    return {
      rows,
      left: this.#columns(buffers, rows, left.columns.length),
      streams: streams.map((stream): EngineStreamOutput => {
        const columns = this.#columns(buffers, rows, stream.outputs);
        const age = stream.wantAge ? this.#column(buffers, rows) : null;
        return { columns, age, matched: stream.wantMatched ? this.#column(buffers, rows) : null };
      }),
      rowIds: this.#bytes(buffers),
      ops: this.#bytes(buffers),
    };
  }

  #columns(buffers: Buffers, rows: number, count: number): readonly OutputBuffers[] {
    const columns: OutputBuffers[] = [];
    for (let c = 0; c < count; c++) columns.push(this.#column(buffers, rows));
    return columns;
  }

  #column(buffers: Buffers, length: number): OutputBuffers {
    const nullCount = this.words[this.#at++]!;
    const values = this.#bytes(buffers);
    const offsets = this.#bytes(buffers);
    return { length, nullCount, values, offsets, validity: this.#bytes(buffers) };
  }

  #bytes(buffers: Buffers): ByteRange | null {
    const place = this.words[this.#at++]!;
    const byteLength = this.words[this.#at++]!;
    if (byteLength < 0) return null;
    return 'byteLength' in buffers
      ? { buffer: buffers, byteOffset: place, byteLength }
      : { buffer: buffers[place]!, byteOffset: 0, byteLength };
  }
}
