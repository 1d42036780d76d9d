/** Numbers at the edges of what Redis takes: expire times of 64 bits, and floats of every spelling. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BothServers, differentialTest } from './differential.ts';
import { SingleNode } from './single-node.ts';

const INT64_EDGES = ['-9223372036854775808', '-9223372036854775807', '9223372036854775806', '9223372036854775807'];
const SECONDS_EDGES = ['9223372036854775', '9223372036854776', '-9223372036854775', '-9223372036854776'];
// no small positive number: whether a key of one millisecond is still there depends on the machine
const TIMES = [...INT64_EDGES, ...SECONDS_EDGES, '9223372036854775808', '-9223372036854775809', '-1', '0'];

differentialTest('expire times at the edges of 64 bits are taken and refused as by Redis', async () => {
  const both = await BothServers.open();
  try {
    for (const time of TIMES) {
      for (const command of ['EXPIRE', 'PEXPIRE', 'EXPIREAT', 'PEXPIREAT'])
        await both.compare(['SET k v', `${command} k ${time}`, 'EXISTS k']);
      for (const unit of ['EX', 'PX', 'EXAT', 'PXAT'])
        await both.compare([`SET k v ${unit} ${time}`, 'SET k v', `GETEX k ${unit} ${time}`, 'EXISTS k']);
      await both.compare(['DEL k', `SETEX k ${time} v`, `PSETEX k ${time} v`, 'EXISTS k']);
    }
  } finally {
    both.close();
  }
});

const FLOATS = [
  ...[
    'inf',
    '-inf',
    '+inf',
    'Infinity',
    'nan',
    '-nan',
    '0x10',
    '0X1p3',
    '-0x1.8p1',
    '0xg',
    '+5',
    '5.0e3',
    '1.',
    '.5',
    '.',
  ],
  ...['00012', '1e-400', '1e5000', '5 ', ' 5', '', 'x', '3.0e3', '1e', '0x'],
];

differentialTest('a float of any spelling is added to, and is added, as by Redis', async () => {
  const both = await BothServers.open();
  try {
    for (const float of FLOATS) {
      for (const start of ['1', '10.5']) await both.compare([`SET k ${start}`, ['INCRBYFLOAT', 'k', float], 'GET k']);
      await both.compare([['SET', 'k', float], 'INCRBYFLOAT k 1', 'GET k', 'DEL h']);
      await both.compare([['HSET', 'h', 'f', float], 'HINCRBYFLOAT h f 1', 'HGET h f']);
      await both.compare(['HSET h f 1', ['HINCRBYFLOAT', 'h', 'f', float], 'HGET h f']);
    }
  } finally {
    both.close();
  }
});

test('a float past 64 bits is what GET shows, to the last digit', async () => {
  const node = new SingleNode();
  assert.is(await node.run('SET k 1'), 'OK');
  const sum = `1${'0'.repeat(29)}1`;
  assert.is(await node.run('INCRBYFLOAT k 1e30'), sum);
  assert.is(await node.run('GET k'), sum);
  assert.is(await node.run('HSET h f 9223372036854775807'), 1);
  assert.is(await node.run('HINCRBYFLOAT h f 5'), '9223372036854775812');
  assert.is(await node.run('HGET h f'), '9223372036854775812');
  assert.match(String(await node.run('INCR k')), 'ERR value is not an integer or out of range');
});

test.run();
