/** Causal delivery: what waits, for what, how long and within which bounds; who may issue in whose name. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeEnvelope, encodeEnvelope } from '../../src/core/envelope.ts';
import { createEngine, type Engine, type Envelope, NO_DEADLINE, type Received } from '../../src/core/index.ts';
import { contents, get, makeReplica, type Replica, START_MS, s, syncAll, txn } from './cluster.ts';
import { assertSame, sharing } from './orders.ts';

function set(replica: Replica, key: string, value: string): Uint8Array {
  txn(replica, (db) => db.strings.write(s(key), s(value), NO_DEADLINE));
  // a large value has sealed its envelope already
  replica.engine.seal();
  return replica.sealed[replica.sealed.length - 1].bytes;
}

function statistics({ engine }: Replica): { envelopes: number; bytes: number } {
  const { waitingEnvelopes, waitingBytes } = engine.statistics;
  return { envelopes: waitingEnvelopes, bytes: waitingBytes };
}

test('an envelope waits for the earlier ones of its origin, and goes with the last of them', () => {
  const [a, b] = sharing(2);
  const sent = Array.from({ length: 10 }, (_, i) => set(a, 'k', String(i)));
  for (const bytes of sent.slice(1).reverse()) assert.equal(b.engine.receive(bytes), { kind: 'waiting' });
  assert.is(statistics(b).envelopes, 9);
  assert.is(get(b.db, 'k'), null);
  assert.equal(b.engine.receive(sent[0]), { kind: 'applied', txns: 10 });
  assert.is(get(b.db, 'k'), '9');
  assert.equal(statistics(b), { envelopes: 0, bytes: 0 });
});

test('an envelope waits for what its origin had seen of others, through any number of them', () => {
  const replicas = Array.from({ length: 6 }, (_, i) => makeReplica(i));
  const sent: Uint8Array[] = [];
  for (let i = 0; i + 1 < replicas.length; i++) {
    for (const bytes of sent) replicas[i].engine.receive(bytes);
    sent.push(set(replicas[i], 'k', String(i)));
  }
  const last = replicas[5];
  for (const bytes of sent.slice(1).reverse()) assert.is(last.engine.receive(bytes).kind, 'waiting');
  assert.is(last.db.size, 0);
  assert.equal(last.engine.receive(sent[0]), { kind: 'applied', txns: 5 });
  assert.is(get(last.db, 'k'), '4');
});

test('what is known is a duplicate, what waits already waits once', () => {
  const [a, b] = sharing(2);
  const sent = [set(a, 'k', '1'), set(a, 'k', '2')];
  b.engine.receive(sent[1]);
  const once = statistics(b);
  b.engine.receive(sent[1]);
  assert.equal(statistics(b), once);
  b.engine.receive(sent[0]);
  const digest = b.engine.digest();
  for (const bytes of [...sent, ...sent]) assert.equal(b.engine.receive(bytes), { kind: 'duplicate' });
  assert.is(b.engine.digest(), digest);
});

test('received bytes may be used again by whoever gave them', () => {
  const [a, b] = sharing(2);
  const sent = [set(a, 'k', '1'), set(a, 'l', '2'), set(a, 'm', '3')].map((bytes) => Uint8Array.from(bytes));
  for (const bytes of [sent[1], sent[0], sent[2]]) {
    b.engine.receive(bytes);
    bytes.fill(0xff);
  }
  assert.equal(contents(b.db), { k: '1', l: '2', m: '3' });
  const kept = b.engine.readLog(a.engine.replica, 1, 100_000) ?? [];
  const c = makeReplica(3);
  for (const { bytes } of kept) assert.is(c.engine.receive(bytes).kind, 'applied');
  assertSame(c, b);
});

test('an envelope of which the first txns are known adds the others only', () => {
  const [a, b] = sharing(2);
  const first = set(a, 'counter', '0');
  txn(a, (db) => db.strings.addInteger(s('counter'), 5));
  const second = a.engine.seal();
  assert.ok(second !== null);
  b.engine.receive(first);
  // the same txns in one envelope, as a peer may have them that reads its log anew
  const again = joined(a);
  assert.equal(b.engine.receive(again), { kind: 'applied', txns: 1 });
  assert.is(get(b.db, 'counter'), '5');
  assert.equal(b.engine.receive(second.bytes), { kind: 'duplicate' });
});

/** What a replica with the same past would seal if it had not sealed in between. */
function joined({ engine }: Replica): Uint8Array {
  const twin = makeReplica(0);
  assert.is(twin.engine.replica, engine.replica);
  txn(twin, (db) => db.strings.write(s('counter'), s('0'), NO_DEADLINE));
  txn(twin, (db) => db.strings.addInteger(s('counter'), 5));
  const envelope = twin.engine.seal();
  if (envelope === null) throw new Error('nothing to seal');
  return envelope.bytes;
}

test('the waiting room is bounded: what does not fit is dropped, and comes again later', () => {
  const [a, b] = sharing(2);
  const first = set(a, 'k', 'x');
  const large = 'x'.repeat(1 << 20);
  const sent: Uint8Array[] = [];
  const kinds: string[] = [];
  for (let i = 0; i < 70; i++) {
    sent.push(set(a, `key ${i}`, large));
    kinds.push(b.engine.receive(sent[i]).kind);
  }
  assert.ok(kinds.includes('waiting'));
  assert.is(kinds[kinds.length - 1], 'dropped');
  assert.ok(statistics(b).bytes <= 64 * 1024 * 1024);
  b.engine.receive(first);
  assert.equal(statistics(b), { envelopes: 0, bytes: 0 });
  for (const bytes of sent) b.engine.receive(bytes);
  assertSame(b, a);
});

