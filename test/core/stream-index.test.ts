/**
 * Long streams against plain arrays: three replicas add, remove, trim, read for a group and acknowledge, and hear of each
 * other now and then. Ranges, what is pending, and what a group has not got yet must be what an array says, on every one.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { STREAM_ID_MAX, STREAM_ID_MIN, streamIdAfter } from '../../src/core/index.ts';
import { Random } from '../simulation/random.ts';
import { type Replica, s, syncAll, txn } from './cluster.ts';
import { sharing, tick } from './orders.ts';
import { entriesOf, id, idText, pendingOf, streamOf } from './streams.ts';

const SEED = Number(process.env.PROPERTY_SEED ?? Date.now() % 1_000_000_000);
const STEPS = 3000;
const x = s('x');
const g = s('g');

test.before(() => console.log(`seed ${SEED}`));

/** What one replica holds, as arrays, brought up to date by what it does itself. */
class Model {
  readonly replica: Replica;
  entries: string[] = [];
  pending: string[] = [];

  constructor(replica: Replica) {
    this.replica = replica;
    this.adopt();
  }

  /** After it has heard of others. */
  adopt(): void {
    const { db } = this.replica;
    this.entries = entriesOf(db, 'x').map((each) => each.split(' ')[0]);
    this.pending = pendingOf(db, 'x', 'g').map((each) => each.split(' ')[0]);
    streamOf(db, 'x');
  }

  check(): void {
    const { db } = this.replica;
    assert.equal(
      entriesOf(db, 'x').map((each) => each.split(' ')[0]),
      this.entries,
    );
    assert.equal(
      pendingOf(db, 'x', 'g').map((each) => each.split(' ')[0]),
      this.pending,
    );
    streamOf(db, 'x');
  }

  step(random: Random): void {
    const { replica } = this;
    const place = random.below(this.entries.length + 1);
    random.weighted<() => void>([
      [() => this.add(), 10],
      [() => this.remove(this.entries[place]), 2],
      [() => this.trim(random.below(3)), 1],
      [() => this.read(1 + random.below(5), random.pick(['ann', 'bob'])), 4],
      [() => this.acknowledge(random.pick([...this.pending, '0-1'])), 4],
      [() => this.look(place), 2],
      [() => tick([replica], 1), 1],
    ])();
  }

  private add(): void {
    txn(this.replica, ({ streams }) => {
      const next = streams.generateId(x) ?? STREAM_ID_MAX;
      streams.add(x, next, [s('f'), s('v')], 0, 2);
      this.entries.push(idText(next));
    });
  }

  private remove(entry: string | undefined): void {
    if (entry === undefined) return;
    assert.is(
      txn(this.replica, ({ streams }) => streams.remove(x, id(entry))),
      1,
    );
    this.entries.splice(this.entries.indexOf(entry), 1);
  }

  private trim(count: number): void {
    const trimmed = txn(this.replica, ({ streams }) =>
      streams.trimToLength(x, Math.max(0, this.entries.length - count)),
    );
    this.entries.splice(0, trimmed);
  }

  private read(count: number, consumer: string): void {
    const got: string[] = [];
    txn(this.replica, ({ streams }) =>
      streams.readNew(x, g, s(consumer), count, false, (entry) => got.push(idText(entry.id))),
    );
    assert.equal(
      got,
      this.entries.filter((each) => got.includes(each)),
    );
    this.pending = [...this.pending, ...got].sort(byId);
  }

  private acknowledge(entry: string): void {
    const found = this.pending.includes(entry);
    const count = txn(this.replica, ({ streams }) => streams.acknowledge(x, g, id(entry)));
    assert.is(count, found ? 1 : 0);
    this.pending = this.pending.filter((each) => each !== entry);
  }

  /** A range from some place on, both ways. */
  private look(place: number): void {
    const { entries, replica } = this;
    const from = entries[place] === undefined ? STREAM_ID_MAX : id(entries[place]);
    const found: string[] = [];
    const take = ({ id: each }: { id: Parameters<typeof idText>[0] }) => found.push(idText(each)) < 7;
    replica.db.streams.range(x, streamIdAfter(from) ?? from, STREAM_ID_MAX, 1, take);
    assert.equal(found, entries.slice(place + 1, place + 8));
    found.length = 0;
    replica.db.streams.range(x, STREAM_ID_MIN, from, -1, take);
    const reach = entries[place] === undefined ? entries.length : place + 1;
    assert.equal(found, entries.slice(Math.max(0, reach - 7), reach).reverse());
  }
}

function byId(one: string, other: string): number {
  const [a, b] = [id(one), id(other)];
  return Number(a.ms) - Number(b.ms) || Number(a.seq) - Number(b.seq);
}

test('ranges, what is pending and what is new are what arrays say', () => {
  const random = new Random(SEED);
  const replicas = sharing(3, (first) => {
    txn(first, ({ streams }) => {
      streams.create(x);
      streams.createGroup(x, g, STREAM_ID_MIN, null);
    });
  });
  const models = replicas.map((replica) => new Model(replica));
  for (let i = 0; i < STEPS; i++) {
    random.pick(models).step(random);
    if (!random.chance(0.01)) continue;
    for (const model of models) model.check();
    syncAll(replicas);
    for (const model of models) model.adopt();
  }
  syncAll(replicas);
  syncAll(replicas);
  const [first, ...others] = replicas;
  for (const other of others) assert.is(other.engine.digest(), first.engine.digest());
  txn(first, ({ streams }) => streams.readNew(x, g, s('ann'), STEPS, true, () => {}));
  assert.not(first.db.streams.hasNew(x, g));
});

test.run();
