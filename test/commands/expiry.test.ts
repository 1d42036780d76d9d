import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BothServers, differentialTest } from './differential.ts';
import { SingleNode } from './single-node.ts';

test('the four ways to set a deadline mean the same moment', async () => {
  const node = new SingleNode();
  const deadline = node.now + 100_000;
  const commands = ['EXPIRE a 100', 'PEXPIRE a 100000', `EXPIREAT a ${deadline / 1000}`, `PEXPIREAT a ${deadline}`];
  for (const command of commands) {
    await node.run('SET a 1');
    assert.is(await node.run(command), 1);
    assert.is(await node.run('TTL a'), 100, command);
    assert.is(await node.run('PTTL a'), 100_000, command);
    assert.is(await node.run('EXPIRETIME a'), deadline / 1000, command);
    assert.is(await node.run('PEXPIRETIME a'), deadline, command);
  }
});

test('TTL and its family tell apart a missing key and one that stays', async () => {
  const node = new SingleNode();
  await node.run('SET a 1');
  for (const command of ['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME']) {
    assert.is(await node.run(`${command} a`), -1);
    assert.is(await node.run(`${command} nothing`), -2);
  }
  assert.is(node.services.statistics.keyspaceHits, 4);
  assert.is(node.services.statistics.keyspaceMisses, 4);
});

test('seconds are rounded to the nearest', async () => {
  const node = new SingleNode();
  await node.run('SET a 1 PX 1499');
  assert.is(await node.run('TTL a'), 1);
  await node.run('PEXPIRE a 1500');
  assert.is(await node.run('TTL a'), 2);
  await node.run('PEXPIREAT a 4000000000499');
  assert.is(await node.run('EXPIRETIME a'), 4_000_000_000);
  await node.run('PEXPIREAT a 4000000000500');
  assert.is(await node.run('EXPIRETIME a'), 4_000_000_001);
});

test('a key is there until its deadline and not at it', async () => {
  const node = new SingleNode();
  await node.run('SET a 1 PX 10');
  node.now += 9;
  assert.is(await node.run('GET a'), '1');
  assert.is(await node.run('PTTL a'), 1);
  node.now += 1;
  assert.is(await node.run('GET a'), null);
  assert.is(await node.run('TTL a'), -2);
});

test('a deadline that has passed removes the key', async () => {
  const node = new SingleNode();
  for (const command of ['EXPIRE a 0', 'EXPIRE a -100', 'PEXPIREAT a 1', 'EXPIRE a -9223372036854775']) {
    await node.run('SET a 1');
    assert.is(await node.run(command), 1, command);
    assert.is(await node.run('EXISTS a'), 0, command);
  }
});

test('a missing key takes no deadline', async () => {
  const node = new SingleNode();
  assert.is(await node.run('EXPIRE nothing 10'), 0);
  assert.is(await node.run('PERSIST nothing'), 0);
});

test('PERSIST keeps a key once', async () => {
  const node = new SingleNode();
  await node.run('SET a 1 EX 1');
  assert.is(await node.run('PERSIST a'), 1);
  assert.is(await node.run('PERSIST a'), 0);
  node.now += 2000;
  assert.is(await node.run('GET a'), '1');
});

test('NX, XX, GT and LT set a deadline exactly where their condition holds', async () => {
  const seconds = fc.integer({ min: 1, max: 20 });
  const options = fc.constantFrom('', 'NX', 'XX', 'GT', 'LT', 'XX GT', 'lt xx', 'NX NX');
  const property = fc.asyncProperty(fc.option(seconds), seconds, options, async (before, after, option) => {
    const node = new SingleNode();
    await node.run(before === null ? 'SET a 1' : `SET a 1 EX ${before}`);
    const words = option.toUpperCase().split(' ');
    const latest = before ?? Number.POSITIVE_INFINITY;
    const sets =
      (!words.includes('NX') || before === null) &&
      (!words.includes('XX') || before !== null) &&
      (!words.includes('GT') || after > latest) &&
      (!words.includes('LT') || after < latest);
    assert.is(await node.run(`EXPIRE a ${after} ${option}`.trim()), sets ? 1 : 0);
    assert.is(await node.run('TTL a'), sets ? after : (before ?? -1));
  });
  await fc.assert(property, { numRuns: 200 });
});

