/** The conflict cases again, on real nodes. Cases whose commands are not there yet are listed as pending. */
import { test } from 'uvu';
import { commandsOf, readCases, runCase } from './cases.ts';
import { NodeSet } from './processes.ts';

const cases = readCases(new URL('cases.txt', import.meta.url));
const nodes = await NodeSet.start(Math.max(...cases.map(({ replicas }) => replicas.length)));
const pending: string[] = [];

for (const each of cases) {
  const name = `${each.id} ${each.title}`;
  const missing = await nodes.unknown(commandsOf(each));
  if (missing.length > 0) {
    pending.push(`${each.id} (${missing.join(' ')})`);
    test.skip(name, () => undefined);
    continue;
  }
  test(name, async () => {
    const cluster = await nodes.begin(each.replicas);
    try {
      await runCase(each, cluster);
    } finally {
      await cluster.stop();
    }
  });
}

if (pending.length > 0) console.log(`PENDING ${pending.length} of ${cases.length} cases: ${pending.join(', ')}`);
test.after(() => nodes.stop());
test.run();
