/**
 * `flowstate stream`: joins inputs while they grow. What is final is written at once; the end of the inputs, or an
 * interruption, releases the rest.
 */
import type { RecordBatch } from 'apache-arrow';

import { createError } from '../errors/from-native.js';
import { cleanupTempFiles, formatOf, writeTable } from '../storage/index.js';
import { openLive } from '../storage/live/index.js';
import { StreamMetrics } from '../stream/metrics/index.js';
import { StreamingAligner } from '../stream/streaming-aligner.js';
import { StreamingJoin } from '../stream/streaming-join.js';
import type { StreamingCounters } from '../stream/streaming-types.js';
import { parseRights, type RightInput } from './join-flags.js';
import { neededColumns, onColumns, type SideOptions, sideOptions, timeUnitOf } from './join-options.js';
import { EXIT_INTERRUPTED } from './report-error.js';
import { liveOptions, metricsPort, type StreamCommandFlags } from './stream-flags.js';
import { LatencyProbe, type MetricsServer, serveMetrics } from './stream-metrics.js';

const STDIN = '-';
const RIGHT = 'right';
/** Small: rows should not wait for a batch to fill. */
const BATCH_ROWS = 8192;

interface Side {
  readonly name: string;
  readonly input: RightInput;
  readonly options: Omit<SideOptions, 'unsorted'>;
}

interface LiveJoin {
  readonly joined: AsyncIterable<RecordBatch>;
  readonly counters: () => StreamingCounters;
  readonly engine: () => string | null;
}

function sidesOf(flags: StreamCommandFlags): readonly Side[] {
  return parseRights(flags.right).map((input) => {
    const { unsorted, ...options } = sideOptions(flags, input.flags);
    if (unsorted !== undefined) {
      throw createError('FS_ERR_OPTION_UNKNOWN', 'flowstate stream has no option unsorted: rows may come in any order');
    }
    return { name: input.name ?? RIGHT, input, options };
  });
}

function open(
  flags: StreamCommandFlags,
  sides: readonly Side[],
  until: AbortSignal,
  probe: LatencyProbe | null,
): LiveJoin {
  const common = { schema: flags.schema, follow: flags.follow, batchRows: BATCH_ROWS, until };
  const leftTimes = [...new Set(sides.map(({ options }) => onColumns(options).left))];
  const times = (side: 'left' | 'right', unit: string | undefined, timeColumns: readonly string[]) => {
    const timeUnit = timeUnitOf(unit, side);
    return { timeUnit, timeColumns: timeUnit === undefined ? undefined : timeColumns };
  };
  const opened = openLive(flags.left, { ...common, ...times('left', flags.timeUnit, leftTimes) });
  const left = probe === null ? opened : probe.left(opened);
  const rights = sides.map(({ input, options }) =>
    openLive(input.path, {
      ...common,
      columns: neededColumns(options),
      ...times('right', input.flags.timeUnit ?? flags.timeUnit, [onColumns(options).right]),
    }),
  );
  const first = sides[0]!;
  const live = liveOptions(flags, ['left', ...sides.map(({ name }) => name)]);
  if (sides.length === 1 && first.input.name === null) {
    const join = new StreamingJoin({ ...first.options, ...live });
    return { joined: join.stream(left, rights[0]!), counters: () => join.counters, engine: () => join.engine };
  }
  const { on } = first.options;
  const aligner = new StreamingAligner(Object.fromEntries(sides.map(({ name, options }) => [name, options])), {
    on,
    ...live,
  });
  const sources = Object.fromEntries(sides.map(({ name }, i) => [name, rights[i]!]));
  return { joined: aligner.stream(left, sources), counters: () => aligner.counters, engine: () => aligner.engine };
}

/** The batches as they pass. */
async function* observed(
  joined: AsyncIterable<RecordBatch>,
  probe: LatencyProbe,
): AsyncGenerator<RecordBatch, void, undefined> {
  for await (const batch of joined) {
    probe.emitted(batch);
    yield batch;
  }
}

/** Runs the command. Throws the library's errors; main.ts reports them. */
export async function runStream(flags: StreamCommandFlags): Promise<void> {
  const sides = sidesOf(flags);
  const paths = [flags.left, ...sides.map(({ input }) => input.path)];
  if (paths.filter((path) => path === STDIN).length > 1) {
    throw createError(
      'FS_ERR_ARG_RANGE',
      'expected stdin (-) as one input at most, found it twice, in flowstate stream',
    );
  }
  for (const path of paths) if (path !== STDIN) formatOf(path);
  const port = metricsPort(flags.metricsPort);
  if (flags.out !== '-') formatOf(flags.out);

  const until = new AbortController();
  const leftTime = onColumns(sides[0]!.options).left;
  const metrics = new StreamMetrics(['left', ...sides.map(({ name }) => name)]);
  const probe = port === null ? null : new LatencyProbe(metrics, leftTime, flags.emit !== 'asFinal');
  const live = open(flags, sides, until.signal, probe);
  const interrupts = endOnInterrupt(until);
  let server: MetricsServer | null = null;
  const started = performance.now();
  try {
    if (port !== null) server = await serveMetrics(port, metrics, live.counters);
    const written = await writeTable(flags.out, probe === null ? live.joined : observed(live.joined, probe));
    if (flags.stats === true) printStats(live, flags.out, written, performance.now() - started);
  } finally {
    interrupts.release();
    // After a failure inputs that still wait would keep the process alive.
    until.abort();
    await server?.close();
  }
  // Files that grow end no other way.
  if (interrupts.signal() !== null && flags.follow !== true) {
    process.exitCode = interrupts.signal() === 'SIGINT' ? EXIT_INTERRUPTED : 143;
  }
}

function printStats(live: LiveJoin, path: string, written: { rows: number; bytes: number }, ms: number): void {
  const counters = live.counters();
  const facts = { out: { path, ...written }, engine: live.engine(), ...counters, ms: { total: ms } };
  const text = JSON.stringify(facts, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  process.stderr.write(`${text}\n`);
}

interface Interrupts {
  /** The first that came. */
  signal(): NodeJS.Signals | null;
  release(): void;
}

/** The first interruption ends the inputs, the second the process. */
function endOnInterrupt(until: AbortController): Interrupts {
  let first: NodeJS.Signals | null = null;
  const handle = (signal: NodeJS.Signals): void => {
    if (first === null) {
      first = signal;
      until.abort();
      return;
    }
    cleanupTempFiles();
    process.stderr.write('flowstate: interrupted; the output is not complete\n');
    process.exit(signal === 'SIGINT' ? EXIT_INTERRUPTED : 143);
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  return {
    signal: () => first,
    release: () => {
      process.off('SIGINT', handle);
      process.off('SIGTERM', handle);
    },
  };
}
