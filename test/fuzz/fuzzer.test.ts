/** The fuzzer itself: it finds what is broken, makes it small, tells it from what is only refused, and draws by its seed. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Coverage } from './coverage.ts';
import { Fuzzer } from './fuzzer.ts';
import { runWithin } from './limits.ts';
import { accepted, type Target } from './target.ts';

const coverage = new Coverage();
// only now: what is compiled before has no counters
const { enter } = await import('./maze.ts');

const EXECUTIONS_MAX = 15_000;

function target(run: (bytes: Buffer) => void | Promise<void>, more: Partial<Target> = {}): Target {
  const seeds = () => [Buffer.from('0123456789')];
  return { name: 'none', guidedBy: ['/fuzz/maze.ts'], bytesMax: 64, seeds, run, ...more };
}

async function explore(seed: number, guidedBy: readonly string[]): Promise<Fuzzer> {
  const fuzzer = new Fuzzer({ target: target(enter, { guidedBy }), coverage, seed, onRun() {} });
  await fuzzer.replay();
  await fuzzer.fuzz(() => fuzzer.executions >= EXECUTIONS_MAX || fuzzer.findings.length > 0);
  return fuzzer;
}

test('it finds its way step by step, where chance alone would not, and leaves out what is not needed', async () => {
  const { findings, executions } = await explore(1, ['/fuzz/maze.ts']);
  assert.is(findings.length, 1, `nothing after ${executions} runs`);
  assert.is(findings[0].kind, 'crash');
  assert.match(findings[0].what, /out of the maze/);
  assert.is(findings[0].bytes.length, 3);
});

test('without looking at what is reached it does not', async () => {
  const { findings } = await explore(1, []);
  assert.is(findings.length, 0);
});

test('the same seed draws the same', async () => {
  const [first, again] = [await explore(3, ['/fuzz/maze.ts']), await explore(3, ['/fuzz/maze.ts'])];
  assert.is(first.executions, again.executions);
  assert.equal(first.pool.map(String), again.pool.map(String));
});

const INPUT = Buffer.from('input');

test('a declared refusal is none, any other error is', async () => {
  const refusing = target(() => void accepted(() => JSON.parse('{'), SyntaxError));
  assert.is(await runWithin(refusing, INPUT), null);
  const broken = target(() => void accepted(() => JSON.parse('{'), RangeError));
  assert.is((await runWithin(broken, INPUT))?.kind, 'crash');
  const late = target(async () => {
    await Promise.resolve();
    throw new TypeError('later');
  });
  assert.is((await runWithin(late, INPUT))?.kind, 'crash');
});

test('what check() finds is a finding', async () => {
  const wrong = target(() => {}, {
    check() {
      throw new Error('the digest differs');
    },
  });
  assert.match((await runWithin(wrong, INPUT))?.what ?? '', /the digest differs/);
});

test('more memory than allowed is a finding, in buffers or objects; what is made ready before the run does not count', async () => {
  // What is freed within a run hides what it takes: nothing may be left to collect from before. Twice: memory of buffers
  // found dead is given back beside the program, which the next collection waits for.
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const prepare = () => {
    collect();
    collect();
  };
  const kept: unknown[] = [];
  const buffers = target(() => void kept.push(Buffer.alloc(3 << 20)), { prepare });
  assert.is((await runWithin(buffers, INPUT))?.kind, 'memory');
  const objects = target(() => void kept.push(Array.from({ length: 100_000 }, (_, i) => ({ i }))), { prepare });
  assert.is((await runWithin(objects, INPUT))?.kind, 'memory');
  const before = target(() => {}, {
    prepare() {
      kept.push(Buffer.alloc(3 << 20));
    },
  });
  assert.is(await runWithin(before, INPUT), null);
  assert.ok(kept.length > 0);
});

test('more than a second is a finding', async () => {
  const slow = target(() => {
    const end = performance.now() + 1100;
    while (performance.now() < end);
  });
  assert.is((await runWithin(slow, INPUT))?.kind, 'hang');
});

test.run();
