/** The two client libraries of the Node world, as they are: written on one node, read on the other. */
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startCluster } from './cluster.ts';
import { converged, eventually, killAll, type NodeProcess } from './node-process.ts';

let nodes: NodeProcess[] = [];
test.before(async () => {
  nodes = await startCluster(2);
});
test.after(() => killAll(nodes));

test('ioredis: strings, hashes, sets, transactions, pipelines, and errors', async () => {
  const a = new Redis(nodes[0].port);
  const b = new Redis(nodes[1].port);
  try {
    assert.is(await a.set('io:k', 'v', 'EX', 100), 'OK');
    assert.is(await a.hset('io:h', { f1: '1', f2: '2' }), 2);
    assert.is(await a.sadd('io:s', 'x', 'y'), 2);
    const results = await a.multi().incr('io:n').incrby('io:n', 4).get('io:n').exec();
    assert.equal(results, [
      [null, 1],
      [null, 5],
      [null, '5'],
    ]);
    const piped = await a.pipeline().set('io:p1', '1').set('io:p2', '2').mget('io:p1', 'io:p2').exec();
    assert.equal(piped?.[2], [null, ['1', '2']]);
    await a.lpush('io:k', 'x').then(
      () => assert.unreachable(),
      (error: Error) => assert.instance(error, Error),
    );
    await converged(nodes);
    assert.is(await b.get('io:k'), 'v');
    const ttl = await b.ttl('io:k');
    assert.ok(ttl > 90 && ttl <= 100);
    assert.equal(await b.hgetall('io:h'), { f1: '1', f2: '2' });
    assert.equal((await b.smembers('io:s')).sort(), ['x', 'y']);
    assert.equal(await b.getBuffer('io:n'), Buffer.from('5'));
  } finally {
    a.disconnect();
    b.disconnect();
  }
});

test('ioredis: WATCH sees a write that came from the other node', async () => {
  const a = new Redis(nodes[0].port);
  const b = new Redis(nodes[1].port);
  try {
    await a.set('io:w', '1');
    await converged(nodes);
    await a.watch('io:w');
    await b.set('io:w', '2');
    await converged(nodes);
    assert.is(await a.multi().set('io:w', '3').exec(), null);
    assert.is(await a.get('io:w'), '2');
  } finally {
    a.disconnect();
    b.disconnect();
  }
});

test('ioredis: sorted sets, positions, and a pop that waits on one node for what the other adds', async () => {
  const a = new Redis(nodes[0].port);
  const b = new Redis(nodes[1].port);
  const waiting = new Redis(nodes[1].port);
  try {
    assert.is(await a.zadd('io:z', '1.5', 'x', '2', 'y'), 2);
    await converged(nodes);
    await Promise.all([a.zincrby('io:z', 1, 'x'), b.zincrby('io:z', 2, 'x')]);
    await a.geoadd('io:g', '13.361389', '38.115556', 'Palermo');
    await converged(nodes);
    assert.equal(await b.zrange('io:z', '0', '-1', 'WITHSCORES'), ['y', '2', 'x', '4.5']);
    assert.equal(await b.geosearch('io:g', 'FROMLONLAT', 13, 38, 'BYRADIUS', 50, 'km'), ['Palermo']);
    const popped = waiting.bzpopmin('io:queue', 20);
    await eventually(
      'the client waits',
      () => b.info('clients'),
      (info) => info.includes('blocked_clients:1'),
    );
    await a.zadd('io:queue', 7, 'job');
    assert.equal(await popped, ['io:queue', 'job', '7']);
    await converged(nodes);
    assert.is(await a.exists('io:queue'), 0);
  } finally {
    for (const client of [a, b, waiting]) client.disconnect();
  }
});

test('ioredis: lists, and a pop that waits on one node for what the other pushes', async () => {
  const a = new Redis(nodes[0].port);
  const b = new Redis(nodes[1].port);
  const waiting = new Redis(nodes[1].port);
  try {
    assert.is(await a.rpush('io:l', 'x', 'y'), 2);
    await converged(nodes);
    await a.rpush('io:l', 'a1', 'a2');
    await b.lpush('io:l', 'b');
    await b.lset('io:l', 1, 'X');
    await converged(nodes);
    for (const node of [a, b]) assert.equal(await node.lrange('io:l', 0, -1), ['b', 'X', 'y', 'a1', 'a2']);
    const popped = waiting.blpop('io:jobs', 20);
    await eventually(
      'the client waits',
      () => b.info('clients'),
      (info) => info.includes('blocked_clients:1'),
    );
    await a.rpush('io:jobs', 'job');
    assert.equal(await popped, ['io:jobs', 'job']);
    await converged(nodes);
    assert.is(await a.exists('io:jobs'), 0);
  } finally {
    for (const client of [a, b, waiting]) client.disconnect();
  }
});

