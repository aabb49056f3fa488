/**
 * `flowstate book simulate`: a market as files, trades, quotes and order events. The files are written side by side
 * from one run, batch by batch, so that the length of the run takes no memory.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';

import { createError } from '../../errors/from-native.js';
import type { SimulateMarketOptions, SimulatedTableName } from '../../orderbook/simulate-options.js';

export interface SimulateFlags {
  readonly outDir: string;
  readonly symbols: string;
  readonly duration: string;
  readonly seed: string;
  readonly eventsPerSecond: string;
  readonly model: string;
  readonly branching: string;
  readonly start?: string;
  readonly granularity: string;
  readonly tickSize: string;
  readonly tables: string;
  readonly format: string;
  readonly stats?: boolean;
}

/** Adds the command to `flowstate book`. */
export function registerBookSimulate(book: Command): void {
  book
    .command('simulate')
    .description('a simulated market: trades, quotes and order events of many symbols, by a seed')
    .requiredOption('--out-dir <folder>', 'where trades, quotes and events go')
    .option('--symbols <list>', 'how many symbols, or their names, comma separated', '20')
    .option('--duration <duration>', 'length of the market, such as 1h', '1h')
    .option('--seed <number>', 'the same seed and options give the same rows on every machine', '1')
    .option('--events-per-second <rate>', 'orders and cancels a second over all symbols, on average', '1000')
    .addOption(
      new Option('--model <model>', 'how orders arrive').choices(['hawkes', 'zero-intelligence']).default('hawkes'),
    )
    .option('--branching <ratio>', 'hawkes: events that each event sets off, below 1', '0.6')
    .option('--start <time>', 'first instant, ISO 8601 (UTC where it names no zone); default 2024-03-14T13:30Z')
    .option('--granularity <duration>', 'times are multiples of it', '1ns')
    .option('--tick-size <size>', 'price step', '0.01')
    .option('--tables <list>', 'which files to write', 'trades,quotes,events')
    .addOption(new Option('--format <format>', 'of the files').choices(['parquet', 'arrow', 'csv']).default('parquet'))
    .option('--stats', 'print JSON statistics to stderr')
    .action(async (flags: SimulateFlags) => {
      await runBookSimulate(flags);
    });
}

function numberFlag(text: string, flag: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (text.trim() === '' || !Number.isFinite(value)) {
    throw createError('FS_ERR_ARG_TYPE', `expected a number, found ${text}, in --${flag}`);
  }
  return value;
}

function parseSeed(text: string): bigint {
  if (!/^\d{1,19}$/.test(text))
    throw createError('FS_ERR_ARG_TYPE', `expected a whole number, found ${text}, in --seed`);
  return BigInt(text);
}

/** Milliseconds are all that ISO text can hold exactly here; finer starts are for the API. */
function parseStart(text: string): bigint {
  const zoned = /([zZ]|[+-]\d\d:?\d\d)$/.test(text) || !text.includes('T') ? text : `${text}Z`;
  const ms = Date.parse(zoned);
  if (Number.isNaN(ms)) throw createError('FS_ERR_ARG_TYPE', `expected an ISO 8601 time, found ${text}, in --start`);
  return BigInt(ms) * 1_000_000n;
}

/** The simulator's options that the flags mean. */
export function simulateOptions(flags: SimulateFlags): SimulateMarketOptions {
  const names = flags.symbols.split(',').map((name) => name.trim());
  const symbols = /^[\d_]+$/.test(flags.symbols) ? numberFlag(flags.symbols, 'symbols') : names;
  return {
    symbols,
    duration: flags.duration,
    seed: parseSeed(flags.seed),
    eventsPerSecond: numberFlag(flags.eventsPerSecond, 'events-per-second'),
    model: flags.model as 'hawkes' | 'zero-intelligence',
    hawkes: { branchingRatio: numberFlag(flags.branching, 'branching') },
    granularity: flags.granularity,
    tickSize: numberFlag(flags.tickSize, 'tick-size'),
    tables: flags.tables.split(',').map((name) => name.trim()) as SimulatedTableName[],
    ...(flags.start === undefined ? {} : { start: parseStart(flags.start) }),
  };
}

/** Runs the command. All files appear, or none that was not there before. */
export async function runBookSimulate(flags: SimulateFlags): Promise<void> {
  const { simulateMarketBatches } = await import('../../orderbook/simulate.js');
  const { cleanupTempFiles, writeTable } = await import('../../storage/index.js');
  const { onInterrupt } = await import('../interrupt.js');
  const { FanOut } = await import('./fan-out.js');
  const started = performance.now();
  const controller = new AbortController();
  const options = simulateOptions(flags);
  const batches = simulateMarketBatches({ ...options, signal: controller.signal });
  mkdirSync(flags.outDir, { recursive: true });
  const release = onInterrupt(cleanupTempFiles);
  try {
    const tables = [...new Set(options.tables)];
    const fan = new FanOut(batches, tables.length);
    const write = async (name: SimulatedTableName, reader: number): Promise<[string, unknown]> => {
      const path = join(flags.outDir, `${name}.${flags.format}`);
      const source = (async function* () {
        for await (const batch of fan.reader(reader)) yield batch[name];
      })();
      try {
        return [name, { path, ...(await writeTable(path, source, { signal: controller.signal })) }];
      } catch (error) {
        controller.abort(error);
        throw error;
      }
    };
    const settled = await Promise.allSettled(tables.map(write));
    // The first failure is the cause; the others were aborted by it.
    if (controller.signal.aborted) throw controller.signal.reason;
    const files = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    if (flags.stats === true) {
      const stats = { files: Object.fromEntries(files), ms: Math.round(performance.now() - started) };
      process.stderr.write(`${JSON.stringify(stats)}\n`);
    }
  } finally {
    release();
  }
}
