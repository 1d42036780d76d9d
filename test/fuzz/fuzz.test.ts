/**
 * Every input of the corpus, and for a moment changes to them: no part that reads bytes from outside may crash, hang,
 * or take memory out of all proportion. Longer with `npm run fuzz`.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readCorpus } from './corpus.ts';
import { runCampaign } from './overseer.ts';
import { TARGET_NAMES } from './targets.ts';

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 1);
const seed = Math.floor(Math.random() * 2 ** 32);
console.log(`seed ${seed}`);
const results = await runCampaign({ targets: TARGET_NAMES, seconds: SECONDS, executions: null, seed, keep: 'nothing' });

for (const name of TARGET_NAMES) {
  test(`${name}: nothing of the corpus, nor what is like it, breaks a limit`, () => {
    const result = results.find(({ target }) => target === name);
    assert.ok(result, 'its turn did not come: see the target before it');
    const [first] = result.found;
    assert.ok(first === undefined, `--seed ${seed}\n${first?.kind}: ${first?.what}\nbase64 ${first?.base64}`);
    assert.ok(result.replayed >= readCorpus(name).length, 'not all of the corpus was run');
  });
}

test.run();
