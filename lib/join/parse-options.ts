/**
 * From what callers write to frozen, complete options: the only check of an option's meaning. Unknown names throw
 * FS_ERR_OPTION_UNKNOWN with the nearest known one, wrong types FS_ERR_ARG_TYPE, wrong values FS_ERR_ARG_RANGE.
 * What depends on column types (does this tolerance suit them?) is for request.ts.
 */
import type { Table } from 'apache-arrow';

import { createError } from '../errors/from-native.js';
import {
  fail,
  isRecord,
  rangeError,
  rejectUnknown,
  requireBoolean,
  requireInteger,
  requireName,
  requireNames,
  requireOneOf,
  requireRecord,
  requireSignal,
  requireString,
  typeError,
} from '../internal/validate.js';
import { requireTable } from '../schema/arrow-types.js';
import { INT64_MAX, parseDuration } from '../schema/duration.js';
import type { Backend, Direction, JoinKind, NearestTie, NullKeys, Ties, TimeZones, UnsortedRule } from './options.js';

/** A distance whose kind is known and whose unit waits for the column: a string was a duration. */
export type ParsedDistance =
  | { readonly kind: 'duration'; readonly ns: bigint; readonly text: string }
  | { readonly kind: 'bigint'; readonly value: bigint }
  | { readonly kind: 'number'; readonly value: number };

export type PlanName = 'auto' | 'merge' | 'grouped' | 'sort' | 'probe';

/** One right side, complete. */
export interface ParsedStream {
  /** Name of the stream, or null in a plain join. */
  readonly name: string | null;
  /** How messages call the right table: `right`, or the stream's name. */
  readonly side: string;
  readonly table: Table;
  readonly leftOn: string;
  readonly rightOn: string;
  readonly leftBy: readonly string[];
  readonly rightBy: readonly string[];
  readonly direction: Direction;
  readonly tolerance: ParsedDistance | null;
  readonly allowExactMatches: boolean;
  readonly how: JoinKind;
  readonly columns: readonly string[] | null;
  readonly prefix: string;
  readonly suffix: string;
  readonly rightTime: string | null;
  readonly age: string | null;
  readonly matched: string | null;
  readonly knownAt: string | null;
  readonly ties: Ties;
  readonly nearestTie: NearestTie;
  readonly nullKeys: NullKeys;
  readonly unsorted: UnsortedRule;
  readonly lag: ParsedDistance | null;
  readonly timeZones: TimeZones;
  readonly plan: PlanName;
}

export interface ParsedRun {
  readonly backend: Backend;
  readonly threads: number;
  readonly signal: AbortSignal | null;
  readonly explain: boolean;
  readonly stats: boolean;
}

export interface ParsedJoin {
  readonly left: Table;
  readonly streams: readonly ParsedStream[];
  readonly run: ParsedRun;
}

/** Options as given, and the place that messages name: '' for the call's own, 'streams.quote.' for a stream's. */
interface Options {
  readonly values: Readonly<Record<string, unknown>>;
  readonly at: string;
}

const MATCH_KEYS = [
  'on',
  'by',
  'direction',
  'tolerance',
  'allowExactMatches',
  'how',
  'ties',
  'nearestTie',
  'nullKeys',
  'unsorted',
  'lag',
  'timeZones',
  'plan',
] as const;
const OUTPUT_KEYS = ['columns', 'suffix', 'prefix', 'rightTime', 'age', 'matched', 'knownAt'] as const;
const RUN_KEYS = ['backend', 'threads', 'signal', 'explain'] as const;
const JOIN_KEYS: readonly string[] = [...MATCH_KEYS, ...OUTPUT_KEYS, ...RUN_KEYS, 'stats'];
export const STREAM_KEYS: readonly string[] = ['table', ...MATCH_KEYS, ...OUTPUT_KEYS];
export const ALIGN_KEYS: readonly string[] = [...MATCH_KEYS, ...RUN_KEYS];
const MAX_THREADS = 1024;

/** `parse(value)` where the option is given, `fallback` where it is absent or undefined. */
function optional<T>(options: Options, key: string, fallback: T, parse: (value: unknown, where: string) => T): T {
  const value = options.values[key];
  return value === undefined ? fallback : parse(value, `${options.at}${key}`);
}

function oneOf<T extends string>(options: Options, key: string, allowed: readonly [T, ...T[]]): T {
  return optional(options, key, allowed[0], (value, where) => requireOneOf(value, where, allowed));
}

function parseOn(value: unknown, where: string): { left: string; right: string } {
  if (typeof value === 'string') {
    const name = requireName(value, where);
    return { left: name, right: name };
  }
  if (!isRecord(value)) throw typeError(where, 'a column name or { left, right }', value);
  rejectUnknown(value, where, ['left', 'right']);
  return { left: requireName(value.left, `${where}.left`), right: requireName(value.right, `${where}.right`) };
}

interface ParsedBy {
  readonly left: readonly string[];
  readonly right: readonly string[];
}

function parseBy(value: unknown, where: string): ParsedBy {
  if (!isRecord(value)) {
    const names = requireNames(value, where);
    return { left: names, right: names };
  }
  rejectUnknown(value, where, ['left', 'right']);
  const left = requireNames(value.left, `${where}.left`);
  const right = requireNames(value.right, `${where}.right`);
  if (left.length !== right.length) {
    fail(
      'FS_ERR_ARG_RANGE',
      `${where}.left and ${where}.right must pair up, got ${left.length} and ${right.length} columns`,
      { where, left: left.length, right: right.length },
    );
  }
  return { left, right };
}

