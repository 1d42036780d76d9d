/** The command while it runs: its banner, its log, its signals, SHUTDOWN, and the settings that clients see. */
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connected, startCluster } from '../processes/cluster.ts';
import { eventually, killAll, temporaryFolder } from '../processes/node-process.ts';
import { RespClient } from '../processes/resp-client.ts';
import { CliProcess } from './cli-process.ts';

interface LogLine {
  level: number;
  time: number;
  msg: string;
  [field: string]: unknown;
}

function logOf(cli: CliProcess): LogLine[] {
  return cli.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as LogLine);
}

test('--help and --version print and leave with exit code 0', async () => {
  const help = CliProcess.bare(['--help']);
  assert.is(await help.ended(), 0);
  assert.match(help.stdout, 'Usage: starling');
  assert.match(help.stdout, '--appendfsync always|everysec|no');
  assert.is(help.stderr, '');
  const version = CliProcess.bare(['--version']);
  assert.is(await version.ended(), 0);
  assert.match(version.stdout, /^Starling \d+\.\d+\.\d+\n$/);
});

test('--check-config checks the settings and opens nothing', async () => {
  const cli = CliProcess.bare(['--check-config', '--dir', '/nonexistent/x', '--hz', '1']);
  assert.is(await cli.ended(), 0);
  assert.match(cli.stdout, "warning: --hz: 'hz' is known but has no effect");
  assert.match(cli.stdout, 'The configuration is good.');
});

test('the log goes to a file that is named, and the process id stands in another while the node runs', async () => {
  const folder = temporaryFolder();
  const [log, pid] = [join(folder, 'node.log'), join(folder, 'node.pid')];
  const cli = await CliProcess.launch(['--logfile', log, '--pidfile', pid, '--log-format', 'text']);
  await eventually(
    'the log',
    async () => (existsSync(log) ? readFileSync(log, 'utf8') : ''),
    (text) => text.includes('Ready to accept connections'),
  );
  await eventually(
    'the pid',
    async () => existsSync(pid),
    (is) => is,
  );
  assert.match(readFileSync(pid, 'utf8'), /^\d+\n$/);
  cli.signal('SIGTERM');
  assert.is(await cli.ended(), 0);
  assert.is(cli.stdout, '');
  assert.match(readFileSync(log, 'utf8'), 'SIGTERM: stopping');
  assert.not.ok(existsSync(pid));
});

test('a log file that cannot be opened is told in one line', async () => {
  const cli = await CliProcess.launch(['--logfile', '/nonexistent/node.log']);
  assert.is(await cli.ended(), 1);
  assert.match(cli.stderr, /^starling: cannot open the log file: ENOENT[^\n]*\n$/);
});

test('the banner shows where clients and peers find the node, and that there is no secret', async () => {
  const cli = await CliProcess.start(['--log-format', 'text', '--region', 'eu', '--zone', 'b']);
  assert.match(cli.stdout, `127.0.0.1:${cli.port}`);
  assert.match(cli.stdout, `redis-cli -h 127.0.0.1 -p ${cli.port}`);
  const peerId = /peer id +(\S+)/.exec(cli.stdout)?.[1];
  assert.match(cli.stdout, new RegExp(`--bootstrap /ip4/127\\.0\\.0\\.1/tcp/\\d+/p2p/${peerId}\n`));
  assert.match(cli.stdout, /region +eu \/ b/);
  assert.match(cli.stdout, /peers +none yet/);
  assert.match(cli.stdout, 'No --secret-file: any host that reaches the addresses above may join');
  await cli.kill();
});

test('with a secret the banner says who may join, and shows nothing of it', async () => {
  const path = join(temporaryFolder(), 'secret');
  writeFileSync(path, 'open sesame, and be quick about it\n');
  const cli = await CliProcess.start(['--log-format', 'text', '--secret-file', path, '--requirepass', 'opened']);
  assert.match(cli.stdout, 'Only nodes that hold the same secret file may join.');
  assert.not.match(cli.stdout, 'sesame');
  assert.not.match(cli.stdout, 'opened');
  await cli.kill();
});

