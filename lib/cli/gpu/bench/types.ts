/** What `flowstate gpu bench` measures and reports. */
import type { Device, DeviceInfo } from '../../../device/index.js';

/** What a rate is compared with: one thread's memcpy, one large plain copy over the link, one kernel that reads and writes. */
export type Yardstick = 'memcpy' | 'link to device' | 'link to host' | 'device pass';

export interface Measure {
  /** Stable, as `upload.pinned`. */
  readonly name: string;
  readonly label: string;
  /** Moved by one run; null where a call's time is all there is. */
  readonly bytes: number | null;
  readonly medianMs: number;
  readonly gbPerSecond: number | null;
  readonly yardstick: Yardstick | null;
  readonly percent: number | null;
  /** The least percentage wanted; null where none is. */
  readonly aim: number | null;
  readonly met: boolean | null;
}

export interface Section {
  readonly title: string;
  readonly measures: readonly Measure[];
  /** What was left out, and why; what a number means. */
  readonly notes: readonly string[];
}

export interface BenchReport {
  readonly device: DeviceInfo;
  readonly why: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryBytes: number;
    readonly node: string;
  };
  readonly version: string;
  readonly bytes: number;
  readonly runs: number;
  readonly sections: readonly Section[];
}

/** What every section works with. */
export interface Bench {
  readonly device: Device;
  readonly isCuda: boolean;
  /** Of one copy. */
  readonly bytes: number;
  readonly runs: number;
  /** GB/s, once the copies are measured. */
  readonly rates: Map<Yardstick, number>;
}

/** Percent of the yardstick that issue-wide aims ask for. */
export const AIMS = { link: 90, overlapped: 80, hostStaging: 80 } as const;
