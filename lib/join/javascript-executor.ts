/**
 * The executor in plain JavaScript: the same request, the same result bit for bit as the native one, from arithmetic
 * that is exact in int64. Per stream: an axis of times, dense key codes, both sides in time order, one or two sweeps
 * (javascript/sweep.ts), then tolerance, statistics and gathers. O(n + m) when both sides ascend.
 */
import { createError } from '../errors/from-native.js';
import {
  NativeDirection,
  type NativeExplain,
  type NativeJoinRequest,
  type NativeJoinResult,
  type NativeOutputColumn,
  type NativeStream,
  type NativeStreamResult,
  type NativeTime,
  NativeUnsorted,
} from '../internal/native.js';
import { fail } from '../internal/validate.js';
import { gatherColumn, validityBits } from '../schema/gather.js';
import type { Executor } from './executor.js';
import { inBlocks, type Steps } from './javascript/blocks.js';
import { keyCodes } from './javascript/key-codes.js';
import { aheadIsNearer, aheadTakesLast, backTakesLast } from './javascript/rules.js';
import { lookAhead, lookBack, type SweepInput } from './javascript/sweep.js';
import { isFloatTime, timeAxis, type TimeAxis } from './javascript/time-axis.js';
import { requireAscending, timeOrder } from './javascript/time-order.js';
import { throwIfAborted } from './parse-options.js';

/** Wall time and bytes of named phases, for `explain`. */
class PhaseClock {
  readonly phases: { name: string; ns: number; bytes: number }[] = [];
  #last = process.hrtime.bigint();

