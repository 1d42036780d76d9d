/** HELP of every container: the text is ours, its first line and its end are Redis's. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commandRegistry } from '../conformance/services.ts';
import { BothServers, differentialTest } from './differential.ts';

const CONTAINERS = commandRegistry
  .all()
  .filter(({ subcommands = [] }) => subcommands.some(({ name }) => name.endsWith('|help')))
  .map(({ name }) => name);
/** Commands of Starling's own. */
const OWN = ['mesh', 'crdt'];

differentialTest('HELP begins and ends as that of Redis', async () => {
  const both = await BothServers.open();
  try {
    const requests = CONTAINERS.filter((name) => !OWN.includes(name)).map((name) => `${name} HELP`);
    assert.ok(requests.length >= 8);
    for (const { request, redis, starling } of await both.answers(requests)) {
      const [theirs, ours] = [redis, starling].map((reply) => reply.toString('latin1').split('\r\n').slice(1, -1));
      assert.is(ours[0], theirs[0], String(request));
      assert.equal(ours.slice(-2), theirs.slice(-2), String(request));
    }
  } finally {
    both.close();
  }
});

test.run();
