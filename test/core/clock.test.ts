/** The hybrid logical clock: later than everything seen, near the wall clock, exact as a double. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HybridClock, stampOf, unixMsOf } from '../../src/core/clock.ts';
import { START_MS } from './cluster.ts';

const event = fc.oneof(
  fc.record({ kind: fc.constant('next' as const), ms: fc.integer({ min: -1000, max: 1000 }) }),
  fc.record({
    kind: fc.constant('observe' as const),
    ms: fc.integer({ min: -1000, max: 1000 }),
    counter: fc.nat(5000),
  }),
);

test('every reading is later than all issued and observed before, though the wall clock goes back', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200, size: 'max' }), (events) => {
      const clock = new HybridClock();
      let latest = 0;
      for (const each of events) {
        if (each.kind === 'observe') {
          const stamp = stampOf(START_MS + each.ms) + each.counter;
          clock.observe(stamp);
          latest = Math.max(latest, stamp);
        } else {
          const stamp = clock.next(START_MS + each.ms);
          assert.ok(stamp > latest);
          assert.ok(Number.isSafeInteger(stamp));
          latest = stamp;
        }
        assert.is(clock.reading, latest);
      }
    }),
  );
});

test('while the wall clock stands a reading follows the one before; when it goes on, so does the reading', () => {
  const clock = new HybridClock();
  const first = clock.next(START_MS);
  assert.is(first, stampOf(START_MS));
  assert.is(clock.next(START_MS), first + 1);
  assert.is(clock.next(START_MS - 10), first + 2);
  assert.is(clock.next(START_MS + 1), stampOf(START_MS + 1));
});

test('4,096 events in a millisecond borrow from the next one and stay in order', () => {
  const clock = new HybridClock();
  let last = 0;
  for (let i = 0; i < 10_000; i++) {
    const stamp = clock.next(START_MS);
    assert.ok(stamp > last);
    last = stamp;
  }
  assert.is(unixMsOf(last), START_MS + 2);
});

test('a stamp tells its millisecond, exactly until the year 2090', () => {
  for (const ms of [Date.UTC(2024, 0, 1), START_MS, START_MS + 1, Date.UTC(2090, 11, 31)]) {
    assert.is(unixMsOf(stampOf(ms)), ms);
    assert.is(unixMsOf(stampOf(ms) + 4095), ms);
    assert.is(stampOf(ms + 1) - stampOf(ms), 4096);
  }
});

test.run();
