/**
 * socket.io over two servers, each on a node of its own, with each of the three adapters: what is said on one server is heard by
 * the browsers of both, rooms are rooms over both, and servers ask each other. How many servers there are the adapters learn
 * from PUBSUB NUMSUB and SHARDNUMSUB, which count the whole mesh.
 */
import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { Server, type ServerOptions } from 'socket.io';
import { type Socket as Browser, io as connect } from 'socket.io-client';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { setExchange, startCluster } from '../processes/cluster.ts';
import { converged, eventually, killAll, type NodeProcess } from '../processes/node-process.ts';

interface Adapter {
  readonly name: string;
  /** How many of its connections wait for a stream. */
  readonly waits?: number;
  /** It keeps what has been said for those who come back. */
  readonly recovers?: boolean;
  /** The adapter of a server on that node, and how to end what it speaks through. */
  open(node: NodeProcess): Promise<{ adapter: ServerOptions['adapter']; close(): Promise<unknown> }>;
}

const ADAPTERS: readonly Adapter[] = [
  {
    name: 'redis-adapter on ioredis',
    async open({ port }) {
      const clients = [new Redis(port), new Redis(port)] as const;
      return { adapter: createAdapter(...clients), close: () => Promise.all(clients.map((client) => client.quit())) };
    },
  },
  {
    name: 'redis-adapter on node-redis',
    async open(node) {
      const clients = await Promise.all([nodeRedis(node), nodeRedis(node)]);
      return { adapter: createAdapter(...clients), close: () => Promise.all(clients.map((client) => client.close())) };
    },
  },
  {
    name: 'sharded redis-adapter on node-redis',
    async open(node) {
      const clients = await Promise.all([nodeRedis(node), nodeRedis(node)]);
      return {
        adapter: createShardedAdapter(...clients),
        close: () => Promise.all(clients.map((client) => client.close())),
      };
    },
  },
  {
    name: 'redis-streams-adapter on node-redis',
    waits: 1,
    recovers: true,
    async open(node) {
      const client = await nodeRedis(node);
      const adapter = createStreamsAdapter(client, { blockTimeInMs: 250 });
      return { adapter, close: () => client.close() };
    },
  },
];

async function nodeRedis({ port }: NodeProcess) {
  const client = createClient({ url: `redis://127.0.0.1:${port}` }).on('error', (error) => console.log(error));
  return client.connect();
}

class Site {
  readonly io: Server;
  readonly http: HttpServer;
  private readonly closeClients: () => Promise<unknown>;
  private readonly browsers: Browser[] = [];

  private constructor(http: HttpServer, adapter: ServerOptions['adapter'], closeClients: () => Promise<unknown>) {
    this.http = http;
    this.closeClients = closeClients;
    this.io = new Server(http, { adapter, connectionStateRecovery: {} });
  }

