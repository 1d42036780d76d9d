/**
 * express-session with connect-redis: two web servers, each with a node of its own to keep its sessions on. A browser that is sent
 * to the other one goes on with its session.
 */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RedisStore } from 'connect-redis';
import express from 'express';
import session from 'express-session';
import { createClient } from 'redis';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { setExchange, startCluster } from '../processes/cluster.ts';
import { converged, eventually, killAll, type NodeProcess } from '../processes/node-process.ts';

declare module 'express-session' {
  interface SessionData {
    visits: number;
    user: string;
    color: string;
  }
}

const MAX_AGE_MS = 60_000;

class Site {
  readonly store: RedisStore;
  private readonly client: ReturnType<typeof clientOf>;
  private readonly server: Server;

  private constructor(client: ReturnType<typeof clientOf>, maxAge: number) {
    this.client = client;
    this.store = new RedisStore({ client });
    const app = express();
    const cookie = { maxAge };
    app.use(session({ store: this.store, secret: 'of the test', resave: false, saveUninitialized: false, cookie }));
    app.get('/visit', (request, response) => {
      request.session.visits = (request.session.visits ?? 0) + 1;
      response.json({ visits: request.session.visits });
    });
    app.get('/set', (request, response) => {
      Object.assign(request.session, request.query);
      response.json({});
    });
    app.get('/show', (request, response) => {
      const { visits, user, color } = request.session;
      response.json({ visits, user, color });
    });
    app.get('/login', (request, response, next) => {
      request.session.regenerate((error) => {
        if (error) return next(error);
        request.session.user = 'ada';
        response.json({});
      });
    });
    app.get('/logout', (request, response, next) => {
      request.session.destroy((error) => (error ? next(error) : response.json({})));
    });
    this.server = app.listen(0, '127.0.0.1');
  }

  static async open(node: NodeProcess, maxAge = MAX_AGE_MS): Promise<Site> {
    const client = clientOf(node);
    await client.connect();
    const site = new Site(client, maxAge);
    await once(site.server, 'listening');
    return site;
  }

  get(path: string, browser: Browser): Promise<unknown> {
    const { port } = this.server.address() as AddressInfo;
    return browser.get(`http://127.0.0.1:${port}${path}`);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    this.client.destroy();
  }
}

function clientOf(node: NodeProcess) {
  return createClient({ url: `redis://127.0.0.1:${node.port}` }).on('error', (error) => console.log(error));
}

/** Keeps its cookie, whichever site it came from. */
class Browser {
  cookie = '';

  async get(url: string): Promise<unknown> {
    const response = await fetch(url, { headers: { cookie: this.cookie, connection: 'close' } });
    assert.is(response.status, 200, await response.clone().text());
    const given = response.headers.get('set-cookie');
    if (given !== null) this.cookie = given.split(';')[0];
    return response.json();
  }

  /** The key of its session. */
  get key(): string {
    return `sess:${decodeURIComponent(this.cookie.split('=')[1]).slice(2).split('.')[0]}`;
  }
}

let nodes: NodeProcess[] = [];
let sites: Site[] = [];
test.before(async () => {
  nodes = await startCluster(2);
  sites = await Promise.all(nodes.map((node) => Site.open(node)));
});
test.after(async () => {
  for (const site of sites) await site.close();
  await killAll(nodes);
});

test('a session that began at one site goes on at the other, back and forth', async () => {
  const browser = new Browser();
  for (let n = 1; n <= 6; n++) {
    assert.equal(await sites[n % 2].get('/visit', browser), { visits: n });
    await converged(nodes);
  }
});

test('who asks gets a session of their own', async () => {
  const [one, other] = [new Browser(), new Browser()];
  await sites[0].get('/set?color=red', one);
  await sites[1].get('/set?color=blue', other);
  await converged(nodes);
  assert.equal(await sites[1].get('/show', one), { color: 'red' });
  assert.equal(await sites[0].get('/show', other), { color: 'blue' });
});

test('a new session after login: the old one is gone at both sites', async () => {
  const browser = new Browser();
  await sites[0].get('/visit', browser);
  const before = browser.key;
  await converged(nodes);
  await sites[1].get('/login', browser);
  await converged(nodes);
  assert.is.not(browser.key, before);
  assert.equal(await sites[0].get('/show', browser), { user: 'ada' });
  assert.is(await nodes[0].must('EXISTS', before), 0);
});

test('who logs out at one site is logged out at the other', async () => {
  const browser = new Browser();
  await sites[0].get('/login', browser);
  await converged(nodes);
  assert.equal(await sites[1].get('/show', browser), { user: 'ada' });
  await sites[1].get('/logout', browser);
  await converged(nodes);
  assert.equal(await sites[0].get('/show', browser), {});
});

test('a visit, at whichever site, gives the session its whole time again, on both nodes', async () => {
  const browser = new Browser();
  await sites[0].get('/visit', browser);
  await converged(nodes);
  await nodes[0].must('PEXPIRE', browser.key, 5000);
  await converged(nodes);
  await sites[1].get('/show', browser);
  await converged(nodes);
  for (const node of nodes) {
    const left = Number(await node.must('TTL', browser.key));
    assert.ok(left > 30 && left <= 60, `${left}`);
  }
});

test('a session that nobody uses ends at both sites', async () => {
  const brief = await Promise.all(nodes.map((node) => Site.open(node, 2500)));
  try {
    const browser = new Browser();
    await brief[0].get('/set?user=ada', browser);
    await converged(nodes);
    for (const node of nodes) assert.is(await node.must('EXISTS', browser.key), 1);
    await eventually(
      'it has ended on both',
      () => Promise.all(nodes.map((node) => node.must('EXISTS', browser.key))),
      (answers) => answers.every((answer) => answer === 0),
    );
    for (const site of brief) assert.equal(await site.get('/show', browser), {});
  } finally {
    for (const site of brief) await site.close();
  }
});

test('what the store tells of all sessions, it tells at both sites; clearing on one clears both', async () => {
  const browser = new Browser();
  await sites[0].get('/set?user=ada', browser);
  await converged(nodes);
  const ids = await Promise.all(sites.map(async ({ store }) => (await store.ids()).sort()));
  assert.equal(ids[0], ids[1]);
  assert.ok(ids[0].includes(browser.key.slice('sess:'.length)));
  const all = (await sites[1].store.all()) as { user?: string }[];
  assert.ok(all.some(({ user }) => user === 'ada'));
  assert.is(await sites[1].store.length(), ids[0].length);
  await sites[0].store.clear();
  await converged(nodes);
  assert.is(await sites[1].store.length(), 0);
});

test('a session that both sites change at the same time is, as a whole, the one that was saved later', async () => {
  const browser = new Browser();
  await sites[0].get('/set?user=ada', browser);
  await converged(nodes);
  await setExchange(nodes, false);
  await sites[0].get('/set?color=red', browser);
  await sites[1].get('/visit', browser);
  await setExchange(nodes, true);
  await converged(nodes);
  for (const site of sites) assert.equal(await site.get('/show', browser), { user: 'ada', visits: 1 });
});

test('a visit at one site while the other logs the session out brings it back: logging out is not a promise over a cut', async () => {
  const browser = new Browser();
  await sites[0].get('/login', browser);
  await converged(nodes);
  await setExchange(nodes, false);
  await sites[0].get('/logout', browser);
  await sites[1].get('/visit', browser);
  await setExchange(nodes, true);
  await converged(nodes);
  for (const site of sites) assert.equal(await site.get('/show', browser), { user: 'ada', visits: 1 });
});

test.run();
