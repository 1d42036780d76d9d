/** What an observer of all keys is told: by txns of our own, of other replicas, by expiry and by state transfers. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  createEngine,
  type Engine,
  type KeyObserver,
  KeyType,
  type RemoteChange,
  Slice,
} from '../../src/core/index.ts';
import { contents, makeReplica, type Replica, syncAll } from './cluster.ts';
import { perform, steps } from './operations.ts';

const RUNS = Number(process.env.PROPERTY_RUNS ?? 300);
const START_MS = Date.UTC(2026, 0, 1);

function newEngine(replica: string): Engine {
  const engine = createEngine({ replica, hashSeed: 3 });
  engine.setNow(START_MS);
  return engine;
}

/** Notes down what it is told, as short lines; `changes`: what was told of remote txns. */
class Notes implements KeyObserver {
  readonly lines: string[] = [];
  readonly changes: RemoteChange[] = [];

  changed(database: number, key: Slice): void {
    this.lines.push(`changed ${database}:${key.latin1()}`);
  }

  applied(change: RemoteChange): void {
    this.changes.push(change);
  }

  cleared(database: number): void {
    this.lines.push(`cleared ${database}`);
  }

  /** And forgets it. */
  take(): string[] {
    const remote = this.changes.map(
      ({ database, key, effects, before, after }) =>
        `${database}:${key.toString()} ${effects.join(' ')} ${before.type}-${after.type}`,
    );
    this.changes.length = 0;
    return [...this.lines.splice(0), ...remote];
  }
}

function pair() {
  const [here, there] = [newEngine('00000000000000a1'), newEngine('00000000000000b2')];
  const notes = new Notes();
  here.observe(notes);
  /** One txn of the other replica, as it arrives here. */
  const remotely = (work: (engine: Engine) => void): string[] => {
    there.begin();
    work(there);
    there.commit();
    const envelope = there.seal();
    if (envelope !== null) assert.is(here.receive(envelope.bytes).kind, 'applied');
    return notes.take();
  };
  return { here, there, notes, remotely };
}

const key = Slice.of('k');
const STRING = KeyType.string;

test('changes of our own are told key by key, within the txn', () => {
  const { here, notes } = pair();
  here.begin();
  here.databases[2].strings.write(key, Slice.of('v'), -1);
  assert.equal(notes.take(), ['changed 2:k']);
  here.databases[2].sets.add(Slice.of('s'), Slice.of('m'));
  here.databases[2].sets.add(Slice.of('s'), Slice.of('m'));
  here.commit();
  assert.equal(notes.take(), ['changed 2:s'], 'a member that is there already is no change');
});

test('of a remote txn each key is told once, with its kinds of effects, before and after', () => {
  const { remotely } = pair();
  assert.equal(
    remotely((engine) => {
      engine.databases[0].strings.write(key, Slice.of('v'), START_MS + 1000);
      engine.databases[0].strings.addInteger(Slice.of('n'), 1);
      engine.databases[0].strings.write(key, Slice.of('w'), -1);
    }),
    [`0:k stringAssign keyExpire 0-${STRING}`, `0:n stringAdd 0-${STRING}`],
  );
  assert.equal(
    remotely((engine) => engine.databases[0].remove(key)),
    [`0:k keyClear ${STRING}-0`],
  );
});

test('what a remote txn does in vain is not told', () => {
  const { here, remotely, notes, there } = pair();
  remotely((engine) => engine.databases[0].sets.add(key, Slice.of('m')));
  assert.equal(
    remotely((engine) => engine.databases[0].sets.add(key, Slice.of('m'))),
    [],
  );
  // both remove it: the second finds nothing
  here.begin();
  here.databases[0].remove(key);
  here.commit();
  notes.take();
  there.begin();
  there.databases[0].remove(key);
  there.commit();
  const envelope = there.seal();
  assert.is(envelope === null ? 'none' : here.receive(envelope.bytes).kind, 'applied');
  assert.equal(notes.take(), []);
});

