/** A process that counts upward in a store until it is killed, and says on its output what is durable: for kill.test.ts. */
import { writeSync } from 'node:fs';
import { durable, get, increment, open } from './opened.ts';

const [directory, policy] = process.argv.slice(2);
if (policy !== 'always' && policy !== 'everysec') throw new Error('usage: writing-process.ts DIRECTORY always|everysec');
const { store, engine } = await open(directory, { appendfsync: policy, checkpointIntervalMs: 30 });
writeSync(1, `begin ${get(engine, 'counter') ?? 0} ${store.replica}\n`);
for (;;) {
  for (let i = 0; i < 20; i++) increment(engine, 'counter');
  const count = get(engine, 'counter');
  await durable(store);
  writeSync(1, `durable ${count}\n`);
  void store.save();
}
