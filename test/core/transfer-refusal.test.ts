/** State transfers that are refused, found by fuzzing: before the first change, and with no name learnt from them. */
import { Encoder } from 'cbor-x';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { stampOf } from '../../src/core/clock.ts';
import { packVector } from '../../src/core/envelope.ts';
import { MalformedError, NO_DEADLINE, type VersionVector } from '../../src/core/index.ts';
import { decodePlainMap } from '../../src/core/plain-cbor.ts';
import { get, makeReplica, type Replica, START_MS, s, syncAll, txn } from './cluster.ts';

const encoder = new Encoder({ useRecords: false, tagUint8Array: false });
const HOUR_MS = 3_600_000;

/** Two that have seen each other, of which the first goes on writing. */
function pair(): [sender: Replica, receiver: Replica] {
  const [sender, receiver] = [0, 1].map(makeReplica);
  receiver.engine.clockSkewMaxMs = 30_000;
  txn(receiver, (db) => db.strings.write(s('mine'), s('v'), NO_DEADLINE));
  syncAll([sender, receiver]);
  txn(sender, (db) => db.strings.write(s('k'), s('v'), NO_DEADLINE));
  sender.engine.seal();
  return [sender, receiver];
}

function pageOf({ engine }: Replica, changes: Record<string, unknown> = {}): Uint8Array {
  const { bytes } = engine.exportState(0, 1 << 20);
  return Buffer.from(encoder.encode({ ...decodePlainMap(bytes), ...changes }));
}

function assertRefused({ engine }: Replica, pages: Uint8Array[], tail: Uint8Array[], said: RegExp): void {
  const before = [engine.digest(), engine.vector(), engine.replicaTable()];
  assert.throws(
    () => engine.importState(pages, tail),
    (error: unknown) => error instanceof MalformedError && said.test(error.message),
  );
  assert.equal([engine.digest(), engine.vector(), engine.replicaTable()], before);
}

test('the page that the tests spoil is a good one', () => {
  const [sender, receiver] = pair();
  receiver.engine.importState([pageOf(sender)]);
  assert.is(receiver.engine.digest(), sender.engine.digest());
});

test('a page that is refused leaves no name of a replica', () => {
  const [sender, receiver] = pair();
  const r = Buffer.from('0123456789abcdef'.repeat(9), 'hex');
  assertRefused(receiver, [pageOf(sender, { r, d: Buffer.from([1, 2, 3]) })], [], /./);
});

test('more replicas than there can be are refused', () => {
  const [sender, receiver] = pair();
  const r = Buffer.alloc(70_000 * 8);
  for (let i = 0; i < 70_000; i++) r.writeUInt32BE(i + 1, i * 8);
  assertRefused(receiver, [pageOf(sender, { r })], [], /more replicas/);
});

test('a tail without pages before it is refused', () => {
  const [sender, receiver] = pair();
  const tail = sender.sealed.slice(-1).map(({ bytes }) => bytes);
  assertRefused(receiver, [], tail, /without pages/);
});

test('a tail from the future is refused, and not only when the pages are merged already', () => {
  const [sender, receiver] = pair();
  const page = pageOf(sender);
  sender.engine.setNow(START_MS + HOUR_MS);
  txn(sender, (db) => db.strings.write(s('later'), s('v'), NO_DEADLINE));
  sender.engine.seal();
  const tail = sender.sealed.slice(-1).map(({ bytes }) => bytes);
  assertRefused(receiver, [page], tail, /tail with txns .* from the future/);
});

test('a record from the future is refused, whatever its page says that it has seen', () => {
  const [sender, receiver] = pair();
  const vector = sender.engine.vector();
  sender.engine.setNow(START_MS + HOUR_MS);
  txn(sender, (db) => db.strings.write(s('later'), s('v'), NO_DEADLINE));
  assertRefused(receiver, [pageOf(sender, { x: packVector(vector) })], [], /record with stamp .* from the future/);
});

test('what is written after a transfer is later than all of its records, whatever the vectors say', () => {
  const [sender, receiver] = pair();
  const vector = sender.engine.vector();
  sender.engine.setNow(START_MS + 20_000);
  txn(sender, (db) => db.strings.addInteger(s('n'), 5));
  receiver.engine.importState([pageOf(sender, { x: packVector(vector) })]);
  txn(receiver, (db) => db.strings.write(s('n'), s('1'), NO_DEADLINE));
  receiver.engine.seal();
  assert.is(get(receiver.db, 'n'), '1');
});

test('a state that holds txns of ours which we have not issued is refused', () => {
  const [sender, receiver] = pair();
  const ahead: VersionVector = sender.engine
    .vector()
    .map((entry) => (entry.replica === receiver.engine.replica ? { ...entry, number: entry.number + 1 } : entry));
  assertRefused(receiver, [pageOf(sender, { x: packVector(ahead) })], [], /more of our own txns/);
});

test('a vector with a stamp after which the clock has no next one is refused', () => {
  const [sender, receiver] = pair();
  const last = sender.engine.vector().map((entry) => ({ ...entry, stamp: Number.MAX_SAFE_INTEGER }));
  assertRefused(receiver, [pageOf(sender, { x: packVector(last) })], [], /stamp/);
  const soon = sender.engine.vector().map((entry) => ({ ...entry, stamp: stampOf(START_MS) }));
  receiver.engine.importState([pageOf(sender, { x: packVector(soon) })]);
});

test('a stored record of a replica that nobody knows, or of a stamp that no clock gives, is refused', () => {
  const { engine } = makeReplica(0);
  const name = Buffer.from([0, 1, 0x6b, 1]);
  const record = (replica: number, stamp: number) => {
    const value = Buffer.alloc(13);
    value[0] = 1;
    value[1] = replica;
    value.writeDoubleLE(stamp, 2);
    value[10] = 1;
    value[11] = 0x76;
    return value;
  };
  assert.throws(() => engine.loadRecord(name, record(7, 5)), /replica index 7/);
  for (const stamp of [-1, -0, 0, 0.5, 2 ** 53, 1e300, Number.POSITIVE_INFINITY, Number.NaN])
    assert.throws(() => engine.loadRecord(name, record(0, stamp)), /stamp/);
  assert.throws(() => engine.loadRecord(Buffer.concat([name, name]), record(0, 5)), /with an element/);
  engine.loadRecord(name, record(0, 5));
});

test.run();
