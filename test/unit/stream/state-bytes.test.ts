/** The cap on the state counts what is kept beside the engine, and what waits in the side output. */
import { type DataType, Dictionary, Field, Int32, Int64, List, Table, Utf8, vectorFromArray } from 'apache-arrow';

import { StreamingJoin } from '../../../lib/stream/streaming-join';
import type { StreamingJoinOptions } from '../../../lib/stream/streaming-options';
import { addon } from '../../helpers/executors';

const backends = addon === null ? (['javascript'] as const) : (['javascript', 'native'] as const);

let dictionaryIds = 5000;
const LONG = 'x'.repeat(10_000);
const CAP = 200_000;

const types: readonly [string, () => DataType, (id: number) => unknown][] = [
  ['dictionary values', () => new Dictionary(new Utf8(), new Int32(), dictionaryIds++), (id) => `${id} ${LONG}`],
  ['nested rows', () => new List(new Field('item', new Utf8())), (id) => [`${id} ${LONG}`]],
];

describe.each(backends)('with a cap, the %s engine', (backend) => {
  const tableOf = (type: DataType, time: number, value: unknown): Table =>
    new Table({ t: vectorFromArray([BigInt(time)], new Int64()), v: vectorFromArray([value], type) });
  const make = (options: Partial<StreamingJoinOptions> = {}): StreamingJoin =>
    new StreamingJoin({ on: 't', backend, maxStateBytes: CAP, ...options });
  const code = (run: () => void): string => {
    try {
      run();
      return 'taken';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  test.each(types)('counts %s, and goes on once they may be let go', (_, type, value) => {
    const join = make();
    const own = type();
    const push = (time: number): string => code(() => join.pushLeft(tableOf(own, time, value(time))));
    join.pushRight(tableOf(own, 0, value(-1)));
    let taken = 0;
    while (taken < 100 && push(taken) === 'taken') taken++;
    expect(taken).toBeGreaterThan(10);
    expect(taken).toBeLessThan(20);
    const before = join.counters;
    expect(before.stateBytes).toBeLessThanOrEqual(CAP);
    expect(push(taken)).toBe('FS_ERR_BACKPRESSURE');
    expect(join.counters).toEqual(before);
    join.advanceWatermark(BigInt(taken));
    expect(join.emit().numRows).toBe(taken);
    expect(push(taken)).toBe('taken');
    expect(join.flush().getChild('v')?.get(0)?.toString()).toContain(`${taken} `);
  });

  test('counts rows of the side output until they are taken', () => {
    const join = make({ late: 'sideOutput' });
    join.pushRight(tableOf(new Utf8(), 0, ''));
    join.pushLeft(tableOf(new Utf8(), 0, ''));
    join.advanceWatermark(5n);
    const push = (): string => code(() => join.pushLeft(tableOf(new Utf8(), 1, LONG)));
    let taken = 0;
    while (taken < 100 && push() === 'taken') taken++;
    expect(taken).toBeGreaterThan(10);
    expect(taken).toBeLessThan(20);
    expect(join.counters.inputs.left!.stateRows).toBe(1);
    join.snapshot();
    expect(push()).toBe('FS_ERR_BACKPRESSURE');
    expect(join.takeLate().reduce((rows, { table }) => rows + table.numRows, 0)).toBe(taken);
    expect(push()).toBe('taken');
  });
});
