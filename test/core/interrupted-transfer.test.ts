/**
 * A state transfer that is interrupted and gone on with: whatever both sides wrote meanwhile, and whoever sends the rest,
 * the outcome is that of delivering all txns, and only what was missing or has changed is sent again.
 */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Compared, fingerprintsOf, NO_DEADLINE } from '../../src/core/index.ts';
import { contents, get, makeReplica, type Replica, s, syncAll, txn } from './cluster.ts';
import { perform, type Step, steps } from './operations.ts';

const ALL = Number.POSITIVE_INFINITY;
const RUNS = Number(process.env.PROPERTY_RUNS ?? 100);

interface Attempt {
  /** What is kept of earlier ones. */
  kept: readonly Uint8Array[];
  /** It is broken off after so many pages, be they all. */
  pagesMax: number;
  bytesMax: number;
  meanwhile?: () => void;
}

interface Outcome {
  /** What an interrupted one leaves. */
  kept: readonly Uint8Array[];
  /** Keys that were asked for; null: all. */
  wanted: number | null;
  /** Pages that were received, and whether they were merged in the end. */
  pages: number;
  done: boolean;
}

/** One transfer, as two nodes do it: by comparison if the receiver holds anything, or has kept anything. */
function attempt(from: Replica, to: Replica, { kept, pagesMax, bytesMax, meanwhile = () => {} }: Attempt): Outcome {
  to.engine.seal();
  const held = to.engine.slotDigests();
  if (held === null) throw new Error('nothing was loaded here');
  const tail: Uint8Array[] = [];
  from.engine.seal();
  from.engine.onEnvelope(({ bytes }) => tail.push(Buffer.from(bytes)));
  let compared: Compared | undefined;
  let names: ReadonlySet<string> | undefined;
  let rest: readonly Uint8Array[] = kept;
  let cursor = 0;
  if (held.digests.length > 0 || kept.length > 0) {
    const { slots, vector } = from.engine.compareSlots(held.digests);
    const lists: Uint8Array[] = [];
    do {
      const list = from.engine.listKeys(slots, cursor, bytesMax);
      lists.push(list.bytes);
      cursor = list.next;
      meanwhile();
    } while (cursor !== 0);
    const choice = to.engine.chooseKeys(slots, lists, kept);
    names = new Set(fingerprintsOf(choice.wanted));
    rest = choice.rest;
    const { equal, seen } = choice;
    compared = { slots, vector, equal, seenAtSlots: held.seen, seenAtKeys: seen, kept: choice.kept };
  }
  const pages: Uint8Array[] = [];
  const wanted = names === undefined ? null : names.size;
  while (pages.length < pagesMax) {
    const page = from.engine.exportState(cursor, bytesMax, names);
    pages.push(page.bytes);
    cursor = page.next;
    meanwhile();
    if (cursor === 0) break;
  }
  if (pages.length >= pagesMax)
    return { kept: [...pages, ...(compared?.kept ?? []), ...rest], wanted, pages: pages.length, done: false };
  from.engine.seal();
  to.engine.seal();
  to.engine.importState(pages, tail, compared);
  return { kept: rest, wanted, pages: pages.length, done: true };
}

function agree(replicas: readonly Replica[]): void {
  const [first, ...others] = replicas;
  for (const other of others) {
    assert.equal(other.engine.vector(), first.engine.vector());
    assert.equal(contents(other.db), contents(first.db));
    assert.is(other.engine.digest(), first.engine.digest());
  }
}

/** All get all txns, and so does one that never got anything else. */
function assertAsDelivered(replicas: readonly Replica[]): void {
  syncAll(replicas);
  syncAll(replicas);
  agree(replicas);
  const byTxns = makeReplica(9);
  byTxns.engine.setNow(replicas[0].engine.now);
  for (let round = 0; round < 4; round++)
    for (const { sealed } of replicas) for (const { bytes } of sealed) byTxns.engine.receive(bytes);
  agree([replicas[0], byTxns]);
}

const longPlan: fc.Arbitrary<Step[]> = steps(3, 60).chain((first) =>
  steps(3, 60).map((second) => [...first, ...second]),
);
const interruptions = fc.array(fc.record({ sender: fc.nat(1), pagesMax: fc.nat(6) }), { minLength: 1, maxLength: 4 });

