/** Nearest known name, for messages about unknown options and columns. */
import { closest, distance } from 'fastest-levenshtein';

/**
 * The known name nearest to `name`, or null when none is near enough to be a likely misspelling: at most two edits,
 * or a third of the name's length where that is more, letter case aside.
 */
export function suggest(name: string, known: readonly string[]): string | null {
  if (known.length === 0) return null;
  const lower = name.toLowerCase();
  const exact = known.find((candidate) => candidate.toLowerCase() === lower);
  if (exact !== undefined) return exact;
  const best = closest(name, known);
  return distance(name, best) <= Math.max(2, Math.floor(name.length / 3)) ? best : null;
}

/** ` (did you mean 'x'?)` or nothing: the tail of a message. */
export function didYouMean(name: string, known: readonly string[]): string {
  const best = suggest(name, known);
  return best === null ? '' : `; did you mean '${best}'?`;
}

/** A list of names for a message, cut where it would bury the point. */
export function listNames(names: readonly string[], limit = 12): string {
  const quoted = names.slice(0, limit).map((name) => `'${name}'`);
  if (names.length > limit) quoted.push(`and ${names.length - limit} more`);
  return quoted.length === 0 ? 'none' : quoted.join(', ');
}
