/**
 * Runs a scan plan on the engine that the options and the machine allow. Both engines deliver equal columns. Loaded on
 * first use.
 */
import type { Data } from 'apache-arrow';
import { createError } from '../errors/from-native.js';
import type { ScanPiece } from './js-scan.js';
import { nativeEngine, nativePieces, nativeWhole } from './native-scan.js';
import type { ScanPlan } from './scan-plan.js';
import type { ReadOptions } from './types.js';

async function jsWhole(plan: ScanPlan, options: ReadOptions): Promise<ScanPiece> {
  const { scanPieces } = await import('./js-scan.js');
  for await (const piece of scanPieces(plan, Infinity, options)) return piece;
  throw createError('FS_ERR_INTERNAL', `the scan of ${plan.path} delivered nothing`);
}

/** All rows as one piece. Flat columns by the addon where there is one, nested ones by DuckDB's JavaScript API. */
export async function scanWhole(plan: ScanPlan, options: ReadOptions): Promise<ScanPiece> {
  const engine = nativeEngine(options.backend);
  if (engine === null) return jsWhole(plan, options);
  const flat = plan.columns.filter((column) => column.kind !== 'nested');
  const nested = plan.columns.filter((column) => column.kind === 'nested');
  if (nested.length === 0) return nativeWhole(engine, plan, options);
  const slow = await jsWhole({ ...plan, columns: nested }, options);
  if (flat.length === 0) return slow;
  const fast = await nativeWhole(engine, { ...plan, columns: flat }, options);
  if (fast.rows !== slow.rows) throw createError('FS_ERR_CORRUPT', `${plan.path} changed while it was read`);
  const pick = (column: ScanPlan['columns'][number]): Data | undefined =>
    column.kind === 'nested' ? slow.columns[nested.indexOf(column)] : fast.columns[flat.indexOf(column)];
  return { rows: fast.rows, columns: plan.columns.flatMap((column) => pick(column) ?? []) };
}

/** Pieces of about `rows` rows in file order. */
export async function* scanInPieces(
  plan: ScanPlan,
  rows: number,
  options: ReadOptions,
): AsyncGenerator<ScanPiece, void, undefined> {
  const engine = nativeEngine(options.backend);
  if (engine !== null && plan.columns.every((column) => column.kind !== 'nested')) {
    yield* nativePieces(engine, plan, rows, options);
    return;
  }
  const { scanPieces } = await import('./js-scan.js');
  yield* scanPieces(plan, rows, options);
}