test('a transfer that is interrupted after any page, and gone on with by the same or another sender, agrees with delivery', () => {
  fc.assert(
    fc.property(
      longPlan,
      longPlan,
      interruptions,
      fc.nat(1),
      fc.constantFrom(1, 60),
      (before, after, broken, last, size) => {
        const replicas = [0, 1, 2].map(makeReplica);
        const receiver = replicas[2];
        for (const step of before) perform(replicas, step);
        let done = 0;
        const meanwhile = () => {
          for (const step of after.slice(done, done + 3)) perform(replicas, step);
          done += 3;
        };
        let kept: readonly Uint8Array[] = [];
        for (const { sender, pagesMax } of broken) {
          ({ kept } = attempt(replicas[sender], receiver, { kept, pagesMax, bytesMax: size, meanwhile }));
          meanwhile();
        }
        attempt(replicas[last], receiver, { kept, pagesMax: ALL, bytesMax: size, meanwhile });
        assertAsDelivered(replicas);
      },
    ),
    { numRuns: RUNS },
  );
});

test('what an empty node has got of an interrupted transfer is not sent again, but for what has changed since', () => {
  const [sender, receiver] = [0, 1].map(makeReplica);
  for (let i = 0; i < 1000; i++) txn(sender, (db) => db.strings.write(s(`key:${i}`), s('x'), NO_DEADLINE));
  const first = attempt(sender, receiver, { kept: [], pagesMax: 3, bytesMax: 5000 });
  assert.not(first.done);
  assert.is(first.wanted, null);
  const whole = attempt(sender, makeReplica(2), { kept: [], pagesMax: ALL, bytesMax: 5000 });
  for (let i = 0; i < 10; i++) txn(sender, (db) => db.strings.write(s(`key:${i}`), s('y'), NO_DEADLINE));
  txn(sender, (db) => db.remove(s('key:10')));
  const second = attempt(sender, receiver, { kept: first.kept, pagesMax: ALL, bytesMax: 5000 });
  assert.ok(second.done);
  assert.ok(second.pages <= whole.pages - 3 + 1, `${second.pages} of ${whole.pages} pages after 3`);
  const got = 1000 * (3 / whole.pages);
  assert.ok((second.wanted ?? 1000) < 1000 - 0.9 * got + 10, `${second.wanted} keys after about ${got}`);
  agree([sender, receiver]);
});

test('progress is kept over any number of interruptions, whoever sends', () => {
  const replicas = [0, 1, 2].map(makeReplica);
  const [one, other, receiver] = replicas;
  for (let i = 0; i < 300; i++) txn(one, (db) => db.hashes.set(s(`key:${i}`), s('f'), s('x'), NO_DEADLINE));
  syncAll([one, other]);
  let kept: readonly Uint8Array[] = [];
  let left = 300;
  for (let round = 0; round < 100; round++) {
    const outcome = attempt([one, other][round % 2], receiver, { kept, pagesMax: 2, bytesMax: 2000 });
    if (outcome.done) break;
    if (outcome.wanted !== null) {
      assert.ok(outcome.wanted < left, `${outcome.wanted} wanted, ${left} before`);
      left = outcome.wanted;
    }
    ({ kept } = outcome);
  }
  agree(replicas);
});

test('what was removed at the sender since it was kept does not come back', () => {
  const [sender, receiver] = [0, 1].map(makeReplica);
  for (let i = 0; i < 20; i++) txn(sender, (db) => db.strings.write(s(`key:${i}`), s('x'), NO_DEADLINE));
  const { kept } = attempt(sender, receiver, { kept: [], pagesMax: 1, bytesMax: 100_000 });
  // the whole state was received, and its end was not
  for (let i = 0; i < 20; i++) txn(sender, (db) => db.remove(s(`key:${i}`)));
  txn(sender, (db) => db.strings.write(s('last'), s('x'), NO_DEADLINE));
  attempt(sender, receiver, { kept, pagesMax: ALL, bytesMax: 100 });
  assert.equal(contents(receiver.db), { last: 'x' });
  agree([sender, receiver]);
});