test('where no terminal is, the log is JSON, a line each, and says what the banner says', async () => {
  const cli = await CliProcess.start(['--requirepass', 'sesame', '--hz', '11']);
  cli.signal('SIGTERM');
  assert.is(await cli.ended(), 0);
  const lines = logOf(cli);
  for (const line of lines) {
    assert.type(line.level, 'number');
    assert.type(line.time, 'number');
    assert.type(line.msg, 'string');
  }
  const up = lines.find(({ msg }) => msg === 'Starling is up');
  assert.equal(up?.redis, [`127.0.0.1:${cli.port}`]);
  assert.is(up?.secured, false);
  assert.match(String(up?.warning), 'No --secret-file');
  assert.match(JSON.stringify(up?.bootstrap), `/p2p/${up?.peerId}`);
  assert.ok(lines.some(({ msg, level }) => level === 40 && msg.includes("'hz' is known but has no effect")));
  assert.not.match(cli.stdout, 'sesame');
});

test('loglevel warning leaves out what is no warning', async () => {
  const cli = await CliProcess.launch(['--loglevel', 'warning', '--hz', '11']);
  const client = await eventually(
    'a connection',
    () => cli.connect(),
    () => true,
  );
  assert.is(await client.command('PING'), 'PONG');
  client.close();
  assert.equal(
    logOf(cli).map(({ level }) => level),
    [40],
  );
  await cli.kill();
});