test('conditions that contradict each other are refused before anything else is looked at', async () => {
  const node = new SingleNode();
  const withNx = '-ERR NX and XX, GT or LT options at the same time are not compatible';
  for (const option of ['XX', 'GT', 'LT']) assert.is(await node.run(`EXPIRE nothing x NX ${option}`), withNx);
  assert.is(await node.run('EXPIRE nothing x GT LT'), '-ERR GT and LT options at the same time are not compatible');
  assert.is(await node.run('EXPIRE nothing x SOON'), '-ERR Unsupported option SOON');
});

test('a time that 64 bits cannot hold is refused', async () => {
  const node = new SingleNode();
  await node.run('SET a 1');
  const refused = [
    'expire a 9223372036854775807',
    'expire a 9223372036854775',
    'expire a -9223372036854776',
    'pexpire a 9223372036854775807',
    'expireat a 9223372036854776',
  ];
  for (const command of refused) {
    const [name] = command.split(' ');
    assert.is(await node.run(command), `-ERR invalid expire time in '${name}' command`, command);
  }
  for (const time of ['9223372036854775808', '+5', '1.5', '01', '']) {
    assert.is(await node.run('EXPIRE', 'a', time), '-ERR value is not an integer or out of range', time);
  }
  assert.is(await node.run('TTL a'), -1);
});

test('a deadline at the end of time leaves the key where it is', async () => {
  const node = new SingleNode();
  await node.run('SET a 1');
  assert.is(await node.run('PEXPIREAT a 9223372036854775807'), 1);
  assert.is(await node.run('GET a'), '1');
  assert.ok(Number(await node.run('TTL a')) > 10 ** 12);
});

differentialTest('times to live answer as redis-server does', async () => {
  const both = await BothServers.open();
  try {
    const times = [
      '0',
      '-1',
      'x',
      '',
      '+5',
      '01',
      '1.5',
      '9223372036854775807',
      '9223372036854775808',
      '-9223372036854775807',
    ];
    const refused = ['9223372036854775', '-9223372036854776', '9223372036854776', '-9223372036854775'];
    const commands = ['EXPIRE', 'PEXPIRE', 'EXPIREAT', 'PEXPIREAT'];
    for (const command of commands) {
      for (const time of [...times, ...refused]) {
        await both.compare(['SET a 1', [command, 'a', time], 'EXISTS a', [command, 'nothing', time]]);
      }
    }
    await both.compareAfresh([
      'EXPIRE',
      'EXPIRE a',
      'EXPIRE a x nonsense',
      'EXPIRE a 10 NX XX',
      'EXPIRE a 10 GT LT NX',
      'EXPIRE a 10 gt lt',
      'TTL',
      'TTL a',
      'PTTL a',
      'EXPIRETIME a',
      'PEXPIRETIME a',
      'PERSIST a',
      'SET a 1',
      'TTL a',
      'PTTL a',
      'EXPIRETIME a',
      'PEXPIRETIME a',
      'PERSIST a',
    ]);
  } finally {
    both.close();
  }
});

differentialTest('any sequence of conditions leaves the deadline that redis-server has', async () => {
  const both = await BothServers.open();
  const time = fc.integer({ min: 3_000_000_000, max: 3_000_000_004 }).map(String);
  const options = fc.subarray(['NX', 'xx', 'GT', 'lt'], { maxLength: 2 });
  const request = fc.oneof(
    fc.tuple(time, options).map(([at, words]) => ['EXPIREAT', 'a', at, ...words]),
    fc.tuple(time, options).map(([at, words]) => ['PEXPIREAT', 'a', `${at}500`, ...words]),
    fc.constantFrom(['PERSIST', 'a'], ['SET', 'a', '1'], ['DEL', 'a']),
  );
  const property = fc.asyncProperty(
    fc.array(request, { minLength: 5, maxLength: 30, size: 'max' }),
    async (requests) => {
      const asked = requests.flatMap((each) => [each, ['EXPIRETIME', 'a'], ['PEXPIRETIME', 'a']]);
      await both.compareAfresh(['SET a 1', ...asked]);
    },
  );
  try {
    await fc.assert(property, { numRuns: 60 });
  } finally {
    both.close();
  }
});

test.run();
