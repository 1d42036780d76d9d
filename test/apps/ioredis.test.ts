/**
 * ioredis over two nodes, in both protocols: every type, written on one node and read on the other, what waits, scripts and
 * functions, what is published, and what becomes of all that when the node is killed and comes back.
 */
import { Redis, type RedisOptions } from 'ioredis';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { flagsFor, startCluster } from '../processes/cluster.ts';
import { converged, eventually, killAll, NodeProcess } from '../processes/node-process.ts';
import { areWaiting } from './two-nodes.ts';

let nodes: NodeProcess[] = [];
test.before(async () => {
  nodes = await startCluster(2);
});
test.after(() => killAll(nodes));

const open: Redis[] = [];
test.after.each(() => {
  for (const client of open.splice(0)) client.disconnect();
});

function clientOf(node: NodeProcess, options: RedisOptions): Redis {
  const client = new Redis({ port: node.port, maxRetriesPerRequest: null, retryStrategy: () => 50, ...options });
  // a node that is killed; what matters shows in the replies
  client.on('error', () => {});
  open.push(client);
  return client;
}

const same = () => converged(nodes);

for (const protocol of [2, 3] as const) {
  const name = (key: string) => `io${protocol}:${key}`;
  const pair = () => nodes.map((node) => clientOf(node, { protocol }));
  const it = (what: string, check: () => Promise<void>) => test(`RESP${protocol}: ${what}`, check);

  it('strings, counters, bits, times to live', async () => {
    const [a, b] = pair();
    const [k, n, bits] = [name('k'), name('n'), name('bits')];
    await a.mset(k, 'v', n, '10');
    await same();
    assert.equal(await b.mget(k, n, name('none')), ['v', '10', null]);
    await Promise.all([a.incrby(n, 5), b.decrby(n, 1), a.incrbyfloat(name('f'), 1.25)]);
    await a.setbit(bits, 7, 1);
    await a.set(k, 'w', 'EX', 100, 'GET');
    await same();
    assert.equal(await b.mget(n, name('f')), ['14', '1.25']);
    assert.equal([await b.bitcount(bits), await b.bitpos(bits, 1)], [1, 7]);
    assert.equal(await b.getBuffer(bits), Buffer.from([1]));
    assert.ok((await b.pttl(k)) > 90_000);
    assert.is(await b.persist(k), 1);
    assert.is(await b.getdel(k), 'w');
    await same();
    assert.is(await a.exists(k), 0);
  });

  it('hashes and sets', async () => {
    const [a, b] = pair();
    const [h, s, t] = [name('h'), name('s'), name('t')];
    await a.hset(h, { f: '1', g: 'x' });
    await a.sadd(s, 'x', 'y', 'z');
    await b.sadd(t, 'y', 'w');
    await same();
    assert.equal(await b.hgetall(h), { f: '1', g: 'x' });
    assert.equal(await b.hmget(h, 'g', 'none'), ['x', null]);
    assert.is(await b.hincrby(h, 'f', 4), 5);
    assert.equal(await b.call('HEXPIRE', h, '100', 'FIELDS', '1', 'g'), [1]);
    assert.equal((await a.sinter(s, t)).sort(), ['y']);
    assert.equal((await a.sunion(s, t)).sort(), ['w', 'x', 'y', 'z']);
    assert.equal(await a.smismember(s, 'x', 'none'), [1, 0]);
    assert.is(await a.sdiffstore(name('d'), s, t), 2);
    await same();
    assert.is(await a.hget(h, 'f'), '5');
    assert.equal((await b.smembers(name('d'))).sort(), ['x', 'z']);
    const found: string[] = [];
    for await (const members of b.sscanStream(s)) found.push(...members);
    assert.equal(found.sort(), ['x', 'y', 'z']);
  });

  it('lists, with what waits for them', async () => {
    const [a, b] = pair();
    const [l, done] = [name('l'), name('done')];
    await a.rpush(l, '1', '2', '3', '2');
    await same();
    assert.equal(await b.lrange(l, 0, -1), ['1', '2', '3', '2']);
    assert.equal(await b.lpos(l, '2', 'COUNT', 0), [1, 3]);
    assert.is(await b.lrem(l, -1, '2'), 1);
    assert.is(await b.linsert(l, 'AFTER', '1', '1.5'), 4);
    await same();
    assert.equal(await a.lrange(l, 0, -1), ['1', '1.5', '2', '3']);
    assert.is(await a.lmove(l, done, 'LEFT', 'RIGHT'), '1');
    await a.ltrim(l, 0, 0);
    await same();
    assert.equal(await b.lpop(l, 5), ['1.5']);
    await same();
    const [one, two, three] = [1, 2, 3].map(() => clientOf(nodes[1], { protocol }));
    const popped = one.blpop(name('nothing'), l, 20);
    await areWaiting(nodes[1], 1);
    const moved = two.blmove(l, done, 'LEFT', 'RIGHT', 20);
    await areWaiting(nodes[1], 2);
    const several = three.blmpop(20, 1, l, 'LEFT', 'COUNT', 2);
    await areWaiting(nodes[1], 3);
    await a.rpush(l, 'first', 'second', 'third', 'fourth');
    assert.equal(await popped, [l, 'first']);
    assert.is(await moved, 'second');
    assert.equal(await several, [l, ['third', 'fourth']]);
    await same();
    assert.equal(await a.lrange(done, 0, -1), ['1', 'second']);
    assert.is(await a.blpop(l, 0.05), null);
  });

  it('sorted sets, with what waits for them, and positions', async () => {
    const [a, b] = pair();
    const [z, y, places] = [name('z'), name('y'), name('places')];
    await a.zadd(z, 1, 'one', 2, 'two', 3.5, 'three');
    await a.zadd(y, 10, 'two', 'inf', 'ever');
    await same();
    assert.is(await b.zscore(z, 'three'), '3.5');
    assert.equal(await b.zmscore(z, 'one', 'none'), ['1', null]);
    assert.is(await b.zrank(z, 'two'), 1);
    assert.equal(await b.zrange(z, '0', '-1', 'WITHSCORES'), ['one', '1', 'two', '2', 'three', '3.5']);
    assert.equal(await b.zrange(z, '(1', '+inf', 'BYSCORE', 'LIMIT', '0', '1'), ['two']);
    assert.equal(await b.zrange(y, '0', '-1', 'WITHSCORES'), ['two', '10', 'ever', 'inf']);
    assert.is(await b.zunionstore(name('u'), 2, z, y, 'WEIGHTS', 1, 2), 4);
    assert.is(await b.zcount(z, 2, 4), 2);
    await same();
    assert.is(await a.zscore(name('u'), 'two'), '22');
    assert.equal(await a.zpopmax(z), ['three', '3.5']);
    await same();
    const found: string[] = [];
    for await (const page of b.zscanStream(z)) found.push(...page);
    assert.equal(found.sort(), ['1', '2', 'one', 'two']);
    const waiting = clientOf(nodes[1], { protocol });
    const popped = waiting.bzpopmin(name('jobs'), 20);
    await areWaiting(nodes[1], 1);
    await a.zadd(name('jobs'), 5, 'later', 2.5, 'sooner');
    assert.equal(await popped, [name('jobs'), 'sooner', '2.5']);
    await a.geoadd(places, 13.361389, 38.115556, 'Palermo', 15.087269, 37.502669, 'Catania');
    await same();
    assert.is(await b.geodist(places, 'Palermo', 'Catania', 'KM'), '166.2742');
    const near = await b.geosearch(places, 'FROMLONLAT', 15, 37, 'BYRADIUS', 200, 'km', 'ASC', 'WITHDIST');
    assert.equal(near, [
      ['Catania', '56.4413'],
      ['Palermo', '190.4424'],
    ]);
    const [[longitude]] = (await b.geopos(places, 'Palermo')) as [[string, string]];
    assert.match(longitude, /^13\.36138/);
  });

  it('streams and groups', async () => {
    const [a, b] = pair();
    const x = name('x');
    await a.xgroup('CREATE', x, 'g', '$', 'MKSTREAM');
    const ids = [await a.xadd(x, '*', 'n', '1'), await a.xadd(x, '*', 'n', '2')];
    await same();
    assert.is(await b.xlen(x), 2);
    assert.equal(await b.xrevrange(x, '+', '-', 'COUNT', 1), [[ids[1], ['n', '2']]]);
    assert.equal(await b.xread('COUNT', 1, 'STREAMS', x, '0'), [[x, [[ids[0], ['n', '1']]]]]);
    assert.equal(await b.xreadgroup('GROUP', 'g', 'c', 'STREAMS', x, '>'), [
      [x, ids.map((id, n) => [id, ['n', String(n + 1)]])],
    ]);
    await same();
    assert.equal(await a.xpending(x, 'g'), [2, ids[0], ids[1], [['c', '2']]]);
    assert.equal(await a.xclaim(x, 'g', 'd', 0, String(ids[0]), 'JUSTID'), [ids[0]]);
    assert.is(await a.xack(x, 'g', String(ids[0]), String(ids[1])), 2);
    assert.is(await a.xdel(x, String(ids[0])), 1);
    await same();
    const info = (await b.xinfo('STREAM', x)) as unknown[];
    assert.is(info[info.indexOf('length') + 1], 1);
    const waiting = clientOf(nodes[1], { protocol });
    const got = waiting.xread('BLOCK', 20_000, 'STREAMS', x, '$');
    await areWaiting(nodes[1], 1);
    const next = await a.xadd(x, '*', 'n', '3');
    assert.equal(await got, [[x, [[next, ['n', '3']]]]]);
  });

  it('HyperLogLog', async () => {
    const [a, b] = pair();
    await Promise.all([a.pfadd(name('p'), 'x', 'y'), b.pfadd(name('p'), 'y', 'z')]);
    await same();
    assert.equal(await Promise.all([a.pfcount(name('p')), b.pfcount(name('p'))]), [3, 3]);
    assert.is(await a.pfmerge(name('q'), name('p')), 'OK');
    assert.is(await a.pfcount(name('q')), 3);
  });

  it('scripts, as commands of their own, and functions of all nodes', async () => {
    const clients = pair();
    const [a, b] = clients;
    const lua = `
      redis.call('hset', KEYS[1], unpack(ARGV))
      return { redis.call('hlen', KEYS[1]), cjson.encode(ARGV), redis.status_reply('FINE') }`;
    for (const client of clients) client.defineCommand('fill', { numberOfKeys: 1, lua });
    const fill = (client: Redis) => Reflect.get(client, 'fill').call(client, name('filled'), 'f', 'v');
    // the second time by EVALSHA
    for (const client of [a, b, a, b]) {
      assert.equal(await fill(client), [1, '["f","v"]', 'FINE']);
      await same();
    }
    await a.eval('return redis.error_reply("MY own")', 0).then(
      () => assert.unreachable(),
      (error: Error) => assert.match(error.message, /^MY own/),
    );
    const library = `#!lua name=lib${protocol}
      redis.register_function('add${protocol}', function(keys, args) return redis.call('incrby', keys[1], args[1]) end)`;
    assert.is(await a.function('LOAD', library), `lib${protocol}`);
    await same();
    assert.is(await b.fcall(`add${protocol}`, 1, name('sum'), 5), 5);
  });

  it('pipelines and transactions', async () => {
    const [a, b] = pair();
    const piped = await a.pipeline(Array.from({ length: 500 }, (_, n) => ['rpush', name('piped'), String(n)])).exec();
    assert.equal(piped?.at(-1), [null, 500]);
    const results = await a.multi().set(name('m'), '1').lpush(name('m'), 'x').incr(name('m')).exec();
    assert.equal(
      [results?.[0], results?.[2]],
      [
        [null, 'OK'],
        [null, 2],
      ],
    );
    assert.match(String(results?.[1][0]), /WRONGTYPE/);
    await same();
    assert.equal([await b.llen(name('piped')), await b.get(name('m'))], [500, '2']);
    await Promise.all(Array.from({ length: 100 }, (_, n) => (n % 2 === 0 ? a : b).incr(name('many'))));
    await same();
    assert.is(await a.get(name('many')), '100');
  });

  it('channels, patterns and sharded channels', async () => {
    const [a, listener] = pair();
    const heard: string[] = [];
    listener.on('message', (channel, word) => heard.push(`${channel}: ${word}`));
    listener.on('pmessage', (pattern, channel, word) => heard.push(`${pattern} ${channel}: ${word}`));
    listener.on('smessage', (channel, word) => heard.push(`shard ${channel}: ${word}`));
    await listener.subscribe(name('c'));
    await listener.psubscribe(name('?at'));
    await listener.ssubscribe(name('shard'));
    await eventually(
      'the other node knows',
      async () => [
        await a.pubsub('NUMSUB', name('c')),
        await a.pubsub('NUMPAT'),
        await a.pubsub('SHARDNUMSUB', name('shard')),
      ],
      (answers) => JSON.stringify(answers) === JSON.stringify([[name('c'), 1], 1, [name('shard'), 1]]),
    );
    assert.is(await a.publish(name('c'), 'one'), 1);
    assert.is(await a.publish(name('cat'), 'two'), 1);
    assert.is(await a.spublish(name('shard'), 'three'), 1);
    await eventually(
      'all is heard',
      async () => heard.length,
      (length) => length === 3,
    );
    assert.equal(heard, [`${name('c')}: one`, `${name('?at')} ${name('cat')}: two`, `shard ${name('shard')}: three`]);
    // in RESP3 a listener may say other things, too
    if (protocol === 3) assert.is(await listener.set(name('k'), 'v'), 'OK');
    else
      await listener.set(name('k'), 'v').then(
        () => assert.unreachable(),
        (error: Error) => assert.match(error.message, /subscriber mode/),
      );
  });
}

