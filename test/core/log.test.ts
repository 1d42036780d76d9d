/** The txn log in memory: what it holds, how far back it reads, and that its limit is one of memory. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Envelope } from '../../src/core/contract.ts';
import { TxnLog } from '../../src/core/log.ts';

function envelope(replica: string, first: number, last: number, length = 100): Envelope {
  return { replica: replica as Envelope['replica'], first, last, bytes: new Uint8Array(length) };
}

const A = envelope('aaaaaaaaaaaaaaaa', 1, 1).replica;

test('a read begins with the envelope that holds the txn asked for', () => {
  const log = new TxnLog();
  for (let first = 1; first < 100; first += 3) log.append(envelope(A, first, first + 2));
  assert.equal(
    log.read(A, 50, 250)?.map(({ first }) => first),
    [49, 52],
  );
});

test('a read gives at least one envelope, however large', () => {
  const log = new TxnLog();
  log.append(envelope(A, 1, 1, 5000));
  assert.is(log.read(A, 1, 10)?.length, 1);
});

test('where memory does not reach back, a read says so', () => {
  const log = new TxnLog(3000);
  for (let number = 1; number <= 20; number++) log.append(envelope(A, number, number, 300));
  const start = log.start(A);
  assert.ok(start !== undefined && start > 1);
  assert.is(log.read(A, start - 1, 1000), null);
  assert.is(log.read(A, start, 1e6)?.at(-1)?.last, 20);
});

test('a read stops at a hole that a state transfer left, and where it begins says that memory has nothing', () => {
  const log = new TxnLog();
  log.append(envelope(A, 1, 10));
  log.append(envelope(A, 11, 50));
  log.append(envelope(A, 101, 110));
  assert.equal(
    log.read(A, 5, 1e6)?.map(({ first }) => first),
    [1, 11],
  );
  assert.is(log.read(A, 51, 1e6), null);
  assert.is(log.read(A, 100, 1e6), null);
  assert.is(log.read(A, 105, 1e6)?.length, 1);
  assert.is(log.read(A, 111, 1e6), null);
});

test('a single envelope above the limit is held all the same', () => {
  const log = new TxnLog(1000);
  log.append(envelope(A, 1, 1, 10_000));
  log.append(envelope(A, 2, 2, 10_000));
  assert.is(log.start(A), 2);
});

test('small envelopes count with what they take in memory, not with their bytes alone', () => {
  const log = new TxnLog(100_000);
  for (let number = 1; number <= 10_000; number++) log.append(envelope(A, number, number, 10));
  const held = log.read(A, log.start(A) ?? 0, Number.MAX_SAFE_INTEGER)?.length ?? 0;
  assert.ok(held > 0 && held < 200, `${held} envelopes`);
  assert.ok(log.bytes <= 100_000);
});

test('whatever the order of the replicas, what is held of each is its latest without a gap', () => {
  const run = fc.array(fc.record({ replica: fc.constantFrom('a', 'b', 'c'), bytes: fc.nat(2000) }), { maxLength: 200 });
  fc.assert(
    fc.property(run, (appended) => {
      const log = new TxnLog(20_000);
      const numbers = new Map<string, number>();
      for (const { replica, bytes } of appended) {
        const number = (numbers.get(replica) ?? 0) + 1;
        numbers.set(replica, number);
        log.append(envelope(replica, number, number, bytes));
      }
      for (const [replica, last] of numbers) {
        const { replica: id } = envelope(replica, 1, 1);
        const start = log.start(id);
        if (start === undefined) continue;
        const found = log.read(id, start, Number.MAX_SAFE_INTEGER)?.map(({ first }) => first);
        assert.equal(
          found,
          Array.from({ length: last - start + 1 }, (_, index) => start + index),
        );
      }
    }),
  );
});

test.run();
