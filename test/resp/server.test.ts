/** The listener, over real sockets. */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { networkInterfaces } from 'node:os';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeRequest } from '../../src/resp/local-client.ts';
import type { RespServer } from '../../src/resp/server.ts';
import { openSocket } from '../../src/resp/socket-transport.ts';
import { type Served, serve, Wire } from './served.ts';

const HOST = '127.0.0.1';
/** Linux's list of connections. */
const SOCKETS = '/proc/net/tcp';
const running: RespServer[] = [];

async function listening(settings: [string, string][] = []): Promise<Served & { port: number }> {
  const served = serve(settings);
  running.push(served.server);
  return { ...served, port: await served.server.listen({ port: 0, addresses: [HOST] }) };
}

test.after.each(async () => {
  for (const server of running.splice(0)) await server.close();
});

test('a pipeline is answered in order', async () => {
  const { port } = await listening();
  const wire = await Wire.connect(port);
  const expected = Array.from({ length: 5000 }, (_, i) => `:${i + 1}\r\n`).join('');
  const replies = await wire.exchange(encodeRequest(['INCR', 'k']).toString('latin1').repeat(5000), expected);
  assert.is(replies, expected);
  wire.close();
});

test('values far bigger than a read come back whole', async () => {
  const { port } = await listening();
  const wire = await Wire.connect(port);
  const value = Buffer.alloc(9_000_000, 'abcdefg').toString('latin1');
  wire.send(encodeRequest(['SET', 'k', value]));
  wire.send(encodeRequest(['GET', 'k']));
  const expected = `+OK\r\n$${value.length}\r\n${value}\r\n`;
  assert.ok((await wire.exchange('', expected)) === expected);
  wire.close();
});

test('clients that send at the same time do not get into each other', async () => {
  const { port } = await listening();
  const wires = await Promise.all(Array.from({ length: 20 }, () => Wire.connect(port)));
  await Promise.all(
    wires.map(async (wire, i) => {
      const value = `value-${i}-`.repeat(50 + i * 400);
      const request = encodeRequest(['ECHO', value]).toString('latin1');
      for (let round = 0; round < 10; round++) {
        // in two parts, so that the others come between
        wire.send(request.slice(0, 20 + i));
        await new Promise((resolve) => setImmediate(resolve));
        const expected = `$${value.length}\r\n${value}\r\n`;
        assert.is(await wire.exchange(request.slice(20 + i), expected), expected);
      }
    }),
  );
  for (const wire of wires) wire.close();
});

test('a client that half-closes is answered, and then closed', async () => {
  const { port } = await listening();
  const wire = await Wire.connect(port);
  wire.socket.end('PING\r\nECHO a\r\n');
  assert.is(await wire.until((_, ended) => ended), '+PONG\r\n$1\r\na\r\n');
});

test('QUIT closes the connection', async () => {
  const { port, server } = await listening();
  const wire = await Wire.connect(port);
  wire.send('QUIT\r\n');
  assert.is(await wire.until((_, ended) => ended), '+OK\r\n');
  assert.is(server.count, 0);
});

test('a client that vanishes is forgotten, its watches too', async () => {
  const { port, server } = await listening();
  const wire = await Wire.connect(port);
  await wire.exchange('WATCH k\r\n', '+OK\r\n');
  assert.is(server.count, 1);
  const other = await Wire.connect(port);
  wire.socket.resetAndDestroy();
  await wire.until((_, ended) => ended);
  while (server.count > 1) await other.exchange('PING\r\n', '+PONG\r\n');
  assert.is(server.count, 1);
  other.close();
});

test('a client that does not read is not read from, and is answered in full when it does', async () => {
  const { port, server } = await listening();
  const wire = await Wire.connect(port);
  const value = 'x'.repeat(1 << 20);
  await wire.exchange(encodeRequest(['SET', 'k', value]).toString('latin1'), '+OK\r\n');
  wire.socket.pause();
  for (let i = 0; i < 100; i++) wire.send('GET k\r\n');
  const other = await Wire.connect(port);
  let unread = 0;
  for (let i = 0; i < 50; i++) {
    await other.exchange('PING\r\n', '+PONG\r\n');
    server.forEach((client) => {
      unread = Math.max(unread, client.outputBytes);
    });
  }
  assert.ok(unread > 0 && unread < 20 << 20, `${unread} bytes held`);
  wire.socket.resume();
  const replies = await wire.until((received) => received.length >= 100 * (value.length + 12));
  assert.is(replies.length, 100 * (value.length + 12));
  wire.close();
  other.close();
});

