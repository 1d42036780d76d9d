/** Users from an ACL file and from `user` lines, ACL LOAD and SAVE, and what CONFIG REWRITE keeps of users. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openAccessControl } from '../../../src/access-control.ts';
import type { AccessControl } from '../../../src/commands/acl/access-control.ts';
import { Configuration } from '../../../src/config/configuration.ts';
import { commandRegistry } from '../../conformance/services.ts';
import { WholeNode } from '../whole-node.ts';

const folder = mkdtempSync(join(tmpdir(), 'starling-acl-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const USERS = 'user alice on nopass +@all ~* &*\n\nuser bob on >bob -@all +@set +acl ~set* &*\r\n';

function written(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content, 'latin1');
  return path;
}

function withFile(content: string): { node: WholeNode; path: string } {
  const path = written('users.acl', content);
  return { node: new WholeNode({ aclfile: path }), path };
}

/** A node's configuration and its users, from a config file and a command line. */
function started(content: string, flags: readonly string[] = []): { configuration: Configuration; acl: AccessControl } {
  const path = written('starling.conf', content);
  const { configuration } = Configuration.load([path, ...flags], {});
  return { configuration, acl: openAccessControl(configuration, commandRegistry) };
}

function linesOf({ users }: AccessControl): string[] {
  return users.all().map((user) => user.line());
}

test('an ACL file says who the users are; the default user is there in any case', async () => {
  const { node } = withFile(USERS);
  assert.equal(await node.run('ACL USERS'), ['alice', 'bob', 'default']);
  assert.is(await node.run('AUTH bob bob'), 'OK');
  assert.is(await node.run('SADD set1 m'), 1);
  assert.match(String(await node.run('SADD other m')), '-NOPERM');
});

test('the default user of a file is as the file says, whatever requirepass says', async () => {
  const path = written('users.acl', 'user default on nopass +ping\n');
  const node = new WholeNode({ aclfile: path, requirepass: 'secret' });
  assert.is(await node.run('PING'), 'PONG');
  assert.match(String(await node.run('GET k')), '-NOPERM');
});

test('SAVE writes what LOAD reads: the same users, passwords as hashes', async () => {
  const { node, path } = withFile(USERS);
  await node.run('ACL', 'SETUSER', 'eve', 'on', '>secret', '+get', '~\xff*', '(%R~a', '&ch', '+mget)');
  const before = await node.run('ACL LIST');
  assert.is(await node.run('ACL SAVE'), 'OK');
  assert.not.match(readFileSync(path, 'latin1'), 'secret');
  assert.is(statSync(path).mode & 0o777, 0o600);
  await node.run('ACL DELUSER eve bob');
  assert.is(await node.run('ACL LOAD'), 'OK');
  assert.equal(await node.run('ACL LIST'), before);
});

test('LOAD disconnects who is no user any more, and leaves the others, with their new rights', async () => {
  const { node, path } = withFile(USERS);
  const [alice, bob] = [node.connect(), node.connect()];
  await alice.run('AUTH', 'alice', 'x');
  await bob.run('AUTH', 'bob', 'bob');
  writeFileSync(path, 'user alice on nopass +ping\n');
  assert.is(await node.run('ACL LOAD'), 'OK');
  assert.is(await alice.run('PING'), 'PONG');
  assert.match(String(await alice.run('GET', 'k')), 'NOPERM');
  assert.not.match(String(await node.run('CLIENT LIST')), 'user=bob');
});

test('LOAD disconnects who listens to what is not allowed any more', async () => {
  const { node, path } = withFile(USERS);
  const alice = node.connect();
  await alice.run('AUTH', 'alice', 'x');
  await alice.run('SUBSCRIBE', 'ch');
  writeFileSync(path, 'user alice on nopass +@all &other\n');
  assert.is(await node.run('ACL LOAD'), 'OK');
  assert.not.match(String(await node.run('CLIENT LIST')), 'user=alice');
});