test('RESP3 as it is: maps are objects, scores are numbers', async () => {
  const client = clientOf(nodes[0], { protocol: 3, replyMapping: 'resp3' });
  await client.hset('io:map', { f: '1' });
  await client.zadd('io:scores', 1.5, 'x', 'inf', 'y');
  assert.equal({ ...(await client.hgetall('io:map')) }, { f: '1' });
  assert.is(await client.zscore('io:scores', 'x'), 1.5);
  assert.is(await client.zscore('io:scores', 'y'), Number.POSITIVE_INFINITY);
  const config: unknown = await client.config('GET', 'maxmemory-policy');
  assert.equal({ ...Object(config) }, { 'maxmemory-policy': 'noeviction' });
});

test('a node that is killed and comes back: clients find it again, what waits and listens goes on, and nothing is lost', async () => {
  const flags = [...flagsFor('io-alone', []), '--appendfsync', 'always'];
  const node = await NodeProcess.start({ flags });
  let again: NodeProcess | null = null;
  try {
    const sets = ([2, 3] as const).map((protocol) => ({
      protocol,
      client: clientOf(node, { protocol }),
      waiting: clientOf(node, { protocol }),
      listener: clientOf(node, { protocol }),
      heard: [] as string[],
    }));
    for (const { protocol, client, listener, heard } of sets) {
      await client.set(`before${protocol}`, 'v');
      listener.on('message', (_channel, word) => heard.push(word));
      await listener.subscribe(`news${protocol}`);
    }
    const popped = sets.map(({ protocol, waiting }) => waiting.blpop(`jobs${protocol}`, 30));
    await areWaiting(node, 2);
    await node.kill();
    // said while it is away: they wait for it
    const late = sets.map(({ protocol, client }) => client.set(`meanwhile${protocol}`, 'w'));
    again = await NodeProcess.start({ directory: node.directory, port: node.port, flags });
    assert.equal(await Promise.all(late), ['OK', 'OK']);
    await areWaiting(again, 2);
    for (const { protocol, client, heard } of sets) {
      assert.equal(await client.mget(`before${protocol}`, `meanwhile${protocol}`), ['v', 'w']);
      await client.rpush(`jobs${protocol}`, 'job');
      await eventually(
        'the listener is back',
        () => client.publish(`news${protocol}`, 'hello'),
        (count) => count === 1,
      );
      await eventually(
        'it hears',
        async () => heard,
        (words) => words.includes('hello'),
      );
    }
    assert.equal(await Promise.all(popped), [
      ['jobs2', 'job'],
      ['jobs3', 'job'],
    ]);
  } finally {
    await killAll(again === null ? [node] : [node, again]);
  }
});

test.run();
