/**
 * Batches of one input on their way into the addon. What is the same for all of them is told once; each brings its
 * buffers in one array and a word per part, because reading an object costs the addon more than the rows of a small batch.
 * A column that has several roles (a time that is put out too) is one part.
 */
import type { NativeColumn } from '../../internal/native.js';
import {
  type NativeBatchLayout,
  NativePartFlag,
  type NativePartBuffer,
  type NativeStreamEngine,
} from '../../internal/native-stream.js';
import type { EngineBatch } from './types.js';

/** Where a part is found in a batch. */
type Pick = (batch: EngineBatch) => NativeColumn;

export class BatchWriter {
  #picks: readonly Pick[] | null = null;

  /** Words of parts begin at `tail`. */
  constructor(
    private readonly engine: NativeStreamEngine,
    private readonly input: number,
    private readonly words: Float64Array,
    private readonly tail: number,
  ) {}

  /** The buffers of a batch; what they are is left in the words. */
  write(batch: EngineBatch): readonly NativePartBuffer[] {
    const picks = (this.#picks ??= this.#describe(batch));
    const buffers: NativePartBuffer[] = [];
    for (let i = 0; i < picks.length; i++) {
      const { chunks, dictionaries } = picks[i]!(batch);
      const chunk = chunks[0];
      if (chunk === undefined) {
        this.words[this.tail + i] = 0;
        continue;
      }
      let word = chunk.bitOffset * NativePartFlag.bitOffset;
      if (chunk.values !== null) {
        word += NativePartFlag.values;
        buffers.push(chunk.values);
      }
      if (chunk.offsets !== null) {
        word += NativePartFlag.offsets;
        buffers.push(chunk.offsets);
      }
      if (chunk.validity !== null) {
        word += NativePartFlag.validity;
        buffers.push(chunk.validity);
      }
      if (chunk.dictionary >= 0) {
        word += NativePartFlag.dictionaries;
        buffers.push(dictionaries);
      }
      this.words[this.tail + i] = word;
    }
    return buffers;
  }

  #describe(batch: EngineBatch): readonly Pick[] {
    const parts: NativeColumn[] = [];
    const picks: Pick[] = [];
    const place = (column: NativeColumn, pick: Pick): number => {
      const known = parts.indexOf(column);
      if (known >= 0) return known;
      picks.push(pick);
      return parts.push(column) - 1;
    };
    const layout: NativeBatchLayout = {
      parts,
      columns: batch.columns.map((column, c) => place(column, ({ columns }) => columns[c]!)),
      time: place(batch.time, ({ time }) => time),
      keys: batch.keys.map((list, s) => list.map((column, k) => place(column, ({ keys }) => keys[s]![k]!))),
      knownAt: batch.knownAt === null ? null : place(batch.knownAt, ({ knownAt }) => knownAt!),
      sequence: batch.sequence === null ? null : place(batch.sequence, ({ sequence }) => sequence!),
    };
    this.engine.describe(this.input, layout);
    return picks;
  }
}