test('past maxclients a client is told so, and closed', async () => {
  const { port, services } = await listening([['maxclients', '2']]);
  const wires = [await Wire.connect(port), await Wire.connect(port)];
  for (const wire of wires) await wire.exchange('PING\r\n', '+PONG\r\n');
  const third = await Wire.connect(port);
  assert.is(await third.until((_, ended) => ended), '-ERR max number of clients reached\r\n');
  assert.is(services.statistics.connectionsRejected, 1);
  wires[0].send('QUIT\r\n');
  await wires[0].until((_, ended) => ended);
  const fourth = await Wire.connect(port);
  assert.is(await fourth.exchange('PING\r\n', '+PONG\r\n'), '+PONG\r\n');
  wires[1].close();
  fourth.close();
});

test('CLIENT KILL closes another connection at once, and its own after the reply', async () => {
  const { port } = await listening();
  const [one, two] = [await Wire.connect(port), await Wire.connect(port)];
  await one.exchange('CLIENT SETNAME one\r\n', '+OK\r\n');
  const id = /id=(\d+) .*name=one/.exec(await two.exchange('CLIENT LIST\r\n', '$'))?.[1];
  two.received = '';
  assert.is(await two.exchange(`CLIENT KILL ID ${id}\r\n`, ':1\r\n'), ':1\r\n');
  assert.is(await one.until((_, ended) => ended), '');
  two.send('CLIENT KILL TYPE normal SKIPME no\r\n');
  assert.is(await two.until((_, ended) => ended), ':1\r\n');
});

test('a client that is silent for longer than `timeout` is closed', async () => {
  const { port } = await listening([['timeout', '1']]);
  const wire = await Wire.connect(port);
  await wire.exchange('PING\r\n', '+PONG\r\n');
  assert.is(await wire.until((_, ended) => ended), '');
});

test('`timeout` leaves those alone who only listen', async () => {
  const { port } = await listening([['timeout', '1']]);
  const listener = await Wire.connect(port);
  await listener.until(() => true);
  listener.send('SUBSCRIBE news\r\n');
  const monitor = await Wire.connect(port);
  monitor.send('MONITOR\r\n');
  const silent = await Wire.connect(port);
  await silent.until((_, ended) => ended);
  const publisher = await Wire.connect(port);
  await publisher.exchange('PUBLISH news here\r\n', ':1\r\n');
  assert.match(await monitor.until((heard) => heard.includes('PUBLISH')), '"PUBLISH" "news" "here"');
});

/** What the kernel waits for on the connection from `clientPort`: 02 is the next keepalive probe, 00 nothing. */
function timerOf(port: number, clientPort: number): string | undefined {
  const hex = (each: number) => each.toString(16).toUpperCase().padStart(4, '0');
  const ends = new RegExp(`:${hex(port)} \\w+:${hex(clientPort)} 01 \\w+:\\w+ (\\d\\d):`);
  return ends.exec(readFileSync(SOCKETS, 'latin1'))?.[1];
}

const whereTimersShow = existsSync(SOCKETS) ? test : test.skip;

whereTimersShow('`tcp-keepalive` has the kernel look after clients that are silent, from the next one on', async () => {
  const { port, configuration } = await listening([['tcp-keepalive', '100']]);
  const timers: (string | undefined)[] = [];
  for (const seconds of ['100', '0']) {
    assert.is(configuration.set([['tcp-keepalive', seconds]]), null);
    const socket = net.connect(port, HOST);
    socket.write('PING\r\n');
    await once(socket, 'data');
    timers.push(timerOf(port, Number(socket.localPort)));
    socket.destroy();
  }
  assert.equal(timers, ['02', '00']);
});

