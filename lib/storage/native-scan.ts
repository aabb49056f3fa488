/**
 * Runs scan plans in the addon: whole tables through the parallel sink, pieces in order, both straight from DuckDB's
 * vectors into the buffers that Arrow keeps. Nested columns are left to the JavaScript engine.
 */
import { Binary, Utf8, type Data, type Vector } from 'apache-arrow';
import { createError, fromNative, isNativeErrorRecord } from '../errors/from-native.js';
import {
  NativeScanKind,
  duckdbLibrary,
  loadAddon,
  type NativeAddon,
  type NativeScanRequest,
  type NativeScanned,
  type NativeScannedColumn,
  type NativeTask,
} from '../internal/native.js';
import { abortError, duckError } from './io-error.js';
import { bytesColumn, dictionaryColumn, fixedColumn, textVector, type Rows } from './make-column.js';
import type { ScanOptions, ScanPiece } from './js-scan.js';
import type { ScanColumn, ScanPlan } from './scan-plan.js';
import type { StorageBackend } from './types.js';

export interface NativeEngine {
  readonly addon: NativeAddon;
  readonly library: string;
}

/** The engine that `backend` and FLOWSTATE_BACKEND choose; null: the JavaScript one. FS_ERR_ADDON_UNAVAILABLE. */
export function nativeEngine(backend: StorageBackend | undefined): NativeEngine | null {
  const environment = process.env.FLOWSTATE_BACKEND;
  const wanted = backend === undefined || backend === 'auto' ? environment : backend;
  if (wanted === 'javascript') return null;
  const { addon, reason } = loadAddon();
  const library = addon === null ? null : duckdbLibrary();
  if (addon !== null && library !== null && typeof addon.scanTable === 'function') return { addon, library };
  if (wanted === 'native') {
    const why = reason ?? (library === null ? 'libduckdb was not found' : 'the addon is older than this library');
    throw createError('FS_ERR_ADDON_UNAVAILABLE', `the native storage engine is not available: ${why}`);
  }
  return null;
}

function requestOf(engine: NativeEngine, plan: ScanPlan, options: ScanOptions): NativeScanRequest {
  return {
    library: engine.library,
    threads: options.threads ?? 0,
    columns: plan.columns.map(({ name, kind, width, expression }) => {
      if (kind === 'nested') throw createError('FS_ERR_INTERNAL', `nested column ${name} in a native scan`);
      return { name, kind: NativeScanKind[kind], width, expression };
    }),
    from: plan.from,
    where: plan.where,
    rowNumber: plan.rowNumber,
    rows: plan.rows ?? -1,
  };
}

/** Waits for a task; the signal cancels it. DuckDB's words become the library's errors. */
async function settle<T>(start: () => NativeTask<T>, path: string, signal: AbortSignal | undefined): Promise<T> {
  if (signal?.aborted === true) throw abortError(`read of ${path}`);
  let task: NativeTask<T> | null = null;
  const cancel = (): void => task?.cancel();
  try {
    task = start();
    signal?.addEventListener('abort', cancel, { once: true });
    return await task.promise;
  } catch (error) {
    if (isNativeErrorRecord(error) && error.code === 'FS_ERR_ABORTED') throw abortError(`read of ${path}`);
    if (isNativeErrorRecord(error) && error.code === 'FS_ERR_CORRUPT') throw duckError(error, path, 'read');
    throw fromNative(error);
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}

/** All rows as one piece. */
export async function nativeWhole(engine: NativeEngine, plan: ScanPlan, options: ScanOptions): Promise<ScanPiece> {
  const start = (): NativeTask<NativeScanned> => engine.addon.scanTable(requestOf(engine, plan, options));
  const scanned = await settle(start, plan.path, options.signal);
  return { rows: scanned.rows, columns: new Columns(plan.columns).take(scanned) };
}

/** Pieces of at most `pieceRows` rows (where that is 2,048 or more) in file order; one at least. */
export async function* nativePieces(
  engine: NativeEngine,
  plan: ScanPlan,
  pieceRows: number,
  options: ScanOptions,
): AsyncGenerator<ScanPiece, void, undefined> {
  const { addon } = engine;
  const columns = new Columns(plan.columns);
  const cursor = addon.scanOpen(requestOf(engine, plan, options));
  try {
    for (let first = true; ; first = false) {
      const scanned = await settle(() => addon.scanNext(cursor, pieceRows), plan.path, options.signal);
      if (scanned.rows === 0 && !first) return;
      yield { rows: scanned.rows, columns: columns.take(scanned) };
      if (scanned.rows === 0) return;
    }
  } finally {
    addon.scanClose(cursor);
  }
}

/** Makes Arrow columns of what the addon delivers; keeps dictionaries from piece to piece. */
class Columns {
  private readonly dictionaries: (Vector | null)[];

  constructor(private readonly columns: readonly ScanColumn[]) {
    this.dictionaries = columns.map(() => null);
  }

  take(scanned: NativeScanned): Data[] {
    return this.columns.map((column, index) => {
      const raw = scanned.columns[index];
      if (raw === undefined) throw createError('FS_ERR_INTERNAL', `the addon delivered no column ${column.name}`);
      return this.column(column, index, raw);
    });
  }

  private column(column: ScanColumn, index: number, raw: NativeScannedColumn): Data {
    const rows: Rows = {
      length: raw.length,
      nullCount: raw.nullCount,
      nullBitmap: raw.validity === null ? null : new Uint8Array(raw.validity),
    };
    const values = new Uint8Array(raw.values);
    if (raw.offsets !== null) {
      return bytesColumn(
        column.kind === 'string' ? new Utf8() : new Binary(),
        rows,
        new Int32Array(raw.offsets),
        values,
      );
    }
    if (column.kind !== 'string') return fixedColumn(column.type, rows, values);
    if (raw.dictionaryOffsets !== null) {
      const bytes = new Uint8Array(raw.dictionaryValues ?? new ArrayBuffer(0));
      this.dictionaries[index] = textVector(new Int32Array(raw.dictionaryOffsets), bytes);
    }
    const dictionary = this.dictionaries[index];
    if (dictionary === null || dictionary === undefined) {
      throw createError('FS_ERR_INTERNAL', `the addon delivered no dictionary for ${column.name}`);
    }
    return dictionaryColumn(column.type, rows, new Int32Array(raw.values), dictionary);
  }
}
