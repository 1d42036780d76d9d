/**
 * The envelope: what is sent arrives, and bytes that are no envelope end in a refusal: never in an exception, a hang, or a
 * state that cannot be read any more.
 */
import { Encoder } from 'cbor-x';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MalformedError } from '../../src/core/bytes.ts';
import { STAMP_MAX } from '../../src/core/clock.ts';
import { decodeEnvelope, encodeEnvelope } from '../../src/core/envelope.ts';
import { Decimal, NO_DEADLINE, type VersionVector } from '../../src/core/index.ts';
import { contents, makeReplica, type Replica, START_MS, s, syncAll, txn } from './cluster.ts';
import { perform, steps } from './operations.ts';

const RUNS = Number(process.env.PROPERTY_RUNS ?? 300);

const id = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((n) => n.toString(16).padStart(16, '0'));
const positive = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const stamp = fc.integer({ min: 1, max: STAMP_MAX });
const vector: fc.Arbitrary<VersionVector> = fc.array(
  fc.record({ replica: id, number: positive, stamp }, { noNullPrototype: true }),
  {
    maxLength: 5,
  },
);

test('whatever is put into an envelope comes out of it', () => {
  const parts = fc.record({
    replica: id,
    first: positive,
    count: fc.integer({ min: 1, max: 1 << 20 }),
    base: positive,
    context: vector,
    txns: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  });
  fc.assert(
    fc.property(parts, (each) => {
      const decoded = decodeEnvelope(encodeEnvelope(each));
      assert.equal({ ...decoded, txns: decoded.txns.toString('hex') }, { ...each, txns: each.txns.toString('hex') });
    }),
  );
});

test('it is what cbor-x makes of its parts, whatever the length of its txns', () => {
  const encoder = new Encoder({ useRecords: false, tagUint8Array: false });
  const parts = { replica: '00112233445566ff', first: 300, count: 2, base: 2 ** 50, context: [] };
  for (const length of [0, 1, 23, 24, 255, 256, 65_535, 65_536, 70_000]) {
    const txns = Buffer.alloc(length, 7);
    const whole = { v: 1, r: Buffer.from(parts.replica, 'hex'), n: 300, c: 2, s: 2 ** 50, x: Buffer.alloc(0), t: txns };
    assert.ok(encodeEnvelope({ ...parts, txns }).equals(encoder.encode(whole)), `${length} bytes`);
  }
});

/** An envelope with an effect of every kind, sent by somebody who has seen the txns of another. */
function variedEnvelope(): { before: Uint8Array[]; bytes: Buffer } {
  const [a, b] = [0, 1].map(makeReplica);
  txn(b, (db) => {
    db.strings.addInteger(s('counter'), 7);
    db.hashes.addInteger(s('hash'), s('n'), -5);
    db.hashes.set(s('hash'), s('f'), s('v'), START_MS + 5000);
    db.strings.write(s('old'), s('v'), START_MS + 3);
  });
  syncAll([a, b]);
  const rest = new Decimal(25n, 2);
  txn(a, (db) => {
    db.strings.addInteger(s('counter'), 2n ** 60n);
    db.strings.addDecimal(s('float'), rest);
    db.strings.addDecimal(s('float'), rest);
    db.strings.write(s('counter'), s('1'), START_MS + 9000);
    db.hashes.addInteger(s('hash'), s('n'), 3);
    db.hashes.addDecimal(s('hash'), s('n'), rest);
    db.hashes.expireAt(s('hash'), s('n'), START_MS + 700);
    db.hashes.persist(s('hash'), s('f'));
    db.hashes.remove(s('hash'), s('f'));
    db.expireAt(s('hash'), START_MS + 800);
    db.sets.add(s('set'), s('m'));
    db.sets.remove(s('set'), s('m'));
    db.sets.add(s('set'), s('other'));
    db.remove(s('float'));
  });
  txn(a, () => {
    const [, second] = a.engine.databases;
    second.strings.write(s('k'), s('v'), NO_DEADLINE);
    second.clear();
  });
  a.engine.seal();
  return { before: b.sealed.map((each) => each.bytes), bytes: Buffer.from(a.sealed[a.sealed.length - 1].bytes) };
}

const VARIED = variedEnvelope();

function receiver(): Replica {
  const replica = makeReplica(5);
  for (const bytes of VARIED.before) assert.is(replica.engine.receive(bytes).kind, 'applied');
  return replica;
}

/** Everything that reads the whole state: none of it may fail, whatever was received. */
function assertReadable(replica: Replica): void {
  const { engine } = replica;
  contents(replica.db);
  engine.digest();
  const pages: Uint8Array[] = [];
  for (let cursor = 0; ; ) {
    const page = engine.exportState(cursor, 1000);
    pages.push(page.bytes);
    cursor = page.next;
    if (cursor === 0) break;
  }
  const copy = makeReplica(6);
  copy.engine.importState(pages);
  engine.drainDirty(Number.POSITIVE_INFINITY, () => {});
  for (const key of ['counter', 'float', 'hash', 'set', 'old']) engine.inspect(0, s(key));
  engine.setNow(engine.now + 100_000);
  engine.setStability('alone', 0);
  engine.collect(100);
  txn(replica, (db) => {
    db.strings.addInteger(s('counter'), 1);
    db.clear();
  });
  contents(replica.db);
}

test('the envelope that the tests spoil is a good one', () => {
  const replica = receiver();
  assert.equal(replica.engine.receive(VARIED.bytes), { kind: 'applied', txns: 2 });
  assertReadable(replica);
});

