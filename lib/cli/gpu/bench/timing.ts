/**
 * Check, then time. Contenders take turns, round by round, so that drift of a shared machine falls on all of them alike;
 * medians, and ratios within one run, are what counts.
 */
import { createError } from '../../../errors/from-native.js';
import type { Bench, Measure, Yardstick } from './types.js';

export interface Contender {
  readonly name: string;
  readonly label: string;
  readonly bytes: number | null;
  /** Runs it once and throws where the answer is wrong. */
  check(): Promise<void>;
  /** Before and after each run, off the clock. */
  before?(): Promise<void> | void;
  run(): Promise<void> | void;
  after?(): Promise<void> | void;
  readonly against?: Yardstick;
  readonly aim?: number;
  /** How many calls one run makes, where one is too short to time; the median is of one call. */
  readonly calls?: number;
  /** Its rate is this yardstick of the report. */
  readonly defines?: Yardstick;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** Checks every contender, then times them in turns. Yardsticks that contenders define serve the others, and later ones. */
export async function compare(bench: Bench, contenders: readonly Contender[]): Promise<Measure[]> {
  for (const contender of contenders) await contender.check();
  const times = contenders.map((): number[] => []);
  for (let round = -1; round < bench.runs; round++) {
    for (const [i, contender] of contenders.entries()) {
      await contender.before?.();
      const started = performance.now();
      const pending = contender.run();
      // Awaiting nothing would still cost a turn.
      if (pending !== undefined) await pending;
      const ms = (performance.now() - started) / (contender.calls ?? 1);
      await contender.after?.();
      // The first round warms up.
      if (round >= 0) times[i]?.push(ms);
    }
  }
  const medians = times.map(median);
  for (const [i, { defines, bytes }] of contenders.entries()) {
    if (defines !== undefined) bench.rates.set(defines, rate(bytes ?? 0, medians[i] ?? NaN));
  }
  return contenders.map((contender, i) => measureOf(bench, contender, medians[i] ?? NaN));
}

function rate(bytes: number, ms: number): number {
  return bytes / ms / 1e6;
}

function measureOf(bench: Bench, contender: Contender, medianMs: number): Measure {
  const { name, label, bytes, aim } = contender;
  // A yardstick is compared with nothing.
  const against = contender.defines === undefined ? contender.against : undefined;
  const gbPerSecond = bytes === null ? null : rate(bytes, medianMs);
  const whole = against === undefined ? undefined : bench.rates.get(against);
  const percent = gbPerSecond === null || whole === undefined ? null : (gbPerSecond / whole) * 100;
  return {
    name,
    label,
    bytes,
    medianMs,
    gbPerSecond,
    yardstick: against ?? null,
    percent,
    aim: aim ?? null,
    met: aim === undefined || percent === null ? null : percent >= aim,
  };
}

/** The yardstick of a direction: the link's own rate on a GPU, memcpy on the host. */
export function yardstickOf(bench: Bench, direction: 'up' | 'down'): Yardstick {
  if (!bench.isCuda) return 'memcpy';
  return direction === 'up' ? 'link to device' : 'link to host';
}

/** Bytes that tell apart where they belong: each 4 KiB page, and each seed, has its own. */
export function fillPattern(target: Uint8Array, seed: number): void {
  const words = new Uint32Array(target.buffer, target.byteOffset, target.byteLength >> 2);
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  const first = Math.min(words.length, 1 << 16);
  for (let i = 0; i < first; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  for (let filled = first; filled < words.length; filled *= 2) words.copyWithin(filled, 0, filled);
  for (let page = 0; page < words.length; page += 1024) words[page] = page ^ seed;
}

/** Throws FS_ERR_INTERNAL where two byte ranges differ. */
export function requireSame(found: Uint8Array, expected: Uint8Array, what: string): void {
  if (Buffer.compare(found, expected) === 0) return;
  const at = found.findIndex((byte, i) => byte !== expected[i]);
  throw createError('FS_ERR_INTERNAL', `${what}: expected the bytes that were sent, found others from byte ${at} on`, {
    details: { at, found: found.byteLength, expected: expected.byteLength },
  });
}
