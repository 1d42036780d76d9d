/** Whether a node is alone decides whether adding a member that a set has already needs to be told to anybody. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine, type Engine, NO_DEADLINE, Slice } from '../../src/core/index.ts';
import { actOf, type LinkSince } from '../../src/mesh/forgotten.ts';
import { fileMemory, type MemberMemory, Members, type Report } from '../../src/mesh/members.ts';

const OURS = '00000000000000aa';
const ACT = actOf(1_700_000_000_000, OURS);
const SILENT = { warn: () => {} };
const THEIRS = '00000000000000bb';
const ANOTHER = '00000000000000dd';

function engineWithMember(): Engine {
  const engine = createEngine({ replica: OURS, hashSeed: 1 });
  engine.setNow(Date.now());
  addAgain(engine);
  engine.seal();
  return engine;
}

/** True if it was an effect. */
function addAgain(engine: Engine): boolean {
  engine.begin();
  engine.databases[0].sets.add(Slice.of('tags'), Slice.of('green'));
  return engine.commit();
}

test('alone, adding a present member is no effect', () => {
  const engine = engineWithMember();
  new Members(engine, 'self', null, SILENT).updateStability(engine.now);
  assert.not(addAgain(engine));
});

test('it is one from the moment that another node is heard of, since that one may be removing it', () => {
  const engine = engineWithMember();
  const members = new Members(engine, 'self', null, SILENT);
  members.updateStability(engine.now);
  members.report({
    ...{ peerId: 'peer', replica: THEIRS, vector: [], region: '', zone: '', addresses: [] },
    ...{ clockMs: engine.now, seenMs: engine.now },
  });
  assert.ok(addAgain(engine));
});

test('who has txns of a node that it does not know as a member is not alone', () => {
  const stranger = createEngine({ replica: THEIRS, hashSeed: 1 });
  stranger.setNow(Date.now());
  addAgain(stranger);
  const engine = engineWithMember();
  const members = new Members(engine, 'self', null, SILENT);
  engine.receive(stranger.seal()?.bytes ?? new Uint8Array(0));
  addAgain(engine);
  engine.seal();
  members.updateStability(engine.now);
  assert.ok(addAgain(engine));
});

test('a cancelled counter is kept while its author is known by its txns alone: it may have added more', () => {
  const stranger = createEngine({ replica: THEIRS, hashSeed: 1 });
  stranger.setNow(Date.now());
  stranger.begin();
  stranger.databases[0].strings.addInteger(Slice.of('counter'), 5);
  stranger.commit();
  const engine = engineWithMember();
  const members = new Members(engine, 'self', null, SILENT);
  const third = { ...{ peerId: 'third', replica: '00000000000000cc', region: '', zone: '', addresses: [] } };
  members.report({ ...third, vector: [], clockMs: engine.now, seenMs: engine.now });
  engine.receive(stranger.seal()?.bytes ?? new Uint8Array(0));
  engine.begin();
  engine.databases[0].strings.write(Slice.of('counter'), Slice.of('1'), NO_DEADLINE);
  engine.commit();
  members.report({ ...third, vector: engine.vector(), clockMs: engine.now, seenMs: engine.now });
  members.updateStability(engine.now);
  assert.is(engine.statistics.pendingCollection, 1);
  members.report({
    ...third,
    peerId: 'peer',
    replica: THEIRS,
    vector: engine.vector(),
    clockMs: 0,
    seenMs: engine.now,
  });
  members.updateStability(engine.now);
  assert.is(engine.statistics.pendingCollection, 0);
});

test('a node on a copy of a directory is not alone, and keeps what it cancels: the original may have added more', () => {
  const original = createEngine({ replica: THEIRS, hashSeed: 1 });
  original.setNow(Date.now());
  original.begin();
  original.databases[0].strings.addInteger(Slice.of('counter'), 5);
  original.commit();
  const copy = createEngine({ replica: OURS, hashSeed: 1 });
  copy.setNow(Date.now());
  copy.loadReplicas([THEIRS], [], [THEIRS]);
  copy.receive(original.seal()?.bytes ?? new Uint8Array(0));
  const members = new Members(copy, 'self', null, SILENT);
  members.updateStability(copy.now);
  members.retireFormer(copy.now);
  copy.begin();
  copy.databases[0].strings.write(Slice.of('counter'), Slice.of('1'), NO_DEADLINE);
  copy.commit();
  members.updateStability(copy.now);
  original.begin();
  original.databases[0].strings.addInteger(Slice.of('counter'), 3);
  original.commit();
  // a state from before the cancellation, as a third node may send it
  const { bytes } = original.exportState(0, 1e6);
  copy.importState([bytes], []);
  const shown = new Slice();
  copy.databases[0].strings.read(Slice.of('counter'), shown);
  assert.is(shown.text(), '4');
});