test('ioredis: streams, and a worker that waits on one node for what the other adds', async () => {
  const a = new Redis(nodes[0].port);
  const b = new Redis(nodes[1].port);
  const waiting = new Redis(nodes[1].port);
  try {
    const id = (await a.xadd('io:x', 'MAXLEN', '~', 1000, '*', 'f', 'v', 'g', 'w')) ?? '';
    assert.match(id, /^\d+-\d+$/);
    assert.is(await a.xgroup('CREATE', 'io:x', 'workers', '0'), 'OK');
    await converged(nodes);
    assert.equal(await b.xrange('io:x', '-', '+', 'COUNT', 10), [[id, ['f', 'v', 'g', 'w']]]);
    assert.equal(await b.xreadgroup('GROUP', 'workers', 'c', 'COUNT', 5, 'STREAMS', 'io:x', '>'), [
      ['io:x', [[id, ['f', 'v', 'g', 'w']]]],
    ]);
    assert.is(await b.xack('io:x', 'workers', id), 1);
    const got = waiting.xreadgroup('GROUP', 'workers', 'd', 'BLOCK', 20_000, 'STREAMS', 'io:x', '>');
    await eventually(
      'the client waits',
      () => b.info('clients'),
      (info) => info.includes('blocked_clients:1'),
    );
    const next = await a.xadd('io:x', '*', 'f', 'w');
    assert.equal(await got, [['io:x', [[next, ['f', 'w']]]]]);
    await converged(nodes);
    const claimed = await a.xautoclaim('io:x', 'workers', 'e', 0, '0', 'COUNT', 10, 'JUSTID');
    assert.equal(claimed, ['0-0', [next], []]);
  } finally {
    for (const client of [a, b, waiting]) client.disconnect();
  }
});

for (const protocol of [2, 3] as const) {
  test(`node-redis over RESP${protocol}: strings, hashes, sets, transactions`, async () => {
    const a = createClient({ url: `redis://127.0.0.1:${nodes[0].port}`, RESP: protocol });
    const b = createClient({ url: `redis://127.0.0.1:${nodes[1].port}`, RESP: protocol });
    const failed = (error: Error): void => console.log(error);
    a.on('error', failed);
    b.on('error', failed);
    await Promise.all([a.connect(), b.connect()]);
    try {
      const p = `nr${protocol}`;
      assert.is(await a.set(`${p}:k`, 'v', { expiration: { type: 'EX', value: 100 } }), 'OK');
      assert.is(await a.hSet(`${p}:h`, { f1: '1', f2: '2' }), 2);
      assert.is(await a.sAdd(`${p}:s`, ['x', 'y']), 2);
      assert.is(await a.zAdd(`${p}:z`, { score: 1.5, value: 'x' }), 1);
      assert.is(await a.zIncrBy(`${p}:z`, 2, 'x'), 3.5);
      assert.equal(await a.multi().incr(`${p}:n`).incrBy(`${p}:n`, 4).get(`${p}:n`).exec(), [1, 5, '5']);
      await converged(nodes);
      assert.is(await b.get(`${p}:k`), 'v');
      assert.equal({ ...(await b.hGetAll(`${p}:h`)) }, { f1: '1', f2: '2' });
      assert.equal(await b.zRangeWithScores(`${p}:z`, 0, -1), [{ score: 3.5, value: 'x' }]);
      assert.equal([...(await b.sMembers(`${p}:s`))].sort(), ['x', 'y']);
      assert.is(await b.get(`${p}:n`), '5');
      const found: string[] = [];
      for await (const keys of b.scanIterator({ MATCH: `${p}:*` })) found.push(...keys);
      assert.equal(found.sort(), [`${p}:h`, `${p}:k`, `${p}:n`, `${p}:s`, `${p}:z`]);
    } finally {
      a.destroy();
      b.destroy();
    }
  });
}

