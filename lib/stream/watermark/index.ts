/** Watermarks: strategies for callers, clocks for the joins. */
export { boundedDisorder, greatestTime, isWatermarkPlan, monotone, punctuated, wallClock } from './strategies.js';
export type { WallClockOptions } from './strategies.js';
export { type AheadOf, SourceClock, type SourceClockOptions } from './source-clock.js';
export { InputClock, type InputClockOptions } from './input-clock.js';
export { type AllIdle, JoinClock } from './join-clock.js';
export { parseDistance, parseMilliseconds } from './time-math.js';
export type {
  Clock,
  Distance,
  JsonValue,
  ObservedBatch,
  Time,
  TimeDomain,
  WatermarkPlan,
  WatermarkStrategy,
} from './types.js';
