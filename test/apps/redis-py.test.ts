/** redis-py as it is: what it writes at one node is read and worked on at the other. The checks are in redis_py.py. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { clusterName, connected, flagsFor } from '../processes/cluster.ts';
import { killAll, NodeProcess } from '../processes/node-process.ts';
import { testUnless } from '../processes/obstacles.ts';
import { Program, pythonWith } from './programs.ts';
import { emptyNodes } from './two-nodes.ts';

const PROGRAM = join(dirname(fileURLToPath(import.meta.url)), 'redis_py.py');

const { python, obstacle } = pythonWith('redis');
const pythonTest = testUnless(obstacle, 'redis-py');

const nodes = emptyNodes(obstacle);

function start(name: string, [a, b]: readonly NodeProcess[]): Program {
  return new Program(python, [PROGRAM, name, a.port, b.port], { environment: { PYTHONDONTWRITEBYTECODE: '1' } });
}

async function succeeds(program: Program): Promise<void> {
  const { code, output, errors } = await program.ended();
  assert.is(code, 0, output + errors);
}

const CHECKS: Readonly<Record<string, string>> = {
  strings: 'strings and counters',
  bytes_as_they_are: 'keys and values of any bytes, and DUMP',
  hashes_and_sets: 'hashes and sets',
  lists_and_sorted_sets: 'lists, sorted sets, positions, sketches',
  streams: 'streams with a group whose consumers speak to two nodes',
  pipelines: 'pipelines, and transactions that try again after WATCH',
  publish_and_subscribe: 'messages to channels and patterns of the other node',
  locks: 'Lock excludes the clients of one node, and of the other once word has got there',
  locks_of_two_nodes: 'Lock is given twice by nodes that have not heard of each other, and who lost it is told',
  scans: 'scan_iter and its kin give each thing once',
  blocking_pops: 'pops that wait at one node get what the other pushes',
  scripts: 'scripts that a node does not know yet, and functions',
  what_it_parses: 'INFO, CLIENT LIST, CONFIG, COMMAND, SLOWLOG and others have the form that it takes apart',
};

for (const [name, what] of Object.entries(CHECKS)) pythonTest(what, () => succeeds(start(name, nodes)));

pythonTest('its pool and a pop that waits outlive a node that is killed and comes back', async () => {
  const cluster = clusterName();
  const b = await NodeProcess.start({ flags: flagsFor(cluster, []) });
  const first = await NodeProcess.start({ flags: flagsFor(cluster, [b]) });
  const { directory, port, meshPort } = first;
  let second: NodeProcess | null = null;
  try {
    await connected([first, b]);
    const program = start('reconnects', [first, b]);
    await program.says(/ready/);
    await first.kill();
    second = await NodeProcess.start({ directory, port, meshPort, flags: flagsFor(cluster, [b]) });
    await connected([second, b]);
    await b.must('SET', 'go', '1');
    await succeeds(program);
  } finally {
    await killAll([first, b, ...(second === null ? [] : [second])]);
  }
});

test.run();