for (const protocol of [2, 3] as const) {
  test(`node-redis over RESP${protocol}: streams, groups, claims, and what is told of them`, async () => {
    const a = createClient({ url: `redis://127.0.0.1:${nodes[0].port}`, RESP: protocol });
    const b = createClient({ url: `redis://127.0.0.1:${nodes[1].port}`, RESP: protocol });
    const waiting = b.duplicate();
    await Promise.all([a.connect(), b.connect(), waiting.connect()]);
    try {
      const key = `nr${protocol}:x`;
      assert.is(await a.xGroupCreate(key, 'g', '$', { MKSTREAM: true }), 'OK');
      const id = await a.xAdd(key, '*', { f: 'v' });
      await converged(nodes);
      assert.equal(plain(await b.xRange(key, '-', '+')), [{ id, message: { f: 'v' } }]);
      const read = await b.xReadGroup('g', 'c', { key, id: '>' }, { COUNT: 1 });
      assert.equal(plain(read), [{ name: key, messages: [{ id, message: { f: 'v' } }] }]);
      const got = waiting.xRead({ key, id: '$' }, { BLOCK: 20_000 });
      await eventually(
        'the client waits',
        () => b.info('clients'),
        (info) => info.includes('blocked_clients:1'),
      );
      const next = await a.xAdd(
        key,
        '*',
        { f: 'w' },
        { TRIM: { strategy: 'MAXLEN', strategyModifier: '~', threshold: 99 } },
      );
      assert.equal(plain(await got), [{ name: key, messages: [{ id: next, message: { f: 'w' } }] }]);
      await converged(nodes);
      const [pending] = await a.xPendingRange(key, 'g', '-', '+', 9);
      assert.equal([pending.id, pending.consumer, pending.deliveriesCounter], [id, 'c', 1]);
      const claimed = await a.xAutoClaim(key, 'g', 'd', 0, '0-0');
      assert.equal(plain(claimed), { nextId: '0-0', messages: [{ id, message: { f: 'v' } }], deletedMessages: [] });
      const info = await a.xInfoStream(key);
      assert.equal([info.length, info.groups, info['last-generated-id']], [2, 1, next]);
      const [group] = await a.xInfoGroups(key);
      assert.equal([group.name, group.pending, group.consumers, group.lag], ['g', 1, 2, 1]);
      const consumers = await a.xInfoConsumers(key, 'g');
      assert.equal(
        consumers.map(({ name, pending: having }) => [name, having]),
        [
          ['c', 0],
          ['d', 1],
        ],
      );
      assert.equal(plain(await a.xAckDel(key, 'g', [id], 'ACKED')), [1]);
      assert.equal(plain(await a.xDelEx(key, [next, '1-1'])), [1, -1]);
      assert.is(await a.xLen(key), 0);
    } finally {
      for (const client of [a, b, waiting]) client.destroy();
    }
  });
}

/** Objects without a prototype compare as others do. */
function plain(reply: unknown): unknown {
  return JSON.parse(JSON.stringify(reply));
}

test('ioredis and node-redis: what is published on one node reaches listeners of the other', async () => {
  const listener = new Redis(nodes[1].port);
  const publisher = createClient({ url: `redis://127.0.0.1:${nodes[0].port}`, RESP: 3 });
  const own = publisher.duplicate();
  const heard: string[] = [];
  try {
    await Promise.all([publisher.connect(), own.connect()]);
    listener.on('message', (channel: string, message: string) => heard.push(`${channel} ${message}`));
    listener.on('pmessage', (pattern: string, channel: string, message: string) =>
      heard.push(`${pattern} ${channel} ${message}`),
    );
    assert.is(await listener.subscribe('news', 'more'), 2);
    assert.is(await listener.psubscribe('n?ws'), 3);
    await own.subscribe('news', (message) => heard.push(`own ${message}`));
    const count = async () => (await publisher.pubSubNumSub('news')).news;
    await eventually('both are known', count, (listening) => listening === 2);
    assert.is(await publisher.publish('news', 'hello'), 3);
    await eventually(
      'everybody has heard',
      async () => heard.length,
      (messages) => messages === 3,
    );
    assert.equal(heard.sort(), ['n?ws news hello', 'news hello', 'own hello']);
    listener.disconnect();
    await eventually('one has gone', count, (listening) => listening === 1);
  } finally {
    listener.disconnect();
    publisher.destroy();
    own.destroy();
  }
});

test.run();
