/** Joins whose tables may lie on a device. */
export { alignStreams, type DeviceAlignResult, type DeviceStreamOptions } from './align-streams.js';
export { asofJoin, type DeviceAsofJoinOptions, type DeviceJoinReport } from './asof-join.js';
export { DeviceJoinIndex, type DeviceJoinIndexOptions } from './device-join-index.js';
export type { DeviceJoinExplain } from './explain.js';
export type { DeviceRight } from './sides.js';
