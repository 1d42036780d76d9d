/** What the command says and how it exits when it cannot do what it was asked. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort, temporaryFolder } from '../processes/node-process.ts';
import { CliProcess } from './cli-process.ts';

const folder = temporaryFolder();

/** The one line on stderr of a command that exits with 1. */
async function complaint(cli: CliProcess): Promise<string> {
  assert.is(await cli.ended(), 1, cli.stdout + cli.stderr);
  assert.match(cli.stderr, /^starling: [^\n]+\n$/);
  assert.not.match(cli.stdout + cli.stderr, /\n\s+at /);
  return cli.stderr;
}

function written(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function occupy(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

test('a mistake in the options ends it before anything is opened', async () => {
  const mistakes: [string[], string | RegExp][] = [
    [['--port', 'abc'], "argument couldn't be parsed into an integer"],
    [['--port', '99999999'], 'argument must be between 0 and 65535 inclusive'],
    [['--prot', '7000'], "unknown option 'prot', did you mean 'port'?"],
    [['--listen', 'localhost:1'], /--listen: .*'localhost:1' is not a multiaddr/],
    [['--bootstrap', '/ip4/999.0.0.1/tcp/1'], /--bootstrap: .* is not a multiaddr/],
    [['--announce', '/ip4/192.0.2.1'], /--announce: .* is not a multiaddr .*no \/tcp\/ part/],
    [[join(folder, 'missing.conf')], /cannot read config file .*missing\.conf: ENOENT/],
    [['--user', 'bob', 'on', '+nosuch'], /user bob: .*Unknown command or category name/],
    [['--user', 'bob', '--user', 'bob'], 'Duplicate user found'],
    [['--aclfile', join(folder, 'missing.acl')], /Error loading ACLs, opening file .*missing\.acl': ENOENT/],
    [['--aclfile', written('bad.acl', 'bob on\n')], /bad\.acl:1 should start with user keyword/],
    [['--aclfile', written('good.acl', ''), '--user', 'bob'], 'users are defined by user lines and by an ACL file'],
    [['--check-config', '--user', 'bob', 'nonsense'], 'Syntax error'],
    [[written('wrong.conf', 'port 7000\nrequirepas x\n')], 'line 2 of'],
  ];
  for (const [argv, expected] of mistakes) assert.match(await complaint(CliProcess.bare(argv)), expected);
});

test('an environment variable that is no directive is named', async () => {
  const cli = CliProcess.bare([], { environment: { STARLING_PROT: '1' } });
  assert.match(await complaint(cli), "environment variable STARLING_PROT: unknown option 'prot', did you mean 'port'?");
});

test('a file where the data directory should be', async () => {
  const cli = await CliProcess.launch([], { directory: written('afile', '') });
  assert.match(await complaint(cli), /data directory .*afile/);
});

test('a cluster secret that is missing, is a directory, or is too short', async () => {
  const missing = join(folder, 'none');
  assert.match(
    await complaint(await CliProcess.launch(['--secret-file', missing])),
    `cannot read the cluster secret ${missing}`,
  );
  const directory = join(folder, 'directory');
  mkdirSync(directory);
  assert.match(
    await complaint(await CliProcess.launch(['--secret-file', directory])),
    `cannot read the cluster secret ${directory}`,
  );
  const short = written('short', 'sesame\n');
  const message = await complaint(await CliProcess.launch(['--secret-file', short]));
  assert.match(message, `${short} has 6 characters`);
  assert.not.match(message, 'sesame');
});

test('an address for peers that is taken, or that this machine has not', async () => {
  const port = await freePort();
  const server = await occupy(port);
  const address = `/ip4/127.0.0.1/tcp/${port}`;
  assert.match(
    await complaint(await CliProcess.launch(['--listen', address])),
    `cannot listen for peers on ${address}: listen EADDRINUSE`,
  );
  server.close();
  assert.match(await complaint(await CliProcess.launch(['--listen', '/ip4/192.0.2.1/tcp/1'])), 'EADDRNOTAVAIL');
});

test('an address for clients that this machine has not', async () => {
  const message = await complaint(await CliProcess.launch(['--bind', '192.0.2.1']));
  assert.match(message, 'cannot listen on 192.0.2.1');
  assert.match(message, 'this machine has no such address');
});

test('a start that fails leaves the store as after an orderly stop', async () => {
  const directory = temporaryFolder();
  const first = await CliProcess.start([], { directory });
  const replica = /"replica":"(\w+)"/.exec(first.stdout)?.[1];
  first.signal('SIGTERM');
  assert.is(await first.ended(), 0);
  const port = await freePort();
  const server = await occupy(port);
  assert.match(await complaint(await CliProcess.launch([], { directory, port })), 'the port is in use');
  server.close();
  const again = await CliProcess.start([], { directory });
  assert.is(/"replica":"(\w+)"/.exec(again.stdout)?.[1], replica);
  await again.kill();
});

test.run();