test('and from the moment that one connects of which nothing is known yet', () => {
  const engine = engineWithMember();
  const members = new Members(engine, 'self', null, SILENT);
  members.updateStability(engine.now);
  members.expect();
  assert.ok(addAgain(engine));
});

test('a round of maintenance before its first report does not make it forgotten; its silence does', () => {
  const engine = engineWithMember();
  const members = new Members(engine, 'self', null, SILENT);
  members.expect();
  members.updateStability(engine.now + 1000);
  assert.ok(addAgain(engine));
  members.updateStability(engine.now + 60_000);
  assert.not(addAgain(engine));
});

function reportOf(engine: Engine): Report {
  return {
    ...{ peerId: 'peer', replica: THEIRS, vector: [], region: '', zone: '', addresses: [] },
    ...{ clockMs: engine.now, seenMs: engine.now },
  };
}

test('a new member is on disk as soon as it is known: a crash a moment later does not forget it', () => {
  const engine = engineWithMember();
  const directory = mkdtempSync(join(tmpdir(), 'starling-members-'));
  const file = join(directory, 'members.json');
  new Members(engine, 'self', fileMemory(file), SILENT).report(reportOf(engine));
  assert.equal(
    new Members(engine, 'self', fileMemory(file), SILENT).all().map(({ peerId }) => peerId),
    ['peer'],
  );
  rmSync(directory, { recursive: true });
});

test('a disk that does not take the members is warned of, and the member is known all the same', () => {
  const engine = engineWithMember();
  const warnings: string[] = [];
  const log = { warn: (_: object, message: string) => void warnings.push(message) };
  const members = new Members(
    engine,
    'self',
    fileMemory(join(tmpdir(), 'starling-no-such-directory', 'members.json')),
    log,
  );
  members.report(reportOf(engine));
  assert.equal(warnings, ['cannot remember the members on disk']);
  assert.is(members.all().length, 1);
});

test('when the clock here has been set back, what a member says of itself is taken all the same', () => {
  const engine = engineWithMember();
  const members = new Members(engine, 'self', null, SILENT);
  const place = { peerId: 'peer', replica: THEIRS, region: '', zone: '', addresses: [], clockMs: engine.now };
  const upTo = (number: number) => [{ replica: THEIRS, number, stamp: number }];
  const hour = 3_600_000;
  members.report({ ...place, vector: upTo(1), seenMs: Date.now() + hour });
  members.report({ ...place, vector: upTo(2), seenMs: Date.now() });
  assert.equal(members.get('peer')?.vector, upTo(2));
  // told by others, and older
  members.report({ ...place, vector: upTo(1), seenMs: Date.now() - hour });
  assert.equal(members.get('peer')?.vector, upTo(2));
});

// --- forgetting

const OTHER = '00000000000000cc';

function silent(engine: Engine): Members {
  return new Members(engine, 'self', null, SILENT);
}

/** What others say of the peer, a moment ago. */
function told(engine: Engine, changes: Partial<Report>): Report {
  return { ...reportOf(engine), ...changes };
}

test('a forgotten member is none any more, and what others tell of it under its old replica id changes nothing', () => {
  const engine = engineWithMember();
  const members = silent(engine);
  members.report(reportOf(engine));
  assert.is(members.forget('peer', engine.now), 'peer');
  members.report(told(engine, { seenMs: engine.now + 3_600_000 }));
  assert.equal(members.all(), []);
  assert.ok(members.isFenced(THEIRS));
});

test('it is forgotten by its replica id as well; again is no error, and a stranger is none to forget', () => {
  const engine = engineWithMember();
  const members = silent(engine);
  members.report(reportOf(engine));
  assert.is(members.forget(THEIRS, engine.now), 'peer');
  assert.is(members.forget(THEIRS, engine.now), 'peer');
  assert.is(members.forget('peer', engine.now), 'peer');
  assert.is(members.forget('stranger', engine.now), null);
});

