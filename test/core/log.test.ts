/** The log in memory: what it gives out is a run without holes from the wanted txn on, or nothing. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Envelope, ReplicaId } from '../../src/core/index.ts';
import { TxnLog } from '../../src/core/log.ts';

const A = '00000000000000aa';
const B = '00000000000000bb';

function envelope(replica: ReplicaId, first: number, last: number, bytes = 100): Envelope {
  return { replica, first, last, bytes: new Uint8Array(bytes) };
}

function ranges(envelopes: readonly Envelope[] | null): [number, number][] | null {
  return envelopes === null ? null : envelopes.map(({ first, last }) => [first, last]);
}

test('it reads from the envelope that holds the wanted txn, within the limit, one at least', () => {
  const log = new TxnLog(1 << 20);
  for (const [first, last] of [
    [1, 3],
    [4, 4],
    [5, 9],
  ])
    log.append(envelope(A, first, last));
  assert.equal(ranges(log.read(A, 1, 1000)), [
    [1, 3],
    [4, 4],
    [5, 9],
  ]);
  assert.equal(ranges(log.read(A, 2, 200)), [
    [1, 3],
    [4, 4],
  ]);
  assert.equal(ranges(log.read(A, 6, 1)), [[5, 9]]);
  assert.is(log.read(B, 1, 1000), null);
  assert.is(log.start(A), 1);
  assert.is(log.start(B), undefined);
});

test('the oldest fall out first, and what does not reach back is refused', () => {
  const log = new TxnLog(20_000);
  for (let number = 1; number <= 1000; number++) log.append(envelope(number % 3 === 0 ? B : A, number, number));
  assert.ok(log.bytes <= 20_000);
  const start = log.start(A);
  assert.ok(start !== undefined && start > 500);
  assert.is(log.read(A, 1, 1000), null);
});

test('one envelope beyond the limit is kept: it is the latest', () => {
  const log = new TxnLog(1000);
  log.append(envelope(A, 1, 1, 10));
  log.append(envelope(A, 2, 2, 50_000));
  assert.equal(ranges(log.read(A, 2, 10)), [[2, 2]]);
  log.append(envelope(A, 3, 3, 10));
  assert.is(log.read(A, 2, 10), null);
  assert.equal(ranges(log.read(A, 3, 10)), [[3, 3]]);
});

test('of what every member has little is kept, of what one lacks all that there is room for', () => {
  const log = new TxnLog(160_000);
  for (let number = 1; number <= 100; number++) log.append(envelope(A, number, number));
  assert.is(log.start(A), 1);
  log.learnStable([{ replica: A, number: 40, stamp: 40 }]);
  assert.is(log.start(A), 41);
  for (let number = 1; number <= 50; number++) log.append(envelope(B, number, number));
  assert.is(log.start(A), 41);
  log.learnStable('alone');
  assert.ok(log.bytes <= 10_000);
  log.append(envelope(B, 51, 51));
  assert.ok(log.bytes <= 10_000);
  assert.equal(ranges(log.read(B, 51, 1)), [[51, 51]]);
});

/** `hole`: so many txns before it came by a state transfer, and are not in the log. */
const appended = fc.record({
  replica: fc.constantFrom(A, B),
  count: fc.integer({ min: 1, max: 5 }),
  bytes: fc.nat(2000),
  hole: fc.constantFrom(0, 0, 0, 0, 3),
});

test('whatever was appended, a read gives a run without holes from the wanted txn on, if that is held', () => {
  fc.assert(
    fc.property(fc.array(appended, { maxLength: 200, size: 'max' }), fc.integer({ min: 1, max: 300 }), (all, from) => {
      const log = new TxnLog(60_000);
      const last = { [A]: 0, [B]: 0 };
      const held: Record<ReplicaId, [number, number][]> = { [A]: [], [B]: [] };
      for (const { replica, count, bytes, hole } of all) {
        const first = last[replica] + 1 + hole;
        last[replica] = first + count - 1;
        log.append(envelope(replica, first, last[replica], bytes));
        held[replica].push([first, last[replica]]);
      }
      for (const replica of [A, B]) {
        const start = log.start(replica) ?? Number.POSITIVE_INFINITY;
        const holder = held[replica].find(([first, end]) => first >= start && first <= from && from <= end);
        const found = log.read(replica, from, 3000);
        assert.is(found === null, holder === undefined);
        if (found === null) continue;
        assert.equal([found[0].first, found[0].last], holder);
        for (let i = 1; i < found.length; i++) assert.is(found[i].first, found[i - 1].last + 1);
        const bytes = found.reduce((sum, each) => sum + each.bytes.length, 0);
        assert.ok(found.length === 1 || bytes <= 3000);
      }
    }),
  );
});

test.run();
