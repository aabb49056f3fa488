/** Laws of watermarks over random schedules of rows, pauses, ends, promises and restarts. */
import fc from 'fast-check';

import { INT64_MAX, INT64_MIN } from '../../lib/schema/duration.js';
import {
  boundedDisorder,
  InputClock,
  monotone,
  type Time,
  wallClock,
  type WatermarkPlan,
} from '../../lib/stream/watermark/index.js';
import { runs } from '../helpers/property.js';

const time = fc.oneof(
  fc.bigInt({ min: -50n, max: 50n }),
  fc.constantFrom(INT64_MIN, INT64_MIN + 1n, INT64_MAX - 1n, INT64_MAX),
);
const disorder = fc.oneof(fc.bigInt({ min: 0n, max: 20n }), fc.constantFrom(INT64_MAX, INT64_MAX - 1n));
const source = fc.integer({ min: 0, max: 2 });
const step = fc.record({
  what: fc.constantFrom('rows', 'rows', 'rows', 'empty', 'pause', 'resume', 'promise', 'end', 'restart', 'look'),
  source,
  time,
  waitMs: fc.integer({ min: 0, max: 6 }),
});
const plan: fc.Arbitrary<WatermarkPlan> = fc.oneof(
  disorder.map((by) => boundedDisorder(by)),
  fc.constant(monotone()),
  disorder.map((delay) => wallClock({ delay })),
  disorder.map((delay) => wallClock({ delay, anchor: 'data' })),
);

function clockOf(plan: WatermarkPlan, idleTimeoutMs: number | null): InputClock {
  return new InputClock({ plan, domain: 'temporal', idleTimeoutMs, maxAhead: null, aheadOf: 'newest' });
}

test('a watermark never goes back and never leaves int64, whatever comes', () => {
  fc.assert(
    fc.property(
      plan,
      fc.option(fc.integer({ min: 1, max: 8 })),
      fc.array(step, { maxLength: 40 }),
      (plan, idle, steps) => {
        let clock = clockOf(plan, idle);
        let before: Time | null = null;
        let now = 0;
        for (const { what, source, time, waitMs } of steps) {
          now += waitMs;
          if (what === 'rows') clock.observe(source, { min: time, max: time, rows: 1 }, now);
          else if (what === 'empty') clock.observe(source, { min: null, max: null, rows: 0 }, now);
          else if (what === 'pause') clock.pause(now);
          else if (what === 'resume') clock.resume(now);
          else if (what === 'promise') clock.advance(time, source === 2 ? null : source, now);
          else if (what === 'end') clock.source(source, now).end();
          else if (what === 'restart') {
            const json = JSON.parse(JSON.stringify(clock.snapshot()));
            clock = clockOf(plan, idle);
            clock.restore(json, now);
          }
          const current = clock.current(now);
          if (before !== null) {
            expect(current).not.toBeNull();
            expect(current! >= before).toBe(true);
          }
          if (current !== null) {
            expect(typeof current).toBe('bigint');
            expect(current >= INT64_MIN && current <= INT64_MAX).toBe(true);
          }
          before = current;
        }
      },
    ),
    runs(300),
  );
});

test('without idleness the watermark is the least over sources of newest minus disorder, and ahead of no promise kept', () => {
  fc.assert(
    fc.property(disorder, fc.array(fc.record({ source, time }), { minLength: 1, maxLength: 40 }), (by, rows) => {
      const clock = clockOf(boundedDisorder(by), null);
      const newest = new Map<number, bigint>();
      for (const source of [0, 1, 2]) clock.source(source, 0);
      for (const { source, time } of rows) {
        const reached = newest.get(source);
        const kept = reached === undefined || time >= reached - by;
        const watermark = clock.current(0);
        // A row that keeps its source's promise is never late.
        if (kept && watermark !== null) expect(time < (watermark as bigint)).toBe(false);
        clock.observe(source, { min: time, max: time, rows: 1 }, 0);
        newest.set(source, reached === undefined || time > reached ? time : reached);
      }
      if (newest.size < 3) {
        expect(clock.current(0)).toBeNull();
      } else {
        const least = [...newest.values()].map((time) => time - by).reduce((a, b) => (a < b ? a : b));
        expect(clock.current(0)).toBe(least < INT64_MIN ? INT64_MIN : least);
      }
    }),
    runs(300),
  );
});

test('idle exactly when the time since the last row, pauses left out, reaches the timeout', () => {
  const event = fc.record({
    what: fc.constantFrom('row', 'pause', 'resume', 'look'),
    waitMs: fc.integer({ min: 0, max: 9 }),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 15 }), fc.array(event, { maxLength: 30 }), (timeout, events) => {
      const clock = clockOf(monotone(), timeout).source(0, 0);
      let now = 0;
      let quiet = 0;
      let paused = false;
      for (const { what, waitMs } of events) {
        now += waitMs;
        if (!paused) quiet += waitMs;
        if (what === 'row') {
          clock.observe({ min: 1n, max: 1n, rows: 1 }, now);
          quiet = 0;
        } else if (what === 'pause') {
          clock.pause(now);
          paused = true;
        } else if (what === 'resume') {
          clock.resume(now);
          paused = false;
        }
        expect(clock.isIdle(now)).toBe(quiet >= timeout);
      }
    }),
    runs(300),
  );
});
