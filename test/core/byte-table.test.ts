/** The byte table against a Map, with colliding keys, growth and shrinking, and walks while it changes. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Arena } from '../../src/core/arena.ts';
import { ByteTable } from '../../src/core/byte-table.ts';
import { tableHash } from '../../src/core/hash.ts';
import { Slice } from '../../src/core/slice.ts';
import { State } from '../../src/core/state.ts';
import { Random } from '../simulation/random.ts';

const WALK_END = 2 ** 32;
const SEED = 42;

const slice = new Slice();

function find(table: ByteTable, key: string): number {
  const bytes = Buffer.from(key, 'latin1');
  return table.find(bytes, 0, bytes.length);
}

function put(table: ByteTable, key: string, value: string): void {
  const bytes = Buffer.from(key, 'latin1');
  const payload = Buffer.from(value, 'latin1');
  let at = find(table, key);
  if (at < 0) at = table.insert(bytes, 0, bytes.length, payload.length);
  else table.resizePayload(at, payload.length);
  table.writePayload(table.referenceAt(at), payload, 0, payload.length);
}

function contentsOf(table: ByteTable): [string, string][] {
  const all: [string, string][] = [];
  for (let at = 0; at < table.positions; at++) {
    const reference = table.referenceAt(at);
    if (reference === 0) continue;
    const key = table.fillKey(reference, slice).latin1();
    all.push([key, table.fillPayload(reference, slice).latin1()]);
  }
  return all.sort();
}

/** Keys whose hashes begin with the same bits, so that they all want the same place: the last one. */
function crowdedKeys(count: number, bits: number): string[] {
  const keys: string[] = [];
  for (let i = 0; keys.length < count; i++) {
    const bytes = Buffer.from(`key ${i}`);
    if (tableHash(bytes, 0, bytes.length, SEED) >>> (32 - bits) === (1 << bits) - 1) keys.push(`key ${i}`);
  }
  return keys;
}

const CROWDED = crowdedKeys(40, 9);
const key = fc.oneof(
  fc.constantFrom(...CROWDED),
  fc.integer({ min: 0, max: 200 }).map((i) => `k${i}`),
  fc.constantFrom('', '\0', '\0\0', 'x'.repeat(100)),
);
const operation = fc.record({
  kind: fc.constantFrom('put' as const, 'put' as const, 'remove' as const, 'shrink' as const),
  key,
  value: fc.oneof(fc.constantFrom('', 'v', 'w'.repeat(60)), fc.string({ maxLength: 30 })),
});

test('it holds what a Map holds', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 400, size: 'max' }), (operations) => {
      const arena = new Arena();
      const table = new ByteTable(arena, SEED);
      const model = new Map<string, string>();
      for (const { kind, key, value } of operations) {
        const text = Buffer.from(value).toString('latin1');
        if (kind === 'put') {
          put(table, key, text);
          model.set(key, text);
        } else if (kind === 'remove') {
          const at = find(table, key);
          assert.is(at >= 0, model.delete(key));
          if (at >= 0) table.removeAt(at);
        } else table.shrink();
        assert.is(table.count, model.size);
      }
      assert.equal(contentsOf(table), [...model].sort());
      for (const each of model.keys()) assert.ok(find(table, each) >= 0, each);
      table.clear();
      assert.is(table.count, 0);
      assert.is(arena.usedBytes, 0);
    }),
    { numRuns: 150 },
  );
});

test('a large table grows while it is used: nothing is lost, found twice, or passed over by a walk', () => {
  for (const seed of [1, 2, 3]) {
    const random = new Random(seed);
    const table = new ByteTable(new Arena(), SEED);
    const model = new Map<string, string>();
    let cursor = 0;
    const stays = new Set<string>();
    const walked = new Set<string>();
    for (let i = 0; i < 60_000; i++) {
      const name = `key ${random.below(i + 1)}`;
      if (random.chance(0.8)) {
        put(table, name, `${i}`);
        model.set(name, `${i}`);
      } else {
        const at = find(table, name);
        assert.is(at >= 0, model.delete(name));
        if (at >= 0) table.removeAt(at);
        stays.delete(name);
      }
      assert.is(table.count, model.size);
      if (i % 50 !== 0) continue;
      // what is there from the beginning of a walk to its end is visited, and nothing twice but what has come again
      if (cursor === 0) for (const each of model.keys()) stays.add(each);
      cursor = table.walk(cursor, 200, (at) => walked.add(table.fillKey(table.referenceAt(at), slice).latin1()));
      if (cursor < WALK_END) continue;
      for (const each of stays) assert.ok(walked.has(each), each);
      cursor = 0;
      stays.clear();
      walked.clear();
    }
    assert.equal(contentsOf(table), [...model].sort());
    for (const [each, value] of model) {
      const reference = table.referenceAt(find(table, each));
      assert.is(table.fillPayload(reference, slice).latin1(), value);
    }
    table.clear();
    assert.is(table.arena.usedBytes, 0);
  }
});

