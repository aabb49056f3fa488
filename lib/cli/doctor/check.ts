/** What `flowstate doctor` reports: one line per fact, and for whatever is missing why it is and what to do. */

/** `ok`: there and usable. `missing`: something works worse, or not at all, without it. `info`: a fact, no verdict. */
export type CheckStatus = 'ok' | 'missing' | 'info';

export interface Check {
  /** Stable name, as in `--json`. */
  readonly name: string;
  readonly status: CheckStatus;
  /** Version, path or short finding. */
  readonly value: string;
  /** Why it is missing; only with status `missing`. */
  readonly why?: string;
  /** What to do about it; only with status `missing`. */
  readonly remedy?: string;
}

export function ok(name: string, value: string): Check {
  return { name, status: 'ok', value };
}

export function info(name: string, value: string): Check {
  return { name, status: 'info', value };
}

export function missing(name: string, why: string, remedy: string, value = 'missing'): Check {
  return { name, status: 'missing', value, why, remedy };
}
