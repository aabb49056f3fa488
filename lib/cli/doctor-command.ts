/** `flowstate doctor`: what this installation has, what it lacks, why, and what to do. Always exits 0. */
import { loadAddon } from '../internal/native.js';
import type { Check } from './doctor/check.js';
import { checkDevice } from './doctor/device.js';
import { checkSoftware } from './doctor/software.js';
import { paint } from './terminal.js';

const MARKS = { ok: '✓', missing: '✗', info: '·' } as const;
const COLORS = { ok: 'green', missing: 'yellow', info: 'dim' } as const;

export interface DoctorOptions {
  readonly json?: boolean;
}

/** Every check, software first. */
export function diagnose(): Check[] {
  const load = loadAddon();
  return [...checkSoftware(load), ...checkDevice(load)];
}

/** The report as text, one check per line and two more for each thing that is missing. */
export function formatChecks(checks: readonly Check[], color: boolean): string {
  const width = Math.max(...checks.map((check) => check.name.length));
  const lines: string[] = [];
  for (const check of checks) {
    const mark = paint(MARKS[check.status], COLORS[check.status], color);
    lines.push(`${mark} ${check.name.padEnd(width)}  ${check.value}`);
    if (check.why !== undefined) lines.push(`  ${' '.repeat(width)}  why: ${check.why}`);
    if (check.remedy !== undefined) lines.push(`  ${' '.repeat(width)}  do:  ${check.remedy}`);
  }
  const count = checks.filter((check) => check.status === 'missing').length;
  lines.push('', count === 0 ? 'Nothing is missing.' : `${count} missing: see why, and what to do, above.`);
  return `${lines.join('\n')}\n`;
}

export function runDoctor(options: DoctorOptions): void {
  const checks = diagnose();
  const text =
    options.json === true ? `${JSON.stringify({ checks }, null, 2)}\n` : formatChecks(checks, process.stdout.isTTY);
  process.stdout.write(text);
}
