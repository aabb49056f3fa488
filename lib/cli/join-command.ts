/**
 * `flowstate join`: reads the left and each right, with only the columns (and, by time, row groups) that the join
 * needs, joins, writes. The output appears whole or not at all; an interruption removes what was half written.
 */
import { statSync } from 'node:fs';
import type { Table } from 'apache-arrow';
import { createError } from '../errors/from-native.js';
import { alignStreams } from '../join/align-streams.js';
import { asofJoin } from '../join/asof-join.js';
import { selectExecutor } from '../join/executor.js';
import { cleanupTempFiles, formatOf, writeTable } from '../storage/index.js';
import type { ReadOptions } from '../storage/types.js';
import { onInterrupt } from './interrupt.js';
import { readInputs } from './join-inputs.js';
import { type JoinFlags, parseRights, type RightInput, type StreamFlags } from './join-flags.js';
import { neededColumns, onColumns, runOptions, type SideOptions, sideOptions, timeUnitOf } from './join-options.js';
import { type JoinAnswer, printExplain, printStats, type Timings } from './join-report.js';
import { exceedsMemory, joinFiles } from './join-stream.js';
import { type Progress, startProgress } from './progress.js';

const STDOUT = '-';
/** What a plain join's one stream is called in statistics. */
const RIGHT = 'right';

interface Side {
  readonly input: RightInput;
  readonly options: SideOptions;
}

/** Size of a file, for the progress bar only. */
function weightOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** What reading a CSV needs to know; other formats ignore it. */
function csvOptions(
  flags: StreamFlags & Pick<JoinFlags, 'schema'>,
  side: 'left' | 'right',
  columns: readonly string[],
): ReadOptions {
  const timeUnit = timeUnitOf(flags.timeUnit, side);
  return { schema: flags.schema, timeUnit, timeColumns: timeUnit === undefined ? undefined : columns };
}

function rightOptions(flags: JoinFlags, { input, options }: Side): ReadOptions {
  return {
    ...csvOptions({ ...flags, ...input.flags }, 'right', [onColumns(options).right]),
    columns: neededColumns(options),
  };
}

async function joinTables(
  flags: JoinFlags,
  left: Table,
  sides: readonly Side[],
  tables: readonly Table[],
): Promise<JoinAnswer> {
  const run = runOptions(flags);
  const first = sides[0]!;
  if (sides.length === 1 && first.input.name === null) {
    const { table, stats, explain } = await asofJoin(left, tables[0]!, { ...first.options, ...run, stats: true });
    return {
      table,
      stats: { [RIGHT]: stats },
      explain: explain === null ? null : { ...explain, streams: { [RIGHT]: explain.streams } },
    };
  }
  const streams = Object.fromEntries(
    sides.map(({ input, options }, index) => [input.name ?? RIGHT, { ...options, table: tables[index]! }]),
  );
  const { table, stats, explain } = await alignStreams(left, streams, { on: first.options.on, ...run });
  return { table, stats, explain: explain ?? null };
}

/** Runs the command. Throws the library's errors; main.ts reports them. */
export async function runJoin(flags: JoinFlags): Promise<void> {
  const sides = parseRights(flags.right).map((input) => ({ input, options: sideOptions(flags, input.flags) }));
  // Everything that arguments alone can get wrong is found before a byte is read.
  runOptions(flags);
  for (const side of ['left', 'right'] as const) timeUnitOf(flags.timeUnit, side);
  for (const path of [flags.left, ...sides.map((side) => side.input.path)]) formatOf(path);
  if (flags.out !== STDOUT) formatOf(flags.out);

  const weights = [flags.left, ...sides.map((side) => side.input.path)].map(weightOf);
  const readWeight = weights.reduce((sum, weight) => sum + weight, 0);
  const progress = await startProgress(readWeight * 2, flags.progress !== false);
  const release = onInterrupt(() => {
    progress.stop();
    cleanupTempFiles();
  });
  const inputs = [flags.left, ...sides.map((side) => side.input.path)];
  const batchwise = flags.stream ?? exceedsMemory(inputs, flags.memory);
  try {
    await (batchwise ? runBatches : runSteps)(flags, sides, weights, progress);
  } finally {
    progress.stop();
    release();
  }
}

/** Reading, joining and writing interleave, so there is one time for all three. */
async function runBatches(
  flags: JoinFlags,
  sides: readonly Side[],
  weights: readonly number[],
  progress: Progress,
): Promise<void> {
  if (flags.explain === true) {
    throw createError(
      'FS_ERR_ARG_RANGE',
      'expected whole tables, found --stream, in --explain: batches have no one plan',
    );
  }
  const started = performance.now();
  progress.step(`joining ${flags.left} in batches`, weights.reduce((sum, weight) => sum + weight, 0) * 2);
  const leftTimes = [...new Set(sides.map((side) => onColumns(side.options).left))];
  const streams = sides.map((side) => ({ ...side, read: rightOptions(flags, side) }));
  const joined = joinFiles(
    { path: flags.left, read: csvOptions(flags, 'left', leftTimes) },
    streams,
    runOptions(flags),
  );
  const written = await writeTable(flags.out, joined);
  progress.stop();
  if (flags.stats !== true) return;
  const rightRows = (name: string): number => joined.stats[name]?.rightRows ?? 0;
  printStats({
    left: { path: flags.left, rows: Object.values(joined.stats)[0]?.rows ?? 0 },
    right: sides.map(({ input }) => ({
      name: input.name ?? RIGHT,
      path: input.path,
      rows: rightRows(input.name ?? RIGHT),
    })),
    out: { path: flags.out, ...written },
    executor: selectExecutor(runOptions(flags).backend ?? 'auto').name,
    answer: { stats: joined.stats, explain: null },
    ms: { read: 0, join: performance.now() - started, write: 0 },
  });
}

async function runSteps(
  flags: JoinFlags,
  sides: readonly Side[],
  weights: readonly number[],
  progress: Progress,
): Promise<void> {
  const ms: Timings = { read: 0, join: 0, write: 0 };
  const clock = async <T>(name: keyof Timings, work: () => Promise<T>): Promise<T> => {
    const started = performance.now();
    try {
      return await work();
    } finally {
      ms[name] += performance.now() - started;
    }
  };
  const leftTimes = [...new Set(sides.map((side) => onColumns(side.options).left))];
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  progress.step(`reading ${[flags.left, ...sides.map(({ input }) => input.path)].join(', ')}`, total);
  const [left, tables] = await clock('read', () =>
    readInputs(
      { path: flags.left, read: csvOptions(flags, 'left', leftTimes) },
      sides.map((side) => ({ path: side.input.path, read: rightOptions(flags, side), options: side.options })),
    ),
  );
  progress.step('joining', total * 0.2);
  const answer = await clock('join', () => joinTables(flags, left, sides, tables));
  progress.step(`writing ${flags.out}`, total * 0.8);
  const written = await clock('write', () => writeTable(flags.out, answer.table));
  progress.stop();
  if (flags.explain === true) printExplain(answer);
  if (flags.stats === true) {
    const right = sides.map(({ input }, index) => ({
      name: input.name ?? RIGHT,
      path: input.path,
      rows: tables[index]!.numRows,
    }));
    const executor = selectExecutor(runOptions(flags).backend ?? 'auto').name;
    const out = { path: flags.out, ...written };
    printStats({ left: { path: flags.left, rows: left.numRows }, right, out, executor, answer, ms });
  }
}
