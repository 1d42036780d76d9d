/**
 * A process that counts upward in a store until it is killed, and says on its output how far it got: for the tests of
 * kill -9 and power cuts. With `always` it waits until each step is durable; else it only goes on.
 */
import { writeSync } from 'node:fs';
import { durable, get, increment, open } from './opened.ts';

const [directory, policy] = process.argv.slice(2);
if (policy !== 'always' && policy !== 'no') throw new Error('usage: writing-process.ts DIRECTORY always|no');
const { store, engine } = await open(directory, { appendfsync: policy, checkpointIntervalMs: 30 });
writeSync(1, `begin ${get(engine, 'counter') ?? 0} ${store.replica}\n`);
for (;;) {
  for (let i = 0; i < 20; i++) increment(engine, 'counter');
  const count = get(engine, 'counter');
  if (policy === 'always') await durable(store);
  else {
    engine.seal();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  writeSync(1, `durable ${count}\n`);
  if (policy === 'always') void store.save();
}
