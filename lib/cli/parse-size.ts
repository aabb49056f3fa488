/** Sizes as people write them on the command line. */
import { createError } from '../errors/from-native.js';

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** `4GiB`, `512MB`, `800000000`: bytes, units by 1024. Throws FS_ERR_ARG_TYPE naming the flag. */
export function parseSize(text: string, flag: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim()) ?? [];
  if (number === undefined || unit === undefined) {
    throw createError('FS_ERR_ARG_TYPE', `expected a size such as 4GiB or 512MiB, found ${text}, in ${flag}`);
  }
  return Number(number) * UNITS[unit.toLowerCase()]!;
}

/** `256 MiB`, `1.5 GiB`, `512 B`. */
export function formatSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let at = 0;
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024;
    at++;
  }
  return `${Number.isInteger(value) || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[at]!}`;
}
