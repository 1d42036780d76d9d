/** Libraries of functions across nodes: loaded on one, called on all, kept over restarts; of two of one name the later one. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { clusterName, connected, flagsFor, setExchange, startCluster } from './cluster.ts';
import { converged, eventually, killAll, NodeProcess } from './node-process.ts';

const library = (name: string, body: string) =>
  `#!lua name=${name}\nredis.register_function("${name}_f", function(keys, args) ${body} end)`;

test('a library that is loaded on one node is called on the others, and what it writes is everywhere', async () => {
  const nodes = await startCluster(2);
  const [a, b] = nodes;
  try {
    await a.must('FUNCTION', 'LOAD', library('count', 'return redis.call("incrby", keys[1], args[1])'));
    await converged(nodes);
    assert.is(await b.must('FCALL', 'count_f', '1', 'k', '5'), 5);
    await converged(nodes);
    assert.is(await a.must('GET', 'k'), '5');
    await b.must('FUNCTION', 'LOAD', 'REPLACE', library('count', 'return "replaced"'));
    await b.must('FLUSHALL');
    await converged(nodes);
    assert.is(await a.must('FCALL', 'count_f', '1', 'k', '5'), 'replaced');
    await a.must('FUNCTION', 'DELETE', 'count');
    await converged(nodes);
    assert.match(JSON.stringify(await b.command('FCALL', 'count_f', '0')), /Function not found/);
  } finally {
    await killAll(nodes);
  }
});

test('of two libraries of one name, loaded at the same time, the later one is there as a whole', async () => {
  const nodes = await startCluster(2, () => ({ flags: ['--enable-debug-command', 'yes'] }));
  const [a, b] = nodes;
  try {
    await setExchange(nodes, false);
    await a.must('FUNCTION', 'LOAD', library('both', 'return "from a"'));
    await b.must('FUNCTION', 'LOAD', library('both', 'return "from b"'));
    await setExchange(nodes, true);
    await converged(nodes);
    for (const node of nodes) assert.is(await node.must('FCALL', 'both_f', '0'), 'from b');
  } finally {
    await killAll(nodes);
  }
});

test('a node that is killed has its libraries when it comes back', async () => {
  const name = clusterName();
  const first = await NodeProcess.start({ flags: [...flagsFor(name, []), '--appendfsync', 'always'] });
  const { directory, port } = first;
  await first.must('FUNCTION', 'LOAD', library('kept', 'return "kept"'));
  await first.kill();
  const second = await NodeProcess.start({ directory, port, flags: flagsFor(name, []) });
  try {
    assert.is(await second.must('FCALL', 'kept_f', '0'), 'kept');
  } finally {
    await second.kill();
  }
});

test('while a script hangs others are told BUSY, the node stays in its mesh, and SCRIPT KILL ends it', async () => {
  const nodes = await startCluster(2, () => ({ flags: ['--busy-reply-threshold', '50'] }));
  const [a, b] = nodes;
  try {
    await connected(nodes);
    const client = await a.connect();
    const ended = client.command('EVAL', 'while true do end', '0');
    await eventually(
      'BUSY',
      () => a.command('GET', 'k'),
      (reply) => JSON.stringify(reply).includes('BUSY'),
    );
    await b.must('SET', 'k', 'meanwhile');
    assert.is(await a.must('SCRIPT', 'KILL'), 'OK');
    assert.match(JSON.stringify(await ended), /Script killed by user/);
    client.close();
    await converged(nodes);
    assert.is(await a.must('GET', 'k'), 'meanwhile');
  } finally {
    await killAll(nodes);
  }
});

test.run();
