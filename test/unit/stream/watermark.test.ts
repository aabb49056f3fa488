import {
  Int64,
  RecordBatch,
  Schema,
  Struct,
  makeData,
  Field,
  TimestampMillisecond,
  vectorFromArray,
} from 'apache-arrow';

import {
  boundedDisorder,
  InputClock,
  JoinClock,
  monotone,
  punctuated,
  SourceClock,
  wallClock,
  type Time,
  type TimeDomain,
  type WatermarkPlan,
} from '../../../lib/stream/watermark/index.js';
import { INT64_MAX, INT64_MIN } from '../../../lib/schema/duration.js';

const seen = (max: Time | null, rows = 1) => ({ min: max, max, rows });

function input(plan: WatermarkPlan | null, more: Partial<ConstructorParameters<typeof InputClock>[0]> = {}) {
  return new InputClock({ plan, domain: 'temporal', idleTimeoutMs: null, maxAhead: null, aheadOf: 'newest', ...more });
}

function source(idleTimeoutMs: number | null, nowMs = 0) {
  const options = { domain: 'temporal' as TimeDomain, idleTimeoutMs, maxAhead: null, aheadOf: 'newest' as const };
  return new SourceClock(monotone().create('temporal'), options, nowMs);
}

describe('strategies', () => {
  test('bounded disorder stays behind the newest row, and there is no promise before the first', () => {
    const strategy = boundedDisorder('1us').create('temporal');
    expect(strategy.current(0)).toBeNull();
    strategy.observe(seen(5000n), 0);
    strategy.observe(seen(4500n), 0);
    expect(strategy.current(0)).toBe(4000n);
  });

  test('saturates at the ends of int64', () => {
    const strategy = boundedDisorder(INT64_MAX).create('temporal');
    strategy.observe(seen(INT64_MIN + 5n), 0);
    expect(strategy.current(0)).toBe(INT64_MIN);
  });

  test('an infinite float time moves nothing', () => {
    const strategy = monotone().create('float');
    strategy.observe(seen(1.5), 0);
    strategy.observe(seen(Infinity), 0);
    expect(strategy.current(0)).toBe(1.5);
  });

  test('plain numbers take distances in their own unit only', () => {
    expect(() => boundedDisorder('1s').create('integer')).toThrow(expect.objectContaining({ code: 'FS_ERR_ARG_TYPE' }));
    expect(() => boundedDisorder(1n).create('float')).toThrow(expect.objectContaining({ code: 'FS_ERR_ARG_TYPE' }));
    expect(() => boundedDisorder(-1).create('float')).toThrow(expect.objectContaining({ code: 'FS_ERR_ARG_RANGE' }));
    expect(() => boundedDisorder('1 fortnight')).toThrow(expect.objectContaining({ code: 'FS_ERR_ARG_RANGE' }));
    expect(() => wallClock({ delay: '1s' }).create('integer')).toThrow(
      expect.objectContaining({ code: 'FS_ERR_ARG_TYPE' }),
    );
  });

  test('a punctuation column counts by its greatest value, in ns', () => {
    const column = vectorFromArray([null, 7, 5, null], new TimestampMillisecond()).data[0]!;
    const schema = new Schema([new Field('mark', column.type, true)]);
    const struct = makeData({ type: new Struct(schema.fields), length: 4, nullCount: 0, children: [column] });
    const batch = new RecordBatch(schema, struct);
    const plan = punctuated('mark');
    expect(plan.punctuation!(batch)).toBe(7_000_000n);
    expect(() => punctuated('nothing').punctuation!(batch)).toThrow(
      expect.objectContaining({ code: 'FS_ERR_COLUMN_MISSING' }),
    );
    const strategy = plan.create('temporal');
    strategy.observe({ min: 1n, max: 9n, rows: 4, punctuation: 7n }, 0);
    strategy.observe({ min: 1n, max: 9n, rows: 4, punctuation: null }, 0);
    strategy.observe({ min: 1n, max: 9n, rows: 4, punctuation: 6n }, 0);
    expect(strategy.current(0)).toBe(7n);
  });

  test('the wall clock advances without data, and not back when it is set back', () => {
    const strategy = wallClock({ delay: '1ms' }).create('temporal');
    expect(strategy.current(1000)).toBe(999_000_000n);
    expect(strategy.current(500)).toBe(999_000_000n);
    expect(strategy.current(2000)).toBe(1_999_000_000n);
  });

  test('anchored to the data, time goes on from the newest row', () => {
    const strategy = wallClock({ delay: '1ms', anchor: 'data' }).create('temporal');
    expect(strategy.current(5)).toBeNull();
    strategy.observe(seen(50_000_000n), 100);
    expect(strategy.current(100)).toBe(49_000_000n);
    expect(strategy.current(110)).toBe(59_000_000n);
    // A row behind the time reached does not pull it back.
    strategy.observe(seen(55_000_000n), 110);
    expect(strategy.current(110)).toBe(59_000_000n);
    const again = wallClock({ delay: '1ms', anchor: 'data' }).create('temporal');
    again.restore(JSON.parse(JSON.stringify(strategy.snapshot())));
    expect(again.current(900)).toBe(59_000_000n);
  });
});

