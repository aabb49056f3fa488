/**
 * How a column goes into an engine and comes out again. Flat columns go as they are. Dictionary columns go as codes
 * into one dictionary per column, whatever dictionaries the batches bring (`dictionary-codec.ts`). Nested columns stay
 * here, and the engine keeps int64 handles (`handle-codec.ts`).
 *
 * What rows leave behind is let go in sweeps: the engine's live rows and the side output say what is in use. A sweep
 * costs O(rows held) and is due only after as many rows or values have come, so it is O(1) a row; what is kept stays
 * within about twice of what is in use.
 */
import { type Data, DataType } from 'apache-arrow';

import { type NativeColumn, NativeType } from '../internal/native.js';
import type { ColumnShape } from './engine/types.js';
import { type Layout, layoutOf, nativeChunk } from '../schema/arrow-columns.js';
import { localType } from '../schema/arrow-types.js';
import type { OutputBuffers } from '../schema/byte-range.js';
import { dataFromOutput } from '../schema/take.js';
import { DictionaryCodec } from './dictionary-codec.js';
import { HandleCodec } from './handle-codec.js';

export interface ColumnCodec {
  readonly shape: ColumnShape;
  /** Columns go in as `nativeColumn` would give them. */
  readonly isPlain: boolean;
  /** Values (dictionaries) or rows (nested) kept here; 0 where the engine has all. */
  readonly stored: number;
  /** Bytes of them, about. */
  readonly storedBytes: number;
  /** The rows as the engine takes them; copied where they stay here. */
  encode(data: Data): NativeColumn;
  /** The engine did not take what was encoded last. */
  rollBack(): void;
  /** Rows that the engine gave back, labelled with `type`. */
  decode(output: OutputBuffers, type: DataType): Data;
  /** Whether so much may be out of use that a sweep is worth it, where the engine holds `rows` rows. O(1). */
  wantsSweep(rows: number): boolean;
  /**
   * Forgets what none of these uses: all that the engine and the side output hold. `all`: also what only the next batch
   * is likely to use.
   */
  sweep(live: readonly OutputBuffers[], all?: boolean): void;
  clear(): void;
}

/** The codec of a column. `where` is its place for messages: `left.price`. */
export function columnCodec(where: string, foreign: DataType): ColumnCodec {
  const type = localType(foreign);
  if (DataType.isDictionary(type)) return new DictionaryCodec(where, type);
  const layout = layoutOf(type);
  return layout === null ? new HandleCodec(where, type) : new PlainCodec(where, layout);
}

class PlainCodec implements ColumnCodec {
  readonly shape: ColumnShape;
  readonly isPlain = true;
  readonly stored = 0;
  readonly storedBytes = 0;

  constructor(
    private readonly where: string,
    private readonly layout: Layout,
  ) {
    this.shape = { name: where, type: layout.type, width: layout.width };
  }

  encode(data: Data): NativeColumn {
    const { where, layout } = this;
    return {
      name: where,
      type: layout.type,
      indexType: NativeType.Int32,
      width: layout.width,
      chunks: data.length === 0 ? [] : [nativeChunk(where, data, layout, -1)],
      dictionaries: [],
    };
  }

  rollBack(): void {}

  decode(output: OutputBuffers, type: DataType): Data {
    return dataFromOutput(type, output);
  }

  wantsSweep(): boolean {
    return false;
  }

  sweep(): void {}

  clear(): void {}
}
