/** The times among the words that the addon's engine shares. */
import { NativeTimeKind } from '../../internal/native-stream.js';

export type TimeWords = BigInt64Array | BigUint64Array | Float64Array;

/** The block as times of a `NativeTimeKind`. */
export function timeWords(kind: number, block: ArrayBuffer): TimeWords {
  if (kind === NativeTimeKind.float) return new Float64Array(block);
  return kind === NativeTimeKind.unsigned ? new BigUint64Array(block) : new BigInt64Array(block);
}
