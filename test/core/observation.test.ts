/** What an observer of all keys is told: by txns of our own, of other replicas, by expiry and by state transfers. */
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
