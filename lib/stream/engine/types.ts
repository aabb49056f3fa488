/**
 * The deciding core of the streaming join: what both engines, the addon's `StreamEngine` and its JavaScript twin, take
 * and give. Event-driven by watermarks, single-threaded, synchronous. Input 0 is the left, 1..N are the right streams.
 *
 * Times of the left (`time`, watermark, `horizon`, `maxTime`) are in the left column's own unit; those of stream s
 * in its aligned unit: left value × leftScale against right value × rightScale. bigint for integers and temporal
 * columns, number for floats. Watermark W: no row with a time < W will come. Meaning of a match:
 * docs/design/join-semantics.md; of everything else: docs/design/streaming.md.
 */
import type { NativeColumn, NativeOutputColumn, NativeType } from '../../internal/native.js';
import type { ByteRange, OutputBuffers } from '../../schema/byte-range.js';

/** Why a row is in the side output. */
export const NativeLateReason = { late: 0, tooFarAhead: 1 } as const;

export type EngineTime = bigint | number;

/** Layout of a column. Dictionary columns to output are given as their integer codes. */
export interface ColumnShape {
  readonly name: string;
  readonly type: NativeType;
  /** Bytes per row where fixed, else 0. */
  readonly width: number;
}

/** A pair of key columns; of dictionary columns the shape of the values. */
export interface KeyShape {
  readonly left: ColumnShape;
  readonly right: ColumnShape;
  readonly leftScale: bigint;
  readonly rightScale: bigint;
  readonly leftUnsignedForeign: boolean;
  readonly rightUnsignedForeign: boolean;
}

export interface EngineStream {
  /** As messages call it: `right`, or the stream's name. */
  readonly name: string;
  readonly keys: readonly KeyShape[];
  readonly kind: number;
  readonly time: ColumnShape;
  readonly leftScale: bigint;
  readonly rightScale: bigint;
  /** Columns to keep with each right row. The first `outputs` go into the output, the rest only into exports. */
  readonly payload: readonly ColumnShape[];
  readonly outputs: number;
  readonly hasKnownAt: boolean;
  readonly knownScale: bigint;
  readonly direction: number;
  readonly allowExact: boolean;
  readonly ties: number;
  readonly nearestTie: number;
  /** Aligned unit; inclusive. */
  readonly tolerance: EngineTime | null;
  readonly lag: EngineTime;
  readonly inner: boolean;
  readonly nullKeysEqual: boolean;
  readonly wantMatched: boolean;
  readonly wantAge: boolean;
  readonly ageScale: bigint;
  readonly late: number;
  /** Of aligned values, for messages. */
  readonly unit: string;
}

/** Canonical and validated by lib/stream. */
export interface EngineConfig {
  readonly left: { readonly time: ColumnShape; readonly kind: number; readonly columns: readonly ColumnShape[] };
  readonly streams: readonly EngineStream[];
  readonly leftLate: number;
  /** How far below the watermarks state is kept for late rows, in the left's unit; 0 for none. */
  readonly horizon: EngineTime;
  /** Output in order of (time, source, sequence); else whatever is final, sorted within one emit. */
  readonly ordered: boolean;
  readonly maxStateBytes: number | null;
  /** For tests: whatever can go goes at every emit, not only when that pays. */
  readonly sweepEachEmit: boolean;
  /** Whether anybody asks for the row ids of outputs. */
  readonly rowIds: boolean;
}

/**
 * Rows to push. At most one chunk per column (none where there are no rows). Everything is copied. Names, types, and
 * which of the columns are the same object are those of the input's first batch.
 */
export interface EngineBatch {
  readonly rows: number;
  readonly time: NativeColumn;
  /** Left: the keys of each stream. Right: its own keys, one list. */
  readonly keys: readonly (readonly NativeColumn[])[];
  /** Left: `left.columns`. Right: `payload`. */
  readonly columns: readonly NativeColumn[];
  readonly knownAt: NativeColumn | null;
  /** Position of the source among the input's: second in the order of rows of one time. */
  readonly source: number;
  /** int64 without nulls, or null to count rows of (input, source) from the last one on. */
  readonly sequence: NativeColumn | null;
}

/** What became of a batch. A row counts as the first that holds of: nullTime, nullKey (right), tooFarAhead, late. */
export interface PushReport {
  /** Rows taken: pending (left) or in the state (right). */
  readonly rows: number;
  readonly late: number;
  readonly tooFarAhead: number;
  readonly nullTime: number;
  readonly nullKey: number;
  /** Of the rows taken; null where none has a time. */
  readonly minTime: EngineTime | null;
  readonly maxTime: EngineTime | null;
}

