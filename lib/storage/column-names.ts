/** Choosing columns by name, with the nearest known name in the error. */
import { distance } from 'fastest-levenshtein';
import { createError } from '../errors/from-native.js';

/** The indices of `wanted` in `names`, in the order wanted. FS_ERR_COLUMN_MISSING names the nearest. */
export function selectColumns(
  path: string,
  names: readonly string[],
  wanted: readonly string[] | undefined,
): readonly number[] {
  if (wanted === undefined) return names.map((_, index) => index);
  const seen = new Set<string>();
  return wanted.map((name) => {
    if (seen.has(name)) {
      throw createError('FS_ERR_NAME_COLLISION', `column ${name} is asked for twice`, { details: { path, name } });
    }
    seen.add(name);
    return requireColumn(path, names, name);
  });
}

export function requireColumn(path: string, names: readonly string[], name: string): number {
  const index = names.indexOf(name);
  if (index >= 0) return index;
  const lower = name.toLowerCase();
  const nearest = [...names].sort((a, b) => distance(lower, a.toLowerCase()) - distance(lower, b.toLowerCase()))[0];
  const hint = nearest === undefined ? '' : `, did you mean ${nearest}?`;
  throw createError('FS_ERR_COLUMN_MISSING', `${path} has no column ${name}${hint}`, {
    details: { path, column: name, nearest, columns: names },
  });
}
