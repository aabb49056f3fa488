// The native engine alone on the rows of streaming.mjs: stream_bench (cpp/bench), where it has been built. Its batches
// have the shape that the JavaScript API gives them, so what is left between the two is the API.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Numbers of a key column by row, in order of first sight; null for kinds that stream_bench does not have. */
function keyNumbers(data, order) {
  if (data.dictionary) return null;
  if (!data.valueOffsets) return Int32Array.from(order, (row) => data.values[row]);
  const numbers = new Map();
  return Int32Array.from(order, (row) => {
    const text = Buffer.from(data.values.subarray(data.valueOffsets[row], data.valueOffsets[row + 1])).toString();
    if (!numbers.has(text)) numbers.set(text, numbers.size);
    return numbers.get(text);
  });
}

/** `sides`: left and right, each with its table and the order its rows come in. Null where there is nothing to run. */
export function streamEngine(sides, path = process.env.STREAM_BENCH ?? 'build/bench/bench/stream_bench') {
  if (!existsSync(path)) return null;
  const rows = sides[0].order.length;
  const column = (table, name) => table.getChild(name).data[0];
  const keys = sides.map(({ table, order }) => keyNumbers(column(table, 'symbol'), order));
  if (keys.includes(null)) return null;
  const times = sides.map(({ table, order }) => {
    const { values } = column(table, 'ts');
    return BigInt64Array.from(order, (row) => values[row]);
  });
  const folder = mkdtempSync(join(tmpdir(), 'stream-bench-'));
  const file = join(folder, 'rows');
  const parts = [BigInt64Array.of(BigInt(rows)), ...times, ...keys];
  writeFileSync(file, Buffer.concat(parts.map(({ buffer }) => Buffer.from(buffer))));
  const strings = column(sides[0].table, 'symbol').valueOffsets ? ['--strings'] : [];
  return {
    /** Best of `runs`. Throws where the engine's rows are wrong. */
    run(step, runs) {
      const args = ['--like-js', file, '--step', String(step), '--runs', String(runs), ...strings];
      const [rate, p50, p99, cpu] = execFileSync(path, args, { encoding: 'utf8' }).split(', ').map(parseFloat);
      return { total: (rows / rate) * 1e9, cpu: cpu * rows, p50: p50 * 1000, p99: p99 * 1000 };
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}
