/** The options of `flowstate book replay`, and what they mean as options of `replayBook`, which checks the values. */
import type { Command } from 'commander';
import { createError } from '../../errors/from-native.js';
import type { ReplayBookOptions } from '../../orderbook/replay/options.js';
import { splitList } from '../join-flags.js';

export interface ReplayFlags {
  readonly format: string;
  readonly messages: readonly string[];
  readonly out: string;
  readonly levels?: string;
  readonly sample?: string;
  readonly features?: string;
  readonly prices?: string;
  readonly tickSize?: string;
  readonly quantityDecimals?: string;
  readonly instruments?: string;
  readonly symbols?: string;
  readonly date?: string;
  readonly utcOffset?: string;
  readonly orderbook?: string;
  readonly onGap?: string;
  readonly clearOnGap?: boolean;
  readonly denseSequences?: boolean;
  readonly onReject?: string;
  readonly lateEvents?: string;
  readonly queueOf?: string;
  readonly batchRows?: string;
  readonly stats?: boolean;
  readonly progress?: boolean;
  readonly verbose?: boolean;
}

/** Adds the command to `flowstate book`. */
export function registerBookReplay(book: Command): void {
  book
    .command('replay')
    .description('replay a feed through an order book: a row of features per event, per n events, or at given times')
    .requiredOption('--format <name>', 'itch, lobster, dbn, binance or events')
    .requiredOption(
      '--messages <path>',
      'the feed, plain or compressed (.gz, .zst); repeat for one feed in several files; events also as .parquet or .arrow',
      (value: string, before?: readonly string[]) => [...(before ?? []), value],
    )
    .requiredOption('--out <path>', 'output, format by extension; - writes an Arrow stream to stdout')
    .option('--levels <count>', 'prices per side, 1 to 64 (default 10)')
    .option('--sample <rule>', 'event (default), every=N, or at=FILE:COLUMN for the times of a table')
    .option('--features <names>', 'levels,orders,touch,imbalance,ofi,trades (default: all but orders)')
    .option('--prices <form>', 'float (default) or ticks')
    .option('--tick-size <decimal>', 'what a tick is worth; every price must be a multiple')
    .option('--quantity-decimals <count>', 'events in CSV: decimals of quantities')
    .option('--instruments <numbers>', 'only these instruments')
    .option('--symbols <names>', 'only these symbols (itch)')
    .option('--date <day>', 'itch and lobster: the day, which makes timestamps of times of day')
    .option('--utc-offset <offset>', 'of the venue at that day, as -04:00')
    .option('--orderbook <path>', 'lobster: the order book file, whose first row begins the book')
    .option('--on-gap <rule>', 'error (default) or report')
    .option('--clear-on-gap', 'binance: empty the book at a gap and wait for a snapshot')
    .option('--dense-sequences', 'dbn and events: a hole in the sequence is a gap')
    .option('--on-reject <rule>', 'events that the book refuses: error, or count (the default of lobster)')
    .option('--late-events <rule>', 'events before their predecessor: error (default) or arrival')
    .option('--queue-of <ids>', 'place in the queue of an order; INSTRUMENT:ORDER,… where there are several')
    .option('--batch-rows <count>', 'rows per batch (default 16384)')
    .option('--stats', 'print statistics as JSON to stderr')
    .option('--no-progress', 'no progress bar, not even on a terminal')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: ReplayFlags) => {
      const { runReplay } = await import('./replay-command.js');
      await runReplay(flags);
    });
}

const EXAMPLES = `
Examples:
  flowstate book replay --format lobster --messages AAPL_message_10.csv.gz --orderbook AAPL_orderbook_10.csv.gz \\
    --date 2012-06-21 --utc-offset -04:00 --levels 10 --out book.parquet
  flowstate book replay --format dbn --messages es.mbo.dbn.zst --sample at=trades.parquet:ts --out features.arrow

Exit codes: 0 done, 2 bad arguments or bad data, 1 anything else, 130 interrupted.
`;

/** A whole number as commander hands it over; what is none goes on as it is, for the library to refuse. */
function whole(text: string | undefined, where: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw createError('FS_ERR_ARG_TYPE', `expected a whole number, found ${text}, in ${where}`);
  return Number(text);
}

export type SampleRule =
  | { readonly kind: 'event' }
  | { readonly kind: 'every'; readonly every: number }
  | { readonly kind: 'at'; readonly path: string; readonly column: string };

/** `event`, `every=N`, `at=FILE:COLUMN`. The last colon divides, so that paths may have some. */
export function parseSampleRule(text: string | undefined): SampleRule {
  if (text === undefined || text === 'event') return { kind: 'event' };
  if (text.startsWith('every=')) return { kind: 'every', every: whole(text.slice(6), '--sample every=')! };
  const at = /^at=(.+):([^:]+)$/s.exec(text);
  if (at !== null) return { kind: 'at', path: at[1]!, column: at[2]! };
  throw createError('FS_ERR_ARG_TYPE', `expected event, every=N or at=FILE:COLUMN, found ${text}, in --sample`);
}

function parseQueueOf(text: string | undefined): ReplayBookOptions['queueOf'] {
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return BigInt(text);
  return splitList(text).map((item) => {
    const pair = /^(\d+):(\d+)$/.exec(item);
    if (pair === null) {
      throw createError('FS_ERR_ARG_TYPE', `expected ORDER or INSTRUMENT:ORDER, found ${item}, in --queue-of`);
    }
    return { instrument: Number(pair[1]), order: BigInt(pair[2]!) };
  });
}

/** All but `sample`, which may need a file. */
export function replayOptions(flags: ReplayFlags): ReplayBookOptions {
  const instruments = flags.instruments === undefined ? undefined : splitList(flags.instruments);
  const given = {
    format: flags.format,
    levels: whole(flags.levels, '--levels'),
    features: flags.features === undefined ? undefined : splitList(flags.features),
    prices: flags.prices,
    tickSize: flags.tickSize,
    quantityDecimals: whole(flags.quantityDecimals, '--quantity-decimals'),
    instruments: instruments?.map((each) => whole(each, '--instruments')),
    symbols: flags.symbols === undefined ? undefined : splitList(flags.symbols),
    date: flags.date,
    utcOffset: flags.utcOffset,
    orderbook: flags.orderbook,
    onGap: flags.onGap,
    clearOnGap: flags.clearOnGap,
    denseSequences: flags.denseSequences,
    onReject: flags.onReject,
    lateEvents: flags.lateEvents,
    queueOf: parseQueueOf(flags.queueOf),
    batchRows: whole(flags.batchRows, '--batch-rows'),
  };
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  // Words are checked by the library, which says the same about the same mistake in code.
  return set as unknown as ReplayBookOptions;
}