test('small envelopes count for what they take in memory', () => {
  const b = makeReplica(1);
  let waiting = 0;
  let received: Received = { kind: 'waiting' };
  while (received.kind === 'waiting' && waiting < 100_000) {
    const txns = Buffer.from([0, 0]);
    received = b.engine.receive(
      encodeEnvelope({ replica: 'cccccccccccccccc', first: 2 + waiting, count: 1, base: 5, context: [], txns }),
    );
    waiting++;
  }
  assert.is(received.kind, 'dropped');
});

test('nobody else issues in the name of a replica that is running', () => {
  const [a, b] = sharing(2);
  set(a, 'k', 'v');
  const impostor = makeReplica(0);
  set(impostor, 'k', 'w');
  const forged = set(impostor, 'l', 'w');
  const received = a.engine.receive(forged);
  assert.is(received.kind, 'malformed');
  assert.equal(contents(a.db), { k: 'v' });
  syncAll([a, b]);
  assert.equal(contents(b.db), { k: 'v' });
});

function restarted(engine: Engine): Replica {
  const again = createEngine({ replica: engine.replica, hashSeed: 5 });
  again.setNow(START_MS);
  again.setStability([], 0);
  const sealed: Envelope[] = [];
  again.onEnvelope((envelope, local) => {
    if (local) sealed.push(envelope);
  });
  return { engine: again, db: again.databases[0], sealed };
}

test('after a start a replica takes its own earlier txns back, and goes on from there', () => {
  const [a] = sharing(1);
  const sent = [set(a, 'k', '1'), set(a, 'k', '2')];
  const again = restarted(a.engine);
  for (const bytes of sent) assert.is(again.engine.receive(bytes).kind, 'applied');
  assertSame(again, a);
  txn(again, (db) => db.strings.addInteger(s('k'), 1));
  const [own] = again.engine.vector();
  assert.is(own.number, 3);
  assert.is(get(again.db, 'k'), '3');
});

test('a new incarnation writes under its own name, from one on', () => {
  const [a, b] = sharing(2);
  set(a, 'k', '1');
  a.engine.rotateReplica('00000000000000ff');
  set(a, 'k', '2');
  assert.equal(
    a.engine.vector().map(({ replica, number }) => [replica, number]),
    [
      ['00000000000000ff', 1],
      ['aaaaaaaaaaaaaaa1', 1],
    ],
  );
  syncAll([a, b]);
  assert.is(get(b.db, 'k'), '2');
  assert.throws(() => a.engine.rotateReplica('aaaaaaaaaaaaaaa1'));
});

test('what is missing is what a vector has more, and reading the log from there makes up for it', () => {
  const plan = fc.array(fc.record({ at: fc.nat(2), to: fc.nat(2) }), { maxLength: 60, size: 'max' });
  fc.assert(
    fc.property(plan, (steps) => {
      const replicas = [0, 1, 2].map(makeReplica);
      steps.forEach(({ at, to }, i) => {
        if (at === to) set(replicas[at], `key ${i % 5}`, String(i));
        else pull(replicas[at], replicas[to]);
      });
      for (let round = 0; round < 2; round++)
        for (const from of replicas) for (const to of replicas) if (from !== to) pull(from, to);
      assertSame(replicas[1], replicas[0]);
      assertSame(replicas[2], replicas[0]);
      for (const replica of replicas) assert.equal(statistics(replica), { envelopes: 0, bytes: 0 });
    }),
    { numRuns: 100 },
  );
});

/** As anti-entropy does: `to` asks `from` for what it lacks. */
function pull(from: Replica, to: Replica): void {
  for (const gap of to.engine.missing(from.engine.vector())) {
    let next = gap.from;
    while (next <= gap.to) {
      const envelopes = from.engine.readLog(gap.replica, next, 200) ?? [];
      assert.ok(envelopes.length > 0);
      for (const { bytes, last } of envelopes) {
        to.engine.receive(bytes);
        next = last + 1;
      }
    }
  }
  assert.equal(to.engine.missing(from.engine.vector()), []);
}

test('the listener hears each envelope once, in the order in which it was applied', () => {
  const [a, b, c] = sharing(3);
  const heard: string[] = [];
  c.engine.onEnvelope(({ replica, first, last }, local) =>
    heard.push(`${replica.slice(-1)} ${first}-${last} ${local}`),
  );
  const one = set(a, 'k', '1');
  b.engine.receive(one);
  const two = set(b, 'k', '2');
  c.engine.receive(two);
  assert.equal(heard, []);
  c.engine.receive(one);
  c.engine.receive(one);
  set(c, 'k', '3');
  assert.equal(heard, ['1 1-1 false', '2 1-1 false', '3 1-1 true']);
});

test('an envelope that names more replicas than there can be waits, and nothing of it is taken', () => {
  const [a, b] = sharing(2);
  const txns = decodeEnvelope(set(a, 'k', 'v')).txns;
  const context = Array.from({ length: 65_535 }, (_, i) => ({
    replica: (i + 1).toString(16).padStart(16, '0'),
    number: 0,
    stamp: 0,
  }));
  const known = b.engine.replicaTable();
  const stranger = encodeEnvelope({ replica: 'eeeeeeeeeeeeeeee', first: 1, count: 1, base: 1, context, txns });
  assert.equal(b.engine.receive(stranger), { kind: 'waiting' });
  assert.equal(b.engine.replicaTable(), known);
});

test.run();
