/** One client's conversation, over a transport that the test holds in its hands. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Blocked } from '../../src/commands/client.ts';
import { connectionCommands } from '../../src/commands/connection.ts';
import { keyCommands } from '../../src/commands/keys.ts';
import { Registry } from '../../src/commands/registry.ts';
import { stringCommands } from '../../src/commands/strings.ts';
import type { Command } from '../../src/commands/table.ts';
import { transactionCommands } from '../../src/commands/transactions.ts';
import { encodeRequest } from '../../src/resp/local-client.ts';
import type { Session } from '../../src/resp/session.ts';
import type { Transport } from '../../src/resp/transport.ts';
import { type Served, serve } from './served.ts';
import { talker } from './talker.ts';

class HeldTransport implements Transport {
  readonly address = '10.0.0.1:1';
  readonly localAddress = '10.0.0.2:2';
  writes: string[] = [];
  /** While true, what is written stays pending. */
  stuck = false;
  pendingBytes = 0;
  reading = true;
  state: 'open' | 'ended' | 'destroyed' = 'open';

  write(bytes: Buffer): boolean {
    this.writes.push(bytes.toString('latin1'));
    if (this.stuck) this.pendingBytes += bytes.length;
    return !this.stuck;
  }

  pauseReading(): void {
    this.reading = false;
  }

  resumeReading(): void {
    this.reading = true;
  }

  end(): void {
    this.state = 'ended';
  }

  destroy(): void {
    this.state = 'destroyed';
  }

  /** What has been written since the last call. */
  take(): string {
    return this.writes.splice(0).join('');
  }
}

interface Talk extends Served {
  readonly transport: HeldTransport;
  readonly session: Session;
  /** Sends commands, each one line of words, in one chunk. */
  send(...lines: string[]): void;
  /** The same, and what was written since. */
  ask(...lines: string[]): string;
}

const waits: Blocked[] = [];

function command(name: string, run: Command['run'], flags: Command['flags'] = []): Command {
  return { name, arity: -1, flags, keys: [0, 0, 0], acl: [], since: '1.0.0', summary: '', group: 'server', run };
}

const testCommands: readonly Command[] = [
  command(
    'crash',
    ({ args, db, reply }) => {
      db.strings.write(args[1], args[1], -1);
      reply.array(2);
      reply.ok();
      throw new Error('a mistake');
    },
    ['write'],
  ),
  command('wait-here', ({ client }) => {
    waits.push(client.block((reply) => reply.integer(0)));
  }),
  command('wait-deaf', ({ client }) => {
    waits.push(client.block());
  }),
  command('resume-at-once', ({ client }) => client.block().resume((reply) => reply.status('RESUMED'))),
  command('big', ({ reply }) => reply.bulkBytes(new Uint8Array(3 << 20))),
];

