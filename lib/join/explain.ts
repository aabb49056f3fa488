/** What `explain: true` adds: the plan of each stream, the statistics that chose it, time and bytes per phase. */
import type { NativeExplain } from '../internal/native.js';
import { fail } from '../internal/validate.js';

export interface ExplainPhase {
  readonly name: string;
  readonly ns: number;
  /** Bytes the phase must at least touch. */
  readonly bytes: number;
}

export interface StreamExplain {
  /** 'merge', 'grouped', 'sort' or 'probe' natively; 'device merge' or 'device probe' on one; 'javascript' otherwise. */
  readonly plan: string;
  /** One sentence with the statistics that decided. */
  readonly reason: string;
  readonly statistics: Readonly<Record<string, number>>;
  readonly phases: readonly ExplainPhase[];
}

export interface JoinExplain<Streams = StreamExplain> {
  readonly executor: 'native' | 'device' | 'javascript';
  /** Nanoseconds of request building, execution and assembly, in the calling thread's wall time. */
  readonly ns: { readonly request: number; readonly execute: number; readonly assemble: number };
  readonly streams: Streams;
}

export function toStreamExplain(explain: NativeExplain | null): StreamExplain {
  if (explain === null) return fail('FS_ERR_INTERNAL', 'the executor returned no explanation');
  const { plan, reason, statistics, phases } = explain;
  return Object.freeze({ plan, reason, statistics, phases });
}
