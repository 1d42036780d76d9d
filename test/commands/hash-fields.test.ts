/** HGETEX, HSETEX and HGETDEL: the specification is Redis 8.0, which no server to compare with is installed of. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SingleNode } from './single-node.ts';

const DEADLINE_MAX = 2 ** 46 - 1;

async function node(...lines: string[]): Promise<SingleNode> {
  const one = new SingleNode();
  await one.runAll(...lines);
  return one;
}

async function assertRefused(one: SingleNode, line: string, error: string): Promise<void> {
  assert.is(await one.run(line), `-${error}`, line);
}

test('HGETEX gives values and, without an option, leaves times to live alone', async () => {
  const one = await node('HSET h f 1 g 2', 'HEXPIRE h 100 FIELDS 1 f');
  assert.equal(await one.run('HGETEX h FIELDS 3 f none g'), ['1', null, '2']);
  assert.equal(await one.run('HTTL h FIELDS 2 f g'), [100, -1]);
  assert.equal(await one.run('HGETEX nokey FIELDS 2 f g'), [null, null]);
});

test('the four ways to say when mean the same moment; PERSIST takes it away', async () => {
  const one = await node('HSET h f 1 g 2');
  const deadline = one.now + 100_000;
  for (const option of ['EX 100', 'px 100000', `EXAT ${deadline / 1000}`, `PXAT ${deadline}`]) {
    assert.equal(await one.run(`HGETEX h ${option} FIELDS 2 f none`), ['1', null], option);
    assert.equal(await one.run('HPEXPIRETIME h FIELDS 2 f g'), [deadline, -1], option);
    assert.equal(await one.run('HGETEX h PERSIST FIELDS 1 f'), ['1'], option);
    assert.equal(await one.run('HTTL h FIELDS 1 f'), [-1], option);
  }
});

test('a moment that has passed removes the field, and with the last one the key', async () => {
  const one = await node('HSET h f 1 g 2');
  assert.equal(await one.run('HGETEX h PXAT 1 FIELDS 1 f'), ['1']);
  assert.equal(await one.run('HGETALL h'), ['g', '2']);
  assert.equal(await one.run('HGETEX h EX 0 FIELDS 1 g'), ['2']);
  assert.is(await one.run('EXISTS h'), 0);
  assert.is(await one.run('HSETEX h PXAT 1 FIELDS 1 f 1'), 1);
  assert.is(await one.run('EXISTS h'), 0);
});

test('HSETEX writes fields with a time to live; without one they lose theirs, but for KEEPTTL', async () => {
  const one = await node();
  assert.is(await one.run('HSETEX h EX 100 FIELDS 2 f 1 g 2'), 1);
  assert.equal(await one.run('HTTL h FIELDS 2 f g'), [100, 100]);
  assert.is(await one.run('HSETEX h KEEPTTL FIELDS 2 f 3 new 4'), 1);
  assert.equal(await one.run('HTTL h FIELDS 2 f new'), [100, -1]);
  assert.is(await one.run('HSETEX h FIELDS 1 f 5'), 1);
  assert.equal(await one.run('HTTL h FIELDS 2 f g'), [-1, 100]);
  assert.equal(await one.run('HMGET h f g new'), ['5', '2', '4']);
});

test('HSETEX FNX wants none of the fields to be there, FXX all; else nothing is written', async () => {
  const one = await node('HSET h f 1');
  assert.is(await one.run('HSETEX h FNX FIELDS 2 new 1 f 2'), 0);
  assert.is(await one.run('HSETEX h EX 9 FXX FIELDS 2 f 2 new 1'), 0);
  assert.equal(await one.run('HGETALL h'), ['f', '1']);
  assert.is(await one.run('HSETEX h FXX FIELDS 1 f 2'), 1);
  assert.is(await one.run('HSETEX h FNX EX 9 FIELDS 1 new 1'), 1);
  assert.equal(await one.run('HTTL h FIELDS 2 f new'), [-1, 9]);
  assert.is(await one.run('HSETEX nokey FXX FIELDS 1 f 1'), 0);
  assert.is(await one.run('EXISTS nokey'), 0);
});

test('HGETDEL gives values and removes the fields, and with the last one the key', async () => {
  const one = await node('HSET h f 1 g 2');
  assert.equal(await one.run('HGETDEL h FIELDS 2 f none'), ['1', null]);
  assert.equal(await one.run('HGETALL h'), ['g', '2']);
  assert.equal(await one.run('HGETDEL h FIELDS 2 g g'), ['2', null]);
  assert.is(await one.run('EXISTS h'), 0);
  assert.equal(await one.run('HGETDEL h FIELDS 1 g'), [null]);
});

test('an expired field is none for any of them', async () => {
  const one = await node('HSETEX h PX 10 FIELDS 2 f 1 g 2');
  one.now += 10;
  assert.equal(await one.run('HGETEX h FIELDS 1 f'), [null]);
  assert.equal(await one.run('HGETDEL h FIELDS 1 f'), [null]);
  assert.is(await one.run('HSETEX h FNX FIELDS 1 f 3'), 1);
  assert.equal(await one.run('HGETALL h'), ['f', '3']);
});

test('what is wrong is told in the words of Redis, and changes nothing', async () => {
  const one = await node('HSET h f 1', 'SET s v');
  const wrongType = 'WRONGTYPE Operation against a key holding the wrong kind of value';
  await assertRefused(one, 'HGETEX s FIELDS 1 f', wrongType);
  await assertRefused(one, 'HSETEX s FIELDS 1 f v', wrongType);
  await assertRefused(one, 'HGETDEL s FIELDS 1 f', wrongType);
  for (const name of ['hgetex', 'hsetex', 'hgetdel']) {
    await assertRefused(one, `${name} h`, `ERR wrong number of arguments for '${name}' command`);
  }
  const set = "ERR wrong number of arguments for 'hsetex' command";
  await assertRefused(one, 'HSETEX h FIELDS 2 f v', set);
  await assertRefused(one, 'HSETEX h FIELDS 1 f v g w', set);
  await assertRefused(one, 'HGETEX h FIELDS 1 f g', "ERR wrong number of arguments for 'hgetex' command");
  await assertRefused(one, 'HSETEX h FXX EX 10 FIELDS', set);
  for (const count of ['abc', '0', '-1']) {
    await assertRefused(one, `HSETEX h FIELDS ${count} f v`, 'ERR invalid number of fields');
    await assertRefused(one, `HGETEX h FIELDS ${count} f`, 'ERR invalid number of fields');
  }
  await assertRefused(one, 'HSETEX h BOGUS FIELDS 1 f v', 'ERR unknown argument: BOGUS');
  await assertRefused(one, 'HGETEX h FNX FIELDS 1 f', 'ERR unknown argument: FNX');
  await assertRefused(one, 'HSETEX h FNX EX 10 KEEPTTL', oneOf('KEEPTTL'));
  await assertRefused(one, 'HSETEX h EX 10 PX 10 FIELDS 1 f v', oneOf('KEEPTTL'));
  await assertRefused(one, 'HGETEX h EX 10 PERSIST FIELDS 1 f', oneOf('PERSIST'));
  await assertRefused(one, 'HSETEX h FNX FXX FIELDS 1 f v', 'ERR Only one of FXX or FNX arguments can be specified');
  await assertRefused(one, 'HSETEX h FNX KEEPTTL FIELDS f', "ERR wrong number of arguments for 'hsetex' command");
  await assertRefused(one, 'HSETEX h EX abc FIELDS 1 f v', 'ERR value is not an integer or out of range');
  await assertRefused(one, 'HSETEX nokey FXX EX -5 FIELDS 1 f v', 'ERR invalid expire time, must be >= 0');
  await assertRefused(
    one,
    `HGETEX h PXAT ${DEADLINE_MAX + 1} FIELDS 1 f`,
    "ERR invalid expire time in 'hgetex' command",
  );
  await assertRefused(
    one,
    'HGETDEL h NOPE 1 f',
    'ERR Mandatory argument FIELDS is missing or not at the right position',
  );
  await assertRefused(one, 'HGETDEL h FIELDS 0 f', 'ERR Number of fields must be a positive integer');
  await assertRefused(one, 'HGETDEL h FIELDS 2 f', 'ERR The `numfields` parameter must match the number of arguments');
  assert.equal(await one.run('HGETALL h'), ['f', '1']);
});

function oneOf(word: string): string {
  return `ERR Only one of EX, PX, EXAT, PXAT or ${word} arguments can be specified`;
}

test.run();
