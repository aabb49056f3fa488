/**
 * The options of `flowstate join`, and what they mean as options of the library. Values are checked by the library,
 * so that the command and the API say the same about the same mistake; here is only the notation:
 * lists `a,b`, sides `left=a,right=b`, streams `name=path?option=value&…`.
 */
import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { createError } from '../errors/from-native.js';
import { didYouMean } from '../internal/suggest.js';

/** What commander hands over. Booleans that default to true come from `--no-…`. */
export interface JoinFlags extends StreamFlags {
  readonly left: string;
  readonly right: readonly string[];
  readonly out: string;
  readonly threads?: string;
  readonly backend?: string;
  readonly schema?: string;
  readonly explain?: boolean;
  readonly stats?: boolean;
  readonly progress?: boolean;
  readonly stream?: boolean;
  readonly memory?: string;
  readonly verbose?: boolean;
}

/** The flags that each stream of an N-way join may set for itself. */
export interface StreamFlags {
  readonly on?: string;
  readonly by?: string;
  readonly direction?: string;
  readonly tolerance?: string;
  readonly exact?: boolean;
  readonly how?: string;
  readonly columns?: string;
  readonly suffix?: string;
  readonly prefix?: string;
  readonly rightTime?: string;
  readonly age?: string;
  readonly matched?: string;
  readonly ties?: string;
  readonly nearestTie?: string;
  readonly nullKeys?: string;
  readonly unsorted?: string;
  readonly lag?: string;
  readonly knownAt?: string;
  readonly timeZones?: string;
  readonly timeUnit?: string;
}

/** A `--right`: where it lies, its name in an N-way join, and the flags it sets for itself. */
export interface RightInput {
  readonly name: string | null;
  readonly path: string;
  readonly flags: StreamFlags;
}

export interface FlagSpec {
  readonly flag: string;
  readonly text: string;
}

export const STREAM_SPECS: readonly FlagSpec[] = [
  { flag: '--on <column>', text: 'time column, or left=a,right=b' },
  { flag: '--by <columns>', text: 'key columns a,b, or left=a,right=b' },
  { flag: '--direction <which>', text: 'backward (default), forward or nearest' },
  {
    flag: '--tolerance <duration>',
    text: 'largest distance in time, inclusive: 5s, 250us, 1h30m; a bare number counts ns, or the unit of a plain number column',
  },
  { flag: '--no-exact', text: 'a match at exactly the same time does not count' },
  { flag: '--how <kind>', text: 'left (default) keeps every left row, inner those with a match' },
  { flag: '--columns <names>', text: 'right columns to take (default: all but its time and keys)' },
  { flag: '--suffix <text>', text: 'for right columns whose name is taken (default _right)' },
  { flag: '--prefix <text>', text: 'before every right column' },
  { flag: '--right-time <name>', text: 'add the matched right time under this name' },
  { flag: '--age <name>', text: 'add left time minus right time, in ns, under this name' },
  { flag: '--matched <name>', text: 'add whether there was a match, under this name' },
  { flag: '--ties <rule>', text: 'among equal right times: auto (default), first or last' },
  { flag: '--nearest-tie <rule>', text: 'at equal distance: earlier (default) or later' },
  { flag: '--null-keys <rule>', text: 'distinct (default): null matches nothing; equal: null matches null' },
  { flag: '--unsorted <rule>', text: 'sort (default) or error' },
  { flag: '--lag <duration>', text: 'right rows become visible this much later' },
  { flag: '--known-at <column>', text: 'right rows are visible from the time in this column' },
  {
    flag: '--time-zones <rule>',
    text: 'error (default) refuses a zone against none; utc: times without a zone are UTC',
  },
  { flag: '--time-unit <unit>', text: 'integer times of CSV are epochs in s, ms, us or ns; left=ns for one side' },
];

/** Names of the flags a stream may set, as in `--right name=path?flag=value`: `tolerance`, `no-exact`, … */
const STREAM_FLAGS = STREAM_SPECS.map((spec) => spec.flag.replace(/^--/, '').replace(/ .*/, ''));

/** Adds every option of `join` to its command. */
export function addJoinOptions(command: Command): Command {
  command
    .description('as-of join of files: each left row takes the right row that was current at its time')
    .requiredOption('--left <path>', 'left input: .parquet, .arrow or .ipc (file), .arrows (stream), .csv')
    .requiredOption(
      '--right <path>',
      'right input; repeat as name=path[?option=value&…] to join several streams',
      collect,
    )
    .requiredOption('--out <path>', 'output, format by extension; - writes an Arrow stream to stdout');
  for (const { flag, text } of STREAM_SPECS) command.addOption(new Option(flag, text));
  return command
    .option('--backend <name>', 'auto (default), native, javascript or device')
    .option('--threads <count>', 'threads of the native executor (default: all)')
    .option('--stream', 'join batch by batch in bounded memory; inputs must be in time order')
    .option('--no-stream', 'always join whole tables')
    .option('--memory <size>', 'join batch by batch where whole tables would need more (default: half of the machine)')
    .option('--schema <types>', 'CSV column types: name:type,name:type')
    .option('--explain', 'print the plan, its statistics and the time and bytes per phase to stderr')
    .option('--stats', 'print statistics as JSON to stderr')
    .option('--no-progress', 'no progress bar, not even on a terminal')
    .addHelpText('after', EXAMPLES);
}