test('a bad file changes nothing, and LOAD tells all that is wrong with it in one line', async () => {
  const { node, path } = withFile(USERS);
  const before = await node.run('ACL LIST');
  const faults: [line: string, fault: string][] = [
    ['user alice on\nuser alice off', "WARNING: Duplicate user 'alice' found on line 2."],
    ['user default on\nuser default off', "WARNING: Duplicate user 'default' found on line 2."],
    ['# a comment', `${path}:1 should start with user keyword followed by the username.`],
    ['user', `${path}:1 should start with user keyword followed by the username.`],
    ['USER x on', `${path}:1 should start with user keyword followed by the username.`],
    ['user a\tb on', `'${path}:1: username 'a\tb' contains invalid characters.`],
    [
      '\nuser x +nosuch -nope on',
      `${path}:2: Error in applying operation '+nosuch': Unknown command or category name in ACL.`,
    ],
    [
      'user x +nosuch -nope on',
      `${path}:1: Error in applying operation '-nope': Unknown command or category name in ACL.`,
    ],
    ['user x on secretword alsosecret', `${path}:1: Syntax error. WARNING: ACL errors detected`],
    ['user x (+get', `${path}:1: Unmatched parenthesis in selector definition.`],
    ['nothing', 'WARNING: ACL errors detected, no change to the previously active ACL rules was performed'],
  ];
  for (const [content, fault] of faults) {
    writeFileSync(path, content);
    const answer = String(await node.run('ACL LOAD'));
    assert.ok(answer.startsWith('-ERR ') && answer.includes(fault), `${content}\n${answer}`);
    assert.equal(await node.run('ACL LIST'), before);
  }
  rmSync(path);
  assert.match(String(await node.run('ACL LOAD')), `-ERR Error loading ACLs, opening file '${path}': ENOENT`);
});

test('SAVE that cannot write says so, and the log tells why', async () => {
  const gone = join(folder, 'gone');
  mkdirSync(gone);
  const path = join(gone, 'users.acl');
  writeFileSync(path, USERS);
  const node = new WholeNode({ aclfile: path });
  rmSync(gone, { recursive: true });
  assert.match(String(await node.run('ACL SAVE')), '-ERR There was an error trying to save the ACLs');
  assert.match(node.logged.join('\n'), 'ACL SAVE: ENOENT');
});

test('lines of the configuration are users, from file and command line, quotes and all', () => {
  const { acl } = started('user alice on ">pass word" ~a* (+get ~b)\nuser bob off\n', [
    '--user',
    'carol',
    'on',
    '>x',
    '-@all',
  ]);
  assert.equal(
    acl.users.all().map(({ name }) => name),
    ['alice', 'bob', 'carol', 'default'],
  );
  assert.ok(acl.users.find('alice')?.accepts(Buffer.from('pass word')));
  assert.ok(acl.users.find('carol')?.accepts(Buffer.from('x')));
});

test('a line for the default user says all of what it may do', () => {
  const { acl } = started('requirepass secret\nuser default on nopass +get\n');
  assert.equal(linesOf(acl), ['user default on nopass sanitize-payload resetchannels -@all +get']);
});

test('one line in the environment, or one argument, is a user too', () => {
  assert.match(linesOf(started('', ['--user', 'bob on nopass +get']).acl).join(), 'user bob on nopass');
  const { configuration } = Configuration.load([], { STARLING_USER: 'bob on >x +get' });
  assert.ok(openAccessControl(configuration, commandRegistry).users.find('bob')?.accepts(Buffer.from('x')));
});

