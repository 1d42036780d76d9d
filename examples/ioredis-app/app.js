/**
 * A page-view counter and a reader's profile, kept by two instances of an app: each writes at its own node, and both
 * see everything. Give the two nodes as HOST:PORT; default 127.0.0.1:6379 and 127.0.0.1:6380.
 *
 *   node examples/ioredis-app/app.js 127.0.0.1:6379 127.0.0.1:6380
 */
import { Redis } from 'ioredis';

const [here = '127.0.0.1:6379', there = '127.0.0.1:6380'] = process.argv.slice(2);

function connect(node) {
  const [host, port] = node.split(':');
  const client = new Redis({ host, port: Number(port), maxRetriesPerRequest: 3 });
  client.on('error', (error) => console.error(`${node}: ${error.message}`));
  return client;
}

/** One instance of the app: counts a view, and notes who read what. */
async function view(client, page, reader) {
  await client
    .multi()
    .incr(`views:${page}`)
    .sadd(`readers:${page}`, reader)
    .hset(`reader:${reader}`, { page, at: new Date().toISOString() })
    .expire(`reader:${reader}`, 3600)
    .exec();
}

async function report(client, name, page) {
  const views = await client.get(`views:${page}`);
  const readers = (await client.smembers(`readers:${page}`)).sort();
  const last = await client.hget('reader:ada', 'page');
  console.log(`${name}: ${page} was viewed ${views} times, by ${readers.join(' and ')}; ada read ${last} last`);
  return Number(views);
}

const one = connect(here);
const other = connect(there);
try {
  const before = Number((await one.get('views:/home')) ?? 0);
  await Promise.all([view(one, '/home', 'ada'), view(other, '/home', 'grace'), view(other, '/home', 'grace')]);
  // Redis's own way to ask that a peer has what this connection wrote.
  const confirmed = (await one.wait(1, 2000)) + (await other.wait(1, 2000));
  const seen = [await report(one, here, '/home'), await report(other, there, '/home')];
  if (confirmed < 2 || seen.some((views) => views !== before + 3)) {
    throw new Error(`expected ${before + 3} views on both nodes, saw ${seen.join(' and ')}: are the two connected?`);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  one.disconnect();
  other.disconnect();
}
