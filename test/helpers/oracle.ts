/**
 * docs/design/join-semantics.md as code: quadratic, on plain values, sharing nothing with the product. Times are
 * bigint (aligned) or number (float), null for none; keys are strings that are equal when the keys are, null for a
 * key with a null in it.
 */
export type OracleTime = bigint | number | null;

export interface OracleSide {
  readonly times: readonly OracleTime[];
  readonly keys: readonly (string | null)[];
  readonly known?: readonly OracleTime[];
}

export interface OracleOptions {
  readonly direction: 'backward' | 'forward' | 'nearest';
  readonly allowExact: boolean;
  readonly ties: 'auto' | 'last' | 'first';
  readonly nearestTie: 'earlier' | 'later';
  readonly tolerance: bigint | number | null;
  readonly lag: bigint | number;
}

export interface OracleRow {
  readonly right: number;
  readonly reason: 'matched' | 'noCandidate' | 'toleranceExceeded';
}

type Time = bigint | number;
const isTime = (time: OracleTime | undefined): time is Time => time !== null && time !== undefined && time === time;
const same = (a: Time, b: Time): boolean => !(a < b) && !(a > b);
const minus = (a: Time, b: Time): Time => (a === b ? 0 : typeof a === 'bigint' ? a - (b as bigint) : a - Number(b));
const plus = (a: Time, b: Time): Time => (typeof a === 'bigint' ? a + BigInt(b) : a + Number(b));
const apart = (a: Time, b: Time): Time => (a > b ? minus(a, b) : minus(b, a));

/** The right row of each left row. */
export function oracle(left: OracleSide, right: OracleSide, o: OracleOptions): OracleRow[] {
  return left.times.map((t, l): OracleRow => {
    const none: OracleRow = { right: -1, reason: 'noCandidate' };
    if (!isTime(t) || left.keys[l] === null) return none;
    const best = (ok: (r: Time) => boolean, back: boolean): number => {
      const takeLast = o.ties === 'auto' ? back : o.ties === 'last';
      return right.times.reduce<number>((chosen, r, i) => {
        if (!isTime(r) || right.keys[i] !== left.keys[l] || !ok(r)) return chosen;
        if (o.lag > 0 && plus(r, o.lag) > t) return chosen;
        const known = right.known?.[i];
        if (right.known !== undefined && !(isTime(known) && known <= t)) return chosen;
        const rival = chosen < 0 ? null : (right.times[chosen] as Time);
        if (rival === null || (back ? r > rival : r < rival) || (same(r, rival) && takeLast)) return i;
        return chosen;
      }, -1);
    };
    const back = best((r) => r < t || (o.allowExact && same(r, t)), true);
    const ahead = best((r) => r > t || (o.direction === 'forward' && o.allowExact && same(r, t)), false);
    const far = (i: number): Time => apart(t, right.times[i] as Time);
    let winner = o.direction === 'forward' ? ahead : back;
    if (o.direction === 'nearest' && ahead >= 0) {
      if (back < 0 || far(ahead) < far(back) || (same(far(ahead), far(back)) && o.nearestTie === 'later'))
        winner = ahead;
    }
    if (winner < 0) return none;
    if (o.tolerance !== null && far(winner) > o.tolerance) return { right: -1, reason: 'toleranceExceeded' };
    return { right: winner, reason: 'matched' };
  });
}