test('users that are no good are refused with what is wrong, in one line', () => {
  const path = written('some.acl', 'user bob nonsense\n');
  const faults: [content: string, flags: string[], fault: string][] = [
    [`aclfile ${path}\nuser bob on\n`, [], 'users are defined by user lines and by an ACL file'],
    [`aclfile ${path}\n`, [], `${path}:1: Syntax error.`],
    [`aclfile ${join(folder, 'none')}\n`, [], `Error loading ACLs, opening file '${join(folder, 'none')}': ENOENT`],
    ['user bob on +nosuch\n', [], "user bob: Error in ACL SETUSER modifier '+nosuch': Unknown command or category"],
    ['user bob on (+get\n', [], "user bob: Unmatched parenthesis in acl selector starting at '(+get'."],
    [
      'user bob on\nuser bob off\n',
      [],
      'user bob: Duplicate user found. A user can only be defined once in config files',
    ],
    ['user bob on\n', ['--user', 'bob', 'on'], 'user bob: Duplicate user found.'],
    ['', ['--user', 'default', '--user', 'default'], 'user default: Duplicate user found.'],
    ['user\n', [], 'user needs a value'],
    ['user ""\n', [], 'a user needs a name'],
  ];
  for (const [content, flags, fault] of faults) {
    const isTold = ({ message }: Error) => message.includes(fault) && !message.includes('\n');
    assert.throws(() => started(content, flags), isTold, content);
  }
});

test('a disabled user of the configuration is worth a line in the log', () => {
  const noticed: string[] = [];
  const path = written('starling.conf', 'user bob +get\nuser carol on\n');
  openAccessControl(Configuration.load([path], {}).configuration, commandRegistry, (line) => noticed.push(line));
  assert.equal(noticed, ["user bob is disabled: its line has no 'on'"]);
});

test('a relative ACL file is looked for in the data directory', () => {
  written('relative.acl', 'user bob on\n');
  assert.ok(started('aclfile relative.acl\n', ['--dir', folder]).acl.users.find('bob')?.enabled);
});

test('REWRITE keeps users where their lines were, as they are now', () => {
  const { configuration, acl } = started('port 7000\nuser bob on >x\n# end\nuser carol off\n');
  const draft = acl.users.drafted('bob', ['+get', '~a_"b']);
  assert.not.type(draft, 'string');
  if (typeof draft !== 'string') acl.users.adopt(draft);
  acl.users.remove('carol');
  assert.is(configuration.rewrite(), null);
  const [port, bob, all, end] = readFileSync(join(folder, 'starling.conf'), 'utf8').split('\n');
  assert.equal([port, end], ['port 7000', '# end']);
  assert.match(bob, /^user bob on sanitize-payload "?#[0-9a-f]{64}"? "~a_\\"b" resetchannels -@all \+get$/);
  assert.is(all, 'user default on nopass sanitize-payload ~* &* +@all');
  const before = linesOf(acl);
  const { configuration: next } = Configuration.load([join(folder, 'starling.conf')], {});
  assert.equal(linesOf(openAccessControl(next, commandRegistry)), before);
});

test('REWRITE appends users that the file does not have yet', () => {
  const { configuration, acl } = started('port 7000\n');
  const draft = acl.users.drafted('bob', ['on']);
  if (typeof draft !== 'string') acl.users.adopt(draft);
  assert.is(configuration.rewrite(), null);
  const lines = readFileSync(join(folder, 'starling.conf'), 'utf8').split('\n');
  assert.equal(lines.slice(0, 3), [
    'port 7000',
    '# Generated by CONFIG REWRITE',
    'user bob on sanitize-payload resetchannels -@all',
  ]);
});

test('REWRITE writes no users where requirepass says it all, nor beside an ACL file', () => {
  const plain = started('requirepass secret\n');
  assert.is(plain.configuration.rewrite(), null);
  assert.is(readFileSync(join(folder, 'starling.conf'), 'utf8'), 'requirepass secret\n');
  const content = `aclfile ${written('some.acl', 'user bob on\n')}\n`;
  assert.is(started(content).configuration.rewrite(), null);
  assert.is(readFileSync(join(folder, 'starling.conf'), 'utf8'), content);
});

test('REWRITE refuses what a start could not read again', () => {
  written('included.conf', 'user bob on\n');
  assert.match(
    started('include included.conf\n').configuration.rewrite() ?? '',
    'users are defined in an included file',
  );
  const { configuration, acl } = started('');
  const draft = acl.users.drafted('b\xff', ['on']);
  if (typeof draft !== 'string') acl.users.adopt(draft);
  assert.match(configuration.rewrite() ?? '', 'not UTF-8: only an ACL file can hold them');
});

test.run();
