/** `maxmemory` and its policies, over one server without disk and mesh. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Slice } from '../../src/core/index.ts';
import { serve } from '../resp/served.ts';
import { talker } from '../resp/talker.ts';
import { BothServers, differentialTest } from './differential.ts';

const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
const VALUE = 'v'.repeat(1000);

type Settings = readonly (readonly [string, string])[];

function started(...settings: Settings) {
  const served = serve([['maxmemory-eviction-tenacity', '100'], ...settings]);
  served.engine.setStability('alone', 0);
  return { ...talker(served), ...served };
}

type Node = ReturnType<typeof started>;

function limitTo({ configuration, engine }: Node, moreBytes: number): void {
  configuration.set([['maxmemory', `${engine.dataBytes + moreBytes}`]]);
}

function keysOf({ engine }: Node, database = 0): string[] {
  const keys: string[] = [];
  engine.databases[database].forEachKey((key) => keys.push(key.latin1()));
  return keys.sort();
}

test('without a policy writes that need room are refused at the limit, and others are not', () => {
  const node = started();
  const { say } = node.open();
  say('SET k v');
  node.configuration.set([['maxmemory', '1']]);
  assert.is(say('SET k v'), OOM);
  assert.is(say('GET k'), '$1\r\nv\r\n');
  assert.is(say('MULTI'), '+OK\r\n');
  assert.is(say('SET k v'), OOM);
  assert.match(say('EXEC'), /^-EXECABORT/);
  assert.is(say('DEL k'), ':1\r\n');
  node.configuration.set([['maxmemory', '0']]);
  assert.is(say('SET k v'), '+OK\r\n');
});

for (const policy of ['allkeys-lru', 'allkeys-lfu', 'allkeys-random']) {
  test(`${policy}: keys go so that others can come, and the limit holds`, () => {
    const node = started(['maxmemory-policy', policy]);
    const { say } = node.open();
    limitTo(node, 50_000);
    const limit = node.configuration.limits.maxMemoryBytes;
    for (let index = 0; index < 200; index++) {
      assert.is(say(`SET key:${index} ${VALUE}`), '+OK\r\n');
      assert.ok(node.engine.dataBytes <= limit + 2000, `${node.engine.dataBytes} of ${limit}`);
    }
    // the last of them has brought it to the limit, or beyond
    say('PING');
    const { length } = keysOf(node);
    assert.ok(length > 20 && length < 60, `${length} keys are left`);
    assert.is(node.services.statistics.evictedKeys, 200 - length);
    assert.match(say('INFO stats'), `evicted_keys:${200 - length}\r\n`);
  });
}

for (const policy of ['volatile-lru', 'volatile-lfu', 'volatile-random', 'volatile-ttl']) {
  test(`${policy}: only keys with a time to live go, and when there are none writes are refused`, () => {
    const node = started(['maxmemory-policy', policy]);
    const { say } = node.open();
    for (let index = 0; index < 10; index++) say(`SET stays:${index} ${VALUE}`, `SET goes:${index} ${VALUE} EX 100`);
    limitTo(node, 0);
    for (let index = 0; index < 8; index++) assert.is(say(`SET new:${index} ${VALUE}`), '+OK\r\n');
    assert.is(keysOf(node).filter((key) => key.startsWith('stays')).length, 10);
    for (let index = 8; index < 20; index++) say(`SET new:${index} ${VALUE}`);
    assert.is(say(`SET more ${VALUE}`), OOM);
    assert.is(keysOf(node).filter((key) => key.startsWith('goes')).length, 0);
    assert.is(keysOf(node).filter((key) => key.startsWith('stays')).length, 10);
  });
}

test('volatile-ttl: what would end first goes first', () => {
  const node = started(['maxmemory-policy', 'volatile-ttl'], ['maxmemory-samples', '50']);
  const { say } = node.open();
  for (let index = 0; index < 10; index++) say(`SET key:${index} ${VALUE} EX ${100 + index}`);
  limitTo(node, -3000);
  say('PING');
  assert.equal(
    keysOf(node),
    [3, 4, 5, 6, 7, 8, 9].map((index) => `key:${index}`),
  );
});

test('allkeys-lru: what was not used for longest goes first', () => {
  const node = started(['maxmemory-policy', 'allkeys-lru'], ['maxmemory-samples', '50']);
  const { say } = node.open();
  for (let index = 0; index < 10; index++) {
    say(`SET key:${index} ${VALUE}`);
    node.engine.databases[0].setUse(Slice.of(`key:${index}`), { idleSeconds: 1000 + index });
  }
  say('GET key:9');
  limitTo(node, -3000);
  say('PING');
  assert.equal(
    keysOf(node),
    [0, 1, 2, 3, 4, 5, 9].map((index) => `key:${index}`),
  );
});

test('keys of all databases go', () => {
  const node = started(['maxmemory-policy', 'allkeys-random']);
  const { say } = node.open();
  say(`SET a ${VALUE}`, 'SELECT 3', `SET b ${VALUE}`);
  node.configuration.set([['maxmemory', '1']]);
  say('PING');
  assert.equal([keysOf(node), keysOf(node, 3)], [[], []]);
});

test('large collections go whole, and counters even while other nodes must still hear that they do', () => {
  const node = started(['maxmemory-policy', 'allkeys-lru']);
  node.engine.setStability([], 0);
  const { say } = node.open();
  limitTo(node, 0);
  for (let index = 0; index < 50; index++)
    say(`SADD set:${index} ${'member '.repeat(20).replace(/r /g, () => `r${Math.random()} `)}`);
  assert.ok(keysOf(node).length <= 1, `${keysOf(node)}`);
  say('FLUSHALL');
  node.configuration.set([['maxmemory', '0']]);
  for (let index = 0; index < 100; index++) say(`INCR counter:${index}`);
  limitTo(node, -1000);
  say('PING');
  // what is left of those that went is remembered for other nodes, and no reason for more to go
  const { length } = keysOf(node);
  assert.ok(length > 60 && length < 100, `${length} are left`);
});

test('an eviction is told as such, and before the reply that it made room for', () => {
  const node = started(['maxmemory-policy', 'allkeys-lru'], ['notify-keyspace-events', 'Ee']);
  const { say } = node.open();
  const listener = node.open();
  listener.say('PSUBSCRIBE *');
  say('HELLO 3', 'CLIENT TRACKING ON', 'SET old v', 'GET old');
  node.configuration.set([['maxmemory', '1']]);
  assert.is(say('PING'), '>2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nold\r\n+PONG\r\n');
  assert.match(listener.talk.heard, '__keyevent@0__:evicted\r\n$3\r\nold\r\n');
});

test('WATCH sees that a key is evicted', () => {
  const node = started(['maxmemory-policy', 'allkeys-lru']);
  const { say } = node.open();
  say('SET k v', 'WATCH k', 'MULTI', 'PING');
  node.configuration.set([['maxmemory', '1']]);
  assert.is(say('EXEC'), '*-1\r\n');
});

test('a script is refused only if nothing can be evicted, and evicts nothing while it runs', () => {
  const node = started(['maxmemory-policy', 'allkeys-lru']);
  const { say } = node.open();
  say('SET k v');
  limitTo(node, -10);
  assert.is(say("EVAL \"redis.call('set','a',1) redis.call('set','b',2) return redis.call('dbsize')\" 0"), ':2\r\n');
  node.configuration.set([['maxmemory', '1']]);
  node.configuration.set([['maxmemory-policy', 'noeviction']]);
  assert.match(say("EVAL \"return redis.call('set','c',1)\" 0"), /^-OOM /);
});

test('while writes are paused nothing is evicted', () => {
  const node = started(['maxmemory-policy', 'allkeys-lru']);
  const { say } = node.open();
  say('SET k v', 'CLIENT PAUSE 100000 WRITE');
  node.configuration.set([['maxmemory', '1']]);
  assert.is(say('GET k'), '$1\r\nv\r\n');
  say('CLIENT UNPAUSE');
  assert.is(say('GET k'), '$-1\r\n');
});

test('OBJECT FREQ and IDLETIME answer where that is kept, and a shared number has neither', () => {
  const node = started();
  const { say } = node.open();
  say('SET k 1');
  assert.is(say('OBJECT IDLETIME k'), ':0\r\n');
  assert.match(say('OBJECT FREQ k'), /^-ERR An LFU maxmemory policy is not selected/);
  say('CONFIG SET maxmemory-policy allkeys-lfu', 'SET k 1');
  assert.match(say('OBJECT IDLETIME k'), /^-ERR An LFU maxmemory policy is selected, idle time not tracked/);
  assert.match(say('OBJECT FREQ k'), /^:[0-9]+\r\n/);
  assert.is(say('OBJECT REFCOUNT k'), ':2147483647\r\n');
  say('CONFIG SET maxmemory 1gb');
  assert.is(say('OBJECT REFCOUNT k'), ':1\r\n');
});

differentialTest('refusals at the limit, and of settings, are worded as in Redis', async () => {
  const both = await BothServers.open();
  try {
    await both.compare([
      ...[
        'SET k 1',
        'OBJECT FREQ k',
        'OBJECT FREQ absent',
        'OBJECT IDLETIME absent',
        'CONFIG SET maxmemory-policy allkeys-lfu',
      ],
      ...[
        'OBJECT IDLETIME k',
        'OBJECT IDLETIME absent',
        'CONFIG SET maxmemory-policy noeviction',
        'CONFIG SET maxmemory 1',
      ],
      ...['SET a b', 'SETRANGE a 0 x', 'INCR n', 'LPUSH l x', 'GET k', 'MULTI', 'SET a b', 'EXEC', 'DEL absent'],
      ...["EVAL \"return redis.call('get','k')\" 0", "EVAL \"return redis.call('del','absent')\" 0"],
      ...['CONFIG SET maxmemory 0', 'CONFIG GET maxmemory-policy', 'CONFIG SET maxmemory-policy nope'],
      ...[
        'CONFIG SET maxmemory-samples 0',
        'CONFIG SET maxmemory-eviction-tenacity 101',
        'CONFIG SET lfu-decay-time -1',
      ],
      ...['CONFIG SET maxmemory-clients 101%', 'CONFIG SET maxmemory-clients -1%', 'CONFIG SET maxmemory-clients 5%'],
      ...['CONFIG GET maxmemory-clients', 'CONFIG SET maxmemory-clients 0', 'CONFIG SET tcp-backlog 3'],
      ...[
        'CONFIG SET tcp-keepalive -1',
        'CONFIG SET active-expire-effort 11',
        'CONFIG SET logfile x',
        'CONFIG SET pidfile x',
      ],
      ...['CLIENT NO-EVICT maybe', 'CLIENT NO-EVICT', 'CLIENT NO-EVICT ON', 'CLIENT NO-EVICT OFF'],
      ...['LATENCY RESET a b', 'LATENCY HISTORY', 'LATENCY GRAPH absent', 'LATENCY DOCTOR x'],
      ...['RESTORE r 0 x IDLETIME -1', 'RESTORE r 0 x FREQ 256', 'RESTORE r 0 x FREQ a', 'RESTORE r 0 x IDLETIME'],
    ]);
  } finally {
    both.close();
  }
});

test.run();
