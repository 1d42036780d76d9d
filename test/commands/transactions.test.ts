/** MULTI, EXEC, DISCARD, WATCH, UNWATCH: against a real redis-server, then what only Starling has. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createEngine, Slice } from '../../src/core/index.ts';
import { LocalClient } from '../../src/resp/local-client.ts';
import { serve } from '../resp/served.ts';
import { BothServers, differentialTest, hasRedisServer } from './differential.ts';

const SAME_AS_REDIS: Readonly<Record<string, readonly string[]>> = {
  'an empty transaction': ['MULTI', 'EXEC', 'MULTI', 'DISCARD', 'EXEC', 'DISCARD'],
  'commands are queued and run together': [
    'MULTI',
    'SET a 1',
    'INCR a',
    'GET a',
    'APPEND a x',
    'INCR a',
    'EXEC',
    'GET a',
  ],
  'an error while it runs stops nothing': ['SET a x', 'MULTI', 'INCR a', 'SET b 1', 'EXEC', 'GET b'],
  'an unknown command spoils it': ['MULTI', 'NOPE', 'SET a 1', 'EXEC', 'GET a', 'EXEC'],
  'a wrong number of arguments spoils it': ['MULTI', 'SET a', 'SET a 1', 'EXEC', 'GET a'],
  'an unknown sub-command spoils it': ['MULTI', 'CLIENT NOPE', 'EXEC'],
  'what may not be within it': ['MULTI', 'MULTI', 'WATCH a', 'PING', 'EXEC'],
  'EXEC with arguments throws it away': ['MULTI', 'EXEC a', 'EXEC'],
  'EXEC with arguments outside of it': ['EXEC a'],
  'DISCARD with arguments spoils it': ['MULTI', 'DISCARD a', 'EXEC'],
  'DISCARD ends it': ['MULTI', 'SET a 1', 'DISCARD', 'GET a'],
  'SELECT within it holds after it': [
    'SET a 0',
    'MULTI',
    'SELECT 1',
    'SET a 1',
    'EXEC',
    'GET a',
    'DEL a',
    'SELECT 0',
    'GET a',
  ],
  'UNWATCH within it comes too late': ['WATCH a', 'SET a 1', 'MULTI', 'UNWATCH', 'EXEC'],
  'a watched key that changed': ['WATCH a', 'SET a 1', 'MULTI', 'SET b 1', 'EXEC', 'GET b', 'MULTI', 'SET b 2', 'EXEC'],
  'a watched key that stayed': ['SET a 1', 'WATCH a', 'SET b 1', 'MULTI', 'GET a', 'EXEC'],
  'a watched key that was deleted': ['SET a 1', 'WATCH a', 'DEL a', 'MULTI', 'PING', 'EXEC'],
  'a watched key in another database': ['SELECT 1', 'WATCH a', 'SELECT 0', 'SET a 1', 'MULTI', 'PING', 'EXEC'],
  'a watched key and FLUSHDB': ['SET a 1', 'WATCH a', 'FLUSHDB', 'MULTI', 'PING', 'EXEC'],
  'a key that never was and FLUSHDB': ['WATCH never', 'FLUSHDB', 'MULTI', 'PING', 'EXEC'],
  'a watched key that was written without a change': ['SET a 1', 'WATCH a', 'SET a 1', 'MULTI', 'PING', 'EXEC'],
  'UNWATCH forgets': ['WATCH a', 'SET a 1', 'UNWATCH', 'MULTI', 'PING', 'EXEC'],
  'DISCARD forgets watches': ['WATCH a', 'SET a 1', 'MULTI', 'DISCARD', 'MULTI', 'PING', 'EXEC'],
  'WATCH needs a key': ['WATCH', 'WATCH a b c', 'WATCH a', 'UNWATCH x'],
};

let both: BothServers | null = null;

test.before(async () => {
  if (hasRedisServer) both = await BothServers.open();
});

test.after(() => both?.close());

for (const [subject, requests] of Object.entries(SAME_AS_REDIS)) {
  differentialTest(`${subject}: the same bytes as from Redis`, async () => {
    assert.ok(both !== null);
    for (const protocol of [2, 3] as const) {
      await both.answers(['RESET']);
      await both.speak(protocol);
      await both.compareAfresh(requests);
    }
  });
}

test('a change by another client makes EXEC answer nil', async () => {
  const { server } = serve();
  const [one, two] = [new LocalClient(server), new LocalClient(server)];
  await one.run('WATCH', 'k');
  await one.run('MULTI');
  await one.run('SET', 'k', '1');
  await two.run('SET', 'k', '2');
  assert.is(await one.run('EXEC'), null);
  assert.is(await two.run('GET', 'k'), '2');
});

test('a change that comes from another replica makes EXEC answer nil', async () => {
  const { server, engine } = serve();
  const one = new LocalClient(server);
  await one.run('WATCH', 'k');
  const peer = createEngine({ replica: '00000000000000b2', hashSeed: 9 });
  peer.setNow(Date.now());
  peer.begin();
  peer.databases[0].strings.write(Slice.of('k'), Slice.of('remote'), -1);
  peer.commit();
  const envelope = peer.seal();
  assert.is(engine.receive(envelope?.bytes ?? new Uint8Array()).kind, 'applied');
  await one.run('MULTI');
  assert.is(await one.run('PING'), 'QUEUED');
  assert.is(await one.run('EXEC'), null);
});

test('a queued command keeps its arguments while other input passes through', async () => {
  const { server } = serve();
  const one = new LocalClient(server);
  await one.run('MULTI');
  for (let i = 0; i < 50; i++) await one.run('SET', `key-${i}`, `value-${i}`.repeat(100));
  await one.run('EXEC');
  assert.is(await one.run('GET', 'key-0'), 'value-0'.repeat(100));
  assert.is(await one.run('GET', 'key-49'), 'value-49'.repeat(100));
});

test('what one EXEC does arrives elsewhere as a whole', async () => {
  const { server, engine } = serve();
  const one = new LocalClient(server);
  await one.run('MULTI');
  for (const key of ['a', 'b', 'c']) await one.run('SET', key, '1');
  await one.run('EXEC');
  const envelope = engine.seal();
  assert.is(envelope === null ? 0 : envelope.last - envelope.first + 1, 1);
});

test.run();
