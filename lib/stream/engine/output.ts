/** From decided rows to the columns of an output: gathers, ages, flags. */
import type { NativeOutputColumn } from '../../internal/native.js';
import { NativeTimeKind } from '../../internal/native-stream.js';
import { type EngineConfig, type EngineOutput, type EngineStream } from './types.js';
import { checkedAge } from '../../join/javascript/rules.js';
import { validityBits } from '../../schema/gather.js';
import type { LeftRow } from './left-row.js';
import type { RightRow } from './right-side.js';
import type { RowStore } from './row-store.js';
import { minus, scaled } from './times.js';

/** One output row. */
export interface Emission {
  readonly row: LeftRow;
  readonly matches: readonly (RightRow | null)[];
  readonly rowId: bigint;
  readonly op: 1 | -1;
}

function ageColumn(stream: EngineStream, left: string, emissions: readonly Emission[], s: number): NativeOutputColumn {
  const floats = stream.kind === NativeTimeKind.float;
  const bigints = new BigInt64Array(floats ? 0 : emissions.length);
  const doubles = new Float64Array(floats ? emissions.length : 0);
  let nullCount = 0;
  emissions.forEach(({ row, matches, rowId }, i) => {
    const match = matches[s] ?? null;
    if (match === null || row.time === null) {
      nullCount++;
      return;
    }
    const difference = minus(scaled(row.time, stream.leftScale), match.time);
    if (typeof difference === 'bigint') bigints[i] = checkedAge(difference, stream.ageScale, left, rowId);
    else doubles[i] = difference;
  });
  return {
    length: emissions.length,
    nullCount,
    values: floats ? doubles.buffer : bigints.buffer,
    offsets: null,
    validity: validityBits(found(emissions, s), nullCount),
  };
}

/** 0 where the stream has a match, -1 where not: what `validityBits` makes bits of. */
function found(emissions: readonly Emission[], s: number): Int32Array {
  return Int32Array.from(emissions, ({ matches }) => (matches[s] ? 0 : -1));
}

/** The output of these rows. Throws FS_ERR_OVERFLOW for an age that does not fit; nothing has changed then. */
export function gatherOutput(
  config: EngineConfig,
  stores: readonly RowStore[],
  emissions: readonly Emission[],
): EngineOutput {
  const streams = config.streams.map((stream, s) => ({
    columns: stores[s + 1]!.gather(Int32Array.from(emissions, ({ matches }) => matches[s]?.slot ?? -1)).slice(
      0,
      stream.outputs,
    ),
    age: stream.wantAge ? ageColumn(stream, config.left.time.name, emissions, s) : null,
    matched: stream.wantMatched
      ? {
          length: emissions.length,
          nullCount: 0,
          values: validityBits(found(emissions, s), 1),
          offsets: null,
          validity: null,
        }
      : null,
  }));
  const plain = emissions.every(({ op }) => op === 1);
  return {
    rows: emissions.length,
    left: stores[0]!.gather(Int32Array.from(emissions, ({ row }) => row.slot)),
    streams,
    rowIds: BigInt64Array.from(emissions, ({ rowId }) => rowId).buffer,
    ops: plain ? null : Int8Array.from(emissions, ({ op }) => op).buffer,
  };
}
