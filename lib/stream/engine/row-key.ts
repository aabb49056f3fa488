/** The key of a row in one stream, or why it has none that could match. */
import type { Canonical } from '../../schema/canonical.js';

/** Null in a key column, where null equals nothing. */
export const NULL_KEY = Symbol('null key');
/** A value that the other side's column cannot hold. */
export const DEAD_KEY = Symbol('dead key');

export type RowKey = Canonical | typeof NULL_KEY | typeof DEAD_KEY;

/** Whether some row of the other side may have this key. */
export function canMatch(key: RowKey | undefined): key is Canonical {
  return key !== undefined && typeof key !== 'symbol';
}
