/** Types of the streaming engine's object. Enumerations are numbers of `cpp/include/flowstate/stream/streaming_join.h`. */
import type { NativeColumn, NativeOutputColumn, NativeStreamStats, NativeType } from './native.js';

/** Representation of times: signed integers and temporal columns, uint64, floats. */
export const NativeTimeKind = { signed: 0, unsigned: 1, float: 2 } as const;
export const NativeLatePolicy = { drop: 0, sideOutput: 1, revise: 2, error: 3 } as const;

export interface NativeColumnShape {
  readonly name: string;
  /** Never a dictionary: its codes travel as int32. */
  readonly type: NativeType;
  /** Bytes per row of a fixed type. */
  readonly width: number;
}

export interface NativeKeyShape {
  readonly leftScale: bigint;
  readonly rightScale: bigint;
  /** This side is uint64 and the other signed: values of 2^63 and more equal nothing. */
  readonly leftUnsignedForeign: boolean;
  readonly rightUnsignedForeign: boolean;
}

export interface NativeStreamShape {
  readonly keys: readonly NativeKeyShape[];
  /** Of the aligned time: left × leftScale against right × rightScale. */
  readonly kind: number;
  readonly leftScale: bigint;
  readonly rightScale: bigint;
  readonly payload: readonly NativeColumnShape[];
  /** So many of the payload go into the output, the rest only into exports. Default: all. */
  readonly outputs?: number;
  readonly hasKnownAt: boolean;
  readonly knownScale: bigint;
  readonly direction: number;
  readonly allowExact: boolean;
  readonly ties: number;
  readonly nearestTie: number;
  /** Aligned unit: bigint, number for float times, null for none. */
  readonly tolerance: bigint | number | null;
  readonly lag: bigint | number;
  readonly inner: boolean;
  readonly nullKeysEqual: boolean;
  readonly wantMatched: boolean;
  readonly wantAge: boolean;
  readonly ageScale: bigint;
  readonly late: number;
  /** Of the aligned time, for messages. */
  readonly unit: string;
}

export interface NativeStreamConfig {
  readonly left: { readonly kind: number; readonly columns: readonly NativeColumnShape[] };
  readonly streams: readonly NativeStreamShape[];
  readonly leftLate: number;
  /** How far behind the watermark late rows are repaired or reported; the left's raw unit, 0 for not at all. */
  readonly horizon: bigint | number;
  readonly ordered: boolean;
  readonly maxStateBytes: number | null;
  readonly sweepEachEmit: boolean;
  /** Whether row ids go out with the rows. */
  readonly rowIds: boolean;
}

/** What is the same for every batch of an input: its parts, and which of them is what. A part may be several things. */
export interface NativeBatchLayout {
  readonly parts: readonly {
    readonly name: string;
    readonly type: NativeType;
    readonly indexType: NativeType;
    readonly width: number;
  }[];
  /** Places among the parts, here and below. */
  readonly time: number;
  /** Left: one list per stream. Right: its own list alone. */
  readonly keys: readonly (readonly number[])[];
  readonly columns: readonly number[];
  readonly knownAt: number | null;
  /** int64 without nulls; null: counted on per (input, source). */
  readonly sequence: number | null;
}

/**
 * Places of the 8-byte words that the engine and its caller share. Numbers but for the times, which are int64, uint64 or
 * float64 by kind. From `stateRows` on one word per input; then, before a push, one per part (`NativePartFlag`), and after
 * an emit seven per column: nulls, then place and bytes of values, offsets and validity, -1 bytes for none. Last
 * come place and bytes of the row ids and of the ops. A place is a byte of the one buffer, or the number of one.
 */
export const StreamWord = {
  rows: 0,
  late: 1,
  lateBeyondHorizon: 2,
  tooFarAhead: 3,
  nullTime: 4,
  nullKey: 5,
  hasTimes: 6,
  minTime: 7,
  maxTime: 8,
  stateBytes: 9,
  pendingRows: 10,
  hasOldest: 11,
  oldest: 12,
  emittedRows: 13,
  more: 14,
  revisions: 15,
  stateRows: 16,
} as const;

/** Which buffers of a part come, in this order; its bit offset is multiplied by `bitOffset` and added. */
export const NativePartFlag = { values: 1, offsets: 2, validity: 4, dictionaries: 8, bitOffset: 16 } as const;

