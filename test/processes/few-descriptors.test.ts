/**
 * A node that may open few files (`ulimit -n`), and more clients than it can serve: they are refused in words, and
 * neither the mesh nor the disk goes without.
 */
import { connect, type Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../simulation/random.ts';
import { clusterName, connected, flagsFor } from './cluster.ts';
import { assertHealed } from './healed.ts';
import { Ledger } from './ledger.ts';
import { whileWriting } from './ledger-writer.ts';
import { eventually, killAll, NodeProcess, sleep } from './node-process.ts';
import { missingProgram, testUnless } from './obstacles.ts';

/** Node.js needs about two hundred while it reads its own modules. */
const FILES_MAX = 256;
const CLIENTS = 400;
const limitTest = testUnless(missingProgram('prlimit', ['--version']), 'few file descriptors');

/** Connections that say nothing; `refusals` counts those that were turned away, and how. */
function crowd(port: number, refusals: Map<string, number>): Socket[] {
  return Array.from({ length: CLIENTS }, () => {
    const socket = connect(port, '127.0.0.1');
    let heard = '';
    socket.on('data', (chunk) => {
      heard += chunk.toString();
    });
    socket.on('error', (error) => {
      heard += error.message;
    });
    socket.on('close', () => refusals.set(heard, (refusals.get(heard) ?? 0) + 1));
    return socket;
  });
}

limitTest('with all the clients that it can serve, a node keeps peers and data, and finds new peers', async () => {
  const seed = Date.now();
  console.log(`seed ${seed}`);
  const name = clusterName();
  const always = ['--appendfsync', 'always'];
  const prefix = ['prlimit', `--nofile=${FILES_MAX}:${FILES_MAX}`];
  const victim = await NodeProcess.start({ flags: [...flagsFor(name, []), ...always], prefix });
  const nodes = [victim];
  const sockets: Socket[] = [];
  try {
    nodes.push(await NodeProcess.start({ flags: flagsFor(name, nodes) }));
    await connected(nodes);
    const ledger = new Ledger(new Random(seed));
    await whileWriting(nodes.slice(), ledger, { perSecond: 200 }, async () => {
      // who is in before the crowd stays in
      await sleep(300);
      const refusals = new Map<string, number>();
      sockets.push(...crowd(victim.port, refusals));
      const served = Number(await victim.info('maxclients'));
      assert.ok(served < FILES_MAX, `maxclients is ${served}`);
      await eventually(
        'the rest is turned away',
        async () => Number(await victim.info('rejected_connections')),
        (count) => count >= CLIENTS - served,
      );
      assert.equal([...refusals.keys()], ['-ERR max number of clients reached\r\n']);
      // the disk is written anew, and a third node comes
      await victim.must('SAVE');
      nodes.push(await NodeProcess.start({ flags: flagsFor(name, nodes) }));
      await connected(nodes);
      await sleep(500);
    });
    await assertHealed(nodes, ledger);
    assert.is(await victim.info('aof_last_write_status'), 'ok');
    for (const socket of sockets) socket.destroy();
    const late = await victim.connect();
    assert.is(await late.command('PING'), 'PONG');
    late.close();
  } finally {
    for (const socket of sockets) socket.destroy();
    await killAll(nodes);
  }
});

test.run();