test('what the receiver has removed since it was kept does not come back', () => {
  const [sender, receiver, third] = [0, 1, 2].map(makeReplica);
  txn(sender, (db) => db.strings.write(s('k'), s('x'), NO_DEADLINE));
  txn(sender, (db) => db.sets.add(s('set'), s('m')));
  const { kept } = attempt(sender, receiver, { kept: [], pagesMax: 1, bytesMax: 100_000 });
  syncAll([sender, receiver, third]);
  txn(receiver, (db) => db.remove(s('k')));
  txn(receiver, (db) => db.sets.remove(s('set'), s('m')));
  for (let i = 0; i < 3; i++) txn(sender, (db) => db.strings.write(s(`new:${i}`), s('x'), NO_DEADLINE));
  attempt(sender, receiver, { kept, pagesMax: ALL, bytesMax: 100 });
  assert.is(get(receiver.db, 'k'), null);
  assertAsDelivered([sender, receiver, third]);
  assert.equal(Object.keys(contents(third.db)).sort(), ['new:0', 'new:1', 'new:2']);
});

test('what the receiver writes while the transfer goes on, and the sender gets, is not taken for removed', () => {
  const [sender, receiver] = [0, 1].map(makeReplica);
  txn(sender, (db) => db.strings.write(s('k'), s('a'), NO_DEADLINE));
  const { kept } = attempt(sender, receiver, { kept: [], pagesMax: 1, bytesMax: 100_000 });
  for (let i = 0; i < 3; i++) txn(sender, (db) => db.strings.write(s(`new:${i}`), s('x'), NO_DEADLINE));
  let calls = 0;
  const meanwhile = () => {
    // the first call comes after the list: the sender has it in its pages' vectors, and not in what it has listed
    if (calls++ > 0) return;
    txn(receiver, (db) => db.strings.write(s('k'), s('b'), NO_DEADLINE));
    receiver.engine.seal();
    for (const { bytes } of receiver.sealed) sender.engine.receive(bytes);
  };
  attempt(sender, receiver, { kept, pagesMax: ALL, bytesMax: 100_000, meanwhile });
  assert.is(receiver.engine.inspect(0, s('k'))?.parts[0].elements[0].values.length, 2);
  agree([sender, receiver]);
});

test('kept records that go beyond the tail are refused before the first change: the state would be ahead of its vector', () => {
  const [sender, receiver] = [0, 1].map(makeReplica);
  txn(sender, (db) => db.strings.write(s('k'), s('x'), NO_DEADLINE));
  sender.engine.seal();
  const held = receiver.engine.slotDigests();
  if (held === null) throw new Error('nothing was loaded here');
  const { slots, vector } = sender.engine.compareSlots(held.digests);
  const page = sender.engine.exportState(0, 100_000, new Set()).bytes;
  txn(sender, (db) => db.strings.write(s('k'), s('later'), NO_DEADLINE));
  sender.engine.seal();
  const kept = [sender.engine.exportState(0, 100_000).bytes];
  const compared = { slots, vector, equal: new Set<string>(), seenAtSlots: [], seenAtKeys: [], kept };
  const before = receiver.engine.digest();
  assert.throws(() => receiver.engine.importState([page], [], compared), 'a tail that does not reach it');
  assert.is(receiver.engine.digest(), before);
  assert.is(receiver.engine.vector().length, 0);
  receiver.engine.importState([page], [sender.sealed[1].bytes], compared);
  agree([sender, receiver]);
});

test('kept pages that are cut anywhere bring nothing, and do no harm', () => {
  const [sender, receiver] = [0, 1].map(makeReplica);
  for (let i = 0; i < 5; i++) txn(sender, (db) => db.sets.add(s('set'), s(`${i}`)));
  txn(sender, (db) => db.strings.addInteger(s('counter'), 5));
  const { kept } = attempt(sender, receiver, { kept: [], pagesMax: 1, bytesMax: 100_000 });
  const [page] = kept;
  for (let length = 0; length < page.length; length++) {
    const fresh = makeReplica(3);
    const outcome = attempt(sender, fresh, { kept: [page.subarray(0, length)], pagesMax: ALL, bytesMax: 100_000 });
    assert.is(outcome.wanted, 2);
    agree([sender, fresh]);
  }
});

test.run();