export type NativePartBuffer = ArrayBufferView | readonly NativeColumn[];

/** Rows for `loadRows`, one chunk per column. */
export interface NativeStreamBatch {
  readonly rows: number;
  readonly time: NativeColumn;
  /** Left: one list per stream. Right: its own list alone. */
  readonly keys: readonly (readonly NativeColumn[])[];
  readonly columns: readonly NativeColumn[];
  readonly knownAt: NativeColumn | null;
  readonly source: number;
  /** int64 without nulls; null: counted on per (input, source). */
  readonly sequence: NativeColumn | null;
}

/** Rows put aside, in order of arrival. */
export interface NativeLateOutput {
  readonly rows: number;
  /** int64 engine time: uint64 with the top bit flipped, floats as ordered bits. */
  readonly time: ArrayBuffer;
  readonly source: ArrayBuffer;
  readonly sequence: ArrayBuffer;
  /** uint8: 0 late, 1 too far ahead. */
  readonly reason: ArrayBuffer;
  readonly columns: readonly NativeOutputColumn[];
  /** int64, rows + 1; null for the left. */
  readonly affectedOffsets: ArrayBuffer | null;
  /** int64 row ids; null: none. */
  readonly affectedIds: ArrayBuffer | null;
}

export interface NativeExportedColumn extends NativeOutputColumn {
  readonly type: NativeType;
  readonly width: number;
}

/** All live rows of an input, in order of (time, source, sequence), as a batch that `loadRows` takes. */
export interface NativeExportedRows {
  readonly rows: number;
  /** int64, uint64 or float64 in the column's own unit. */
  readonly time: NativeExportedColumn;
  /** int64, uint64, float64 or bytes. */
  readonly keys: readonly (readonly NativeExportedColumn[])[];
  /** Left, per stream: uint8, 1 where the key equals nothing on the right; null: nowhere. Right: empty. */
  readonly deadKeys: readonly (ArrayBuffer | null)[];
  readonly columns: readonly NativeExportedColumn[];
  readonly knownAt: NativeExportedColumn | null;
  readonly source: NativeExportedColumn;
  readonly sequence: NativeExportedColumn;
  /** Left: int64, -1 for rows not put out yet; null where no row that was put out is kept. */
  readonly rowIds: ArrayBuffer | null;
}

export interface NativeStreamCounters {
  readonly nextRowId: bigint;
  readonly revisions: number;
  readonly ended: boolean;
  readonly inputs: readonly {
    readonly rows: number;
    readonly late: number;
    readonly lateBeyondHorizon: number;
    readonly tooFarAhead: number;
    readonly nullTime: number;
    readonly nullKey: number;
    readonly watermark: bigint | number | null;
  }[];
  /** Totals; `rightRows` is 0. */
  readonly streams: readonly NativeStreamStats[];
  readonly sequences: readonly { readonly input: number; readonly source: number; readonly next: bigint }[];
}

/** The streaming join's deciding core. Every call that throws has changed nothing. */
export interface NativeStreamEngine {
  /** The block of `StreamWord`. What is held is told in it after every call. */
  words(): ArrayBuffer;
  /** Before the first push of an input. */
  describe(input: number, layout: NativeBatchLayout): void;
  /**
   * A batch of one chunk per part, told by the words; copied before it returns. `maxTime`: later rows are not taken (left
   * in its raw unit, right aligned). The report is in the words.
   */
  push(
    input: number,
    rows: number,
    source: number,
    buffers: readonly NativePartBuffer[],
    maxTime: bigint | number | null,
  ): void;
  /** Lower or equal: ignored. */
  advance(input: number, time: bigint | number): void;
  end(): void;
  /** At most `maxRows`; one buffer with all columns, or one for each of theirs. The rest is in the words. */
  emit(maxRows: number): ArrayBuffer | readonly ArrayBuffer[];
  takeLate(): NativeLateOutput[];
  exportRows(input: number): NativeExportedRows;
  loadRows(
    input: number,
    batch: NativeStreamBatch,
    sources: NativeColumn,
    emittedRowIds: BigInt64Array | null,
    deadKeys: readonly (Uint8Array | null)[],
  ): void;
  counters(): NativeStreamCounters;
  setCounters(counters: NativeStreamCounters): void;
  holdBeside(bytes: number): void;
  reset(): void;
}

export type NativeStreamEngineClass = new (config: NativeStreamConfig) => NativeStreamEngine;
