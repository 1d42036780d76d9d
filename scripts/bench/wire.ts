/**
 * Bytes that go over the network for each replicated SET, as TCP payload in both directions together, counted by a
 * relay between two servers that are connected through nothing else. Acknowledgements, heartbeats and encryption of
 * the time are in it, TCP/IP headers are not.
 */
import { encoded, OpenLoop } from './open-loop.ts';
import { CLIENTS, RANDOM_KEYS } from './redis-benchmark.ts';
import { Relay } from './relay.ts';
import { type Product, Subject } from './subject.ts';

export interface Wire {
  readonly product: Product;
  readonly offered: string;
  readonly bytesPerSet: number;
}

export interface WirePlan {
  readonly perSecond: number;
  readonly seconds: number;
  readonly valueBytes: number;
  /** Of the load at full speed, at depths 1 and 16. */
  readonly requests: number;
}

const DEPTHS = [1, 16];

export async function measureWire(product: Product, plan: WirePlan): Promise<Wire[]> {
  const { perSecond, seconds, valueBytes, requests } = plan;
  const relays: Relay[] = [];
  const subject = await Subject.start(product, 'peer', async (port) => {
    const relay = await Relay.open(port);
    relays.push(relay);
    return relay.port;
  });
  const [relay] = relays;
  const count = async (offered: string, sets: number, load: () => Promise<unknown>): Promise<Wire> => {
    await subject.rest();
    const before = relay.bytes;
    await load();
    await subject.rest();
    // a pair that had found a way around the relay would look like a miracle of compression
    if (relay.connections !== 1) throw new Error(`${relay.connections} connections through the relay`);
    return { product, offered, bytesPerSet: (relay.bytes - before) / sets };
  };
  const { port } = subject.entry;
  const paced = perSecond * seconds;
  const results = [
    await count(`${perSecond} SET/s`, paced, async () => {
      await (await OpenLoop.open(port, perSecond, paced, randomSet(valueBytes))).run();
    }),
  ];
  for (const depth of DEPTHS) {
    const load = { test: 'set', depth, requests, valueBytes } as const;
    results.push(await count(`full speed, ${CLIENTS} clients, depth ${depth}`, requests, () => subject.load(load)));
  }
  await subject.stop();
  await relay.cut();
  return results;
}

/** The SETs of redis-benchmark: `key:` and twelve digits. */
function randomSet(valueBytes: number): () => string {
  const value = 'x'.repeat(valueBytes);
  return () => encoded('SET', `key:${`${Math.floor(Math.random() * RANDOM_KEYS)}`.padStart(12, '0')}`, value);
}
