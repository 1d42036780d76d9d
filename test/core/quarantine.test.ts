/** The clock guard: one broken clock must not win every conflict, nor drag the others along. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NO_DEADLINE } from '../../src/core/index.ts';
import { get, makeReplica, type Replica, START_MS, s, txn } from './cluster.ts';

const YEAR_MS = 365 * 24 * 3_600_000;
const SKEW_MS = 30_000;

function guarded(number: number, now = START_MS): Replica {
  const replica = makeReplica(number);
  replica.engine.clockSkewMaxMs = SKEW_MS;
  replica.engine.setNow(now);
  return replica;
}

function write(replica: Replica, value: string): void {
  txn(replica, (db) => db.strings.write(s('k'), s(value), NO_DEADLINE));
  replica.engine.seal();
}

test('txns from a year ahead are refused, and an honest write later stays visible', () => {
  const [honest, wild] = [guarded(0), guarded(1, START_MS + YEAR_MS)];
  write(wild, 'from the future');
  const received = honest.engine.receive(wild.sealed[0].bytes);
  assert.is(received.kind, 'quarantined');
  assert.is(received.kind === 'quarantined' && received.aheadMs, YEAR_MS);
  assert.is(get(honest.db, 'k'), null);
  write(honest, 'now');
  assert.is(get(honest.db, 'k'), 'now');
  const [own] = honest.engine.vector();
  assert.ok(own.stamp < wild.engine.vector()[0].stamp, 'our clock was not dragged along');
  assert.is(honest.engine.statistics.quarantinedReplicas, 1);
});

test('nothing of it is asked for again before its time, and everything then', () => {
  const [honest, wild] = [guarded(0), guarded(1)];
  write(wild, 'right');
  wild.engine.setNow(START_MS + YEAR_MS);
  write(wild, 'ahead');
  write(wild, 'ahead too');
  honest.engine.receive(wild.sealed[1].bytes);
  const { replica } = wild.engine;
  assert.equal(honest.engine.missing(wild.engine.vector()), [{ replica, from: 1, to: 1 }]);
  honest.engine.receive(wild.sealed[0].bytes);
  assert.is(get(honest.db, 'k'), 'right');
  assert.is(honest.engine.receive(wild.sealed[2].bytes).kind, 'quarantined');
  assert.equal(honest.engine.missing(wild.engine.vector()), []);
  assert.ok(honest.engine.isQuarantined(replica));

  honest.engine.setNow(START_MS + YEAR_MS - SKEW_MS);
  assert.equal(honest.engine.missing(wild.engine.vector()), [{ replica, from: 2, to: 3 }]);
  for (const { bytes } of wild.sealed) honest.engine.receive(bytes);
  assert.is(get(honest.db, 'k'), 'ahead too');
  assert.is(honest.engine.digest(), wild.engine.digest());
});

test('a skew within the limit is no reason to wait', () => {
  const [honest, ahead] = [guarded(0), guarded(1, START_MS + SKEW_MS)];
  write(ahead, 'a little ahead');
  assert.is(honest.engine.receive(ahead.sealed[0].bytes).kind, 'applied');
});

test('a state transfer that holds such txns is known by its excess', () => {
  const [honest, wild] = [guarded(0), guarded(1, START_MS + YEAR_MS)];
  write(wild, 'from the future');
  const { bytes } = wild.engine.exportState(0, 1 << 20);
  assert.is(honest.engine.excessOfState([bytes]), YEAR_MS - SKEW_MS);
  honest.engine.setNow(START_MS + YEAR_MS);
  assert.is(honest.engine.excessOfState([bytes]), 0);
});

test('what a node wrote itself it takes back from its disk, whatever the clock says now', () => {
  const wild = makeReplica(1);
  wild.engine.setNow(START_MS + YEAR_MS);
  write(wild, 'mine');
  const again = makeReplica(2);
  assert.is(again.engine.receive(wild.sealed[0].bytes).kind, 'applied');
  write(again, 'later');
  const [first, second] = again.engine.vector().map(({ stamp }) => stamp);
  assert.ok(Math.abs(first - second) === 1, 'the clock goes on from there and never back');
});

test.run();