describe('idle sources', () => {
  test('the timeout counts from the last row, not from when somebody looks', () => {
    // A row at 4 ms, a timeout of 10, looks every 5: idle at 14 and not before.
    const clock = source(10);
    clock.observe(seen(1n), 4);
    expect([5, 10, 13].map((now) => clock.isIdle(now))).toEqual([false, false, false]);
    expect([14, 15].map((now) => clock.isIdle(now))).toEqual([true, true]);
    expect(clock.idleInMs(10)).toBe(4);
  });

  test('a source that never gave a row is idle a timeout after it was named', () => {
    const clock = source(10, 100);
    expect(clock.isIdle(109)).toBe(false);
    expect(clock.isIdle(110)).toBe(true);
  });

  test('an empty batch is no row', () => {
    const clock = source(10);
    clock.observe(seen(null, 0), 9);
    expect(clock.isIdle(10)).toBe(true);
  });

  test('the clock stands still under back-pressure', () => {
    const clock = source(10);
    clock.observe(seen(1n), 0);
    clock.pause(4);
    clock.pause(6);
    expect(clock.isIdle(1000)).toBe(false);
    clock.resume(1000);
    expect(clock.isIdle(1005)).toBe(false);
    expect(clock.isIdle(1006)).toBe(true);
  });
});

describe('the watermark of an input', () => {
  test('is the least of its sources, and nothing before each has spoken', () => {
    const clock = input(monotone());
    clock.source(0, 0);
    clock.source(1, 0);
    clock.observe(0, seen(9n), 0);
    expect(clock.current(0)).toBeNull();
    clock.observe(1, seen(4n), 0);
    expect(clock.current(0)).toBe(4n);
  });

  test('leaves idle sources out, and does not fall when one is back', () => {
    const clock = input(monotone(), { idleTimeoutMs: 10 });
    clock.observe(0, seen(9n), 0);
    clock.observe(1, seen(4n), 0);
    clock.observe(0, seen(20n), 9);
    expect(clock.current(9)).toBe(4n);
    expect(clock.current(10)).toBe(20n);
    clock.observe(1, seen(6n), 11);
    expect(clock.current(11)).toBe(20n);
    clock.observe(1, seen(25n), 12);
    expect(clock.current(12)).toBe(20n);
    clock.observe(0, seen(30n), 13);
    expect(clock.current(13)).toBe(25n);
  });

  test('goes to the greatest of its sources where all are idle', () => {
    const clock = input(monotone(), { idleTimeoutMs: 10 });
    clock.observe(0, seen(9n), 0);
    clock.observe(1, seen(4n), 0);
    expect(clock.isIdle(10)).toBe(true);
    expect(clock.current(10)).toBe(9n);
  });

  test('a source that ended holds nothing back; when all have, time is over', () => {
    const clock = input(monotone());
    clock.observe(0, seen(9n), 0);
    clock.observe(1, seen(4n), 0);
    clock.source(1, 0).end();
    expect(clock.current(0)).toBe(9n);
    clock.source(0, 0).end();
    expect(clock.current(0)).toBe(INT64_MAX);
  });

  test('a bound on rows dated ahead moves with the rows, and with wall time', () => {
    const clock = input(monotone(), { maxAhead: 1_000_000n });
    expect(clock.maxTime(0, 0)).toBeNull();
    clock.observe(0, seen(5_000_000n), 10);
    expect(clock.maxTime(0, 10)).toBe(6_000_000n);
    expect(clock.maxTime(0, 13)).toBe(9_000_000n);
    expect(clock.maxTime(1, 13)).toBe(9_000_000n);
    const wall = input(monotone(), { maxAhead: 1_000_000n, aheadOf: 'wallClock' });
    expect(wall.maxTime(0, 3)).toBe(4_000_000n);
    const end = input(monotone(), { maxAhead: INT64_MAX });
    end.observe(0, seen(5n), 0);
    expect(end.maxTime(0, 0)).toBe(INT64_MAX);
  });
});

describe('the watermarks of a join', () => {
  const join = (allIdle: 'hold' | 'release') =>
    new JoinClock(
      [input(boundedDisorder(2n), { idleTimeoutMs: 10 }), input(monotone(), { idleTimeoutMs: 10 })],
      allIdle,
    );

  test('an idle input goes along with the others', () => {
    const clock = join('hold');
    const [left, right] = clock.inputs as [InputClock, InputClock];
    left.observe(0, seen(50n), 0);
    right.observe(0, seen(40n), 0);
    left.observe(0, seen(60n), 9);
    expect(clock.current(9)).toEqual([58n, 40n]);
    expect(clock.nextChangeMs(9)).toBe(1);
    expect(clock.current(10)).toEqual([58n, 58n]);
  });

  test('where all are idle they stay, or let go of every row that came', () => {
    for (const [rule, expected] of [
      ['hold', [48n, 40n]],
      ['release', [51n, 51n]],
    ] as const) {
      const clock = join(rule);
      clock.inputs[0]!.observe(0, seen(50n), 0);
      clock.inputs[1]!.observe(0, seen(40n), 0);
      expect(clock.current(10)).toEqual(expected);
    }
  });

  test('a snapshot goes on where it was, with timers anew', () => {
    const clock = join('hold');
    clock.inputs[0]!.observe(3, seen(50n), 0);
    clock.inputs[1]!.observe(0, seen(40n), 0);
    clock.inputs[1]!.advance(45n, null, 0);
    const before = clock.current(0);
    const json = JSON.parse(JSON.stringify(clock.snapshot()));
    const again = join('hold');
    again.restore(json, 500);
    expect(again.current(509)).toEqual(before);
    expect(again.snapshot()).toEqual(json);
    expect(() => new JoinClock([]).restore(json, 0)).toThrow(expect.objectContaining({ code: 'FS_ERR_ARG_RANGE' }));
  });
});

test('integer columns take part as bigint', () => {
  const column = vectorFromArray([3n, 8n], new Int64()).data[0]!;
  const schema = new Schema([new Field('mark', column.type, true)]);
  const batch = new RecordBatch(
    schema,
    makeData({ type: new Struct(schema.fields), length: 2, nullCount: 0, children: [column] }),
  );
  expect(punctuated('mark').punctuation!(batch)).toBe(8n);
});
