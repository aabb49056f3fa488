/**
 * DuckDB through its JavaScript API: one in-memory instance per thread count, one connection per call, interrupted by
 * the caller's signal. Loaded on first use: programs that read Arrow files only never pay for it.
 */
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { createError } from '../errors/from-native.js';
import { abortError } from './io-error.js';

const instances = new Map<number, Promise<DuckDBInstance>>();

async function open(threads: number): Promise<DuckDBInstance> {
  const { DuckDBInstance } = await import('@duckdb/node-api').catch((cause: unknown) => {
    throw createError(
      'FS_ERR_DEPENDENCY_MISSING',
      'Parquet and CSV need @duckdb/node-api, which has no build for this platform or is not installed',
      { cause },
    );
  });
  const options: Record<string, string> = {};
  if (threads > 0) options.threads = String(threads);
  const instance = await DuckDBInstance.create(':memory:', options);
  // Casts between naive and zoned times would follow the machine's zone.
  const connection = await instance.connect();
  await connection.run("SET GLOBAL TimeZone = 'UTC'");
  connection.disconnectSync();
  return instance;
}

/** Runs `body` with a connection that `signal` interrupts. FS_ERR_ABORTED when the signal fired. */
export async function withConnection<T>(
  options: { readonly threads?: number; readonly signal?: AbortSignal },
  body: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const lease = await connect(options);
  try {
    return await body(lease.connection);
  } catch (error) {
    throw lease.aborted() ? abortError('the call') : error;
  } finally {
    lease.release();
  }
}

export interface ConnectionLease {
  readonly connection: DuckDBConnection;
  aborted(): boolean;
  release(): void;
}

/** A connection to give back with `release`. */
export async function connect(options: {
  readonly threads?: number;
  readonly signal?: AbortSignal;
}): Promise<ConnectionLease> {
  const { signal } = options;
  if (signal?.aborted === true) throw abortError('the call');
  const threads = options.threads ?? 0;
  let instance = instances.get(threads);
  if (instance === undefined) {
    instance = open(threads);
    instances.set(threads, instance);
    instance.catch(() => instances.delete(threads));
  }
  const connection = await (await instance).connect();
  const interrupt = (): void => connection.interrupt();
  signal?.addEventListener('abort', interrupt, { once: true });
  let open_ = true;
  return {
    connection,
    aborted: () => signal?.aborted === true,
    release: () => {
      if (!open_) return;
      open_ = false;
      signal?.removeEventListener('abort', interrupt);
      connection.disconnectSync();
    },
  };
}