test('a key whose time had come says so, by the clock of who removed it', () => {
  const { there, remotely, notes } = pair();
  remotely((engine) => engine.databases[0].strings.write(key, Slice.of('v'), START_MS + 10));
  there.setNow(START_MS + 20);
  there.begin();
  there.databases[0].typeOf(key);
  there.commit();
  const changes: RemoteChange[] = [];
  notes.applied = (change) => changes.push(change);
  remotely(() => {});
  assert.equal(
    changes.map(({ before, after }) => [before.expired, after.type]),
    [[true, KeyType.none]],
  );
});

test('FLUSHDB elsewhere is told as a whole', () => {
  const { remotely } = pair();
  remotely((engine) => engine.databases[1].strings.write(key, Slice.of('v'), -1));
  assert.equal(
    remotely((engine) => engine.databases[1].clear()),
    ['cleared 1'],
  );
});

test('a state transfer tells the keys that it has changed', () => {
  const { here, there, notes } = pair();
  there.begin();
  there.databases[0].strings.write(key, Slice.of('v'), -1);
  there.commit();
  const { bytes } = there.exportState(0, 1 << 20);
  here.importState([bytes]);
  assert.ok(notes.take().includes('changed 0:k'));
});

/** What a cache would have to forget. */
class Told implements KeyObserver {
  readonly keys = new Set<string>();
  readonly after = new Map<string, RemoteChange>();
  isAll = false;

  changed(_database: number, key: Slice): void {
    this.keys.add(key.latin1());
    this.after.delete(key.latin1());
  }

  applied(change: RemoteChange): void {
    this.keys.add(change.key.toString('latin1'));
    this.after.set(change.key.toString('latin1'), change);
  }

  cleared(): void {
    this.isAll = true;
  }
}

/** Does something to replicas, and checks that of each key which shows otherwise since then the replica's observer was told. */
function assertTold(replicas: readonly Replica[], work: () => void): void {
  const before = replicas.map(({ db }) => contents(db));
  const told = replicas.map(({ engine }) => {
    const observer = new Told();
    engine.observe(observer);
    return observer;
  });
  work();
  for (const [at, { db }] of replicas.entries()) {
    const now = contents(db);
    for (const name of new Set([...Object.keys(before[at]), ...Object.keys(now)])) {
      const isSame = JSON.stringify(before[at][name]) === JSON.stringify(now[name]);
      assert.ok(isSame || told[at].isAll || told[at].keys.has(name), `replica ${at} does not tell of ${name}`);
    }
    for (const [name, { after }] of told[at].after) {
      if (!told[at].isAll && !after.expired)
        assert.is(after.type, db.peekType(Slice.of(name)), `what shows under ${name}`);
    }
  }
}

test('whatever txns are made, and in whatever order they arrive, no change of what shows goes untold', () => {
  fc.assert(
    fc.property(steps(3, 60), (plan) => {
      const replicas = [0, 1, 2].map(makeReplica);
      for (const step of plan) {
        // what time hides is no change yet
        if (step.step === 'tick') perform(replicas, step);
        else assertTold(replicas, () => perform(replicas, step));
      }
      assertTold(replicas, () => syncAll(replicas));
    }),
    { numRuns: RUNS },
  );
});

test('nor does a change by a state transfer, or by expiry', () => {
  fc.assert(
    fc.property(steps(2, 40), (plan) => {
      const replicas = [0, 1].map(makeReplica);
      for (const step of plan) perform(replicas, step);
      const [a, b] = replicas;
      for (const { engine } of replicas) engine.seal();
      const { bytes } = b.engine.exportState(0, 1 << 20);
      assertTold(replicas, () => a.engine.importState([bytes]));
      a.engine.setStability('alone', Number.POSITIVE_INFINITY);
      const before = a.engine.statistics.expiredKeys;
      a.engine.setNow(a.engine.now + 10_000);
      const observer = new Told();
      a.engine.observe(observer);
      while (a.engine.collect(100) > 0);
      assert.ok(observer.keys.size >= a.engine.statistics.expiredKeys - before);
    }),
    { numRuns: RUNS },
  );
});

test('who observes no more is told nothing, and remote txns apply as before', () => {
  const { here, remotely } = pair();
  here.observe(null);
  assert.equal(
    remotely((engine) => engine.databases[0].strings.write(key, Slice.of('v'), -1)),
    [],
  );
  assert.is(here.databases[0].peekType(key), STRING);
});

test.run();
