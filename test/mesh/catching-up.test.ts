/** What is asked for: also what was refused for a while, though nobody says anything new. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine, type Engine, NO_DEADLINE, Slice } from '../../src/core/index.ts';
import { CatchingUp } from '../../src/mesh/catching-up.ts';
import { FrameType } from '../../src/mesh/frames.ts';
import type { Link } from '../../src/mesh/link.ts';
import { Members } from '../../src/mesh/members.ts';
import { eventually } from '../processes/node-process.ts';

const AUTHOR = '00000000000000bb';
const HOUR_MS = 3_600_000;
const SILENT = { info() {}, warn() {} };

function engineAt(replica: string, nowMs: number): Engine {
  const engine = createEngine({ replica, hashSeed: 1 });
  engine.setNow(nowMs);
  engine.clockSkewMaxMs = 30_000;
  return engine;
}

test('a txn from the future is asked for when its time has come', async () => {
  const now = Date.now();
  const author = engineAt(AUTHOR, now + HOUR_MS);
  author.begin();
  author.databases[0].strings.write(Slice.of('key'), Slice.of('value'), NO_DEADLINE);
  author.commit();
  const engine = engineAt('00000000000000aa', now);
  assert.is(engine.receive(author.seal()?.bytes ?? Buffer.alloc(0)).kind, 'quarantined');

  const members = new Members(engine, 'self', null, SILENT);
  members.report({
    ...{ peerId: 'peer', replica: '00000000000000cc', vector: author.vector(), region: '', zone: '', addresses: [] },
    ...{ clockMs: now, seenMs: now },
  });
  const sent: { type: number; map: Record<string, unknown> }[] = [];
  const link = {
    ...{ peerId: 'peer', ready: true, rttMs: 1 },
    sendMap: (type: number, map: Record<string, unknown>) => sent.push({ type, map }),
  } as unknown as Link;
  const links = new Map([['peer', link]]);
  const catchingUp = new CatchingUp({ engine, members, links, log: SILENT, onMerged() {} });
  catchingUp.pullMissing();
  assert.equal(sent, []);

  engine.setNow(now + HOUR_MS);
  const pulls = async () => {
    catchingUp.pullMissing();
    return sent;
  };
  await eventually('it is asked for', pulls, (frames) => frames.length > 0, 10_000);
  assert.equal(sent, [{ type: FrameType.pull, map: { r: AUTHOR, from: 1, to: 1 } }]);
});

test.run();