const EXAMPLES = `
Examples:
  flowstate join --left trades.parquet --right quotes.parquet --on timestamp --by symbol --tolerance 5s --out aligned.parquet
  flowstate join --left trades.parquet --on timestamp --by symbol --out features.arrow \\
    --right 'quote=quotes.parquet?tolerance=5s&columns=bid,ask' --right 'bar=bars.csv?prefix=bar_&no-exact'

Exit codes: 0 done, 2 bad arguments or bad data, 1 anything else, 130 interrupted.
`;

export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

/** Splits at commas; `\,` stands for a comma inside a name. */
export function splitList(text: string): string[] {
  return text.split(/(?<!\\),/).map((item) => item.replaceAll('\\,', ','));
}

/** `a`, `a,b`, or `left=a,right=b` (each side as often as needed). */
export function parseSides(text: string): string | string[] | { left: string[]; right: string[] } {
  const items = splitList(text);
  const sided = items.map((item) => /^(left|right)=(.*)$/.exec(item));
  if (sided.some((match) => match !== null)) {
    const left: string[] = [];
    const right: string[] = [];
    for (const [index, item] of items.entries()) {
      const [, side, name] = sided[index] ?? [];
      if (side !== 'right') left.push(name ?? item);
      if (side !== 'left') right.push(name ?? item);
    }
    return { left, right };
  }
  return items.length === 1 ? items[0]! : items;
}

/** `--on`, which names one column a side. */
export function parseOn(text: string): string | { left: string; right: string } {
  const sides = parseSides(text);
  if (typeof sides === 'string') return sides;
  if (!Array.isArray(sides) && sides.left.length === 1 && sides.right.length === 1) {
    return { left: sides.left[0]!, right: sides.right[0]! };
  }
  throw createError('FS_ERR_ARG_TYPE', `expected one time column or left=a,right=b, found ${text}, in --on`);
}

/** A duration stays text; a bare whole number becomes a bigint, a bare decimal a number. */
export function parseTolerance(text: string): string | bigint | number {
  if (/^[+-]?\d+$/.test(text)) return BigInt(text);
  if (/^[+-]?(\d+\.\d*|\.\d+|\d+(\.\d+)?[eE][+-]?\d+)$/.test(text)) return Number(text);
  return text;
}

/** One `--right`. A text that names an existing file is a path, whatever signs it contains. */
export function parseRight(text: string): RightInput {
  if (existsSync(text)) return { name: null, path: text, flags: {} };
  const named = /^([A-Za-z_][\w.-]*)=(.+)$/s.exec(text);
  const name = named?.[1] ?? null;
  const rest = named?.[2] ?? text;
  const query = /^(.*?)\?((?:no-exact|[a-z-]+=).*)$/s.exec(rest);
  if (query === null) return { name, path: rest, flags: {} };
  return { name, path: query[1]!, flags: parseQuery(query[2]!, name ?? rest) };
}

function parseQuery(text: string, where: string): StreamFlags {
  const flags: Record<string, string | boolean> = {};
  for (const part of text.split('&')) {
    const equals = part.indexOf('=');
    const key = equals < 0 ? part : part.slice(0, equals);
    if (!STREAM_FLAGS.includes(key)) {
      const hint = didYouMean(key, STREAM_FLAGS);
      throw createError(
        'FS_ERR_OPTION_UNKNOWN',
        `expected an option of a stream, found ${key}${hint}, in --right ${where}`,
      );
    }
    if (key === 'no-exact') {
      flags.exact = false;
      continue;
    }
    if (equals < 0)
      throw createError('FS_ERR_ARG_TYPE', `expected a value after ${key}=, found none, in --right ${where}`);
    flags[key.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())] = decode(part.slice(equals + 1));
  }
  return flags;
}

/** %XX as in a URL; a lone % stays. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The right inputs, checked to be one, or several with distinct names. */
export function parseRights(texts: readonly string[]): RightInput[] {
  const rights = texts.map(parseRight);
  if (rights.length === 1) return rights;
  const names = new Set<string>();
  for (const [index, { name, path }] of rights.entries()) {
    const where = `--right number ${index + 1}`;
    if (name === null) {
      throw createError('FS_ERR_ARG_TYPE', `expected name=path for each of several inputs, found ${path}, in ${where}`);
    }
    if (names.has(name)) {
      throw createError('FS_ERR_NAME_COLLISION', `expected distinct stream names, found ${name} twice, in ${where}`);
    }
    names.add(name);
  }
  return rights;
}