test('under a new replica id it is a member again, and the fence is gone', () => {
  const engine = engineWithMember();
  const members = silent(engine);
  members.report(reportOf(engine));
  members.forget('peer', engine.now);
  members.welcome('peer');
  members.report(told(engine, { replica: OTHER }));
  assert.equal(
    members.all().map(({ replica }) => replica),
    [OTHER],
  );
  assert.equal(members.notes(), []);
});

test('others tell of its return by having heard it later, and sooner if it has seen txns of its old replica', () => {
  const engine = engineWithMember();
  const vector = [{ replica: THEIRS, number: 3, stamp: 30 }];
  const cases: [string, Partial<Report>, boolean][] = [
    ['another replica id, heard just now: perhaps an older one', { replica: OTHER }, false],
    ['another one, taken before it was forgotten', { replica: OTHER, vector }, false],
    ['heard five seconds later', { replica: OTHER, seenMs: engine.now + 5000 }, false],
    ['the same, and it has seen its old txns', { replica: OTHER, vector, seenMs: engine.now + 5000 }, true],
    ['heard a minute later', { replica: OTHER, seenMs: engine.now + 60_000 }, true],
  ];
  for (const [name, changes, isBack] of cases) {
    const members = silent(engine);
    members.report(reportOf(engine));
    members.forget('peer', engine.now);
    members.report(told(engine, changes));
    assert.is(members.all().length, isBack ? 1 : 0, name);
    assert.is(members.notes().length, isBack ? 0 : 1, name);
  }
});

test('who learns from others that a member was forgotten drops it, unless it has come back meanwhile', () => {
  const engine = engineWithMember();
  const note = { peerId: 'peer', replicas: [THEIRS], forgottenMs: engine.now, act: ACT };
  const cases: [string, Partial<Report>, LinkSince, boolean][] = [
    ['known under the replica id of the note', {}, 'none', false],
    ['the same, and connected', {}, 'answering', false],
    ['known under another: perhaps an older one', { replica: OTHER }, 'none', false],
    ['connected under another', { replica: OTHER }, 'answering', true],
  ];
  for (const [name, changes, link, stays] of cases) {
    const members = silent(engine);
    const dropped: string[] = [];
    members.onForgotten = (peerId) => void dropped.push(peerId);
    members.report(told(engine, changes));
    members.learn(note, link);
    members.learn(note, link);
    assert.is(members.all().length, stays ? 1 : 0, name);
    assert.equal(dropped, stays ? [] : ['peer'], name);
  }
});

test('a link that has not answered since, and may be dead, ends no note: it waits until that is clear', () => {
  const engine = engineWithMember();
  const note = { peerId: 'peer', replicas: [THEIRS], forgottenMs: engine.now, act: ACT };
  const members = silent(engine);
  members.report(told(engine, { replica: OTHER }));
  members.learn(note, 'silent');
  assert.is(members.all().length, 1);
  members.learn(note, 'none');
  assert.is(members.all().length, 0);
  assert.ok(members.isFenced(OTHER));
});

test('a note that comes round again later does not grow younger, so that it ends no return', () => {
  const engine = engineWithMember();
  const vector = [{ replica: THEIRS, number: 3, stamp: 30 }];
  const members = silent(engine);
  const note = { peerId: 'peer', replicas: [THEIRS], forgottenMs: engine.now, act: ACT };
  members.learn(note, 'none');
  members.learn({ ...note, forgottenMs: engine.now + 60_000 }, 'none');
  members.learn({ ...note, replicas: [THEIRS, ANOTHER], forgottenMs: engine.now + 120_000 }, 'none');
  assert.is(members.notes()[0].forgottenMs, engine.now);
  members.report(told(engine, { replica: OTHER, vector, seenMs: engine.now + 5000 }));
  assert.is(members.all().length, 1);
});

test('a member that has come back is not dropped by who tells of the same forgetting late, but by the next one', () => {
  const engine = engineWithMember();
  const note = { peerId: 'peer', replicas: [THEIRS], forgottenMs: engine.now, act: actOf(engine.now, OTHER) };
  const late = { ...note, forgottenMs: engine.now + 120_000 };
  const returns: [string, (members: Members) => void][] = [
    ['it has connected', (members) => members.welcome('peer')],
    [
      'others have told of it',
      (members) => members.report(told(engine, { replica: OTHER, seenMs: engine.now + 60_000 })),
    ],
  ];
  for (const [name, comeBack] of returns) {
    const members = silent(engine);
    members.learn(note, 'none');
    comeBack(members);
    members.report(told(engine, { replica: OTHER, seenMs: engine.now + 60_000 }));
    members.learn(late, 'none');
    assert.is(members.all().length, 1, name);
    members.learn({ ...late, act: actOf(engine.now + 120_000, OTHER) }, 'none');
    assert.is(members.all().length, 0, name);
  }
});

