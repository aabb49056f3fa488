/** What `explain: true` adds to a join of device tables. */
import { NativeMatchPlan, type NativeTableJoinResult } from '../../internal/native-tables.js';
import type { ExplainPhase, JoinExplain, StreamExplain } from '../../join/explain.js';

export interface DeviceJoinExplain {
  /** By stream: 'device merge' or 'device probe'; 'javascript' on a device without the addon. */
  readonly plans: readonly string[];
  /** Steps on the device, in order: nanoseconds between events on the join's stream, bytes that must at least be read and written. */
  readonly phases: readonly ExplainPhase[];
  /** Sum of the phases' bytes. */
  readonly deviceBytes: number;
  /** A large copy within the device's memory, measured once per device; null without the addon. */
  readonly copyBytesPerSecond: number | null;
  /** What `deviceBytes` take at that rate. */
  readonly floorNs: number | null;
}

/** Null where it was not asked for. */
export function explainOf({ streams, explain }: NativeTableJoinResult): DeviceJoinExplain | null {
  if (explain === null) return null;
  const { phases, copyBytesPerSecond } = explain;
  const deviceBytes = phases.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    plans: streams.map(({ plan }) => (plan === NativeMatchPlan.probe ? 'device probe' : 'device merge')),
    phases,
    deviceBytes,
    copyBytesPerSecond,
    floorNs: Math.round((deviceBytes / copyBytesPerSecond) * 1e9),
  };
}

/** Of a join by the JavaScript executor. */
export function explainOfJavaScript(explain: JoinExplain<readonly StreamExplain[]> | null): DeviceJoinExplain | null {
  if (explain === null) return null;
  const phases = explain.streams.flatMap((stream) => stream.phases);
  return {
    plans: explain.streams.map(({ plan }) => plan),
    phases,
    deviceBytes: phases.reduce((sum, { bytes }) => sum + bytes, 0),
    copyBytesPerSecond: null,
    floorNs: null,
  };
}