test('an envelope cut at any byte is refused, and nothing of it is applied', () => {
  const replica = receiver();
  const before = replica.engine.digest();
  for (let length = 0; length < VARIED.bytes.length; length++) {
    const received = replica.engine.receive(VARIED.bytes.subarray(0, length));
    assert.is(received.kind, 'malformed', `${length} bytes`);
    assert.is(replica.engine.digest(), before);
  }
  assert.is(replica.engine.receive(VARIED.bytes).kind, 'applied');
});

function assertSurvives(bytes: Buffer): void {
  const replica = receiver();
  const before = replica.engine.digest();
  const received = replica.engine.receive(bytes);
  if (received.kind !== 'applied') assert.is(replica.engine.digest(), before);
  assertReadable(replica);
}

test('one byte changed to any of a few values, anywhere, is refused or taken, and the state stays readable', () => {
  for (let at = 0; at < VARIED.bytes.length; at++) {
    for (const value of [0, 1, 0x7f, 0x80, 0xff, VARIED.bytes[at] ^ 0x40, VARIED.bytes[at] + 1]) {
      const spoiled = Buffer.from(VARIED.bytes);
      spoiled[at] = value;
      assertSurvives(spoiled);
    }
  }
});

const edit = fc.record({
  kind: fc.constantFrom('change' as const, 'insert' as const, 'remove' as const),
  at: fc.nat(100_000),
  value: fc.oneof(fc.nat(255), fc.constantFrom(0, 0x7f, 0x80, 0xff)),
});

function spoil(
  bytes: Buffer,
  edits: readonly { kind: 'change' | 'insert' | 'remove'; at: number; value: number }[],
): Buffer {
  let spoiled = Buffer.from(bytes);
  for (const { kind, at, value } of edits) {
    const place = at % spoiled.length;
    if (kind === 'change') spoiled[place] = value;
    else if (kind === 'insert')
      spoiled = Buffer.concat([spoiled.subarray(0, place), Buffer.from([value]), spoiled.subarray(place)]);
    else if (spoiled.length > 1) spoiled = Buffer.concat([spoiled.subarray(0, place), spoiled.subarray(place + 1)]);
  }
  return spoiled;
}

test('bytes changed, inserted and removed anywhere: refused or taken, and the state stays readable', () => {
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => assertSurvives(spoil(VARIED.bytes, edits))),
    { numRuns: RUNS },
  );
});

test('spoiled txns in a sound frame: refused or taken, and the state stays readable', () => {
  const sound = decodeEnvelope(VARIED.bytes);
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) =>
      assertSurvives(encodeEnvelope({ ...sound, txns: spoil(sound.txns, edits) })),
    ),
    { numRuns: 4 * RUNS },
  );
});

test('stamps before the beginning of time are refused, wherever an effect names one', () => {
  const sound = decodeEnvelope(VARIED.bytes);
  const age = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
  const effects = {
    'addition to a string': [3, 1, 0x6b, ...age, 4, 4],
    'addition to a field': [7, 1, 0x6b, 1, 0x66, ...age, 4, 4],
    'scope of a time to live': [2, 1, 0x6b, 1, 0x76, 0x85, 5, 1, 0, ...age],
    'scope of a time to live of a field': [6, 1, 0x6b, 1, 0x66, 1, 0x76, 0x89, 1, 0x66, 5, 1, 0, ...age],
    'frame of a cancelled addition': [0x42, 1, 0x6b, 1, 0, ...age, 0, 4, 1, 0x76],
    'stamp of a cancelled addition': [0x42, 1, 0x6b, 1, 0, 0, ...age, 4, 1, 0x76],
    'values that expired': [13, 1, 0x6b, 1, 0, ...age],
  };
  for (const [name, bytes] of Object.entries(effects)) {
    const envelope = encodeEnvelope({ ...sound, count: 1, txns: Buffer.from([0, ...bytes, 0]) });
    assert.is(receiver().engine.receive(envelope).kind, 'malformed', name);
    assertSurvives(envelope);
  }
});

test('bytes at random are no envelope', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      assert.is(makeReplica(0).engine.receive(bytes).kind, 'malformed');
    }),
    { numRuns: RUNS },
  );
});

test('a claim of more than the bytes can hold is refused before memory is taken for it', () => {
  const sound = decodeEnvelope(VARIED.bytes);
  const huge = Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]);
  for (const op of [2, 3, 4, 5, 6, 8, 10, 0x42, 0x44]) {
    const txns = Buffer.concat([Buffer.from([0, op]), huge, huge, huge]);
    const received = receiver().engine.receive(encodeEnvelope({ ...sound, count: 1, txns }));
    assert.is(received.kind, 'malformed', `effect ${op}`);
  }
  // CBOR heads of an array, a map and a byte string of 2^44 items
  for (const head of [0x9b, 0xbb, 0x5b]) {
    const bytes = Buffer.from([head, 0, 0, 0x10, 0, 0, 0, 0, 0]);
    assert.throws(
      () => decodeEnvelope(bytes),
      (error: unknown) => error instanceof MalformedError,
    );
  }
});

test('what random histories send is read back by whoever has nothing', () => {
  fc.assert(
    fc.property(steps(2, 40), (plan) => {
      const replicas = [0, 1].map(makeReplica);
      for (const step of plan) perform(replicas, step);
      syncAll(replicas);
      for (const { sealed } of replicas) {
        for (const { replica, first, last, bytes } of sealed) {
          const decoded = decodeEnvelope(bytes);
          assert.equal([decoded.replica, decoded.first, decoded.count], [replica, first, last - first + 1]);
        }
      }
    }),
    { numRuns: 50 },
  );
});

test.run();
