/** The shares of an iteration's time, on a clock that the test turns. */
import { StallClock } from '../../../lib/pipeline/stall-clock.js';

test('every moment belongs to one stage, and the stages sum to the whole', () => {
  let now = 100;
  const clock = new StallClock(() => now);
  now += 5;
  clock.enter('source');
  now += 10;
  clock.enter('join');
  now += 3;
  clock.enter('join');
  now += 4;
  clock.enter('consumer');
  now += 20;
  expect(clock.times).toEqual({ source: 10, join: 7, stage: 0, copy: 0, consumer: 20 });
  now += 1;
  clock.enter('copy');
  now += 2;
  expect(clock.times).toEqual({ source: 10, join: 7, stage: 0, copy: 2, consumer: 21 });
  expect(clock.wallMs).toBe(40);
});

test('a clock that is stopped stands still', () => {
  let now = 0;
  const clock = new StallClock(() => now);
  clock.enter('stage');
  now = 6;
  clock.enter(null);
  now = 1000;
  expect(clock.times.stage).toBe(6);
  expect(clock.wallMs).toBe(6);
});
