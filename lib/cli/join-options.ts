/** From the flags of `flowstate join` to the options of the library, with the flag's name in what errors say. */
import { requireInteger, requireOneOf } from '../internal/validate.js';
import type { AsofJoinOptions, By, MatchOptions, OutputOptions, RunOptions } from '../join/options.js';
import { createError } from '../errors/from-native.js';
import { type JoinFlags, parseOn, parseSides, parseTolerance, splitList, type StreamFlags } from './join-flags.js';

const MAX_THREADS = 1024;

/** What one right side is joined by: all but the tables and how the work is run. */
export type SideOptions = Pick<AsofJoinOptions, 'on' | 'by'> & MatchOptions & OutputOptions;

function oneOf<T extends string>(value: string | undefined, flag: string, allowed: readonly T[]): T | undefined {
  return value === undefined ? undefined : requireOneOf(value, flag, allowed);
}

/** Options of one right side; `own` flags win over the `shared` ones. */
export function sideOptions(shared: StreamFlags, own: StreamFlags = {}): SideOptions {
  const flags: StreamFlags = { ...shared, ...own };
  if (flags.on === undefined) {
    throw createError('FS_ERR_ARG_TYPE', 'expected the time column as --on <column>, found none, in flowstate join');
  }
  return {
    on: parseOn(flags.on),
    by: flags.by === undefined ? undefined : parseSides(flags.by),
    direction: oneOf(flags.direction, '--direction', ['backward', 'forward', 'nearest']),
    tolerance: flags.tolerance === undefined ? undefined : parseTolerance(flags.tolerance),
    allowExactMatches: flags.exact,
    how: oneOf(flags.how, '--how', ['left', 'inner']),
    columns: flags.columns === undefined ? undefined : splitList(flags.columns),
    suffix: flags.suffix,
    prefix: flags.prefix,
    rightTime: flags.rightTime,
    age: flags.age,
    matched: flags.matched,
    ties: oneOf(flags.ties, '--ties', ['auto', 'last', 'first']),
    nearestTie: oneOf(flags.nearestTie, '--nearest-tie', ['earlier', 'later']),
    nullKeys: oneOf(flags.nullKeys, '--null-keys', ['distinct', 'equal']),
    unsorted: oneOf(flags.unsorted, '--unsorted', ['sort', 'error']),
    lag: flags.lag === undefined ? undefined : parseTolerance(flags.lag),
    knownAt: flags.knownAt,
    timeZones: oneOf(flags.timeZones, '--time-zones', ['error', 'utc']),
  };
}

const TIME_UNITS = ['s', 'ms', 'us', 'ns'] as const;

/** The unit that `--time-unit` gives the integer times of a side's CSV: `ns` for both, `left=ns`, `left=ns,right=ms`. */
export function timeUnitOf(text: string | undefined, side: 'left' | 'right'): (typeof TIME_UNITS)[number] | undefined {
  for (const item of text === undefined ? [] : splitList(text)) {
    const [, only, unit] = /^(left|right)=(.*)$/.exec(item) ?? [];
    if (only === undefined || only === side) return requireOneOf(unit ?? item, '--time-unit', TIME_UNITS);
  }
  return undefined;
}

/** How the work is run. */
export function runOptions(flags: JoinFlags): RunOptions {
  return {
    backend: oneOf(flags.backend, '--backend', ['auto', 'native', 'javascript', 'device']),
    threads:
      flags.threads === undefined ? undefined : requireInteger(Number(flags.threads), '--threads', 1, MAX_THREADS),
    explain: flags.explain,
  };
}

/** Time column of each side. */
export function onColumns(options: SideOptions): { left: string; right: string } {
  return typeof options.on === 'string' ? { left: options.on, right: options.on } : options.on;
}

function list(names: string | readonly string[]): readonly string[] {
  return typeof names === 'string' ? [names] : names;
}

function isSided(by: By): by is Extract<By, { readonly right: unknown }> {
  return typeof by === 'object' && 'right' in by;
}

/** Key columns of the right side. */
export function rightKeys(options: SideOptions): readonly string[] {
  if (options.by === undefined) return [];
  return isSided(options.by) ? list(options.by.right) : list(options.by);
}

/** The right columns that the join reads, or undefined for all: what `--columns` names, time, keys and knownAt. */
export function neededColumns(options: SideOptions): readonly string[] | undefined {
  if (options.columns === undefined) return undefined;
  const needed = [onColumns(options).right, ...rightKeys(options), ...options.columns];
  if (options.knownAt !== undefined) needed.push(options.knownAt);
  return [...new Set(needed)];
}
