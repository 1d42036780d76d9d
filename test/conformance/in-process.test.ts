/** The conflict cases, several engines in one process. Cases whose commands are not there yet are listed as pending. */
import { test } from 'uvu';
import { commandsOf, readCases, runCase } from './cases.ts';
import { InProcessCluster } from './in-process.ts';
import { commandRegistry } from './services.ts';

const cases = readCases(new URL('cases.txt', import.meta.url));
const pending: string[] = [];

for (const each of cases) {
  const name = `${each.id} ${each.title}`;
  const missing = commandsOf(each).filter((command) => commandRegistry.find(command) === undefined);
  if (missing.length > 0) {
    pending.push(`${each.id} (${missing.join(' ')})`);
    test.skip(name, () => undefined);
    continue;
  }
  test(name, async () => {
    const cluster = new InProcessCluster(each.replicas);
    try {
      await runCase(each, cluster);
    } finally {
      await cluster.stop();
    }
  });
}

if (pending.length > 0) console.log(`PENDING ${pending.length} of ${cases.length} cases: ${pending.join(', ')}`);
test.run();
