/** From options of live joins to complete settings: the only check of their meaning. */
import type { Schema } from 'apache-arrow';

import { NativeLatePolicy } from '../internal/native-stream.js';
import {
  fail,
  isRecord,
  rangeError,
  rejectUnknown,
  requireInteger,
  requireName,
  requireOneOf,
  requireRecord,
  typeError,
} from '../internal/validate.js';
import type { Backend } from '../join/options.js';
import { parseDuration } from '../schema/duration.js';
import type { EmitMode, LatePolicy } from './streaming-options.js';
import {
  type AheadOf,
  type AllIdle,
  type Clock,
  isWatermarkPlan,
  parseMilliseconds,
  type WatermarkPlan,
} from './watermark/index.js';

/** Complete. Lists are by input: 0 is the left. */
export interface StreamingSettings {
  readonly names: readonly string[];
  readonly ordered: boolean;
  readonly late: readonly number[];
  readonly horizon: bigint | number | null;
  readonly maxStateBytes: number | null;
  readonly onStateFull: 'backpressure' | 'error';
  readonly highWaterRows: number;
  readonly highWaterBytes: number;
  readonly sequence: readonly (string | null)[];
  readonly rowId: string | null;
  readonly op: string | null;
  readonly backend: Backend;
  readonly watermark: readonly (WatermarkPlan | null)[];
  readonly sources: readonly number[];
  readonly idleTimeoutMs: number | null;
  readonly allIdle: AllIdle;
  /** As given; its unit waits for the column. */
  readonly maxAhead: string | bigint | number | null;
  readonly aheadOf: AheadOf | null;
  readonly clock: Clock;
}

export const LIVE_KEYS: readonly string[] = [
  'emit',
  'late',
  'horizon',
  'maxStateBytes',
  'onStateFull',
  'highWaterMark',
  'sequence',
  'rowId',
  'op',
  'leftSchema',
  'watermark',
  'sources',
  'idleTimeout',
  'allIdle',
  'maxAhead',
  'aheadOf',
  'clock',
];

const POLICIES: readonly LatePolicy[] = ['drop', 'sideOutput', 'revise', 'error'];
const HIGH_WATER_ROWS = 262_144;
const HIGH_WATER_BYTES = 64 * 2 ** 20;

type Values = Readonly<Record<string, unknown>>;

/** A value for all inputs, or one per input by name. */
function byInput<T>(
  value: unknown,
  where: string,
  names: readonly string[],
  fallback: T,
  parse: (value: unknown, where: string) => T,
): readonly T[] {
  if (value === undefined) return names.map(() => fallback);
  if (!isRecord(value)) {
    const all = parse(value, where);
    return names.map(() => all);
  }
  rejectUnknown(value, where, names);
  return names.map((name) => (value[name] === undefined ? fallback : parse(value[name], `${where}.${name}`)));
}

function parseHorizon(value: unknown): bigint | number | null {
  if (value === undefined) return null;
  if (typeof value !== 'number') return parseDuration(value, 'horizon');
  if (!Number.isFinite(value) || value < 0) throw rangeError('horizon', 'a finite number of 0 or more', value);
  return value;
}

function optionalName(values: Values, key: string): string | null {
  return values[key] === undefined ? null : requireName(values[key], key);
}

export function isSchema(value: unknown): value is Schema {
  return isRecord(value) && Array.isArray(value.fields);
}

export function requireSchema(value: unknown, where: string): Schema | null {
  if (value === undefined) return null;
  if (isSchema(value)) return value;
  throw typeError(where, 'an apache-arrow Schema', value);
}

/** `names` are the inputs', `left` first. */
export function parseLive(values: Values, names: readonly string[], backend: Backend): StreamingSettings {
  const late = byInput(values.late, 'late', names, 'drop', (value, where) => requireOneOf(value, where, POLICIES));
  const emit: EmitMode =
    values.emit === undefined ? 'ordered' : requireOneOf(values.emit, 'emit', ['ordered', 'asFinal']);
  const mark = values.highWaterMark === undefined ? {} : requireRecord(values.highWaterMark, 'highWaterMark');
  rejectUnknown(mark, 'highWaterMark', ['rows', 'bytes']);
  const count = (value: unknown, where: string, fallback: number): number =>
    value === undefined ? fallback : requireInteger(value, where, 1, Number.MAX_SAFE_INTEGER);
  const horizon = parseHorizon(values.horizon);
  const rowId = optionalName(values, 'rowId');
  const op = optionalName(values, 'op');
  if (rowId !== null && rowId === op) {
    fail('FS_ERR_NAME_COLLISION', `rowId and op are both called '${op}'`, { name: op });
  }
  if (late.includes('revise')) {
    for (const [name, given] of Object.entries({ rowId, op, horizon })) {
      if (given !== null) continue;
      fail('FS_ERR_ARG_RANGE', `late: 'revise' needs the option ${name}: without it nobody can follow a revision`, {
        where: name,
      });
    }
  }
  return Object.freeze({
    names,
    ordered: emit === 'ordered',
    late: late.map((policy) => NativeLatePolicy[policy]),
    horizon,
    maxStateBytes: values.maxStateBytes === undefined ? null : count(values.maxStateBytes, 'maxStateBytes', 0),
    onStateFull:
      values.onStateFull === undefined
        ? 'backpressure'
        : requireOneOf(values.onStateFull, 'onStateFull', ['backpressure', 'error']),
    highWaterRows: count(mark.rows, 'highWaterMark.rows', HIGH_WATER_ROWS),
    highWaterBytes: count(mark.bytes, 'highWaterMark.bytes', HIGH_WATER_BYTES),
    sequence: byInput<string | null>(values.sequence, 'sequence', names, null, requireName),
    rowId,
    op,
    backend,
    watermark: parseWatermark(values.watermark, names),
    sources: byInput(values.sources, 'sources', names, 0, (value, where) => requireInteger(value, where, 1, 65_536)),
    idleTimeoutMs: values.idleTimeout === undefined ? null : parseMilliseconds(values.idleTimeout, 'idleTimeout'),
    allIdle: values.allIdle === undefined ? 'hold' : requireOneOf(values.allIdle, 'allIdle', ['hold', 'release']),
    maxAhead: parseMaxAhead(values.maxAhead),
    aheadOf: values.aheadOf === undefined ? null : requireOneOf(values.aheadOf, 'aheadOf', ['wallClock', 'newest']),
    clock: parseClock(values.clock),
  });
}

function parseWatermark(value: unknown, names: readonly string[]): readonly (WatermarkPlan | null)[] {
  if (isWatermarkPlan(value)) return names.map(() => value);
  return byInput<WatermarkPlan | null>(value, 'watermark', names, null, (plan, where) => {
    if (isWatermarkPlan(plan)) return plan;
    throw typeError(where, "a watermark strategy such as boundedDisorder('1s')", plan);
  });
}

function parseMaxAhead(value: unknown): string | bigint | number | null {
  if (value === undefined) return null;
  if (typeof value === 'string') parseDuration(value, 'maxAhead');
  else if (typeof value !== 'bigint' && typeof value !== 'number')
    throw typeError('maxAhead', 'a distance in time', value);
  else if (!(value >= 0)) throw rangeError('maxAhead', 'zero or more', value);
  return value;
}

function parseClock(value: unknown): Clock {
  if (value === undefined) return Date.now;
  if (typeof value !== 'function') throw typeError('clock', 'a function that gives milliseconds since 1970', value);
  return value as Clock;
}
