/**
 * `flowstate join --stream`: the join over batches, for inputs larger than memory. Files are read, joined and written
 * batch by batch; what is held is the batches in flight and the right rows that later left rows can still match.
 */
import { statSync } from 'node:fs';
import { totalmem } from 'node:os';
import { RecordBatch } from 'apache-arrow';

import { createError } from '../errors/from-native.js';
import { formatOf, readBatches } from '../storage/index.js';
import type { ReadOptions } from '../storage/types.js';
import { alignBatches, asofJoinStream } from '../stream/asof-join-stream.js';
import type { JoinedBatches } from '../stream/options.js';
import type { RightInput } from './join-flags.js';
import type { SideOptions } from './join-options.js';
import { parseSize } from './parse-size.js';

/** How many bytes of memory a byte of file takes once read: zstd Parquet about 5, CSV about 1; Arrow is mapped. */
const GROWTH = { parquet: 5, csv: 1.5, arrow: 0, arrows: 1 } as const;
/** Rows per batch: large enough that the fixed cost of a join does not show, small enough to hold a few. */
const BATCH_ROWS = 262_144;

/** Whether whole tables would take more than the limit (half of the machine's memory where none is given). */
export function exceedsMemory(paths: readonly string[], limit: string | undefined): boolean {
  const bytes = limit === undefined ? totalmem() / 2 : parseSize(limit, '--memory');
  const needed = paths.reduce(
    (sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0) * GROWTH[formatOf(path)],
    0,
  );
  return needed > bytes;
}

export interface StreamSide {
  readonly input: RightInput;
  readonly options: SideOptions;
  readonly read: ReadOptions;
}

/** The joined batches of the files. `left` and the sides carry how each file is read. */
export function joinFiles(
  left: { readonly path: string; readonly read: ReadOptions },
  sides: readonly StreamSide[],
  run: { readonly backend?: 'auto' | 'native' | 'javascript' | 'device'; readonly threads?: number },
): JoinedBatches {
  const first = sides[0]!;
  const { backend, threads } = run;
  if (sides.length === 1 && first.input.name === null) {
    const options = { ...ordered(first.options), backend, threads };
    return asofJoinStream(batchesOf(left.path, left.read), batchesOf(first.input.path, first.read), options);
  }
  const streams = Object.fromEntries(
    sides.map(({ input, options, read }) => [
      input.name ?? 'right',
      { ...ordered(options), batches: batchesOf(input.path, read) },
    ]),
  );
  return alignBatches(batchesOf(left.path, left.read), streams, { on: first.options.on, backend, threads });
}

/** `--unsorted sort` is the default of whole tables; over batches order is demanded, whatever the flag says. */
function ordered(options: SideOptions): Omit<SideOptions, 'unsorted'> & { readonly unsorted: 'error' } {
  if (options.unsorted === 'sort') {
    throw createError(
      'FS_ERR_ARG_RANGE',
      'expected time-ordered inputs, found --unsorted sort, in --stream: a join over batches cannot sort',
    );
  }
  return { ...options, unsorted: 'error' };
}

/** A file's batches, or one without rows where it has none: the result needs its columns. */
async function* batchesOf(path: string, read: ReadOptions): AsyncGenerator<RecordBatch> {
  const source = readBatches(path, { ...read, batchRows: BATCH_ROWS });
  let any = false;
  for await (const batch of source) {
    any = true;
    yield batch;
  }
  if (!any) yield new RecordBatch(await source.schema);
}
