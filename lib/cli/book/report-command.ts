/** `flowstate book report`: a replay's file as a page to look at. */
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';

import { createError } from '../../errors/from-native.js';

export interface ReportFlags {
  readonly in: string;
  readonly out: string;
  readonly at?: string;
  readonly symbol?: string;
  readonly title?: string;
}

const DAY_NS = 86_400_000_000_000n;

/** Adds the command to `flowstate book`. */
export function registerBookReport(book: Command): void {
  book
    .command('report')
    .description('an HTML page of a replayed book: ladder at a chosen time, depth, spread and imbalance through time')
    .requiredOption('--in <file>', 'what flowstate book replay wrote')
    .requiredOption('--out <file>', 'the page')
    .option('--at <time>', 'whose ladder is shown first: 14:30:05.25, an ISO 8601 time, or nanoseconds')
    .option('--symbol <name>', 'which symbol of the file; default: the first row’s')
    .option('--title <text>', 'heading of the page')
    .action(async (flags: ReportFlags) => {
      await runBookReport(flags);
    });
}

function fractionNs(text: string | undefined): bigint {
  return BigInt((text ?? '').padEnd(9, '0'));
}

/** The time that `--at` means, from the first row's time: a time of day is of the first row's day. Throws FS_ERR_ARG_TYPE. */
export function parseAt(text: string): (firstNs: bigint) => bigint {
  const trimmed = text.trim();
  if (/^-?\d+$/.test(trimmed)) return () => BigInt(trimmed);
  const clock = /^(\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?$/.exec(trimmed);
  if (clock !== null) {
    const [, hours, minutes, seconds, fraction] = clock;
    const ofDay =
      (BigInt(hours!) * 3600n + BigInt(minutes!) * 60n + BigInt(seconds ?? 0)) * 1_000_000_000n + fractionNs(fraction);
    if (ofDay < DAY_NS) return (firstNs) => firstNs - (((firstNs % DAY_NS) + DAY_NS) % DAY_NS) + ofDay;
  }
  const iso = /^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?$/i.exec(trimmed);
  const seconds = iso === null ? NaN : Date.parse(`${iso[1]!.replace(' ', 'T')}${iso[3] ?? 'Z'}`);
  if (iso !== null && !Number.isNaN(seconds)) return () => BigInt(seconds) * 1_000_000n + fractionNs(iso[2]);
  throw createError(
    'FS_ERR_ARG_TYPE',
    `expected a time of day, an ISO 8601 time or nanoseconds, found ${text}, in --at`,
  );
}

/** Runs the command. The page appears whole or not at all. */
export async function runBookReport(flags: ReportFlags): Promise<void> {
  const at = flags.at === undefined ? undefined : parseAt(flags.at);
  const { renderBookReport } = await import('./report.js');
  const { readBatches } = await import('../../storage/index.js');
  const { writeAtomically } = await import('../../storage/atomic-file.js');
  const { flowstateVersion } = await import('../version.js');
  const page = await renderBookReport(readBatches(flags.in), {
    ...(at === undefined ? {} : { at }),
    ...(flags.symbol === undefined ? {} : { symbol: flags.symbol }),
    ...(flags.title === undefined ? {} : { title: flags.title }),
    source: flags.in,
    versions: `FlowState ${flowstateVersion()}.`,
  });
  await writeAtomically(flags.out, undefined, (temporary) => writeFile(temporary, page));
}