test('it is dropped where its new replica id was fenced by who had not heard of its return, and comes back again', () => {
  const engine = engineWithMember();
  const note = { peerId: 'peer', replicas: [THEIRS], forgottenMs: engine.now, act: ACT };
  const members = silent(engine);
  members.learn(note, 'none');
  members.welcome('peer');
  members.report(told(engine, { replica: OTHER }));
  members.learn({ ...note, replicas: [THEIRS, OTHER] }, 'answering');
  assert.ok(members.isFenced(OTHER));
  members.welcome('peer');
  members.report(told(engine, { replica: ANOTHER }));
  assert.is(members.all().length, 1);
});

test('forgetting it once more is later, in whatever order it is heard of', () => {
  const engine = engineWithMember();
  const first = { peerId: 'peer', replicas: [THEIRS], forgottenMs: engine.now, act: actOf(engine.now, OTHER) };
  const later = engine.now + 60_000;
  const second = { peerId: 'peer', replicas: [OTHER], forgottenMs: later, act: actOf(later, ANOTHER) };
  for (const order of [
    [first, second],
    [second, first],
  ]) {
    const members = silent(engine);
    for (const note of order) members.learn(note, 'none');
    assert.is(members.notes()[0].forgottenMs, later);
    assert.ok(members.isFenced(THEIRS) && members.isFenced(OTHER));
  }
});

test('further replica ids of a forgotten one, however many, are not told at once', () => {
  const engine = engineWithMember();
  const members = silent(engine);
  let told = 0;
  members.onForgotten = () => void told++;
  for (let i = 0; i < 40; i++) {
    const replicas = [`${(1000 + (i % 20)).toString(16).padStart(16, '0')}`];
    members.learn({ peerId: 'peer', replicas, forgottenMs: engine.now, act: ACT }, 'none');
  }
  assert.is(told, 1);
});

test('a node that was left alone by forgetting is not alone: the forgotten one may come back with a removal', () => {
  const engine = engineWithMember();
  const members = silent(engine);
  members.report(reportOf(engine));
  members.forget('peer', engine.now);
  assert.ok(addAgain(engine));
});

test('nobody waits for a forgotten member: neither WAIT nor what is stable nor the clock of expiry', () => {
  const engine = engineWithMember();
  const members = silent(engine);
  members.report(told(engine, { vector: engine.vector() }));
  assert.is(members.confirmations(1), 1);
  members.forget('peer', engine.now);
  assert.is(members.confirmations(1), 0);
  addAgain(engine);
  engine.seal();
  members.updateStability(engine.now);
  assert.equal(engine.stable, engine.vector());
});

test('its note and the members survive a restart, and so does a list of members from before there were notes', () => {
  const engine = engineWithMember();
  let text: string | null = null;
  const memory: MemberMemory = { name: 'members', read: () => text, write: (written) => void (text = written) };
  const members = new Members(engine, 'self', memory, SILENT);
  members.report(reportOf(engine));
  members.report(told(engine, { peerId: 'another', replica: OTHER }));
  members.forget('peer', engine.now);
  const again = new Members(engine, 'self', memory, SILENT);
  assert.equal(again.notes(), members.notes());
  assert.equal(
    again.all().map(({ peerId }) => peerId),
    ['another'],
  );
  text = JSON.stringify(again.all());
  assert.is(new Members(engine, 'self', memory, SILENT).all().length, 1);
});

test('notes are bounded: the oldest goes, with a warning', () => {
  const engine = engineWithMember();
  const warnings: string[] = [];
  const members = new Members(engine, 'self', null, { warn: (_, message) => void warnings.push(message) });
  for (let i = 0; i < 300; i++) {
    const replicas = [`00000000000${(1000 + i).toString(16).padStart(5, '0')}`];
    members.learn({ peerId: `peer ${i}`, replicas, forgottenMs: engine.now + i, act: ACT }, 'none');
  }
  assert.is(members.notes().length, 256);
  assert.is(members.notes()[0].peerId, 'peer 44');
  assert.is(warnings.length, 44);
});

test.run();