  end(name: string, bytes: number): void {
    const now = process.hrtime.bigint();
    this.phases.push({ name, ns: Number(now - this.#last), bytes });
    this.#last = now;
  }
}

interface StreamMatch {
  readonly indices: Int32Array;
  readonly toleranceExceeded: number;
  readonly matched: number;
  readonly axis: TimeAxis;
  readonly rightRows: number;
  readonly clock: PhaseClock;
  readonly statistics: Readonly<Record<string, number>>;
}

function rowsOf(time: NativeTime): number {
  return time.column.chunks.reduce((rows, chunk) => rows + chunk.length, 0);
}

/** The winner of each left row before tolerance. */
function* choose(input: SweepInput, axis: TimeAxis, stream: NativeStream): Steps<Int32Array> {
  const backTies = backTakesLast(stream.ties);
  const aheadTies = aheadTakesLast(stream.ties);
  if (stream.direction === NativeDirection.backward) return yield* lookBack(input, stream.allowExact, backTies);
  if (stream.direction === NativeDirection.forward) return yield* lookAhead(input, stream.allowExact, aheadTies);
  const winner = yield* lookBack(input, stream.allowExact, backTies);
  if (stream.lag > 0) return winner;
  const ahead = yield* lookAhead(input, false, aheadTies);
  yield* inBlocks(winner.length, (from, to) => {
    for (let row = from; row < to; row++) {
      const forward = ahead[row]!;
      if (forward < 0) continue;
      const backward = winner[row]!;
      if (backward < 0) {
        winner[row] = forward;
        continue;
      }
      if (aheadIsNearer(axis.distance(row, backward), axis.distance(row, forward), stream.nearestTie)) {
        winner[row] = forward;
      }
    }
  });
  return winner;
}

function* matchStream(request: NativeJoinRequest, stream: NativeStream, streamIndex: number): Steps<StreamMatch> {
  const clock = new PhaseClock();
  const leftSide = request.leftSides[stream.leftSide];
  if (leftSide === undefined) return fail('FS_ERR_INTERNAL', `stream ${streamIndex} names no left side`);
  const { leftRows } = request;
  const rightRows = rowsOf(stream.right.time);
  const axis = timeAxis(leftSide.time, stream);
  clock.end('times', 8 * (leftRows + rightRows));
  yield;
  const codes = yield* keyCodes(leftSide, leftRows, stream.right, rightRows, stream.nullKeysEqual);
  clock.end('keys', leftSide.keys.length * 4 * (leftRows + rightRows));
  if (stream.unsorted === NativeUnsorted.error) {
    requireAscending(axis.left, codes.left, codes.count, 'left', leftSide.time.column.name);
    requireAscending(axis.right, codes.right, codes.count, 'right', stream.right.time.column.name);
  }
  const leftOrder = timeOrder(axis.left, codes.left);
  yield;
  const rightOrder = timeOrder(axis.right, codes.right);
  clock.end('order', 12 * (leftRows + rightRows));
  yield;
  const input: SweepInput = {
    left: axis.left,
    right: axis.right,
    visible: axis.visible,
    leftCodes: codes.left,
    rightCodes: codes.right,
    keyCount: codes.count,
    leftOrder,
    rightOrder,
  };
  const indices = yield* choose(input, axis, stream);
  const { tolerance } = stream;
  let toleranceExceeded = 0;
  let matched = 0;
  yield* inBlocks(leftRows, (from, to) => {
    for (let row = from; row < to; row++) {
      const winner = indices[row]!;
      if (winner < 0) continue;
      if (tolerance !== null && axis.distance(row, winner) > tolerance) {
        indices[row] = -1;
        toleranceExceeded++;
      } else {
        matched++;
      }
    }
  });
  clock.end('match', 12 * (leftRows + rightRows));
  const statistics = {
    leftRows,
    rightRows,
    keys: codes.count,
    leftUsable: leftOrder.length,
    rightUsable: rightOrder.length,
  };
  return { indices, toleranceExceeded, matched, axis, rightRows, clock, statistics };
}

/** Left rows that every inner stream matched; null where no stream is inner. */
function selectRows(request: NativeJoinRequest, matches: readonly StreamMatch[]): Int32Array<ArrayBuffer> | null {
  const inner = matches.filter((_, s) => request.streams[s]?.inner);
  if (inner.length === 0) return null;
  const selection = new Int32Array(request.leftRows);
  let count = 0;
  for (let row = 0; row < request.leftRows; row++) {
    if (inner.every(({ indices }) => indices[row]! >= 0)) selection[count++] = row;
  }
  return selection.slice(0, count);
}

function ageColumn(
  match: StreamMatch,
  floats: boolean,
  indices: Int32Array,
  selection: Int32Array | null,
): NativeOutputColumn {
  const rows = indices.length;
  const bigints = new BigInt64Array(floats ? 0 : rows);
  const doubles = new Float64Array(floats ? rows : 0);
  let nullCount = 0;
  for (let i = 0; i < rows; i++) {
    const right = indices[i]!;
    if (right < 0) {
      nullCount++;
      continue;
    }
    const age = match.axis.age(selection === null ? i : selection[i]!, right);
    if (typeof age === 'bigint') bigints[i] = age;
    else doubles[i] = age;
  }
  const values = floats ? doubles.buffer : bigints.buffer;
  return { length: rows, nullCount, values, offsets: null, validity: validityBits(indices, nullCount) };
}

function matchedColumn(indices: Int32Array): NativeOutputColumn {
  const values = validityBits(indices, 1);
  return { length: indices.length, nullCount: 0, values, offsets: null, validity: null };
}

function byteLength(column: NativeOutputColumn): number {
  return (column.values?.byteLength ?? 0) + (column.offsets?.byteLength ?? 0) + (column.validity?.byteLength ?? 0);
}

function* streamResult(
  request: NativeJoinRequest,
  stream: NativeStream,
  match: StreamMatch,
  selection: Int32Array | null,
): Steps<NativeStreamResult> {
  const { clock } = match;
  clock.end('wait', 0);
  const indices = selection === null ? match.indices : selection.map((row) => match.indices[row]!);
  const columns: NativeOutputColumn[] = [];
  for (const column of stream.payload) {
    columns.push(gatherColumn(column, indices));
    yield;
  }
  const floats = isFloatTime(stream.right.time.column);
  const age = stream.wantAge ? ageColumn(match, floats, indices, selection) : null;
  const matched = stream.wantMatched ? matchedColumn(indices) : null;
  clock.end(
    'gather',
    columns.reduce((bytes, column) => bytes + byteLength(column), 0),
  );
  const explain: NativeExplain | null = request.explain
    ? {
        plan: 'javascript',
        reason: 'the JavaScript executor has one plan: sweep both sides in time order',
        statistics: match.statistics,
        phases: clock.phases.filter((phase) => phase.name !== 'wait'),
      }
    : null;
  return {
    indices: stream.wantIndices ? Int32Array.from(indices).buffer : null,
    columns,
    age,
    matched,
    stats: {
      rows: request.leftRows,
      matched: match.matched,
      noCandidate: request.leftRows - match.matched - match.toleranceExceeded,
      toleranceExceeded: match.toleranceExceeded,
      rightRows: match.rightRows,
    },
    explain,
  };
}

/** The whole join as interruptible steps. */
export function* joinSteps(request: NativeJoinRequest): Steps<NativeJoinResult> {
  const matches: StreamMatch[] = [];
  for (const [s, stream] of request.streams.entries()) matches.push(yield* matchStream(request, stream, s));
  const selection = selectRows(request, matches);
  const left: NativeOutputColumn[] = [];
  if (selection !== null) {
    for (const column of request.leftPayload) {
      left.push(gatherColumn(column, selection));
      yield;
    }
  }
  const streams: NativeStreamResult[] = [];
  for (const [s, stream] of request.streams.entries()) {
    const match = matches[s];
    if (match !== undefined) streams.push(yield* streamResult(request, stream, match, selection));
  }
  return {
    rows: selection === null ? request.leftRows : selection.length,
    selection: selection === null ? null : selection.buffer,
    left,
    streams,
  };
}

/** Longest stretch of work between two looks at the event loop, in milliseconds. */
const SLICE_MS = 12;

/** The executor. `run` hands the event loop back every few milliseconds and stops at its signal. */
/**
 * The next step. V8 reports memory it cannot give as a RangeError: of a buffer, a typed array, or a Map of more than
 * 2^24 keys.
 */
function advance<T>(steps: Iterator<void, T>): IteratorResult<void, T> {
  try {
    return steps.next();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'RangeError') throw error;
    throw createError('FS_ERR_OUT_OF_MEMORY', `the JavaScript executor cannot hold this join: ${error.message}`, {
      cause: error,
    });
  }
}

export function createJavascriptExecutor(): Executor {
  return {
    name: 'javascript',
    runSync(request) {
      const steps = joinSteps(request);
      for (;;) {
        const step = advance(steps);
        if (step.done) return step.value;
      }
    },
    async run(request, signal) {
      const steps = joinSteps(request);
      let sliceStart = performance.now();
      for (;;) {
        throwIfAborted(signal);
        const step = advance(steps);
        if (step.done) return step.value;
        if (performance.now() - sliceStart < SLICE_MS) continue;
        await new Promise((resolve) => setImmediate(resolve));
        sliceStart = performance.now();
      }
    },
  };
}
