/** `flowstate book replay`: a feed in, rows of book features out, batch by batch. */
import { statSync } from 'node:fs';
import type { RecordBatch, Table } from 'apache-arrow';
import { createError } from '../../errors/from-native.js';
import { FlowStateError } from '../../errors/errors.js';
import { ERROR_CODES } from '../../errors/codes.js';
import { parseReplayOptions, type ReplayBookOptions } from '../../orderbook/replay/options.js';
import { type BookReplay, type FeedSource, replayBook } from '../../orderbook/replay/replay-book.js';
import { cleanupTempFiles, formatOf, readBatches, readTable, writeTable } from '../../storage/index.js';
import { onInterrupt } from '../interrupt.js';
import { type Progress, startProgress } from '../progress.js';
import { parseSampleRule, type ReplayFlags, replayOptions, type SampleRule } from './replay-flags.js';

const STDOUT = '-';

/** Tables of events that the storage layer reads; everything else goes to the feed's own reader. */
function isTable(path: string): boolean {
  return /\.(parquet|arrow|ipc|arrows)$/i.test(path);
}

async function* tables(paths: readonly string[]): AsyncGenerator<RecordBatch, void, undefined> {
  for (const path of paths) yield* readBatches(path);
}

function sourceOf(flags: ReplayFlags): FeedSource {
  if (flags.format === 'events' && flags.messages.every(isTable)) return tables(flags.messages);
  return flags.messages;
}

async function sampleOf(rule: SampleRule): Promise<ReplayBookOptions['sample']> {
  if (rule.kind === 'event') return 'event';
  if (rule.kind === 'every') return { every: rule.every };
  const table: Table = await readTable(rule.path, { columns: [rule.column] });
  const at = table.getChild(rule.column);
  if (at === null) throw createError('FS_ERR_COLUMN_MISSING', `${rule.path} has no column '${rule.column}'`);
  return { at };
}

/** The file first: an error in a feed of several gigabytes is of no use without the place. */
function withPath(error: unknown, paths: readonly string[]): unknown {
  if (!(error instanceof FlowStateError) || ERROR_CODES[error.code] !== 'DataError') return error;
  if (paths.some((path) => error.message.includes(path))) return error;
  return createError(error.code, `${paths.join(' + ')}: ${error.message}`, { details: error.details, cause: error });
}

/** The batches as they come; the bar follows the bytes, which are compressed ones in the file, so it is a guess. */
async function* watched(
  replay: BookReplay,
  progress: Progress,
  step: string,
): AsyncGenerator<RecordBatch, void, undefined> {
  let seen = 0;
  for await (const batch of replay) {
    yield batch;
    const { bytes } = replay.stats;
    progress.step(step, bytes - seen);
    seen = bytes;
  }
}

/** Runs the command. Throws the library's errors; main.ts reports them. */
export async function runReplay(flags: ReplayFlags): Promise<void> {
  const options = replayOptions(flags);
  const rule = parseSampleRule(flags.sample);
  // Everything that arguments alone can get wrong is found before a byte is read.
  parseReplayOptions(options);
  if (rule.kind === 'at') formatOf(rule.path);
  if (flags.out !== STDOUT) formatOf(flags.out);

  const bytes = flags.messages.reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
  const progress = await startProgress(bytes, flags.progress !== false);
  const release = onInterrupt(() => {
    progress.stop();
    cleanupTempFiles();
  });
  const started = performance.now();
  try {
    const replay = replayBook(sourceOf(flags), { ...options, sample: await sampleOf(rule) });
    const written = await writeTable(flags.out, watched(replay, progress, `replaying ${flags.messages.join(' + ')}`));
    progress.stop();
    if (flags.stats === true) {
      const ms = performance.now() - started;
      const eventsPerSecond = Math.round(replay.stats.events / (ms / 1000));
      const peakMemoryBytes = process.resourceUsage().maxRSS * 1024;
      const out = { path: flags.out, ...written };
      const text = JSON.stringify(
        { feed: flags.messages, out, ...replay.stats, ms, eventsPerSecond, peakMemoryBytes },
        bigints,
      );
      process.stderr.write(`${text}\n`);
    }
  } catch (error) {
    throw withPath(error, flags.messages);
  } finally {
    progress.stop();
    release();
  }
}

function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
