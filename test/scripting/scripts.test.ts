/** EVAL and the libraries of scripts, compared with redis-server in both protocols. */
import { test } from 'uvu';
import { BothServers, differentialTest, type Request } from '../commands/differential.ts';
import { LIBRARY_SCRIPTS, SCRIPT_COMMANDS, SCRIPTS } from './script-table.ts';

const evaluated = (scripts: readonly string[]): Request[] =>
  scripts.map((script) => ['EVAL', script, '2', 'k1', 'k2', 'a1', 'a2']);

for (const protocol of [2, 3] as const) {
  differentialTest(`scripts answer as redis-server does, in RESP${protocol}`, async () => {
    await withBoth(async (both) => {
      await both.speak(protocol);
      await both.compare(evaluated(SCRIPTS));
    });
  });

  differentialTest(`cjson, cmsgpack, struct and bit answer as redis-server does, in RESP${protocol}`, async () => {
    await withBoth(async (both) => {
      await both.speak(protocol);
      await both.compare(evaluated(LIBRARY_SCRIPTS));
    });
  });
}

differentialTest('commands about scripts answer as redis-server does', async () => {
  await withBoth(async (both) => {
    await both.compare(SCRIPT_COMMANDS);
  });
});

async function withBoth(work: (both: BothServers) => Promise<void>): Promise<void> {
  const both = await BothServers.open();
  try {
    await work(both);
  } finally {
    both.close();
  }
}

test.run();