test('keys that all want the last place are found, removed and walked', () => {
  const table = new ByteTable(new Arena(), SEED);
  const keys = crowdedKeys(300, 9);
  for (const each of keys) put(table, each, each);
  for (const each of keys) assert.ok(find(table, each) >= 0);
  const walked = new Set<string>();
  assert.is(
    table.walk(0, 10, (at) => walked.add(table.fillKey(table.referenceAt(at), slice).latin1())),
    WALK_END,
  );
  assert.is(walked.size, keys.length);
  for (const each of keys) table.removeAt(find(table, each));
  assert.is(table.count, 0);
  for (const each of keys) assert.is(find(table, each), -1);
});

test('a table that is filled in the order of another one stays spread', () => {
  const state = new State(SEED);
  const [from, to] = [state.newTable(), state.newTable()];
  for (let i = 0; i < 20_000; i++) put(from, `member ${i}`, '');
  let clusterMax = 0;
  let last = 0;
  from.walk(0, Number.POSITIVE_INFINITY, (at) => {
    put(to, from.fillKey(from.referenceAt(at), slice).latin1(), '');
    if (to.count % 500 > 0) return;
    for (let place = 0; place < to.positions; place++) {
      if (to.referenceAt(place) === 0) last = place;
      clusterMax = Math.max(clusterMax, place - last);
    }
    last = 0;
  });
  assert.is(to.count, 20_000);
  assert.ok(clusterMax < 500, `a cluster of ${clusterMax}`);
});

test('the header of an entry survives changes of its payload', () => {
  const table = new ByteTable(new Arena(), SEED);
  put(table, 'key', '');
  for (const length of [0, 1, 40, 41, 500, 5000, 100_000, 3, 0]) {
    const reference = table.referenceAt(find(table, 'key'));
    table.setStamp(reference, 1e15 + length);
    table.setReplica(reference, 65535);
    table.setKind(reference, 3);
    table.setFlags(reference, 255);
    table.setSlot(reference, 16383);
    table.setUse(reference, 200_000);
    const at = find(table, 'key');
    table.resizePayload(at, length);
    const moved = table.referenceAt(at);
    assert.is(table.stamp(moved), 1e15 + length);
    assert.equal([table.replica(moved), table.kind(moved), table.flags(moved)], [65535, 3, 255]);
    assert.equal([table.slot(moved), table.use(moved)], [16383, 200_000]);
    assert.is(table.payloadLength(moved), length);
    assert.is(table.fillKey(moved, slice).latin1(), 'key');
  }
});

test('a walk in steps of any size, while the table grows and shrinks, meets every entry that stays', () => {
  const change = fc.record({
    add: fc.nat(60),
    remove: fc.nat(60),
    shrink: fc.boolean(),
    count: fc.integer({ min: 1, max: 20 }),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 150 }),
      fc.array(change, { maxLength: 40, size: 'max' }),
      (staying, changes) => {
        const table = new ByteTable(new Arena(), SEED);
        for (let i = 0; i < staying; i++) put(table, `staying ${i}`, '');
        for (const each of CROWDED) put(table, each, '');
        const seen = new Set<string>();
        let cursor = 0;
        let added = 0;
        let removed = 0;
        for (let step = 0; cursor < WALK_END; step++) {
          const { add, remove, shrink, count } = changes[step] ?? { add: 0, remove: 0, shrink: false, count: 5 };
          const next = table.walk(cursor, count, (at) =>
            seen.add(table.fillKey(table.referenceAt(at), slice).latin1()),
          );
          assert.ok(next > cursor, 'every step gets on');
          cursor = next;
          for (let i = 0; i < add; i++) put(table, `passing ${added++}`, '');
          for (let i = 0; i < remove && removed < added; i++) table.removeAt(find(table, `passing ${removed++}`));
          if (shrink) table.shrink();
        }
        for (let i = 0; i < staying; i++) assert.ok(seen.has(`staying ${i}`), `staying ${i}`);
        for (const each of CROWDED) assert.ok(seen.has(each), each);
      },
    ),
    { numRuns: 150 },
  );
});

test('a walk of a table that does not change meets every entry exactly once', () => {
  fc.assert(
    fc.property(fc.array(key, { maxLength: 300, size: 'max' }), fc.integer({ min: 1, max: 30 }), (keys, count) => {
      const table = new ByteTable(new Arena(), SEED);
      for (const each of keys) put(table, each, '');
      const met: string[] = [];
      for (let cursor = 0; cursor < WALK_END; ) {
        cursor = table.walk(cursor, count, (at) => met.push(table.fillKey(table.referenceAt(at), slice).latin1()));
      }
      assert.equal(met.sort(), [...new Set(keys)].sort());
    }),
    { numRuns: 150 },
  );
});

test('shrinking gives back the index, and grows again', () => {
  const table = new ByteTable(new Arena(), SEED);
  const empty = table.positions;
  for (let i = 0; i < 5000; i++) put(table, `k${i}`, '');
  for (let i = 0; i < 5000; i++) table.removeAt(find(table, `k${i}`));
  table.shrink();
  assert.is(table.positions, empty);
  for (let i = 0; i < 100; i++) put(table, `k${i}`, 'v');
  assert.is(contentsOf(table).length, 100);
});

test.run();