  static async open(node: NodeProcess, adapter: Adapter): Promise<Site> {
    const opened = await adapter.open(node);
    const site = new Site(createServer(), opened.adapter, opened.close);
    site.http.listen(0, '127.0.0.1');
    await once(site.http, 'listening');
    return site;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  async browser(namespace = ''): Promise<Browser> {
    const browser = connect(this.url + namespace, { transports: ['websocket'], forceNew: true, reconnectionDelay: 50 });
    this.browsers.push(browser);
    await new Promise<void>((done) => browser.once('connect', done));
    return browser;
  }

  async close(): Promise<void> {
    for (const browser of this.browsers) browser.disconnect();
    await this.io.close();
    await this.closeClients();
  }
}

/** What a browser hears of one event, as it comes. */
function heardBy(browser: Browser, event: string): unknown[] {
  const heard: unknown[] = [];
  browser.on(event, (word: unknown) => heard.push(word));
  return heard;
}

function have(what: string, lists: readonly (readonly unknown[])[], count: number): Promise<number[]> {
  return eventually(
    what,
    async () => lists.map(({ length }) => length),
    (lengths) => lengths.every((length) => length >= count),
  );
}

let nodes: NodeProcess[] = [];
test.before(async () => {
  nodes = await startCluster(2);
});
test.after(() => killAll(nodes));

for (const adapter of ADAPTERS) {
  let sites: Site[] = [];

  async function openSites(): Promise<[Site, Site]> {
    sites = await Promise.all(nodes.map((node) => Site.open(node, adapter)));
    const [a, b] = sites;
    await eventually(
      'the servers know of each other',
      () => Promise.all(sites.map(({ io }) => io.of('/').adapter.serverCount())),
      (counts) => counts.every((count) => count === 2),
    );
    await eventually(
      'they listen',
      () => Promise.all(nodes.map((node) => node.info('blocked_clients'))),
      (counts) => counts.every((count) => count === String(adapter.waits ?? 0)),
    );
    return [a, b];
  }

  const it = (what: string, check: (a: Site, b: Site) => Promise<void>) =>
    test(`${adapter.name}: ${what}`, async () => {
      try {
        await check(...(await openSites()));
      } finally {
        await Promise.all(sites.map((site) => site.close()));
      }
    });

  it('what one server says to all is heard at both, whatever it is made of', async (a, b) => {
    const browsers = [await a.browser(), await b.browser()];
    const heard = browsers.map((browser) => heardBy(browser, 'news'));
    const word = { text: 'grüße', list: [1, 2.5, null], bytes: Buffer.from([0, 255, 10]) };
    a.io.emit('news', word);
    b.io.emit('news', 'from b');
    await have('both have heard both', heard, 2);
    for (const list of heard) {
      assert.ok(list.includes('from b'));
      const got = list.find((each) => typeof each === 'object') as typeof word;
      assert.equal({ ...got, bytes: Buffer.from(got.bytes) }, word);
    }
  });

  it('rooms, those who are left out, and namespaces hold over both', async (a, b) => {
    const [one, two, three] = [await a.browser(), await b.browser(), await b.browser()];
    const lists = [one, two, three].map((browser) => heardBy(browser, 'word'));
    // by name of the socket, wherever it is
    a.io.in([one.id ?? '', two.id ?? '']).socketsJoin('room');
    await eventually(
      'they have joined',
      () => a.io.in('room').fetchSockets(),
      (sockets) => sockets.length === 2,
    );
    b.io.to('room').emit('word', 'to the room');
    a.io.except('room').emit('word', 'to the others');
    await have('all have heard', lists, 1);
    assert.equal(lists, [['to the room'], ['to the room'], ['to the others']]);
    a.io.of('/apart');
    b.io.of('/apart');
    await eventually(
      'the namespace is there on both',
      () => Promise.all([a, b].map(({ io }) => io.of('/apart').adapter.serverCount())),
      (counts) => counts.every((count) => count === 2),
    );
    const apart = heardBy(await b.browser('/apart'), 'word');
    a.io.of('/apart').emit('word', 'apart');
    await have('it is heard in its namespace', [apart], 1);
    assert.equal([apart.length, lists[2].length], [1, 1]);
  });

  it('servers list the sockets of both, move them, and end them', async (a, b) => {
    b.io.on('connection', (socket) => {
      socket.data.name = 'ben';
    });
    const browser = await b.browser();
    await a.browser();
    const sockets = await a.io.fetchSockets();
    assert.is(sockets.length, 2);
    const found = sockets.find(({ id }) => id === browser.id);
    assert.equal(found?.data, { name: 'ben' });
    const gone = new Promise((done) => browser.once('disconnect', done));
    a.io.in(browser.id ?? '').disconnectSockets();
    assert.is(await gone, 'io server disconnect');
    await eventually(
      'one is left',
      () => b.io.fetchSockets(),
      ({ length }) => length === 1,
    );
  });

  it('servers ask each other, and ask the browsers of both', async (a, b) => {
    b.io.on('who', (word: string, answer: (name: string) => void) => answer(`b heard ${word}`));
    assert.equal(await a.io.serverSideEmitWithAck('who', 'hello'), ['b heard hello']);
    for (const [at, site] of [a, b].entries()) {
      const browser = await site.browser();
      browser.on('count', (answer: (n: number) => void) => answer(at));
    }
    const answers: number[] = await a.io.timeout(5000).emitWithAck('count');
    assert.equal(answers.sort(), [0, 1]);
  });

  const kept = adapter.recovers ? 'is heard once they are together again' : 'is heard on its own side alone';
  it(`what is said while the nodes are cut off from each other ${kept}`, async (a, b) => {
    const lists = [await a.browser(), await b.browser()].map((browser) => heardBy(browser, 'word'));
    await setExchange(nodes, false);
    try {
      a.io.emit('word', 'by a');
      b.io.emit('word', 'by b');
      await have('each side has heard its own', lists, 1);
      assert.equal(lists, [['by a'], ['by b']]);
    } finally {
      await setExchange(nodes, true);
    }
    await converged(nodes);
    b.io.emit('word', 'together');
    await have('both are together again', lists, adapter.recovers ? 3 : 2);
    assert.equal(
      lists,
      adapter.recovers
        ? [
            ['by a', 'by b', 'together'],
            ['by b', 'by a', 'together'],
          ]
        : [
            ['by a', 'together'],
            ['by b', 'together'],
          ],
    );
  });

  if (adapter.recovers) {
    it('a browser that loses its server goes on at the other one, with its rooms, its data, and what it has missed', async (a, b) => {
      a.io.on('connection', (socket) => {
        socket.data.name = 'ann';
      });
      const browser = await a.browser();
      const heard = heardBy(browser, 'word');
      a.io.in(browser.id ?? '').socketsJoin('room');
      a.io.to('room').emit('word', 'before');
      await have('it has heard', [heard], 1);
      const { id } = browser;
      const sessions = async () => [await nodes[1].must('KEYS', 'sio:session:*')].flat().length;
      await converged(nodes);
      const before = await sessions();
      const lost = new Promise((done) => browser.once('disconnect', done));
      // from now on it is sent to the other site
      Object.assign(browser.io, { uri: b.url });
      browser.io.reconnection(false);
      browser.io.engine.close();
      await lost;
      await eventually('the other node has its session', sessions, (count) => count === before + 1);
      a.io.to('room').emit('word', 'missed, by a');
      b.io.to('room').emit('word', 'missed, by b');
      b.io.to('elsewhere').emit('word', 'not for it');
      await converged(nodes);
      browser.connect();
      await have('it has heard what it missed', [heard], 3);
      assert.equal([browser.recovered, browser.id], [true, id]);
      assert.equal(heard.sort(), ['before', 'missed, by a', 'missed, by b']);
      b.io.to('room').emit('word', 'welcome back');
      await have('it is in its room', [heard], 4);
      assert.equal((await b.io.fetchSockets())[0].data, { name: 'ann' });
    });
  }

  it('while both servers speak at once, everybody hears every word once', async (a, b) => {
    const lists = [await a.browser(), await b.browser()].map((browser) => heardBy(browser, 'word'));
    const words = 150;
    for (let n = 0; n < words; n++) {
      for (const [at, { io }] of [a, b].entries()) io.emit('word', `${at}-${n}`);
      await new Promise((done) => setTimeout(done, 1));
    }
    await have('every word is heard', lists, 2 * words);
    for (const list of lists) {
      assert.is(list.length, 2 * words);
      for (const at of [0, 1]) {
        const own = list.filter((word) => String(word).startsWith(`${at}-`));
        assert.equal(
          own,
          Array.from({ length: words }, (_, n) => `${at}-${n}`),
        );
      }
    }
  });
}

test.run();