function talk(settings: [string, string][] = []): Talk {
  const registry = new Registry([connectionCommands, keyCommands, stringCommands, transactionCommands, testCommands]);
  const served = serve(settings, registry);
  const transport = new HeldTransport();
  const session = served.server.open(transport);
  const send = (...lines: string[]) => {
    session.receive(Buffer.concat(lines.map((line) => encodeRequest(line.split(' ')))));
  };
  const ask = (...lines: string[]) => {
    send(...lines);
    return transport.take();
  };
  return { ...served, transport, session, send, ask };
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('all replies to one chunk leave in one write', () => {
  const { send, transport } = talk();
  send('SET k v', 'GET k', 'PING');
  assert.equal(transport.writes, ['+OK\r\n$1\r\nv\r\n+PONG\r\n']);
});

test('a handler that throws answers an internal error, and what it had effected stands', () => {
  const { ask, services, warnings } = talk();
  assert.is(ask('CRASH k', 'GET k', 'PING'), '-ERR internal error: a mistake\r\n$1\r\nk\r\n+PONG\r\n');
  assert.is(services.statistics.unexpectedErrorReplies, 1);
  assert.is(services.statistics.commandCalls.get('crash')?.failed, 1);
  assert.equal(warnings, ['command crash failed']);
});

test('a handler that throws inside EXEC spoils its own reply only', () => {
  const { ask } = talk();
  const replies = ask('MULTI', 'SET a 1', 'CRASH k', 'GET k', 'EXEC');
  assert.is(
    replies,
    '+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+OK\r\n-ERR internal error: a mistake\r\n$1\r\nk\r\n',
  );
});

test('one EXEC is one txn', () => {
  const { ask, engine } = talk();
  const before = engine.statistics.localTxns;
  ask('MULTI', 'SET a 1', 'SET b 2', 'INCR a', 'EXEC');
  assert.is(engine.statistics.localTxns - before, 1);
});

test('a protocol error is answered after the replies before it, and closes', () => {
  const { session, transport } = talk();
  session.receive(Buffer.from('*1\r\n$4\r\nPING\r\n*x\r\n*1\r\n$4\r\nPING\r\n'));
  assert.is(transport.take(), '+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n');
  assert.is(transport.state, 'ended');
});

test('nothing is run after QUIT', () => {
  const { ask, transport, engine } = talk();
  assert.is(ask('QUIT', 'SET k v'), '+OK\r\n');
  assert.is(transport.state, 'ended');
  assert.is(engine.databases[0].size, 0);
});

for (const line of ['POST / HTTP/1.1', 'Host: example.org']) {
  test(`"${line}" as a command cuts the connection without an answer, and says so in the log`, () => {
    const { session, transport, warnings, engine } = talk();
    session.receive(Buffer.from(`${line}\r\nSET k v\r\n`));
    assert.is(transport.take(), '');
    assert.is(transport.state, 'ended');
    assert.is(engine.databases[0].size, 0);
    assert.match(warnings[0], /POST or Host:/);
  });
}

// --- waiting

test('while a command waits, no other command of its client runs; then they do, in order', async () => {
  const { ask, send, transport } = talk();
  assert.is(ask('PING', 'WAIT-HERE', 'PING a'), '+PONG\r\n');
  send('PING b');
  assert.is(transport.take(), '');
  waits.pop()?.resume((reply) => reply.integer(5));
  await nextTurn();
  assert.is(transport.take(), ':5\r\n$1\r\na\r\n$1\r\nb\r\n');
});

test('a command may end its wait before it returns', () => {
  assert.is(talk().ask('RESUME-AT-ONCE', 'PING'), '+RESUMED\r\n+PONG\r\n');
});

test('a wait ends with the connection', () => {
  const { send, session, transport } = talk();
  send('WAIT-HERE');
  session.over();
  const wait = waits.pop();
  assert.is(wait?.abandoned, true);
  wait?.resume((reply) => reply.integer(5));
  assert.is(transport.take(), '');
});

test('a command may not wait inside EXEC', () => {
  const { ask, session } = talk();
  assert.is(session.mayBlock, true);
  assert.match(ask('MULTI', 'WAIT-HERE', 'PING', 'EXEC'), /\*2\r\n-ERR internal error.*\r\n\+PONG\r\n$/);
  assert.is(session.mayBlock, true);
});

test('CLIENT UNBLOCK ends a wait as its time-out would, or with an error', () => {
  const waiter = talk();
  const other = waiter.server.open(new HeldTransport());
  const unblock = (reason: string) =>
    other.receive(encodeRequest(['CLIENT', 'UNBLOCK', String(waiter.session.id), reason]));
  waiter.send('WAIT-HERE');
  unblock('TIMEOUT');
  assert.is(waiter.transport.take(), ':0\r\n');
  assert.is(waiter.session.blocked, false);
  waiter.send('WAIT-HERE');
  unblock('ERROR');
  assert.is(waiter.transport.take(), '-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n');
  waits.length = 0;
});

test('CLIENT UNBLOCK counts only whom it unblocked', () => {
  const { server, session, send } = talk();
  const transport = new HeldTransport();
  const other = server.open(transport);
  const unblock = () => {
    other.receive(encodeRequest(['CLIENT', 'UNBLOCK', String(session.id)]));
    return transport.take();
  };
  assert.is(unblock(), ':0\r\n');
  send('WAIT-DEAF');
  assert.is(unblock(), ':0\r\n');
  waits.pop()?.resume((reply) => reply.ok());
  send('WAIT-HERE');
  assert.is(unblock(), ':1\r\n');
  assert.is(unblock(), ':0\r\n');
});

// --- replies that are not wanted

test('CLIENT REPLY OFF silences everything until ON', () => {
  const { ask } = talk();
  assert.is(
    ask('CLIENT REPLY OFF', 'PING', 'NOPE', 'CLIENT REPLY SKIP', 'PING', 'CLIENT REPLY ON', 'PING'),
    '+OK\r\n+PONG\r\n',
  );
});

test('CLIENT REPLY SKIP silences one command', () => {
  const { ask } = talk();
  assert.is(ask('CLIENT REPLY SKIP', 'PING a', 'PING b'), '$1\r\nb\r\n');
  assert.is(ask('CLIENT REPLY SKIP', 'CLIENT REPLY SKIP', 'PING a', 'PING b'), '$1\r\nb\r\n');
  assert.is(ask('CLIENT REPLY SKIP', 'CLIENT REPLY ON', 'PING a'), '+OK\r\n$1\r\na\r\n');
});

test('RESET ends CLIENT REPLY OFF, MULTI, WATCH and the choice of database and protocol', () => {
  const { ask, session } = talk();
  ask('HELLO 3 SETNAME me', 'SELECT 3', 'WATCH k', 'MULTI', 'PING');
  assert.is(ask('RESET', 'PING'), '+RESET\r\n+PONG\r\n');
  assert.equal(
    [session.multi, session.database, session.protocol, session.name, session.watches.length],
    [null, 0, 2, '', 0],
  );
  assert.is(ask('CLIENT REPLY OFF', 'RESET', 'PING'), '+RESET\r\n+PONG\r\n');
});

// --- the disk

test('under appendfsync always the reply to a write waits for the disk, and so does what comes after it', () => {
  const { ask, transport, store } = talk();
  store.holdsReplies = true;
  assert.is(ask('GET k', 'SET k v', 'GET k'), '');
  assert.is(ask('PING'), '');
  assert.is(store.waiting.length, 1);
  store.waiting.pop()?.(false);
  assert.is(transport.take(), '$-1\r\n+OK\r\n$1\r\nv\r\n+PONG\r\n');
});

test('under appendfsync always reads do not wait, nor do writes without effect', () => {
  const { ask, store } = talk();
  store.holdsReplies = true;
  assert.is(ask('GET k', 'DEL k'), '$-1\r\n:0\r\n');
  assert.is(store.waiting.length, 0);
});

test('a write that did not reach the disk is not confirmed: an error, and the connection closes', () => {
  const { ask, transport, store } = talk();
  store.holdsReplies = true;
  assert.is(ask('GET k', 'SET k v', 'GET k'), '');
  store.waiting.pop()?.(true);
  assert.match(transport.take(), /^\$-1\r\n-MISCONF [^\r\n]*\r\n$/);
  assert.is(transport.state, 'ended');
});

test('QUIT after a held write is answered, and closes, when the write is on disk', () => {
  const { ask, transport, store } = talk();
  store.holdsReplies = true;
  assert.is(ask('SET k v', 'QUIT'), '');
  assert.is(transport.state, 'open');
  store.waiting.pop()?.(false);
  assert.is(transport.take(), '+OK\r\n+OK\r\n');
  assert.is(transport.state, 'ended');
});

test('a client that half-closes after a write still gets the held reply', () => {
  const { ask, session, transport, store } = talk();
  store.holdsReplies = true;
  ask('SET k v');
  session.inputEnded();
  assert.is(transport.state, 'open');
  store.waiting.pop()?.(false);
  assert.is(transport.take(), '+OK\r\n');
  assert.is(transport.state, 'ended');
});

test('while the store cannot write, writes are refused and reads are not', () => {
  const { ask, store, engine } = talk();
  ask('SET k v');
  store.failure = 'write to /data: no space left';
  const refusal =
    /^-MISCONF Starling is configured to persist data, but it is currently unable to: write to \/data: no space left\. Commands that may modify the data set are disabled/;
  assert.match(ask('SET k w'), refusal);
  assert.is(ask('GET k'), '$1\r\nv\r\n');
  assert.match(ask('MULTI', 'SET k w', 'EXEC'), /\+OK\r\n-MISCONF .*\r\n-EXECABORT /);
  store.failure = null;
  ask('MULTI', 'SET k w');
  store.failure = 'x';
  assert.match(ask('EXEC'), /^-EXECABORT Transaction discarded because of: MISCONF /);
  assert.is(engine.databases[0].size, 1);
});

test('past maxmemory what takes memory is refused, and what frees it is not', () => {
  const { ask, configuration } = talk();
  ask('SET k v');
  assert.is(configuration.set([['maxmemory', '1']]), null);
  assert.is(ask('SET k w'), "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
  assert.match(ask('MULTI', 'GET k', 'DISCARD'), /^\+OK\r\n-OOM .*\r\n\+OK\r\n$/);
  assert.is(ask('DEL k'), ':1\r\n');
});

// --- clients that do not read, or send without end

test('of a client that does not read its replies nothing more is run until it has', () => {
  const { send, transport, session } = talk();
  transport.stuck = true;
  send('PING', ...Array.from({ length: 20 }, () => 'BIG'));
  const written = transport.pendingBytes;
  assert.ok(written > 16 << 20 && written < 24 << 20, String(written));
  assert.is(transport.reading, false);
  transport.stuck = false;
  transport.pendingBytes = 0;
  session.drained();
  assert.is(transport.writes.join('').length, 20 * ((3 << 20) + 12) + 7);
  assert.is(transport.reading, true);
});

test('a client that half-closes before it has read is answered in full all the same', () => {
  const { send, transport, session } = talk();
  transport.stuck = true;
  send(...Array.from({ length: 10 }, () => 'BIG'));
  session.inputEnded();
  assert.is(transport.state, 'open');
  transport.stuck = false;
  transport.pendingBytes = 0;
  session.drained();
  assert.is(transport.writes.join('').length, 10 * ((3 << 20) + 12));
  assert.is(transport.state, 'ended');
});

test('a client that half-closes while its command waits is closed', () => {
  const { send, transport, session } = talk();
  send('WAIT-HERE');
  session.inputEnded();
  assert.is(transport.state, 'destroyed');
  assert.is(waits.pop()?.abandoned, true);
});

test('before AUTH 64 KiB of unread replies are enough to stop', () => {
  const { send, transport } = talk([['requirepass', 'secret']]);
  transport.stuck = true;
  for (let i = 0; i < 5000; i++) send('GET k');
  assert.ok(transport.pendingBytes < 70_000, String(transport.pendingBytes));
  assert.is(transport.reading, false);
});

test('the hard limit of client-output-buffer-limit closes a client', () => {
  const { ask, configuration, send, transport, warnings } = talk();
  assert.is(configuration.set([['client-output-buffer-limit', 'normal 1000000 0 0']]), null);
  assert.is(ask('PING'), '+PONG\r\n');
  transport.stuck = true;
  send('BIG');
  assert.is(transport.state, 'destroyed');
  assert.match(warnings[0], /client-output-buffer-limit/);
});

test('while a command waits, a client is read ahead to a limit only', async () => {
  const { send, session, transport } = talk();
  send('WAIT-HERE');
  const chunk = Buffer.concat(Array.from({ length: 10_000 }, () => encodeRequest(['PING'])));
  for (let i = 0; i < 8; i++) session.receive(chunk);
  assert.is(transport.reading, false);
  waits.pop()?.resume((reply) => reply.ok());
  await nextTurn();
  assert.is(transport.take(), `+OK\r\n${'+PONG\r\n'.repeat(80_000)}`);
  assert.is(transport.reading, true);
});

// --- pausing

test('CLIENT PAUSE lets every client wait, and UNPAUSE lets them go on where they were', async () => {
  const { ask, server, transport } = talk();
  server.pauseUntil(Date.now() + 60_000, false);
  assert.is(ask('SET k v', 'GET k'), '');
  server.unpause();
  await nextTurn();
  assert.is(transport.take(), '+OK\r\n$1\r\nv\r\n');
});

test('a client that waits for the end of a pause counts as blocked, with its request in the query buffer', async () => {
  const { ask, server } = talk();
  server.pauseUntil(Date.now() + 60_000, false);
  ask('GET k');
  const seen: [boolean, boolean][] = [];
  const look = () =>
    server.forEach((client) => {
      seen.push([client.blocked, client.queryBytes > 0]);
    });
  look();
  server.unpause();
  await nextTurn();
  look();
  assert.equal(seen, [
    [true, true],
    [false, false],
  ]);
});

test('CLIENT PAUSE WRITE lets reads go on', async () => {
  const { ask, server, transport } = talk();
  server.pauseUntil(Date.now() + 60_000, true);
  assert.is(ask('GET k', 'SET k v', 'GET k'), '$-1\r\n');
  server.unpause();
  await nextTurn();
  assert.is(transport.take(), '+OK\r\n$1\r\nv\r\n');
});

test('in a pause of writes messages wait, too, and what expires is hidden and stays', () => {
  const { served, open } = talker();
  served.engine.setStability('alone', 0);
  const { say } = open();
  const other = open();
  say('PFADD seen a', 'MULTI', 'SET k v PX 5', 'CLIENT PAUSE 100000 WRITE', 'EXEC');
  served.engine.setNow(served.engine.now + 10);
  const later = Date.now() + 20;
  while (Date.now() < later);
  assert.is(say('GET k'), '$-1\r\n');
  served.engine.collect(100);
  assert.is(served.engine.statistics.expiredKeys, 0);
  assert.is(other.say('PUBLISH news x'), '');
  const third = open();
  assert.is(third.say('PFCOUNT seen'), '');
  served.server.unpause();
  say('GET k');
  assert.is(served.engine.statistics.expiredKeys, 1);
});

test('CLIENT PAUSE WRITE stops an EXEC that would write', async () => {
  const { ask, server, transport } = talk();
  ask('MULTI', 'SET k v');
  server.pauseUntil(Date.now() + 60_000, true);
  assert.is(ask('EXEC'), '');
  server.unpause();
  await nextTurn();
  assert.is(transport.take(), '*1\r\n+OK\r\n');
});

test('a second, shorter and milder pause changes nothing', async () => {
  const { ask, server } = talk();
  server.pauseUntil(Date.now() + 60_000, false);
  server.pauseUntil(Date.now() - 1, true);
  await nextTurn();
  await nextTurn();
  assert.is(ask('GET k'), '');
  server.unpause();
});

// --- authentication

test('without the password only greetings are answered', () => {
  const { ask } = talk([['requirepass', 'secret']]);
  assert.is(
    ask('GET k', 'AUTH wrong', 'GET k'),
    '-NOAUTH Authentication required.\r\n-WRONGPASS invalid username-password pair or user is disabled.\r\n-NOAUTH Authentication required.\r\n',
  );
  assert.is(ask('AUTH secret', 'GET k'), '+OK\r\n$-1\r\n');
  assert.is(ask('RESET', 'GET k'), '+RESET\r\n-NOAUTH Authentication required.\r\n');
  assert.is(ask('AUTH default secret', 'GET k'), '+OK\r\n$-1\r\n');
});

test('the limits before AUTH hold until AUTH, within one chunk too', () => {
  const { ask } = talk([['requirepass', 'secret']]);
  const many = `MSET ${Array.from({ length: 12 }, (_, i) => `k${i} v`).join(' ')}`;
  assert.is(ask('AUTH secret', many), '+OK\r\n+OK\r\n');
  const other = talk([['requirepass', 'secret']]);
  assert.is(other.ask(many), '-ERR Protocol error: unauthenticated multibulk length\r\n');
  assert.is(other.transport.state, 'ended');
});

test('a password of any bytes is compared as a whole', () => {
  const { ask } = talk([['requirepass', 'geheim-é']]);
  for (const wrong of ['geheim', 'geheim-é-', '', 'g']) assert.match(ask(`AUTH ${wrong}`), /^-WRONGPASS/);
  assert.is(ask(`AUTH ${Buffer.from('geheim-é').toString('latin1')}`), '+OK\r\n');
});

// --- statistics

test('calls, failures and refusals are counted by command', () => {
  const { ask, services } = talk();
  ask('SET k v', 'INCR k', 'GET k', 'GET k', 'GET', 'CLIENT ID', 'CLIENT GETNAME', 'NOPE');
  const calls = (name: string) => {
    const { calls, failed, rejected } = services.statistics.commandCalls.get(name) ?? {};
    return [calls, failed, rejected];
  };
  assert.equal(calls('get'), [2, 0, 1]);
  assert.equal(calls('incr'), [1, 1, 0]);
  assert.equal(calls('client|id'), [1, 0, 0]);
  assert.is(services.statistics.commandsProcessed, 6);
  assert.is(services.statistics.errorReplies, 3);
  assert.equal([...services.statistics.errors], [['ERR', 3]]);
});

test('counting starts anew after a reset of the statistics', () => {
  const { ask, services } = talk();
  ask('GET k', 'GET k', 'PING');
  services.statistics.reset();
  ask('GET k');
  assert.is(services.statistics.commandCalls.get('get')?.calls, 1);
  assert.is(services.statistics.commandCalls.has('ping'), false);
});

test('a slow command is noted with its arguments, a quick one in a pipeline is not', () => {
  const { ask, services } = talk();
  services.slowLog.thresholdMicros = 0;
  ask('GET first');
  ask('GET a', 'GET b');
  assert.equal(
    services.slowLog.entries.map(({ args }) => args),
    [['GET', 'first']],
  );
});

test('the slow log shows no password', () => {
  const { ask, services } = talk([['requirepass', 'secret']]);
  services.slowLog.thresholdMicros = 0;
  ask('AUTH secret');
  ask('HELLO 2 AUTH default secret SETNAME me');
  const shown = services.slowLog.entries.map(({ args }) => args.join(' '));
  assert.equal(shown, ['HELLO 2 AUTH (redacted) (redacted) SETNAME me', 'AUTH (redacted)']);
});

test('bytes in and out are counted', () => {
  const { ask, services } = talk();
  ask('PING');
  assert.is(services.statistics.inputBytes, 14);
  assert.is(services.statistics.outputBytes, 7);
});

test.run();
