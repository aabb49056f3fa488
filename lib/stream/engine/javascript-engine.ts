/**
 * The streaming engine in plain JavaScript: the same calls, the same output as the addon's. It decides by the same
 * rules as the join over whole tables (lib/join/javascript/rules.ts) and is written to be read: rows are objects, times
 * are exact bigints. O(log n) per row and event, memory proportional to the live rows.
 */
import { createError } from '../../errors/from-native.js';
import type { NativeColumn } from '../../internal/native.js';
import { NativeLatePolicy } from '../../internal/native-stream.js';
import {
  type EngineBatch,
  type EngineConfig,
  type EngineCounters,
  type EngineOutput,
  type EngineTime,
  type ExportedRows,
  type LateOutput,
  type PushReport,
  type StreamEngine,
} from './types.js';
import { fail } from '../../internal/validate.js';
import { INT64_MAX } from '../../schema/duration.js';
import { type LeftBatch, readLeft, readRight, readSequence, type RightBatch } from './batch-reader.js';
import { Finality } from './finality.js';
import { LateRows } from './late-rows.js';
import type { LeftRow } from './left-row.js';
import { type Emission, gatherOutput } from './output.js';
import { type RightRow, RightSide } from './right-side.js';
import { canMatch, type RowKey } from './row-key.js';
import { RowStore } from './row-store.js';
import { type MutableCounters, type MutableStats, noCounts, noStats, sortRows, type Sorting } from './sort-rows.js';
import { compareRows, SortedRows } from './sorted-rows.js';
import { isLeast, minus, scaled } from './times.js';

/** What a row costs beside its columns, about. */
const ROW_BYTES = 160;
const SWEEP_SLACK = 1024;

export class JavascriptEngine implements StreamEngine {
  readonly #config: EngineConfig;
  readonly #sides: readonly RightSide[];
  readonly #retains: boolean;
  #finality: readonly Finality[] = [];
  #stores: readonly RowStore[] = [];
  #late: readonly LateRows[] = [];
  #leftWatermark: EngineTime | null = null;
  #ended = false;
  #pending = new SortedRows<LeftRow>();
  #ready: LeftRow[] = [];
  /** Emitted rows that a late right row may still change. */
  #retained = new SortedRows<LeftRow>();
  #dirty = new Set<LeftRow>();
  #counters: MutableCounters[] = [];
  #stats: MutableStats[] = [];
  #sequences = new Map<string, { readonly input: number; readonly source: number; next: bigint }>();
  #nextRowId = 0n;
  #revisions = 0;
  #arrivals = 0;
  #sweepAt = SWEEP_SLACK;
  #beside = 0;

  constructor(config: EngineConfig) {
    this.#config = config;
    this.#sides = config.streams.map((stream) => new RightSide(stream));
    this.#retains = config.streams.some(({ late }) => retainsEmitted(late));
    this.reset();
  }

