/**
 * node-redis over two nodes, in both protocols: every type, written on one node and read on the other, what waits, scripts and
 * functions, what is published, its cache on the client's side, and what becomes of all that when the node is killed.
 */
import { createClient, defineScript } from 'redis';
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

const open: { destroy(): void }[] = [];
test.after.each(() => {
  for (const client of open.splice(0)) client.destroy();
});

const scripts = {
  fill: defineScript({
    SCRIPT: `
      redis.call('hset', KEYS[1], unpack(ARGV))
      return { redis.call('hlen', KEYS[1]), cjson.encode(ARGV) }`,
    NUMBER_OF_KEYS: 1,
    parseCommand(parser, key: string, ...words: string[]) {
      parser.pushKey(key);
      parser.push(...words);
    },
    transformReply: (reply: unknown) => reply,
  }),
};

async function clientOf({ port }: NodeProcess, protocol: 2 | 3, more: { cache?: boolean } = {}) {
  const client = createClient({
    url: `redis://127.0.0.1:${port}`,
    RESP: protocol,
    scripts,
    socket: { reconnectStrategy: 50 },
    // what is said to a node that is away waits for it
    commandOptions: { timeout: 60_000 },
    ...(more.cache ? { clientSideCache: { ttl: 0, maxEntries: 100 } } : {}),
  });
  // a node that is killed; what matters shows in the replies
  client.on('error', () => {});
  await client.connect();
  open.push(client);
  return client;
}

const same = () => converged(nodes);

/** Objects without a prototype compare as others do. */
function plain(reply: unknown): unknown {
  return JSON.parse(JSON.stringify(reply));
}