test('who leaves more unread than the soft limit for too long is closed, although nothing more is sent', async () => {
  const { port, server, services } = await listening([['client-output-buffer-limit', 'pubsub 0 100000 1']]);
  const deaf = net.connect(port, HOST);
  await once(deaf, 'connect');
  deaf.pause();
  deaf.write('SUBSCRIBE news\r\n');
  const publisher = await Wire.connect(port);
  for (let received = 0; received === 0; )
    received = Number(/^:(\d)/.exec(await publisher.exchange('PUBLISH news a\r\n', ':'))?.[1] ?? 0);
  // more than the system takes
  publisher.send(encodeRequest(['PUBLISH', 'news', 'x'.repeat(20_000_000)]));
  await publisher.until((heard) => heard.includes(':1\r\n'));
  while (server.count > 1) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.is(services.statistics.outputLimitDisconnections, 1);
  deaf.destroy();
});

test('a port in use is an error that says so', async () => {
  const { port } = await listening();
  const { server } = serve();
  let error: NodeJS.ErrnoException | null = null;
  await server.listen({ port, addresses: [HOST] }).catch((reason: NodeJS.ErrnoException) => {
    error = reason;
  });
  assert.match(String(error), new RegExp(`cannot listen on ${HOST}:${port}: the port is in use`));
  assert.is((error as NodeJS.ErrnoException | null)?.code, 'EADDRINUSE');
});

test('when one of several addresses cannot be had, none is kept', async () => {
  const { server } = serve();
  const free = await listening();
  await free.server.close();
  const failed = await server.listen({ port: free.port, addresses: [HOST, '192.0.2.1'] }).then(
    () => false,
    () => true,
  );
  assert.ok(failed);
  const probe = net.createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject);
    probe.listen(free.port, HOST, resolve);
  });
  await new Promise((resolve) => probe.close(resolve));
});

test('closing the server closes its clients', async () => {
  const { port, server } = await listening();
  const wire = await Wire.connect(port);
  await wire.exchange('PING\r\n', '+PONG\r\n');
  await server.close();
  assert.is(await wire.until((_, ended) => ended), '');
  assert.is(server.count, 0);
});

test('a socket whose handle cannot be taken over is read in the ordinary way', async () => {
  const received: string[] = [];
  let ended = false;
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }, (accepted) => {
    const { _handle: handle } = accepted as unknown as { _handle: object };
    Object.defineProperty(handle, 'useUserBuffer', { value: undefined });
    const socket = openSocket(accepted, {
      received: (bytes, length) => received.push(bytes.toString('latin1', 0, length)),
      drained() {},
      ended: () => {
        ended = true;
        socket.end('bye');
      },
      closed() {},
      failed() {},
    });
    assert.is(socket, accepted);
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const wire = await Wire.connect((server.address() as net.AddressInfo).port);
  wire.socket.end('hello');
  assert.is(await wire.until((_, over) => over), 'bye');
  assert.is(received.join(''), 'hello');
  assert.ok(ended);
  await new Promise((resolve) => server.close(resolve));
});

const ownAddress = Object.values(networkInterfaces())
  .flat()
  .find((address) => address?.family === 'IPv4' && !address.internal)?.address;
if (ownAddress === undefined) console.log('SKIPPED protected mode: this host has no address but the loopback one');
const remoteTest = ownAddress === undefined ? test.skip : test;

remoteTest('without a password, only clients of the own host are served, unless protected mode is off', async () => {
  const served = serve();
  running.push(served.server);
  const port = await served.server.listen({ port: 0, addresses: ['0.0.0.0'] });
  const ask = async (host: string): Promise<string> => {
    const socket = net.connect(port, host);
    socket.write('PING\r\n');
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    return chunk.toString();
  };
  const remote = ownAddress ?? '';
  assert.is(await ask(HOST), '+PONG\r\n');
  assert.match(await ask(remote), /^-DENIED .*requirepass.*protected-mode no/);
  assert.is(served.services.statistics.connectionsRejected, 1);
  served.configuration.set([['protected-mode', 'no']]);
  assert.is(await ask(remote), '+PONG\r\n');
  served.configuration.set([
    ['protected-mode', 'yes'],
    ['requirepass', 'secret'],
  ]);
  assert.match(await ask(remote), /^-NOAUTH /);
});

test.run();