test('peers that are found are told by a line', async () => {
  const nodes = await startCluster(2);
  try {
    await connected(nodes);
    for (const node of nodes) assert.match(node.output, /peer found: \w+ at \/ip4\//);
  } finally {
    await killAll(nodes);
  }
});

test('a node without a peer says after 10 s what to check', async () => {
  const cli = await CliProcess.start();
  await cli.says('no peer after 10 s', 18_000);
  assert.match(cli.stdout, 'mDNS is off: give --bootstrap MULTIADDR');
  await cli.kill();
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} stops it in order, with exit code 0 and nothing lost`, async () => {
    const cli = await CliProcess.start();
    const client = await cli.connect();
    assert.is(await client.command('SET', 'k', 'v'), 'OK');
    cli.signal(signal);
    assert.is(await cli.ended(), 0, cli.stderr);
    assert.match(cli.stdout, `${signal}: stopping`);
    const again = await CliProcess.start([], { directory: cli.directory });
    assert.is(await (await again.connect()).command('GET', 'k'), 'v');
    await again.kill();
  });
}

test('the port for peers is kept over a restart, unless somebody else has taken it', async () => {
  const first = await CliProcess.start();
  first.signal('SIGTERM');
  assert.is(await first.ended(), 0);
  const port = readFileSync(join(first.directory, 'peer.port'), 'utf8').trim();
  const second = await CliProcess.start([], { directory: first.directory });
  assert.match(second.stdout, `/ip4/127.0.0.1/tcp/${port}/p2p/`);
  second.signal('SIGTERM');
  assert.is(await second.ended(), 0);
  const other = createServer().listen(Number(port), '127.0.0.1');
  await once(other, 'listening');
  const third = await CliProcess.start([], { directory: first.directory });
  assert.match(third.stdout, '/ip4/127.0.0.1/tcp/');
  assert.not.match(third.stdout, `/tcp/${port}/p2p/`);
  await third.kill();
  other.close();
});

test('a signal that comes twice at once still stops it in order', async () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const cli = await CliProcess.start();
    cli.signal(signal);
    cli.signal(signal);
    await cli.says(`${signal}: stopping`);
    cli.signal(signal);
    assert.is(await cli.ended(), 0, cli.stderr);
    assert.is(cli.stderr, '');
  }
});

test('SIGTERM while it starts lets it start and then stops it in order', async () => {
  const cli = await CliProcess.launch();
  await cli.says('Loaded ');
  cli.signal('SIGTERM');
  assert.is(await cli.ended(), 0, cli.stderr);
});

test('SHUTDOWN ends it with exit code 0, whatever its options', async () => {
  for (const options of [[], ['NOSAVE'], ['SAVE'], ['NOW', 'FORCE']]) {
    const cli = await CliProcess.start();
    const client = await cli.connect();
    await client.command('SET', 'k', 'v');
    const answer = client.command('SHUTDOWN', ...options).catch((error: Error) => error.message);
    assert.is(await cli.ended(), 0, cli.stderr);
    assert.match(String(await answer), /closed|ECONNRESET/);
    const again = await CliProcess.start([], { directory: cli.directory });
    assert.is(await (await again.connect()).command('GET', 'k'), 'v', options.join(' '));
    await again.kill();
  }
});

test('SHUTDOWN waits for a peer to confirm, can be called off meanwhile, and NOW does not wait', async () => {
  const [node, peer] = await startCluster(2, () => ({ flags: ['--shutdown-timeout', '60'] }));
  try {
    await connected([node, peer]);
    await peer.must('DEBUG', 'REPLICATION', 'PAUSE');
    await node.must('SET', 'k', 'v');
    const asking = await node.connect();
    const answer = asking.command('SHUTDOWN');
    await eventually(
      'a shutdown to call off',
      () => node.command('SHUTDOWN', 'ABORT'),
      (reply) => reply === 'OK',
    );
    assert.equal(await answer, { error: 'ERR Errors trying to SHUTDOWN. Check logs.' });
    assert.is(await asking.command('GET', 'k'), 'v');
    assert.equal(await node.command('SHUTDOWN', 'ABORT'), { error: 'ERR No shutdown in progress.' });
    asking.close();
    void node.command('SHUTDOWN', 'NOW').catch(() => undefined);
    assert.is(await node.ended(), 0, node.output);
  } finally {
    await killAll([node, peer]);
  }
});

test('requirepass keeps out who does not give it, and masterauth is taken without effect', async () => {
  const cli = await CliProcess.start(['--requirepass', 'sesame', '--masterauth', 'other']);
  const client = await cli.connect();
  assert.equal(await client.command('PING'), { error: 'NOAUTH Authentication required.' });
  const refused = 'WRONGPASS invalid username-password pair or user is disabled.';
  assert.equal(await client.command('AUTH', 'other'), { error: refused });
  assert.is(await client.command('AUTH', 'sesame'), 'OK');
  assert.equal(await client.command('CONFIG', 'GET', 'masterauth'), ['masterauth', 'other']);
  assert.is(await client.command('CONFIG', 'SET', 'requirepass', ''), 'OK');
  assert.is(await (await cli.connect()).command('PING'), 'PONG');
  assert.not.match(cli.stdout, 'sesame');
  await cli.kill();
});

test('CONFIG REWRITE writes a file from which the next start has the same settings', async () => {
  const path = join(temporaryFolder(), 'starling.conf');
  writeFileSync(path, '# kept\nmaxmemory 100mb\nsave 900 1\n');
  const cli = await CliProcess.start(['--config', path, '--timeout', '7']);
  const client = await cli.connect();
  assert.is(await client.command('CONFIG', 'SET', 'maxmemory', '200mb', 'slowlog-max-len', '9'), 'OK');
  assert.is(await client.command('CONFIG', 'REWRITE'), 'OK');
  const settings = await client.command('CONFIG', 'GET', '*');
  cli.signal('SIGTERM');
  assert.is(await cli.ended(), 0);
  assert.match(readFileSync(path, 'utf8'), /^# kept\nmaxmemory 209715200\nsave 900 1\n/);
  const again = CliProcess.bare(['--config', path]);
  await again.says('Ready to accept connections');
  const port = Number(/^port (\d+)$/m.exec(readFileSync(path, 'utf8'))?.[1]);
  assert.is(port, cli.port);
  assert.equal(await (await RespClient.open(port)).command('CONFIG', 'GET', '*'), settings);
  await again.kill();
});

test("bind takes redis.conf's forms for every address", async () => {
  const cli = await CliProcess.start(['--bind', '*', '-192.0.2.1']);
  assert.is(await (await cli.connect()).command('PING'), 'PONG');
  assert.match(cli.stdout, `"0.0.0.0:${cli.port}"`);
  await cli.kill();
});

test.run();
