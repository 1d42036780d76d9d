/** Lists: what one node answers, by example, and compared with a real redis-server. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestOfValue } from '../../src/commands/value-digest.ts';
import { Slice } from '../../src/core/index.ts';
import { BothServers, differentialTest, type Request } from './differential.ts';
import { SingleNode } from './single-node.ts';

const COMMANDS = [
  ...[
    'LINDEX',
    'LINSERT',
    'LLEN',
    'LMOVE',
    'LMPOP',
    'LPOP',
    'LPOS',
    'LPUSH',
    'LPUSHX',
    'LRANGE',
    'LREM',
    'LSET',
    'LTRIM',
  ],
  ...['RPOP', 'RPOPLPUSH', 'RPUSH', 'RPUSHX'],
];

let both: BothServers;

test.after(() => both?.close());

differentialTest('every number of arguments to every list command is answered as by Redis', async () => {
  both ??= await BothServers.open();
  const requests: Request[] = ['RPUSH 1 m', 'SET string v', 'SADD set 1 m'];
  for (const name of COMMANDS) {
    for (const key of ['1', 'string', 'set', 'none']) {
      for (const more of [
        ['1', '1', '0', '1', '0'],
        ['left', 'right', '0', '1', '0'],
        ['string', 'LEFT', 'right', '1', '0'],
        ['before', 'm', 'n', '1', '0'],
      ]) {
        const args = [name, key, ...more];
        for (let count = 1; count <= args.length; count++) requests.push(args.slice(0, count));
        requests.push('RPUSH 1 m', 'SET string v', 'DEL none set', 'SADD set 1 m');
      }
    }
  }
  for (const protocol of [2, 3] as const) {
    await both.speak(protocol);
    await both.compareAfresh(requests);
  }
});

differentialTest('a long list is read, changed and taken apart at both ends and within', async () => {
  both ??= await BothServers.open();
  await both.speak(3);
  const requests: Request[] = [];
  for (let i = 0; i < 200; i++) requests.push(['RPUSH', 'l', ...Array.from({ length: 20 }, (_, j) => `${i}.${j % 7}`)]);
  for (let i = 0; i < 500; i++) requests.push(['LPUSH', 'l', `head ${i}`]);
  const look: Request[] = [
    'LRANGE l 0 -1',
    'LRANGE l -300 -100',
    'LPOS l 17.3 COUNT 0',
    'LPOS l 17.3 RANK -1',
    ...Array.from({ length: 100 }, (_, i) => ['LINDEX', 'l', String(i * 41 - 500)]),
  ];
  requests.push(...look, 'LPOP l 700', 'RPOP l 600', ...look, 'LTRIM l 100 2000', ...look);
  for (let i = 0; i < 300; i++) {
    requests.push(['LINSERT', 'l', i % 2 === 0 ? 'BEFORE' : 'AFTER', `${50 + (i % 40)}.${i % 7}`, `in ${i}`]);
    requests.push(['LSET', 'l', String(i * 5), i % 3 === 0 ? 'x'.repeat(i) : `set ${i}`]);
    requests.push(['LREM', 'l', String((i % 5) - 2), `${60 + i}.3`], 'LMOVE l l RIGHT LEFT');
  }
  requests.push(...look, 'COPY l m', 'LLEN m', 'LTRIM l 5 4', 'EXISTS l', 'LRANGE m 0 -1');
  await both.compareAfresh(requests);
});

differentialTest('a list that is moved within itself keeps its time to live, another one has its own', async () => {
  both ??= await BothServers.open();
  await both.speak(2);
  const far = Date.UTC(2040, 0, 1);
  const requests: Request[] = [];
  for (const [from, to] of ['LEFT LEFT', 'LEFT RIGHT', 'RIGHT LEFT', 'RIGHT RIGHT'].map((each) => each.split(' '))) {
    for (const elements of ['x', 'x y', 'x y z']) {
      requests.push(
        'FLUSHALL',
        `RPUSH l ${elements}`,
        `PEXPIREAT l ${far}`,
        `LMOVE l l ${from} ${to}`,
        'LRANGE l 0 -1',
      );
      requests.push('PEXPIRETIME l', `LMOVE l m ${from} ${to}`, 'LRANGE m 0 -1', 'PEXPIRETIME m', 'LRANGE l 0 -1');
      requests.push('PEXPIRETIME l', 'RPUSH m a', `LMOVE l m ${from} ${to}`, 'LRANGE m 0 -1');
    }
  }
  await both.compare(requests);
});

differentialTest('WATCH minds what changes a list, an LSET of the same value as well', async () => {
  both ??= await BothServers.open();
  await both.speak(2);
  const attempt = (change: string): Request[] => ['WATCH l', change, 'MULTI', 'LLEN l', 'EXEC'];
  await both.compareAfresh([
    'RPUSH l a b c',
    ...attempt('LSET l 0 a'),
    ...attempt('LSET l 9 a'),
    ...attempt('LREM l 0 absent'),
    ...attempt('LTRIM l 9 4'),
    ...attempt('RPUSHX l x'),
    ...attempt('LPUSHX none x'),
    ...attempt('LINSERT l BEFORE absent x'),
    ...attempt('LPOP l 0'),
    ...attempt('LMOVE none l LEFT LEFT'),
  ]);
});

test('ranks and counts whose opposite is no number are refused, as by Redis from 7.2 on', async () => {
  const node = new SingleNode();
  await node.run('RPUSH l a');
  const refusal = '-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807';
  assert.is(await node.run('LPOS l a RANK -9223372036854775808'), refusal);
  assert.is(await node.run('LREM l -9223372036854775808 a'), refusal);
});

test('keys are found where the number of keys comes first', async () => {
  const node = new SingleNode();
  assert.equal(await node.run('COMMAND GETKEYS LMPOP 2 a b LEFT'), ['a', 'b']);
  assert.equal(await node.run('COMMAND GETKEYS BLMPOP 0 2 a b LEFT COUNT 3'), ['a', 'b']);
  assert.equal(await node.run('COMMAND GETKEYS BLMOVE a b LEFT RIGHT 0'), ['a', 'b']);
});

test('OBJECT ENCODING goes by the bytes that a listpack of the elements would take, or by their number', async () => {
  const node = new SingleNode();
  await node.run('RPUSH l 1 a');
  assert.is(await node.run('OBJECT ENCODING l'), 'listpack');
  const small = Number(await node.run('MEMORY USAGE l'));
  await node.run('RPUSH', 'l', 'x'.repeat(8000));
  assert.is(await node.run('OBJECT ENCODING l'), 'listpack');
  await node.run('RPUSH', 'l', 'x'.repeat(200));
  assert.is(await node.run('OBJECT ENCODING l'), 'quicklist');
  assert.ok(Number(await node.run('MEMORY USAGE l')) > small + 8200);
  await node.run('CONFIG SET list-max-listpack-size 2');
  await node.run('RPUSH m a b');
  assert.is(await node.run('OBJECT ENCODING m'), 'listpack');
  await node.run('LPUSH m c');
  assert.is(await node.run('OBJECT ENCODING m'), 'quicklist');
});

test('DEBUG DIGEST-VALUE looks at elements and their order, not at how they came about', () => {
  const node = new SingleNode();
  const digest = (end: 'head' | 'tail', ...values: string[]) => {
    const key = Slice.of('l');
    const [db] = node.engine.databases;
    node.engine.begin();
    db.remove(key);
    for (const value of values) db.lists.push(key, end, Slice.of(value));
    node.engine.commit();
    return digestOfValue(db, key).toString('hex');
  };
  const one = digest('tail', 'a', 'b');
  assert.is(digest('head', 'b', 'a'), one);
  assert.is.not(digest('tail', 'b', 'a'), one);
  assert.is.not(digest('tail', 'ab'), one);
});

test.run();
