/** What a live join tells of itself, on a scripted stream with a clock of its own. */
import type { Table } from 'apache-arrow';

import { StreamingJoin } from '../../../lib/stream/streaming-join';
import { table } from '../../helpers/columns';
import { addon } from '../../helpers/executors';

const backends = addon === null ? (['javascript'] as const) : (['javascript', 'native'] as const);
const MS = 1_000_000n;
const side = (name: string, times: readonly bigint[]): Table =>
  table({ t: ['ts_ns', times.map((time) => time * MS)], [name]: ['float64', times.map(Number)] });

test.each(backends)('counts, lag, state and waiting times of a join on the %s engine', (backend) => {
  let now = 1_000;
  const join = new StreamingJoin({
    ...{ on: 't', backend, clock: () => now },
    ...{ leftSchema: side('a', []).schema, schema: side('b', []).schema },
  });
  const { metrics } = join;
  join.pushRight(side('b', [900n, 910n]), { source: 3 });
  join.pushLeft(side('a', [905n, 920n]));
  join.advanceWatermark(915n * MS);
  now = 1_040;
  join.emit();
  // One of two is late, and dropped.
  join.pushLeft(side('a', [914n, 930n]));
  now = 1_050;
  expect(metrics.toJSON()).toMatchObject({
    inputs: {
      left: { rows: 3, late: 1, dropped: 1, stateRows: 2, watermarkLagNs: 135e6 },
      right: { rows: 2, late: 0, sources: { 3: { rows: 2 } } },
    },
    ...{ emittedRows: 1, revisions: 0, pendingRows: 2 },
    sealDelayNs: { count: 1, max: 15e6 },
    endToEndNs: { count: 0 },
  });
  expect(metrics.toJSON().stateBytes).toBe(join.counters.stateBytes);
  join.flush();
  const { endToEndNs, emittedRows, pendingRows } = metrics.toJSON();
  expect([emittedRows, pendingRows]).toEqual([3, 0]);
  expect(endToEndNs).toMatchObject({ count: 2, min: 10e6, max: 50e6 });
  expect(metrics.toPrometheus()).toContain('flowstate_stream_late_rows_total{input="left",source="0"} 1\n');
  expect(metrics.toPrometheus()).toContain('flowstate_stream_end_to_end_seconds_sum 0.06\n');
  join.reset();
  expect(metrics.toJSON()).toMatchObject({ emittedRows: 0, inputs: { left: { rows: 0 } } });
});
