/** The options of `flowstate stream`: those of `join` for what a match is, and those of live data. */
import { type Command, Option } from 'commander';

import { createError } from '../errors/from-native.js';
import { requireInteger, requireOneOf } from '../internal/validate.js';
import { boundedDisorder, monotone, type WatermarkPlan } from '../stream/watermark/index.js';
import { collect, parseTolerance, splitList, STREAM_SPECS, type StreamFlags } from './join-flags.js';
import { parseSize } from './parse-size.js';

export interface StreamCommandFlags extends StreamFlags {
  readonly left: string;
  readonly right: readonly string[];
  readonly out: string;
  readonly watermark: string;
  readonly idle?: string;
  readonly allIdle?: string;
  readonly emit?: string;
  readonly late?: string;
  readonly horizon?: string;
  readonly rowId?: string;
  readonly op?: string;
  readonly maxAhead?: string;
  readonly maxState?: string;
  readonly follow?: boolean;
  readonly schema?: string;
  readonly backend?: string;
  readonly stats?: boolean;
  readonly metricsPort?: string;
  readonly verbose?: boolean;
}

/** Rows come in any order, so there is nothing to say about unsorted ones. */
const MATCH_SPECS = STREAM_SPECS.filter(({ flag }) => !flag.startsWith('--unsorted'));

export function registerStream(program: Command): void {
  const command = program
    .command('stream')
    .description('as-of join of live inputs: rows are written as soon as nothing to come can change them')
    .requiredOption('--left <path>', 'left input: .csv, .arrows, any file that join reads, or - for stdin')
    .requiredOption(
      '--right <path>',
      'right input; repeat as name=path[?option=value&…] to join several streams',
      collect,
    )
    .requiredOption(
      '--watermark <rule>',
      'how late rows may come after the newest: a duration, or monotone; left=1s,quote=250ms for each input',
    )
    .option('--out <path>', 'output, format by extension; - (default) writes an Arrow stream to stdout', '-');
  for (const { flag, text } of MATCH_SPECS) command.addOption(new Option(flag, text));
  command
    .option('--follow', 'files grow: wait for more at their end, until interrupted')
    .option('--emit <mode>', 'ordered (default) by time, or asFinal as soon as rows are final')
    .option('--idle <duration>', 'an input without rows for so long holds nothing back')
    .option('--all-idle <rule>', 'where all are idle: hold (default), or release every row that has come')
    .option('--late <policy>', 'rows below the watermark: drop (default), revise or error')
    .option('--horizon <duration>', 'with --late revise: how far back rows may be revised')
    .option('--row-id <name>', 'add the number of the left row under this name')
    .option('--op <name>', 'add 1 for a row and -1 for one taken back under this name')
    .option('--max-ahead <duration>', 'rows dated further ahead of the newest row are not taken')
    .option('--max-state <size>', 'memory for rows that wait, such as 512MiB')
    .option('--schema <types>', 'CSV column types: name:type,name:type (default: decided from the first rows)')
    .option('--backend <name>', 'auto (default), native or javascript')
    .option('--stats', 'print statistics as JSON to stderr at the end')
    .option('--metrics-port <port>', 'serve Prometheus metrics at http://127.0.0.1:<port>/metrics')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: StreamCommandFlags) => {
      const { runStream } = await import('./stream-command.js');
      await runStream(flags);
    });
}

const EXAMPLES = `
Examples:
  flowstate stream --left trades.csv --right quotes.csv --follow --on timestamp --by symbol --watermark 1s > joined.arrows
  producer | flowstate stream --left - --on timestamp --watermark left=100ms,quote=1s --idle 5s \\
    --right 'quote=quotes.arrows?tolerance=5s' --out joined.parquet

Ctrl-C ends the inputs; the rows that wait are written, then the command ends. A second one ends it at once.
Exit codes: 0 done, 2 bad arguments or bad data, 1 anything else, 130 interrupted before the inputs' end.
`;

function ruleOf(text: string): WatermarkPlan {
  return text === 'monotone' ? monotone() : boundedDisorder(parseTolerance(text));
}

/** `1s`, `monotone`, or `left=1s,quote=250ms`, where an input that is left out is monotone. */
export function parseWatermark(text: string, names: readonly string[]): Record<string, WatermarkPlan> {
  const items = splitList(text);
  const rules = new Map<string, WatermarkPlan>();
  for (const item of items) {
    const [, name, rule] = /^([^=]+)=(.*)$/.exec(item) ?? [];
    if (name === undefined || rule === undefined) {
      if (items.length > 1) {
        throw createError('FS_ERR_ARG_TYPE', `expected input=rule for each of several, found ${item}, in --watermark`);
      }
      return Object.fromEntries(names.map((each) => [each, ruleOf(item)]));
    }
    rules.set(requireOneOf(name, '--watermark', names), ruleOf(rule));
  }
  return Object.fromEntries(names.map((name) => [name, rules.get(name) ?? monotone()]));
}

/** The options of the library that do not depend on the streams. */
export function liveOptions(flags: StreamCommandFlags, names: readonly string[]) {
  const oneOf = <T extends string>(value: string | undefined, flag: string, allowed: readonly T[]): T | undefined =>
    value === undefined ? undefined : requireOneOf(value, flag, allowed);
  return {
    watermark: parseWatermark(flags.watermark, names),
    emit: oneOf(flags.emit, '--emit', ['ordered', 'asFinal']),
    // Rows of the side output would go nowhere here.
    late: oneOf(flags.late, '--late', ['drop', 'revise', 'error']),
    idleTimeout: flags.idle,
    allIdle: oneOf(flags.allIdle, '--all-idle', ['hold', 'release']),
    horizon: flags.horizon === undefined ? undefined : parseTolerance(flags.horizon),
    rowId: flags.rowId,
    op: flags.op,
    maxAhead: flags.maxAhead === undefined ? undefined : parseTolerance(flags.maxAhead),
    aheadOf: flags.maxAhead === undefined ? undefined : ('newest' as const),
    maxStateBytes: flags.maxState === undefined ? undefined : parseSize(flags.maxState, '--max-state'),
    backend: oneOf(flags.backend, '--backend', ['auto', 'native', 'javascript']),
  };
}

export function metricsPort(text: string | undefined): number | null {
  return text === undefined ? null : requireInteger(Number(text), '--metrics-port', 0, 65_535);
}
