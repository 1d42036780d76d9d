/** MIGRATE: to a real redis-server, and to servers that answer otherwise, late, or not at all. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { outbound } from '../../src/outbound.ts';
import { ReplyError, type ReplyValue } from '../../src/resp/decode.ts';
import { LocalClient } from '../../src/resp/local-client.ts';
import { serve } from '../resp/served.ts';
import { BothServers, differentialTest } from './differential.ts';

function source() {
  const served = serve();
  Object.assign(served.services, { outbound });
  const client = new LocalClient(served.server);
  const run = async (...words: string[]): Promise<ReplyValue> => {
    const reply = await client.run(...(words.length === 1 ? words[0].split(' ') : words));
    return reply instanceof ReplyError ? `-${reply.message}` : reply;
  };
  return { run, client, served };
}

/** A server that gives these answers to whatever it hears; null: none. */
async function answering(answer: string | null): Promise<{ port: number; close(): void; heard(): string }> {
  let heard = '';
  const sockets: net.Socket[] = [];
  const server = net.createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1');
      if (answer !== null) socket.write(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port: (server.address() as net.AddressInfo).port, close, heard: () => heard };
}

async function freePort(): Promise<number> {
  const { port, close } = await answering(null);
  close();
  return port;
}

async function redisOnPort(): Promise<{ port: number; client: LocalRedis; stop(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'starling-migrate-'));
  const port = await freePort();
  const options = ['--port', String(port), '--dir', folder, '--save', '', '--requirepass', 'secret'];
  const child: ChildProcess = spawn('redis-server', options, { stdio: 'ignore' });
  process.once('exit', () => child.kill('SIGKILL'));
  const client = new LocalRedis(port);
  const stop = () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  for (let tries = 0; tries < 200; tries++) {
    const up = await client.ask('PING').then(
      () => true,
      () => false,
    );
    if (up) return { port, client, stop };
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('redis-server does not answer');
}

/** Asks by the very code that MIGRATE uses: null, or an error. */
class LocalRedis {
  private readonly port: number;

  constructor(port: number) {
    this.port = port;
  }

  async ask(...commands: string[]): Promise<(string | null)[]> {
    const requests = [['AUTH', 'secret'], ...commands.map((each) => each.split(' '))];
    return (await outbound.ask('127.0.0.1', this.port, requests, 2000)).slice(1);
  }
}

differentialTest('keys of every type arrive with their times to live, and are removed here', async () => {
  const { run } = source();
  const { port, client, stop } = await redisOnPort();
  try {
    await run('SET k v PX 100000');
    await run('SADD s a b');
    await run('HSET h f v');
    await run('ZADD z 1 m');
    assert.is(
      await run(`MIGRATE 127.0.0.1 ${port} k 0 2000`),
      '-ERR Target instance replied with error: NOAUTH Authentication required.',
    );
    assert.is(await run('EXISTS k'), 1);
    assert.is(await run(`MIGRATE 127.0.0.1 ${port} k 0 2000 COPY AUTH secret`), 'OK');
    assert.is(await run('EXISTS k'), 1);
    assert.is(
      await run(`MIGRATE 127.0.0.1 ${port} k 0 2000 AUTH secret`),
      '-ERR Target instance replied with error: BUSYKEY Target key name already exists.',
    );
    const all = [
      'MIGRATE',
      '127.0.0.1',
      String(port),
      '',
      '0',
      '2000',
      'REPLACE',
      'AUTH2',
      'default',
      'secret',
      'KEYS',
    ];
    assert.is(await run(...all, 'k', 's', 'none', 'h', 'z'), 'OK');
    assert.is(await run('DBSIZE'), 0);
    assert.equal(await client.ask('INCR k', 'SADD s c', 'HSET h g w', 'ZADD z 2 n'), [
      'ERR value is not an integer or out of range',
      null,
      null,
      null,
    ]);
    assert.is(await run(...all, 'k', 's'), 'NOKEY');
  } finally {
    stop();
  }
});

differentialTest('what cannot be sent is answered as by Redis', async () => {
  const both = await BothServers.open();
  try {
    Object.assign(both.services, { outbound });
    const port = await freePort();
    await both.compare([
      'SET k v',
      'MIGRATE',
      `MIGRATE 127.0.0.1 ${port} none 0 100`,
      `MIGRATE 127.0.0.1 ${port} k 0 100`,
      `MIGRATE 127.0.0.1 ${port} k x 100`,
      `MIGRATE 127.0.0.1 ${port} k 0 x`,
      `MIGRATE 127.0.0.1 ${port} k 0 100 NONSENSE`,
      `MIGRATE 127.0.0.1 ${port} k 0 100 AUTH`,
      `MIGRATE 127.0.0.1 ${port} k 0 100 AUTH2 a`,
      `MIGRATE 127.0.0.1 ${port} k 0 100 KEYS k`,
      `MIGRATE 127.0.0.1 ${port} "" 0 100 KEYS none`,
      'EXISTS k',
      `COMMAND GETKEYS MIGRATE h 1 k 0 100`,
      'COMMAND GETKEYS MIGRATE h 1 "" 0 100 COPY KEYS a b',
      'COMMAND GETKEYSANDFLAGS MIGRATE h 1 "" 0 100 AUTH KEYS KEYS a b',
      'COMMAND INFO MIGRATE',
    ]);
  } finally {
    both.close();
  }
});

test('a server that is silent, or hangs up, leaves all as it was', async () => {
  const { run } = source();
  const silent = await answering(null);
  const odd = await answering('what?');
  await run('SET k v');
  assert.is(await run(`MIGRATE 127.0.0.1 ${silent.port} k 0 50`), '-IOERR error or timeout reading to target instance');
  assert.is(await run(`MIGRATE 127.0.0.1 ${odd.port} k 0 50`), '-IOERR error or timeout reading to target instance');
  assert.is(await run('GET k'), 'v');
  silent.close();
  odd.close();
});

test('a key that is changed on its way stays, and within a transaction nothing is sent', async () => {
  const { run, served } = source();
  const other = new LocalClient(served.server);
  const slow = await answering(null);
  await run('SET k v');
  const reply = run(`MIGRATE 127.0.0.1 ${slow.port} k 3 300`);
  while (!slow.heard().includes('RESTORE')) await new Promise((resolve) => setTimeout(resolve, 2));
  assert.match(slow.heard(), /^\*2\r\n\$6\r\nSELECT\r\n\$1\r\n3\r\n\*4\r\n\$7\r\nRESTORE\r\n\$1\r\nk\r\n\$1\r\n0\r\n/);
  assert.is(await other.run('SET', 'k', 'w'), 'OK');
  assert.match(String(await reply), 'IOERR');
  slow.close();
  const prompt = await answering('+OK\r\n+OK\r\n');
  Object.assign(served.services, {
    outbound: {
      ask: async (...asked: Parameters<typeof outbound.ask>) => {
        const answers = await outbound.ask(...asked);
        await other.run('SET', 'k', 'changed');
        return answers;
      },
    },
  });
  assert.is(
    await run(`MIGRATE 127.0.0.1 ${prompt.port} k 0 300`),
    '-ERR A key has changed while it was sent: it is in both places',
  );
  assert.is(await run('GET k'), 'changed');
  await run('MULTI');
  await run(`MIGRATE 127.0.0.1 ${prompt.port} k 0 300`);
  const [inTransaction] = (await run('EXEC')) as ReplyValue[];
  assert.match(String(inTransaction), 'cannot within a transaction');
  prompt.close();
});

test.run();
