/** How clients come in besides plain TCP: TLS with and without certificates of their own, a UNIX socket, or only those. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { Redis } from 'ioredis';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CliProcess } from '../cli/cli-process.ts';
import { freePort } from './node-process.ts';

const directory = mkdtempSync(join(tmpdir(), 'starling-ways-in-'));
const file = (name: string) => join(directory, name);
const running: CliProcess[] = [];

test.before(() => {
  authority('ours');
  authority('others');
  certificate('server', 'ours');
  certificate('second', 'ours');
  certificate('client', 'ours');
  certificate('stranger', 'others');
});
test.after.each(async () => {
  for (const node of running.splice(0)) await node.kill();
});
test.after(() => rmSync(directory, { recursive: true }));

function openssl(...words: string[]): void {
  execFileSync('openssl', words, { cwd: directory, stdio: 'pipe' });
}

/** A key, and what asks for a certificate of it or is one. */
function keyed(name: string, out: string, ...words: string[]): void {
  const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`];
  openssl('req', ...key, '-out', out, '-subj', `/CN=${name}`, ...words);
}

function authority(name: string): void {
  keyed(name, `${name}.crt`, '-x509', '-days', '2');
}

function certificate(name: string, by: string): void {
  keyed(name, `${name}.csr`);
  writeFileSync(file('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1');
  openssl(
    'x509',
    '-req',
    '-in',
    `${name}.csr`,
    '-CA',
    `${by}.crt`,
    '-CAkey',
    `${by}.key`,
    '-CAcreateserial',
    '-out',
    `${name}.crt`,
    '-days',
    '2',
    '-extfile',
    'names',
  );
}

async function start(...flags: string[]): Promise<CliProcess> {
  const node = await CliProcess.start(flags, { directory: mkdtempSync(join(directory, 'data-')) });
  running.push(node);
  return node;
}

function securely(port: number, name: string | null): Promise<string> {
  const own = name === null ? {} : { cert: readFileSync(file(`${name}.crt`)), key: readFileSync(file(`${name}.key`)) };
  return new Promise((resolve) => {
    const socket = tls.connect({ port, host: '127.0.0.1', ca: readFileSync(file('ours.crt')), ...own });
    let heard = '';
    socket.on('data', (chunk) => {
      heard += chunk.toString();
      socket.end();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('close', () => resolve(heard));
    socket.write('PING\r\n');
  });
}

const SECURE = [
  '--tls-cert-file',
  file('server.crt'),
  '--tls-key-file',
  file('server.key'),
  '--tls-ca-cert-file',
  file('ours.crt'),
];

test('TLS only for clients with a certificate of ours, and beside it plain TCP', async () => {
  const [port, securePort] = [await freePort(), await freePort()];
  await start('--port', `${port}`, '--tls-port', `${securePort}`, ...SECURE);
  assert.is(await securely(securePort, 'client'), '+PONG\r\n');
  assert.match(await securely(securePort, 'stranger'), /ALERT|ECONNRESET|^$/);
  assert.match(await securely(securePort, null), /ALERT|ECONNRESET|^$/);
  const plain = new Redis(port);
  const secure = new Redis({
    port: securePort,
    tls: {
      ca: readFileSync(file('ours.crt')),
      cert: readFileSync(file('client.crt')),
      key: readFileSync(file('client.key')),
    },
  });
  try {
    const big = 'x'.repeat(3_000_000);
    assert.is(await secure.set('k', big), 'OK');
    assert.is(await plain.get('k'), big);
    assert.is(
      (await secure.pipeline(Array.from({ length: 2000 }, (_, i) => ['set', `k${i}`, `${i}`])).exec())?.length,
      2000,
    );
    assert.match(await plain.info('server'), `listener1:name=tls,bind=127.0.0.1,port=${securePort}`);
  } finally {
    plain.disconnect();
    secure.disconnect();
  }
});

test('certificates of clients are optional, and yet must be good; new ones of the node hold from the next client on', async () => {
  const securePort = await freePort();
  await start('--port', '0', '--tls-port', `${securePort}`, '--tls-auth-clients', 'optional', ...SECURE);
  assert.is(await securely(securePort, null), '+PONG\r\n');
  assert.is(await securely(securePort, 'client'), '+PONG\r\n');
  assert.match(await securely(securePort, 'stranger'), /ALERT|ECONNRESET|^$/);
  const client = new Redis({ port: securePort, tls: { ca: readFileSync(file('ours.crt')) } });
  try {
    const refused = await client.config('SET', 'tls-cert-file', '/nowhere').catch((error: Error) => error.message);
    assert.match(String(refused), 'Unable to update TLS configuration: tls-cert-file: ENOENT');
    assert.equal(await client.config('GET', 'tls-cert-file'), ['tls-cert-file', file('server.crt')]);
    assert.is(
      await client.call('CONFIG', 'SET', 'tls-cert-file', file('second.crt'), 'tls-key-file', file('second.key')),
      'OK',
    );
  } finally {
    client.disconnect();
  }
  assert.is(await nameOf(securePort), 'second');
});

function nameOf(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ port, host: '127.0.0.1', ca: readFileSync(file('ours.crt')) }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

test('a UNIX socket, with its permissions, and nothing else; what a killed node left there is replaced', async () => {
  const path = file('redis.sock');
  const node = await start('--port', '0', '--unixsocket', path, '--unixsocketperm', '700');
  assert.is((statSync(path).mode & 0o777).toString(8), '700');
  const client = new Redis({ path });
  try {
    assert.is(await client.set('k', 'v'), 'OK');
    assert.match(String(await client.client('INFO')), `addr=${path}:0 laddr=${path}:0`);
    assert.match(await client.info('server'), `tcp_port:0`);
    assert.match(await client.info('server'), `listener0:name=unix,bind=${path}`);
  } finally {
    client.disconnect();
  }
  await node.kill();
  assert.ok(existsSync(path));
  const again = await start('--port', '0', '--unixsocket', path);
  const second = new Redis({ path });
  try {
    assert.is(await second.ping(), 'PONG');
  } finally {
    second.disconnect();
  }
  again.signal('SIGTERM');
  assert.is(await again.ended(), 0);
  assert.not(existsSync(path));
});

test('what is wrong with it is said in a line, and the node does not start', async () => {
  const port = `${await freePort()}`;
  const inTheWay = file('a-file');
  writeFileSync(inTheWay, 'precious');
  writeFileSync(file('broken.crt'), 'no certificate');
  for (const [flags, complaint] of [
    [['--tls-port', port], 'tls-auth-clients asks for certificates'],
    [['--tls-port', port, '--tls-auth-clients', 'no'], 'tls-port needs tls-cert-file'],
    [['--tls-port', port, ...SECURE, '--tls-key-file', '/nowhere'], 'tls-key-file: ENOENT'],
    [['--tls-port', port, ...SECURE, '--tls-cert-file', file('broken.crt')], 'PEM'],
    [['--tls-port', port, ...SECURE, '--tls-protocols', 'SSLv3'], "'sslv3' is none of TLSv1.1"],
    [['--unixsocket', inTheWay], `cannot listen on ${inTheWay}: something that is no socket is there`],
    [['--unixsocket', '/nowhere/redis.sock'], 'there is no such directory'],
    [['--unixsocketperm', '9'], 'octal'],
  ] as const) {
    const node = CliProcess.bare([
      '--no-mdns',
      '--port',
      '0',
      '--dir',
      mkdtempSync(join(directory, 'data-')),
      ...flags,
    ]);
    running.push(node);
    assert.is(await node.ended(), 1, flags.join(' '));
    const lines = node.stderr.trim().split('\n');
    assert.match(lines[lines.length - 1], complaint);
  }
  assert.is(readFileSync(inTheWay, 'utf8'), 'precious');
});

test('noise on the TLS port ends that connection and nothing else', async () => {
  const securePort = await freePort();
  await start('--port', '0', '--tls-port', `${securePort}`, ...SECURE);
  await new Promise<void>((resolve) => {
    const socket = net.connect(securePort, '127.0.0.1', () => socket.write('PING\r\nGET / HTTP/1.1\r\n\r\n'));
    socket.on('error', () => {});
    socket.on('close', () => resolve());
  });
  assert.is(await securely(securePort, 'client'), '+PONG\r\n');
});

test.run();
