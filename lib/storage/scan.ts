/** Runs a scan plan on the engine that the options and the machine allow. Engines are loaded on first use. */
import { createError } from '../errors/from-native.js';
import type { ScanPiece } from './js-scan.js';
import type { ScanPlan } from './scan-plan.js';
import type { ReadOptions } from './types.js';

/** All rows as one piece. */
export async function scanWhole(plan: ScanPlan, options: ReadOptions): Promise<ScanPiece> {
  const { scanPieces } = await import('./js-scan.js');
  for await (const piece of scanPieces(plan, Infinity, options)) return piece;
  throw createError('FS_ERR_INTERNAL', `the scan of ${plan.path} delivered nothing`);
}

/** Pieces of about `rows` rows in file order. */
export async function* scanInPieces(
  plan: ScanPlan,
  rows: number,
  options: ReadOptions,
): AsyncGenerator<ScanPiece, void, undefined> {
  const { scanPieces } = await import('./js-scan.js');
  yield* scanPieces(plan, rows, options);
}
