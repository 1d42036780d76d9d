/**
 * How long it takes until data is where it should be: on a server that is started again, on an empty one that joins, and
 * on one that stood still while the other took writes. Each for redis-server and its replica as well, in turns.
 */
import { eventually } from '../../test/processes/node-process.ts';
import { fill } from './filling.ts';
import { type Product, Subject } from './subject.ts';

const PRODUCTS = ['redis', 'starling'] as const;
const EQUAL_MS_MAX = 120_000;

export interface CatchingUp {
  readonly keys: number;
  /** From the start of the process until it serves, round by round. */
  readonly restartMs: Record<Product, number[]>;
  /** From the start of an empty one that knows the other until it holds the same. */
  readonly fillMs: Record<Product, number[]>;
  /** Writes applied a second by one that was stopped while the other took them all. */
  readonly appliedPerSecond: Record<Product, number[]>;
}

export async function measureCatchingUp(
  keys: number,
  rounds: number,
  progress: (line: string) => void,
): Promise<CatchingUp> {
  const measured: CatchingUp = {
    keys,
    restartMs: { redis: [], starling: [] },
    fillMs: { redis: [], starling: [] },
    appliedPerSecond: { redis: [], starling: [] },
  };
  for (let round = 1; round <= rounds; round++) {
    for (const product of PRODUCTS) {
      progress(`round ${round}/${rounds}  restart, fill and catch up of ${product}`);
      measured.restartMs[product].push(await restart(product, keys));
      measured.fillMs[product].push(await fillEmpty(product, keys));
      measured.appliedPerSecond[product].push(await apply(product, keys));
    }
  }
  return measured;
}

async function restart(product: Product, keys: number): Promise<number> {
  const subject = await Subject.start(product, 'alone');
  await fill(subject.entry.port, 'strings', keys);
  await subject.rest();
  const took = await subject.entry.restart();
  const found = Number(await subject.entry.ask('DBSIZE'));
  if (found !== keys) throw new Error(`${product} has ${found} of ${keys} keys after its restart`);
  await subject.stop();
  return took;
}

async function fillEmpty(product: Product, keys: number): Promise<number> {
  const subject = await Subject.start(product, 'alone');
  await fill(subject.entry.port, 'strings', keys);
  await subject.rest();
  const since = performance.now();
  const pair = await subject.withPeer();
  await eventually(
    `${product}: all keys with an empty peer`,
    async () => Number(await pair.peer?.ask('DBSIZE')),
    (found) => found === keys,
    EQUAL_MS_MAX,
  );
  const took = performance.now() - since;
  await pair.rest();
  await pair.stop();
  return took;
}

async function apply(product: Product, keys: number): Promise<number> {
  const pair = await Subject.start(product, 'peer');
  const { entry, peer } = pair;
  if (peer === null) throw new Error('a pair without a peer');
  await pair.rest();
  peer.pause();
  await fill(entry.port, 'strings', keys);
  peer.resume();
  const since = performance.now();
  await eventually(
    `${product}: what it stood still for`,
    async () => Number(await peer.ask('DBSIZE')),
    (found) => found === keys,
    EQUAL_MS_MAX,
  );
  const took = performance.now() - since;
  await pair.rest();
  await pair.stop();
  return (keys * 1000) / took;
}
