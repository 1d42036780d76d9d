/** What tests of applications begin with: two nodes that know of each other, empty before each test. */
import { test } from 'uvu';
import { startCluster } from '../processes/cluster.ts';
import { converged, eventually, killAll, type NodeProcess } from '../processes/node-process.ts';
import { killPrograms } from './programs.ts';

/** For a file whose tests run programs of others. The nodes are there once its first test begins, unless there is an obstacle. */
export function emptyNodes(obstacle: string | null): NodeProcess[] {
  const nodes: NodeProcess[] = [];
  test.before(async () => {
    if (obstacle === null) nodes.push(...(await startCluster(2)));
  });
  test.before.each(async () => {
    if (obstacle !== null) return;
    await nodes[0].must('FLUSHALL');
    await converged(nodes);
  });
  test.after.each(killPrograms);
  test.after(() => killAll(nodes));
  return nodes;
}

/** Resolves when so many clients of the node wait in a command. */
export function areWaiting(node: NodeProcess, count: number): Promise<unknown> {
  return eventually(
    `${count} wait`,
    () => node.info('blocked_clients'),
    (waiting) => waiting === String(count),
  );
}