for (const protocol of [2, 3] as const) {
  const name = (key: string) => `nr${protocol}:${key}`;
  const pair = () => Promise.all(nodes.map((node) => clientOf(node, protocol)));
  const it = (what: string, check: () => Promise<void>) => test(`RESP${protocol}: ${what}`, check);

  it('strings, counters, bits, times to live', async () => {
    const [a, b] = await pair();
    const [k, n, bits] = [name('k'), name('n'), name('bits')];
    await a.mSet({ [k]: 'v', [n]: '10' });
    await same();
    assert.equal(await b.mGet([k, n, name('none')]), ['v', '10', null]);
    await Promise.all([a.incrBy(n, 5), b.decrBy(n, 1), a.incrByFloat(name('f'), 1.25)]);
    await a.setBit(bits, 7, 1);
    assert.is(await a.set(k, 'w', { expiration: { type: 'EX', value: 100 }, GET: true }), 'v');
    await same();
    assert.equal(await b.mGet([n, name('f')]), ['14', '1.25']);
    assert.equal([await b.bitCount(bits), await b.bitPos(bits, 1)], [1, 7]);
    assert.ok((await b.pTTL(k)) > 90_000);
    assert.is(await b.persist(k), 1);
    assert.is(await b.getDel(k), 'w');
    await same();
    assert.is(await a.exists(k), 0);
  });

  it('hashes and sets', async () => {
    const [a, b] = await pair();
    const [h, s, t] = [name('h'), name('s'), name('t')];
    await a.hSet(h, { f: '1', g: 'x' });
    await a.sAdd(s, ['x', 'y', 'z']);
    await b.sAdd(t, ['y', 'w']);
    await same();
    assert.equal(plain(await b.hGetAll(h)), { f: '1', g: 'x' });
    assert.equal(await b.hmGet(h, ['g', 'none']), ['x', null]);
    assert.is(await b.hIncrBy(h, 'f', 4), 5);
    assert.equal(await b.hExpire(h, 'g', 100), [1]);
    assert.equal([...(await a.sInter([s, t]))], ['y']);
    assert.equal(await a.smIsMember(s, ['x', 'none']), [1, 0]);
    assert.is(await a.sDiffStore(name('d'), [s, t]), 2);
    await same();
    assert.is(await a.hGet(h, 'f'), '5');
    assert.equal([...(await b.sMembers(name('d')))].sort(), ['x', 'z']);
    const found: string[] = [];
    for await (const members of b.sScanIterator(s)) found.push(...members);
    assert.equal(found.sort(), ['x', 'y', 'z']);
  });

  it('lists, with what waits for them', async () => {
    const [a, b] = await pair();
    const [l, done] = [name('l'), name('done')];
    await a.rPush(l, ['1', '2', '3', '2']);
    await same();
    assert.equal(await b.lRange(l, 0, -1), ['1', '2', '3', '2']);
    assert.equal(await b.lPosCount(l, '2', 0), [1, 3]);
    assert.is(await b.lRem(l, -1, '2'), 1);
    assert.is(await b.lInsert(l, 'AFTER', '1', '1.5'), 4);
    await same();
    assert.is(await a.lMove(l, done, 'LEFT', 'RIGHT'), '1');
    await a.lTrim(l, 0, 0);
    await same();
    assert.equal(await b.lPopCount(l, 5), ['1.5']);
    await same();
    const [one, two, three] = await Promise.all([1, 2, 3].map(() => clientOf(nodes[1], protocol)));
    const popped = one.blPop([name('nothing'), l], 20);
    await areWaiting(nodes[1], 1);
    const moved = two.blMove(l, done, 'LEFT', 'RIGHT', 20);
    await areWaiting(nodes[1], 2);
    const several = three.blmPop(20, l, 'LEFT', { COUNT: 2 });
    await areWaiting(nodes[1], 3);
    await a.rPush(l, ['first', 'second', 'third', 'fourth']);
    assert.equal(plain(await popped), { key: l, element: 'first' });
    assert.is(await moved, 'second');
    assert.equal(await several, [l, ['third', 'fourth']]);
    await same();
    assert.equal(await a.lRange(done, 0, -1), ['1', 'second']);
    assert.is(await a.blPop(l, 0.05), null);
  });

  it('sorted sets, with what waits for them, and positions', async () => {
    const [a, b] = await pair();
    const [z, y, places] = [name('z'), name('y'), name('places')];
    await a.zAdd(z, [
      { score: 1, value: 'one' },
      { score: 2, value: 'two' },
      { score: 3.5, value: 'three' },
    ]);
    await a.zAdd(y, [
      { score: 10, value: 'two' },
      { score: Number.POSITIVE_INFINITY, value: 'ever' },
    ]);
    await same();
    assert.is(await b.zScore(z, 'three'), 3.5);
    assert.is(await b.zScore(y, 'ever'), Number.POSITIVE_INFINITY);
    assert.equal(await b.zmScore(z, ['one', 'none']), [1, null]);
    assert.is(await b.zRank(z, 'two'), 1);
    assert.equal(await b.zRange(z, '(1', '+inf', { BY: 'SCORE', LIMIT: { offset: 0, count: 1 } }), ['two']);
    assert.is(await b.zUnionStore(name('u'), [z, y]), 4);
    await same();
    assert.is(await a.zScore(name('u'), 'two'), 12);
    assert.equal(plain(await a.zPopMax(z)), { value: 'three', score: 3.5 });
    await same();
    const found: string[] = [];
    for await (const page of b.zScanIterator(z)) found.push(...page.map(({ value, score }) => `${value} ${score}`));
    assert.equal(found.sort(), ['one 1', 'two 2']);
    const waiting = await clientOf(nodes[1], protocol);
    const popped = waiting.bzPopMin(name('jobs'), 20);
    await areWaiting(nodes[1], 1);
    await a.zAdd(name('jobs'), [
      { score: 5, value: 'later' },
      { score: 2.5, value: 'sooner' },
    ]);
    assert.equal(plain(await popped), { key: name('jobs'), value: 'sooner', score: 2.5 });
    await a.geoAdd(places, [
      { longitude: 13.361389, latitude: 38.115556, member: 'Palermo' },
      { longitude: 15.087269, latitude: 37.502669, member: 'Catania' },
    ]);
    await same();
    assert.is(await b.geoDist(places, 'Palermo', 'Catania', 'km'), 166.2742);
    const near = await b.geoSearch(
      places,
      { longitude: 15, latitude: 37 },
      { radius: 200, unit: 'km' },
      { SORT: 'ASC' },
    );
    assert.equal(near, ['Catania', 'Palermo']);
  });

  it('streams and groups', async () => {
    const [a, b] = await pair();
    const x = name('x');
    await a.xGroupCreate(x, 'g', '$', { MKSTREAM: true });
    const ids = [await a.xAdd(x, '*', { n: '1' }), await a.xAdd(x, '*', { n: '2' })];
    await same();
    assert.is(await b.xLen(x), 2);
    assert.equal(plain(await b.xRevRange(x, '+', '-', { COUNT: 1 })), [{ id: ids[1], message: { n: '2' } }]);
    const read = plain(await b.xReadGroup('g', 'c', { key: x, id: '>' }));
    assert.equal(read, [{ name: x, messages: ids.map((id, n) => ({ id, message: { n: String(n + 1) } })) }]);
    await same();
    const { pending, consumers } = await a.xPending(x, 'g');
    assert.equal([pending, plain(consumers)], [2, [{ name: 'c', deliveriesCounter: 2 }]]);
    assert.equal(await a.xClaimJustId(x, 'g', 'd', 0, ids[0]), [ids[0]]);
    assert.is(await a.xAck(x, 'g', ids), 2);
    assert.is(await a.xTrim(x, 'MAXLEN', 1), 1);
    await same();
    assert.is((await b.xInfoStream(x)).length, 1);
    // with no one added between its reads, as a reader goes on: each entry once, from whichever node
    const waiting = await clientOf(nodes[1], protocol);
    const got: string[] = [];
    const first = waiting.xRead({ key: x, id: '$' }, { BLOCK: 20_000 });
    await areWaiting(nodes[1], 1);
    const added = (await Promise.all(
      Array.from({ length: 40 }, (_, n) => (n % 2 ? a : b).xAdd(x, '*', { n: `${n}` })),
    )) as string[];
    for (let reply = await first; reply !== null; ) {
      const [{ messages }] = plain(reply) as [{ messages: { id: string }[] }];
      got.push(...messages.map(({ id }) => id));
      if (got.length >= added.length) break;
      reply = await waiting.xRead({ key: x, id: got[got.length - 1] }, { BLOCK: 5000 });
    }
    assert.equal(got.sort(), added.sort());
  });

  it('HyperLogLog', async () => {
    const [a, b] = await pair();
    await Promise.all([a.pfAdd(name('p'), ['x', 'y']), b.pfAdd(name('p'), ['y', 'z'])]);
    await same();
    assert.equal(await Promise.all([a.pfCount(name('p')), b.pfCount(name('p'))]), [3, 3]);
    assert.is(await a.pfMerge(name('q'), [name('p')]), 'OK');
    assert.is(await a.pfCount(name('q')), 3);
  });

  it('scripts, as commands of their own, and functions of all nodes', async () => {
    const [a, b] = await pair();
    // the second time by EVALSHA
    for (const client of [a, b, a, b]) {
      assert.equal(await client.fill(name('filled'), 'f', 'v'), [1, '["f","v"]']);
      await same();
    }
    await a.eval('return redis.error_reply("MY own")').then(
      () => assert.unreachable(),
      (error: Error) => assert.match(error.message, /^MY own/),
    );
    const library = `#!lua name=nr${protocol}
      redis.register_function('nradd${protocol}', function(keys, args) return redis.call('incrby', keys[1], args[1]) end)`;
    assert.is(await a.functionLoad(library), `nr${protocol}`);
    await same();
    assert.is(await b.fCall(`nradd${protocol}`, { keys: [name('sum')], arguments: ['5'] }), 5);
    const [{ library_name: listed }] = await b.functionList({ LIBRARYNAME: `nr${protocol}` });
    assert.is(listed, `nr${protocol}`);
  });

  it('pipelines, transactions, and WATCH', async () => {
    const [a, b] = await pair();
    // one turn of the loop is one pipeline
    const lengths = await Promise.all(Array.from({ length: 500 }, (_, n) => a.rPush(name('piped'), String(n))));
    assert.is(lengths.at(-1), 500);
    const results = await a
      .multi()
      .set(name('m'), '1')
      .lPush(name('m'), 'x')
      .incr(name('m'))
      .execAsPipeline()
      .catch(String);
    assert.match(String(results), /WRONGTYPE|failed/);
    await same();
    assert.equal([await b.lLen(name('piped')), await b.get(name('m'))], [500, '2']);
    await a.watch(name('m'));
    await b.set(name('m'), '3');
    await same();
    await a
      .multi()
      .set(name('m'), '4')
      .exec()
      .then(
        () => assert.unreachable(),
        (error: Error) => assert.is(error.constructor.name, 'WatchError'),
      );
    assert.is(await a.get(name('m')), '3');
  });

  it('channels, patterns and sharded channels', async () => {
    const [a, listener] = await pair();
    const heard: string[] = [];
    await listener.subscribe(name('c'), (word, channel) => heard.push(`${channel}: ${word}`));
    await listener.pSubscribe(name('?at'), (word, channel) => heard.push(`pattern ${channel}: ${word}`));
    await listener.sSubscribe(name('shard'), (word, channel) => heard.push(`shard ${channel}: ${word}`));
    await eventually(
      'the other node knows',
      async () => [
        (await a.pubSubNumSub(name('c')))[name('c')],
        await a.pubSubNumPat(),
        (await a.pubSubShardNumSub(name('shard')))[name('shard')],
      ],
      (counts) => counts.every((count) => count === 1),
    );
    assert.is(await a.publish(name('c'), 'one'), 1);
    assert.is(await a.publish(name('cat'), 'two'), 1);
    assert.is(await a.sPublish(name('shard'), 'three'), 1);
    await eventually(
      'all is heard',
      async () => heard.length,
      (length) => length === 3,
    );
    assert.equal(heard, [`${name('c')}: one`, `pattern ${name('cat')}: two`, `shard ${name('shard')}: three`]);
    await listener.unsubscribe();
    await listener.pUnsubscribe();
    await listener.sUnsubscribe();
    await eventually(
      'nobody listens',
      () => a.publish(name('c'), 'again'),
      (count) => count === 0,
    );
  });
}

