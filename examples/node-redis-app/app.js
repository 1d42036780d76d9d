/**
 * A shopping cart that follows its owner: written at the node that is nearest, read at another, and one of its items
 * removed there. Give the two nodes as HOST:PORT; default 127.0.0.1:6379 and 127.0.0.1:6380.
 *
 *   node examples/node-redis-app/app.js 127.0.0.1:6379 127.0.0.1:6380
 */
import { createClient } from 'redis';

const [here = '127.0.0.1:6379', there = '127.0.0.1:6380'] = process.argv.slice(2);

async function connect(node) {
  const client = createClient({
    url: `redis://${node}`,
    socket: { reconnectStrategy: (retries) => (retries < 3 ? 200 : new Error(`${node} cannot be reached`)) },
  });
  client.on('error', (error) => console.error(`${node}: ${error.message}`));
  return client.connect();
}

/** Waits until a peer has what this connection wrote. */
async function replicated(client) {
  const peers = await client.wait(1, 2000);
  if (peers < 1) throw new Error('no peer has confirmed the write: are the two nodes connected?');
}

async function show(client, name, cart) {
  const items = await client.hGetAll(cart);
  const listed = Object.keys(items)
    .sort()
    .map((item) => `${items[item]} ${item}`);
  console.log(`${name}: ${listed.join(', ')}`);
  return listed.join(', ');
}

const clients = [];
try {
  const one = await connect(here);
  clients.push(one);
  const other = await connect(there);
  clients.push(other);
  const cart = `cart:${process.pid}`;

  await one.hSet(cart, { apples: 3, pears: 2 });
  await one.expire(cart, 3600);
  await replicated(one);
  await show(other, there, cart);

  // At the same time on both sides: more apples here, no pears there.
  await Promise.all([one.hIncrBy(cart, 'apples', 2), other.hDel(cart, 'pears'), other.hIncrBy(cart, 'plums', 1)]);
  await Promise.all([replicated(one), replicated(other)]);
  const carts = [await show(one, here, cart), await show(other, there, cart)];
  if (carts.some((items) => items !== '5 apples, 1 plums')) throw new Error(`unexpected: ${carts.join(' / ')}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  for (const client of clients) client.destroy();
}
