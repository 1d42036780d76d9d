/** Whether a node is alone decides whether adding a member that a set has already needs to be told to anybody. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine, type Engine, Slice } from '../../src/core/index.ts';
import { Members } from '../../src/mesh/members.ts';

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

test.run();
