/** What a replay has read and done so far. */
import type { NativeReplayStats } from '../../internal/native-replay.js';
import { EVENT_KINDS, REJECTS, type EventKind, type RejectReason } from '../names.js';

export interface SequenceGap {
  readonly byteOffset: number;
  /** From 1. */
  readonly message: number;
  readonly expected: bigint;
  readonly found: bigint;
}

export interface ReplayStats {
  /** Consumed by the reader; after decompression. */
  readonly bytes: number;
  readonly messages: number;
  /** Messages that say nothing about a book, or that options leave out. */
  readonly skipped: number;
  /** Messages of types that the reader does not know. */
  readonly unknown: number;
  /** Older than what was known already. */
  readonly stale: number;
  readonly timeRegressions: number;
  readonly events: number;
  /** Of them, of instruments not asked for. */
  readonly filtered: number;
  readonly eventsByKind: Readonly<Record<EventKind, number>>;
  /** By symbol where the feed names one, else by instrument number. */
  readonly eventsByInstrument: Readonly<Record<string, number>>;
  readonly rows: number;
  readonly lateEvents: number;
  readonly rejected: number;
  /** Only reasons that occurred. */
  readonly rejectedBy: Readonly<Partial<Record<RejectReason, number>>>;
  /** Events of a group that the input left open: never shown. */
  readonly openGroupEvents: number;
  readonly gaps: number;
  /** The first 64. */
  readonly firstGaps: readonly SequenceGap[];
}

export function readStats(native: NativeReplayStats, symbols: readonly string[]): ReplayStats {
  const { eventsByKind, eventsByInstrument, rejectedBy, ...counts } = native;
  const reasons = rejectedBy.flatMap((count, i) => (count === 0 ? [] : [[REJECTS[i], count] as const]));
  return {
    ...counts,
    eventsByKind: Object.fromEntries(EVENT_KINDS.map((kind, i) => [kind, eventsByKind[i] ?? 0])) as Record<
      EventKind,
      number
    >,
    eventsByInstrument: Object.fromEntries(
      eventsByInstrument.map(([instrument, count]) => [symbols[instrument] || String(instrument), count]),
    ),
    rejectedBy: Object.fromEntries(reasons) as Partial<Record<RejectReason, number>>,
  };
}
