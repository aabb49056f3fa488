/** The version of the installed package, from its package.json. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../internal/native.js';

/** `version` of a package.json file. */
export function versionIn(file: string): string {
  const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (typeof parsed === 'object' && parsed !== null && 'version' in parsed && typeof parsed.version === 'string') {
    return parsed.version;
  }
  return 'unknown';
}

export function flowstateVersion(): string {
  return versionIn(join(packageRoot(), 'package.json'));
}