export interface EngineStreamOutput {
  readonly columns: readonly OutputBuffers[];
  readonly age: OutputBuffers | null;
  readonly matched: OutputBuffers | null;
}

export interface EngineOutput {
  readonly rows: number;
  readonly left: readonly OutputBuffers[];
  readonly streams: readonly EngineStreamOutput[];
  /** int64: left rows numbered from 0 as they become final, those an inner join drops too; a revision keeps its row's. Null where nobody asks for them. */
  readonly rowIds: ArrayBuffer | ByteRange | null;
  /** int8: +1 insertion, -1 retraction; null where all are plain insertions. */
  readonly ops: ArrayBuffer | ByteRange | null;
}

/** Rows of one input for the side output, in order of arrival. */
export interface LateOutput {
  readonly input: number;
  readonly rows: number;
  /** `left.columns`, or the whole `payload`. */
  readonly columns: readonly NativeOutputColumn[];
  /** int32. */
  readonly source: ArrayBuffer;
  /** int64. */
  readonly sequence: ArrayBuffer;
  /** int8, NativeLateReason. */
  readonly reasons: ArrayBuffer;
  /** int32, rows + 1: where each row's part of `affected` begins. */
  readonly affectedOffsets: ArrayBuffer;
  /** int64 ids, ascending, of emitted left rows whose match the row would have been, where it is within the horizon. */
  readonly affected: ArrayBuffer;
}

/** Live rows of one input, in the order (time, source, sequence). Null times first. */
export interface ExportedRows {
  readonly rows: number;
  /** `left.columns`, or the whole `payload`. */
  readonly columns: readonly NativeOutputColumn[];
  /** int32. */
  readonly source: ArrayBuffer;
  /** int64. */
  readonly sequence: ArrayBuffer;
  /** Left only: int64 row id of a row that was emitted and is kept for revisions, -1 of a pending one. */
  readonly emittedRowIds: ArrayBuffer | null;
}

export interface EngineInputCounters {
  /** Rows taken. */
  readonly rows: number;
  readonly late: number;
  /** Of them, those beyond the horizon under `revise`. */
  readonly lateBeyondHorizon: number;
  readonly tooFarAhead: number;
  readonly nullTime: number;
  readonly nullKey: number;
}

export interface EngineCounters {
  readonly nextRowId: bigint;
  /** Rows put out to revise earlier ones: retractions and insertions. */
  readonly revisions: number;
  readonly inputs: readonly EngineInputCounters[];
  /**
   * Left rows at their first emission. How the unmatched divide depends on what the state still held: a winner out
   * of the tolerance may have been forgotten.
   */
  readonly streams: readonly {
    readonly rows: number;
    readonly matched: number;
    readonly noCandidate: number;
    readonly toleranceExceeded: number;
  }[];
  /** Next sequence of each (input, source) that has had rows. */
  readonly sequences: readonly { readonly input: number; readonly source: number; readonly next: bigint }[];
}

export interface StreamEngine {
  /**
   * Takes rows, or throws and changes nothing: LATE_ROW (policy `error`), OVERFLOW, LENGTH, CORRUPT, SCHEMA,
   * BACKPRESSURE (`maxStateBytes`, after an eviction). Rows later than `maxTime` are not taken.
   */
  push(input: number, batch: EngineBatch, maxTime: EngineTime | null): PushReport;
  /** Never lowers: a lower or equal time is ignored. */
  advance(input: number, time: EngineTime): void;
  /** All inputs have ended: everything is final. */
  end(): void;
  /** At most `maxRows` of the final rows (one more where a revision would be torn apart), then evicts. */
  emit(maxRows: number): EngineOutput;
  takeLate(): readonly LateOutput[];
  exportRows(input: number): ExportedRows;
  /**
   * Rows as exported, with the source of each and their sequences, into an engine without rows or watermarks; the rights
   * first. They are neither late nor counted. `emittedRowIds` as exported; null: all pending, or a right input.
   */
  loadRows(input: number, batch: EngineBatch, sources: Int32Array, emittedRowIds: BigInt64Array | null): void;
  counters(): EngineCounters;
  setCounters(counters: EngineCounters): void;
  stateRows(input: number): number;
  stateBytes(): number;
  /** Bytes that the caller keeps for the rows held: they count in `stateBytes` and against `maxStateBytes`. */
  holdBeside(bytes: number): void;
  pendingRows(): number;
  /** Least time of the pending left rows; null where none has a time. */
  oldestPending(): EngineTime | null;
  reset(): void;
}