function parseDistance(value: unknown, where: string): ParsedDistance {
  if (typeof value === 'string') return { kind: 'duration', ns: parseDuration(value, where), text: value };
  if (typeof value === 'bigint') {
    if (value < 0n || value > INT64_MAX) throw rangeError(where, 'from 0 to 2^63 - 1', value);
    return { kind: 'bigint', value };
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value) || value < 0) throw rangeError(where, 'a finite number of 0 or more', value);
    return { kind: 'number', value };
  }
  throw typeError(where, "a duration such as '5s', a bigint, or a number", value);
}

function parseStream(options: Options, table: Table, name: string | null): ParsedStream {
  const on = parseOn(options.values.on, `${options.at}on`);
  const by = optional<ParsedBy>(options, 'by', { left: [], right: [] }, parseBy);
  const prefix = optional(options, 'prefix', null, requireString);
  const suffix = optional(options, 'suffix', null, requireString);
  if (prefix !== null && prefix !== '' && suffix !== null) {
    fail('FS_ERR_ARG_RANGE', `${options.at}prefix and suffix exclude each other: a prefix renames every right column`, {
      prefix,
      suffix,
    });
  }
  const defaultPrefix = name === null || suffix !== null ? '' : `${name}_`;
  const direction = oneOf(options, 'direction', ['backward', 'forward', 'nearest']);
  const lag = optional<ParsedDistance | null>(options, 'lag', null, parseDistance);
  if (lag !== null && direction === 'forward' && !isZero(lag)) {
    fail(
      'FS_ERR_ARG_RANGE',
      `${options.at}lag must be 0 with direction 'forward': a row that is not yet known cannot match`,
      { where: `${options.at}lag` },
    );
  }
  return Object.freeze({
    name,
    side: name ?? 'right',
    table,
    leftOn: on.left,
    rightOn: on.right,
    leftBy: by.left,
    rightBy: by.right,
    direction,
    tolerance: optional<ParsedDistance | null>(options, 'tolerance', null, parseDistance),
    allowExactMatches: optional(options, 'allowExactMatches', true, requireBoolean),
    how: oneOf(options, 'how', ['left', 'inner']),
    columns: optional<readonly string[] | null>(options, 'columns', null, requireNames),
    prefix: prefix ?? defaultPrefix,
    suffix: suffix ?? '_right',
    rightTime: optional<string | null>(options, 'rightTime', null, requireName),
    age: optional<string | null>(options, 'age', null, requireName),
    matched: optional<string | null>(options, 'matched', null, requireName),
    knownAt: optional<string | null>(options, 'knownAt', null, requireName),
    ties: oneOf(options, 'ties', ['auto', 'last', 'first']),
    nearestTie: oneOf(options, 'nearestTie', ['earlier', 'later']),
    nullKeys: oneOf(options, 'nullKeys', ['distinct', 'equal']),
    unsorted: oneOf(options, 'unsorted', ['sort', 'error']),
    lag: lag === null || isZero(lag) ? null : lag,
    timeZones: oneOf(options, 'timeZones', ['error', 'utc']),
    plan: oneOf(options, 'plan', ['auto', 'merge', 'grouped', 'sort', 'probe']),
  });
}

function isZero(distance: ParsedDistance): boolean {
  if (distance.kind === 'duration') return distance.ns === 0n;
  return distance.kind === 'bigint' ? distance.value === 0n : distance.value === 0;
}

function parseRun(options: Options): ParsedRun {
  const explain = optional(options, 'explain', false, requireBoolean);
  return Object.freeze({
    backend: oneOf(options, 'backend', ['auto', 'native', 'javascript', 'device']),
    threads: optional(options, 'threads', 0, (value, where) => requireInteger(value, where, 1, MAX_THREADS)),
    signal: optional<AbortSignal | null>(options, 'signal', null, requireSignal),
    explain,
    stats: optional(options, 'stats', explain, requireBoolean) || explain,
  });
}

/** Throws FS_ERR_ABORTED where the signal already says so. */
export function throwIfAborted(signal: AbortSignal | null): void {
  if (signal?.aborted) throw createError('FS_ERR_ABORTED', 'the join was aborted', { cause: signal.reason });
}

/** The request of `asofJoin(left, right, options)`. */
export function parseAsofJoin(left: unknown, right: unknown, options: unknown): ParsedJoin {
  requireTable(left, 'left');
  requireTable(right, 'right');
  const record = requireRecord(options, 'options');
  rejectUnknown(record, 'options', JOIN_KEYS);
  return Object.freeze({
    left,
    streams: [parseStream({ values: record, at: '' }, right, null)],
    run: parseRun({ values: record, at: '' }),
  });
}

/** The request of `alignStreams(left, streams, options)`. */
export function parseAlignStreams(left: unknown, streams: unknown, options: unknown): ParsedJoin {
  requireTable(left, 'left');
  const shared = requireRecord(options, 'options');
  rejectUnknown(shared, 'options', ALIGN_KEYS);
  const named = Object.entries(requireRecord(streams, 'streams'));
  if (named.length === 0) throw rangeError('streams', 'an object with at least one stream', streams);
  const parsed = named.map(([name, stream]) => {
    requireName(name, "a stream's name");
    const own = requireRecord(stream, `streams.${name}`);
    rejectUnknown(own, `streams.${name}`, STREAM_KEYS);
    const { table } = own;
    requireTable(table, `streams.${name}.table`);
    const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
    return parseStream({ values: { ...shared, ...given }, at: `streams.${name}.` }, table, name);
  });
  return Object.freeze({ left, streams: parsed, run: parseRun({ values: shared, at: '' }) });
}