  reset(): void {
    const { left, streams } = this.#config;
    for (const side of this.#sides) {
      side.keys.clear();
      side.rows = 0;
    }
    this.#finality = streams.map(
      (stream, s) =>
        new Finality(stream, this.#sides[s]!, s, (row) => {
          if (row.openCount === 0 && row.rowId < 0n) this.#ready.push(row);
        }),
    );
    this.#stores = [new RowStore(left.columns), ...streams.map(({ payload }) => new RowStore(payload))];
    this.#late = [new LateRows(left.columns), ...streams.map(({ payload }) => new LateRows(payload))];
    this.#leftWatermark = null;
    this.#ended = false;
    this.#pending = new SortedRows();
    this.#ready = [];
    this.#retained = new SortedRows();
    this.#dirty = new Set();
    this.#counters = [noCounts(), ...streams.map(noCounts)];
    this.#stats = streams.map(noStats);
    this.#sequences = new Map();
    this.#nextRowId = 0n;
    this.#revisions = 0;
    this.#arrivals = 0;
    this.#sweepAt = SWEEP_SLACK;
    this.#beside = 0;
  }

  push(input: number, batch: EngineBatch, maxTime: EngineTime | null): PushReport {
    const left = input === 0 ? readLeft(batch, this.#config) : null;
    const right = input === 0 ? null : readRight(batch, this.#config.streams[input - 1]!);
    const sequence = readSequence(batch.sequence);
    const sorting = this.#sort(input, batch, left?.times ?? right!.times, right?.keys ?? null, maxTime);
    this.#requireRoom(batch);

    const place = this.#sequenceOf(input, batch.source);
    const rowOf = (row: number): bigint => sequence?.[row] ?? place.next + BigInt(row);
    const slot = this.#stores[input]!.append(batch.columns, Int32Array.from(sorting.taken));
    const asideRows = new Set(sorting.aside.map(({ row }) => row));
    // Late rows look at the state as it is when they come, so rows go in one by one, in their order.
    const actions: { readonly row: number; readonly slot: number | null }[] = sorting.taken.map((row, i) => ({
      row,
      slot: slot + i,
    }));
    for (const row of asideRows) actions.push({ row, slot: null });
    actions.sort((a, b) => a.row - b.row);
    const affected = new Map<number, readonly bigint[]>();
    for (const action of actions) {
      const made = left === null ? this.#makeRight(input, batch.source, right!, rowOf(action.row), action) : null;
      if (action.slot === null) {
        if (made !== null) affected.set(action.row, this.#affectedBy(input - 1, made));
      } else if (left !== null) {
        this.#takeLeft(this.#makeLeft(batch.source, left, rowOf(action.row), action.row, action.slot));
      } else if (made !== null) {
        this.#takeRight(input - 1, made);
      } else {
        this.#stores[input]!.release(1);
      }
    }
    if (sorting.aside.length > 0) {
      this.#late[input]!.add(
        batch,
        sorting.aside.map(({ row, reason }) => ({
          row,
          reason,
          sequence: rowOf(row),
          affected: affected.get(row) ?? [],
        })),
      );
    }
    const last = sequence === null ? place.next + BigInt(batch.rows) : greatest(sequence, place.next - 1n) + 1n;
    place.next = last > INT64_MAX ? INT64_MAX : last;
    this.#count(input, sorting);
    const { late, tooFarAhead, nullTime, nullKey } = sorting.counts;
    const { minTime, maxTime: newest } = sorting;
    return { rows: sorting.taken.length, late, tooFarAhead, nullTime, nullKey, minTime, maxTime: newest };
  }

  advance(input: number, time: EngineTime): void {
    const { left, streams } = this.#config;
    if (isLeast(time, input === 0 ? left.kind : streams[input - 1]!.kind)) return;
    if (input > 0) {
      this.#finality[input - 1]!.advance(time);
    } else if (this.#leftWatermark === null || time > this.#leftWatermark) {
      this.#leftWatermark = time;
    }
  }

  end(): void {
    this.#ended = true;
    for (const finality of this.#finality) finality.end();
  }

  emit(maxRows: number): EngineOutput {
    const { emissions, emitted, revised, revisionRows } = this.#emissions(maxRows);
    const output = gatherOutput(this.#config, this.#stores, emissions);
    this.#revisions += revisionRows;
    for (const { row, matches } of revised) {
      row.dirty = false;
      this.#dirty.delete(row);
      if (matches !== null) {
        row.matches = matches;
      }
    }
    for (const { row, matches, rowId } of emitted) this.#commit(row, matches, rowId);
    this.#forget();
    return output;
  }

  takeLate(): readonly LateOutput[] {
    return this.#late.flatMap((late, input) => (late.size === 0 ? [] : [late.take(input)]));
  }

  exportRows(input: number): ExportedRows {
    const rows: (LeftRow | RightRow)[] =
      input === 0
        ? [...this.#retained, ...this.#pending].sort(compareRows)
        : [...this.#sides[input - 1]!.keys.values()].flatMap((key) => [...key.rows]).sort(compareRows);
    const slots = Int32Array.from(rows, (row) => row.slot);
    return {
      rows: rows.length,
      columns: this.#stores[input]!.gather(slots),
      source: Int32Array.from(rows, (row) => row.source).buffer,
      sequence: BigInt64Array.from(rows, (row) => row.sequence).buffer,
      emittedRowIds: input === 0 ? BigInt64Array.from(rows, (row) => ('rowId' in row ? row.rowId : -1n)).buffer : null,
    };
  }

  loadRows(input: number, batch: EngineBatch, sources: Int32Array, emittedRowIds: BigInt64Array | null): void {
    const sequence = readSequence(batch.sequence) ?? fail('FS_ERR_INTERNAL', 'rows are loaded with their sequence');
    const left = input === 0 ? readLeft(batch, this.#config) : null;
    const right = input === 0 ? null : readRight(batch, this.#config.streams[input - 1]!);
    const all = Int32Array.from({ length: batch.rows }, (_, row) => row);
    const slot = this.#stores[input]!.append(batch.columns, all);
    for (let row = 0; row < batch.rows; row++) {
      const action = { row, slot: slot + row };
      const source = sources[row]!;
      if (left === null) {
        const made = this.#makeRight(input, source, right!, sequence[row]!, action);
        if (made === null) this.#stores[input]!.release(1);
        else this.#takeRight(input - 1, made);
        continue;
      }
      const made = this.#makeLeft(source, left, sequence[row]!, row, slot + row);
      const rowId = emittedRowIds?.[row] ?? -1n;
      if (rowId < 0n) {
        this.#takeLeft(made);
      } else {
        made.rowId = rowId;
        made.matches = this.#matchesOf(made).map(({ row: match }) => match);
        this.#retain(made);
      }
    }
  }

  counters(): EngineCounters {
    return {
      nextRowId: this.#nextRowId,
      revisions: this.#revisions,
      inputs: this.#counters.map((counts) => ({ ...counts })),
      streams: this.#stats.map((stats) => ({ ...stats })),
      sequences: [...this.#sequences.values()].map((place) => ({ ...place })),
    };
  }

  setCounters({ nextRowId, revisions, inputs, streams, sequences }: EngineCounters): void {
    this.#nextRowId = nextRowId;
    this.#revisions = revisions;
    this.#counters = inputs.map((counts) => ({ ...counts }));
    this.#stats = streams.map((stats) => ({ ...stats }));
    for (const { input, source, next } of sequences) this.#sequenceOf(input, source).next = next;
  }

  stateRows(input: number): number {
    return input === 0 ? this.#pending.size + this.#retained.size : this.#sides[input - 1]!.rows;
  }

  stateBytes(): number {
    const rows = this.#sides.reduce((sum, side) => sum + side.rows, this.stateRows(0));
    const stored = this.#stores.reduce((sum, store) => sum + store.byteLength, rows * ROW_BYTES);
    return this.#late.reduce((sum, late) => sum + late.byteLength + late.size * ROW_BYTES, stored + this.#beside);
  }

  holdBeside(bytes: number): void {
    this.#beside = bytes;
  }

  pendingRows(): number {
    return this.#pending.size;
  }

  oldestPending(): EngineTime | null {
    return this.#pending.cursor((row) => row.time === null).next()?.time ?? null;
  }

  // ------------------------------------------------------------------------------------------------------ pushing

  #sequenceOf(input: number, source: number): { next: bigint } {
    const name = `${input}:${source}`;
    let place = this.#sequences.get(name);
    if (place === undefined) this.#sequences.set(name, (place = { input, source, next: 0n }));
    return place;
  }

  #sort(
    input: number,
    batch: EngineBatch,
    times: readonly (EngineTime | null)[],
    rightKeys: readonly RowKey[] | null,
    maxTime: EngineTime | null,
  ): Sorting {
    return sortRows(batch, times, rightKeys, {
      input,
      watermark: input === 0 ? this.#leftWatermark : this.#finality[input - 1]!.watermark,
      policy: input === 0 ? this.#config.leftLate : this.#config.streams[input - 1]!.late,
      horizon: this.#horizonOf(input),
      maxTime,
    });
  }

  #horizonOf(input: number): EngineTime {
    const { horizon, streams } = this.#config;
    return input === 0 ? horizon : scaled(horizon, streams[input - 1]!.leftScale);
  }

  #requireRoom(batch: EngineBatch): void {
    const { maxStateBytes } = this.#config;
    if (maxStateBytes === null) return;
    const need = batch.columns.reduce((sum, column) => sum + columnBytes(column), batch.rows * ROW_BYTES);
    if (this.stateBytes() + need <= maxStateBytes) return;
    this.#sweep();
    const held = this.stateBytes();
    if (held + need <= maxStateBytes) return;
    throw createError(
      'FS_ERR_BACKPRESSURE',
      `the state holds ${held} bytes, and a batch of about ${need} would pass maxStateBytes = ${maxStateBytes}; ` +
        'advance the watermarks and emit first',
      { details: { stateBytes: held, batchBytes: need, maxStateBytes } },
    );
  }

  #makeLeft(source: number, read: LeftBatch, sequence: bigint, row: number, slot: number): LeftRow {
    return {
      time: read.times[row] ?? null,
      source,
      sequence,
      arrival: this.#arrivals++,
      keys: read.keys.map((keys) => keys[row]!),
      slot,
      open: this.#sides.map(() => true),
      openCount: this.#sides.length,
      rowId: -1n,
      matches: [],
      dirty: false,
    };
  }

  /** Null for a row that can never match. */
  #makeRight(
    input: number,
    source: number,
    read: RightBatch,
    sequence: bigint,
    { row, slot }: { readonly row: number; readonly slot: number | null },
  ): RightRow | null {
    const time = read.times[row] ?? null;
    const key = read.keys[row];
    const from = read.from[row];
    if (time === null || !canMatch(key) || from === undefined) return null;
    return {
      time,
      source,
      sequence,
      arrival: this.#arrivals++,
      from,
      key: this.#sides[input - 1]!.key(key),
      slot: slot ?? -1,
      live: false,
    };
  }

  #takeLeft(row: LeftRow): void {
    this.#pending.insert(row);
    for (const finality of this.#finality) finality.admit(row);
  }

  #takeRight(s: number, row: RightRow): void {
    this.#sides[s]!.insert(row);
    this.#finality[s]!.complete(row);
    if (this.#config.streams[s]!.late !== NativeLatePolicy.revise) return;
    for (const left of this.#changedBy(s, row)) {
      left.dirty = true;
      this.#dirty.add(left);
    }
  }

  /** Emitted rows kept for revision whose match in stream `s` is not the one they went out with. */
  #changedBy(s: number, row: RightRow): LeftRow[] {
    const { watermark } = this.#finality[s]!;
    if (watermark === null || row.time >= watermark) return [];
    const side = this.#sides[s]!;
    const { leftScale } = this.#config.streams[s]!;
    return [...row.key.emitted].filter(
      (left) => side.choose(left.keys[s], scaled(left.time!, leftScale)).row !== (left.matches[s] ?? null),
    );
  }

  /** Ids of the emitted rows that a late row, which is not taken, would have changed. */
  #affectedBy(s: number, row: RightRow): readonly bigint[] {
    const side = this.#sides[s]!;
    const { watermark } = this.#finality[s]!;
    // Beyond the horizon what it would have changed may be forgotten.
    if (row.key.emitted.size === 0 || watermark === null) return [];
    if (row.time < minus(watermark, this.#horizonOf(s + 1))) return [];
    side.insert(row);
    const ids = this.#changedBy(s, row).map(({ rowId }) => rowId);
    side.remove(row);
    return ids.sort((a, b) => (a < b ? -1 : 1));
  }

  #count(input: number, { counts }: Sorting): void {
    const total = this.#counters[input]!;
    for (const name of Object.keys(counts) as (keyof MutableCounters)[]) total[name] += counts[name];
  }

  // ----------------------------------------------------------------------------------------------------- emitting

  #matchesOf(row: LeftRow): readonly { readonly row: RightRow | null; readonly exceeded: boolean }[] {
    return this.#sides.map((side, s) => {
      if (row.time === null) return { row: null, exceeded: false };
      return side.choose(row.keys[s], scaled(row.time, this.#config.streams[s]!.leftScale));
    });
  }

  #isOutput(matches: readonly (RightRow | null)[]): boolean {
    return this.#config.streams.every(({ inner }, s) => !inner || matches[s] !== null);
  }

  /** What the next emit puts out, without doing it. */
  #emissions(maxRows: number): {
    readonly emissions: readonly Emission[];
    readonly emitted: readonly { readonly row: LeftRow; readonly matches: Matches; readonly rowId: bigint }[];
    readonly revised: readonly { readonly row: LeftRow; readonly matches: readonly (RightRow | null)[] | null }[];
    readonly revisionRows: number;
  } {
    const emissions: Emission[] = [];
    const revised: { row: LeftRow; matches: readonly (RightRow | null)[] | null }[] = [];
    const emitted: { row: LeftRow; matches: Matches; rowId: bigint }[] = [];
    for (const row of [...this.#dirty].sort((a, b) => (a.rowId < b.rowId ? -1 : 1))) {
      if (emissions.length >= maxRows) break;
      const matches = this.#matchesOf(row).map((match) => match.row);
      const changed = matches.some((match, s) => match !== row.matches[s]);
      if (changed && this.#isOutput(row.matches))
        emissions.push({ row, matches: row.matches, rowId: row.rowId, op: -1 });
      if (changed && this.#isOutput(matches)) emissions.push({ row, matches, rowId: row.rowId, op: 1 });
      revised.push({ row, matches: changed ? matches : null });
    }
    const revisionRows = emissions.length;
    let rowId = this.#nextRowId;
    for (const row of this.#finalRows()) {
      if (emissions.length >= maxRows) break;
      const matches = this.#matchesOf(row);
      const rights = matches.map((match) => match.row);
      emitted.push({ row, matches, rowId });
      if (this.#isOutput(rights)) emissions.push({ row, matches: rights, rowId, op: 1 });
      rowId++;
    }
    return { emissions, emitted, revised, revisionRows };
  }

  *#finalRows(): Generator<LeftRow> {
    if (!this.#config.ordered) {
      this.#ready.sort(compareRows);
      yield* this.#ready;
      return;
    }
    for (const row of this.#pending) {
      if (row.openCount > 0) return;
      if (!this.#ended && row.time !== null && (this.#leftWatermark === null || row.time >= this.#leftWatermark))
        return;
      yield row;
    }
  }

  #commit(row: LeftRow, matches: Matches, rowId: bigint): void {
    row.rowId = rowId;
    this.#nextRowId = rowId + 1n;
    row.matches = matches.map((match) => match.row);
    this.#pending.remove(row);
    matches.forEach((match, s) => {
      const stats = this.#stats[s]!;
      stats.rows++;
      if (match.row !== null) stats.matched++;
      else if (match.exceeded) stats.toleranceExceeded++;
      else stats.noCandidate++;
    });
    if (this.#retains && row.time !== null && this.#mayChange(row)) this.#retain(row);
    else this.#stores[0]!.release(1);
  }

  // ------------------------------------------------------------------------------------------------------- state

  /** Whether a right row that would still be taken may change an emitted row. */
  #mayChange(row: LeftRow): boolean {
    return this.#config.streams.some(
      ({ late }, s) =>
        retainsEmitted(late) && canMatch(row.keys[s]) && !this.#finality[s]!.isSettled(row, this.#horizonOf(s + 1)),
    );
  }

  #retain(row: LeftRow): void {
    this.#retained.insert(row);
    this.#config.streams.forEach(({ late }, s) => {
      const key = row.keys[s];
      if (retainsEmitted(late) && canMatch(key)) this.#sides[s]!.key(key).emitted.insert(row);
    });
  }

  #release(row: LeftRow): void {
    this.#retained.remove(row);
    this.#dirty.delete(row);
    this.#config.streams.forEach(({ late }, s) => {
      const key = row.keys[s];
      if (retainsEmitted(late) && canMatch(key)) this.#sides[s]!.keys.get(key)?.emitted.remove(row);
    });
    this.#stores[0]!.release(1);
  }

  /** After an emit: forgets what can have no effect any more. */
  #forget(): void {
    this.#ready = this.#ready.filter((row) => row.rowId < 0n);
    for (let row = this.#retained.first; row !== undefined; row = this.#retained.first) {
      if (row.dirty || this.#mayChange(row)) break;
      this.#release(row);
    }
    // Amortised: a sweep looks at every key, so it waits until the state has doubled.
    const size = (): number => this.#sides.reduce((sum, side) => sum + side.rows + side.keys.size, this.#retained.size);
    if (this.#config.sweepEachEmit || size() > this.#sweepAt) {
      this.#sweep();
      this.#sweepAt = 2 * size() + SWEEP_SLACK;
    }
    if (this.#stores[0]!.wantsCompaction) compact(this.#stores[0]!, [...this.#retained, ...this.#pending]);
  }

  #sweep(): void {
    for (const row of [...this.#retained]) if (!row.dirty && !this.#mayChange(row)) this.#release(row);
    const low = this.#low();
    // A retraction that has yet to go out needs the match it takes back.
    if (this.#dirty.size > 0 || low === undefined) return;
    this.#sides.forEach((side, s) => {
      const stream = this.#config.streams[s]!;
      const evicted = side.evict(low === null ? null : scaled(low, stream.leftScale));
      for (const row of evicted) this.#finality[s]!.forget(row);
      const store = this.#stores[s + 1]!;
      store.release(evicted.length);
      if (store.wantsCompaction)
        compact(
          store,
          [...side.keys.values()].flatMap((key) => [...key.rows]),
        );
    });
  }

  /** No left row before this will be looked at again; null: none at all, undefined: any may be. */
  #low(): EngineTime | null | undefined {
    if (this.#leftWatermark === null && !this.#ended) return undefined;
    const { left, leftLate, horizon } = this.#config;
    const times: EngineTime[] = [];
    if (this.#leftWatermark !== null && !this.#ended) {
      times.push(leftLate === NativeLatePolicy.revise ? minus(this.#leftWatermark, horizon) : this.#leftWatermark);
    }
    const waiting = this.oldestPending();
    if (waiting !== null) times.push(waiting);
    if (this.#retained.first !== undefined) times.push(this.#retained.first.time!);
    const low = times.reduce<EngineTime | null>((least, time) => (least === null || time < least ? time : least), null);
    return low !== null && isLeast(low, left.kind) ? undefined : low;
  }
}

type Matches = readonly { readonly row: RightRow | null; readonly exceeded: boolean }[];

function retainsEmitted(policy: number): boolean {
  return policy === NativeLatePolicy.revise || policy === NativeLatePolicy.sideOutput;
}

function greatest(values: readonly bigint[], least: bigint): bigint {
  return values.reduce((max, value) => (value > max ? value : max), least);
}

function columnBytes(column: NativeColumn): number {
  return column.chunks.reduce(
    (sum, { length, values, offsets }) =>
      sum +
      (offsets === null
        ? column.width * length + (column.width === 0 ? (length + 7) >> 3 : 0)
        : Math.min(values?.byteLength ?? 0, Number(offsets[length] ?? 0) - Number(offsets[0] ?? 0)) + 4 * length),
    0,
  );
}

function compact(store: RowStore, rows: readonly { slot: number }[]): void {
  store.compact(Int32Array.from(rows, (row) => row.slot));
  rows.forEach((row, slot) => (row.slot = slot));
}
