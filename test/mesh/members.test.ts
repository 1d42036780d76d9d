/** Whether a node is alone decides whether adding a member that a set has already needs to be told to anybody. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine, type Engine, Slice } from '../../src/core/index.ts';
import { fileMemory, Members, type Report } from '../../src/mesh/members.ts';

const OURS = '00000000000000aa';
const SILENT = { warn: () => {} };
const THEIRS = '00000000000000bb';

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

test.run();