test('RESP3: the cache on the client’s side is told of what other nodes have written', async () => {
  const [cached, writer] = [await clientOf(nodes[0], 3, { cache: true }), await clientOf(nodes[1], 3)];
  await writer.set('cached', '1');
  await same();
  assert.is(await cached.get('cached'), '1');
  assert.is(await cached.get('cached'), '1');
  const { hitCount, missCount } = cached.clientSideCache?.stats() ?? { hitCount: 0, missCount: 0 };
  assert.equal([hitCount, missCount], [1, 1], 'the second time it did not ask');
  await writer.set('cached', '2');
  await eventually(
    'the cache has heard',
    () => cached.get('cached'),
    (value) => value === '2',
  );
  await writer.hSet('cached:h', { f: '1' });
  await same();
  assert.equal(plain(await cached.hGetAll('cached:h')), { f: '1' });
  await writer.flushAll();
  await eventually(
    'and of the end of all',
    async () => plain(await cached.hGetAll('cached:h')),
    (fields) => JSON.stringify(fields) === '{}',
  );
});

test('a node that is killed and comes back: clients find it again, who listens goes on, and nothing is lost', async () => {
  const flags = [...flagsFor('nr-alone', []), '--appendfsync', 'always'];
  const node = await NodeProcess.start({ flags });
  let again: NodeProcess | null = null;
  try {
    const sets = await Promise.all(
      ([2, 3] as const).map(async (protocol) => {
        const [client, listener] = await Promise.all([clientOf(node, protocol), clientOf(node, protocol)]);
        const heard: string[] = [];
        await client.set(`before${protocol}`, 'v');
        await listener.subscribe(`news${protocol}`, (word) => heard.push(word));
        return { protocol, client, heard };
      }),
    );
    await node.kill();
    await eventually(
      'they have noticed',
      async () => sets.map(({ client }) => client.isReady),
      (ready) => ready.every((is) => !is),
    );
    // said while it is away: they wait for it
    const late = sets.map(({ protocol, client }) => client.set(`meanwhile${protocol}`, 'w'));
    again = await NodeProcess.start({ directory: node.directory, port: node.port, flags });
    assert.equal(await Promise.all(late), ['OK', 'OK']);
    for (const { protocol, client, heard } of sets) {
      assert.equal(await client.mGet([`before${protocol}`, `meanwhile${protocol}`]), ['v', 'w']);
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
  } finally {
    await killAll(again === null ? [node] : [node, again]);
  }
});

test.run();
