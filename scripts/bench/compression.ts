/**
 * What compression does between regions: a node with data, and an empty one that joins it over 20 ms each way and 100 Mbit/s
 * and gets all of it by a state transfer; with and without compression, in turns. Counted are all bytes on the connection,
 * in both directions, encryption included, and the time from MESH JOIN until both nodes hold the same.
 */
import { randomBytes } from 'node:crypto';
import { eventually } from '../../test/processes/node-process.ts';
import type { Way } from './far-way.ts';
import { sendAll, words } from './filling.ts';
import { Relay } from './relay.ts';
import { table } from './report.ts';
import { clusterName, Server } from './servers.ts';
import { median } from './statistics.ts';

const WAY: Way = { delayMs: 20, bytesPerMs: 12_500 };
const MODES = ['no', 'auto'] as const;
/** Who lacks more gets the state. */
const SMALL_LOG = ['--log-max-bytes', '1mb'];
const LOG_CUT_MS_MAX = 180_000;
const EQUAL_MS_MAX = 180_000;
const RANDOM_BYTES = 200;
const NAMES = ['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara', 'Donald', 'Leslie'];
const CITIES = ['Lisbon', 'Kyoto', 'Nairobi', 'Montreal', 'Wellington'];

const VALUES = {
  'JSON documents': document,
  'random bytes': () => randomBytes(RANDOM_BYTES).toString('latin1'),
} as const;
type Kind = keyof typeof VALUES;
const KINDS: readonly Kind[] = ['JSON documents', 'random bytes'];

interface Filling {
  readonly bytes: number;
  readonly seconds: number;
  readonly processorSeconds: number;
}

export interface CompressionCost {
  readonly kind: Kind;
  readonly keys: number;
  readonly mode: (typeof MODES)[number];
  readonly rounds: readonly Filling[];
}

export async function measureCompression(
  keys: number,
  rounds: number,
  progress: (line: string) => void,
): Promise<CompressionCost[]> {
  const costs = KINDS.flatMap((kind) => MODES.map((mode) => ({ kind, keys, mode, rounds: [] as Filling[] })));
  for (let round = 1; round <= rounds; round++) {
    for (const cost of costs) {
      progress(`round ${round}/${rounds}  ${keys} keys of ${cost.kind}, compression ${cost.mode}`);
      cost.rounds.push(await fillFarAway(cost.kind, keys, cost.mode));
    }
  }
  return costs;
}

async function fillFarAway(kind: Kind, keys: number, mode: string): Promise<Filling> {
  const cluster = clusterName();
  const more = [...SMALL_LOG, '--mesh-compression', mode];
  const full = await Server.startStarling(cluster, [], more);
  await sendAll(full.port, setsOf(kind, keys));
  await eventually(
    'a log that was cut',
    async () => Number((await full.info()).get('aof_current_size')),
    (bytes) => bytes < 4 * 1024 * 1024,
    LOG_CUT_MS_MAX,
  );
  const empty = await Server.startStarling(cluster, [], more);
  const relay = await Relay.open(full.meshPort ?? 0, WAY);
  const processorMs = () => full.processorMs() + empty.processorMs();
  const before = processorMs();
  const sinceMs = performance.now();
  await empty.ask('MESH', 'JOIN', `/ip4/127.0.0.1/tcp/${relay.port}`);
  await eventually(
    'all keys on the empty node',
    async () => Number(await empty.ask('DBSIZE')),
    (found) => found === keys,
    EQUAL_MS_MAX,
  );
  const filling = {
    bytes: relay.bytes,
    seconds: (performance.now() - sinceMs) / 1000,
    processorSeconds: (processorMs() - before) / 1000,
  };
  await assertEqual(full, empty, relay);
  await Promise.all([full.stop(), empty.stop()]);
  await relay.cut();
  return filling;
}

async function assertEqual(full: Server, empty: Server, relay: Relay): Promise<void> {
  const digests = await Promise.all([full, empty].map((server) => server.ask('CRDT', 'DIGEST')));
  if (digests[0] !== digests[1]) throw new Error('the nodes hold other data');
  if (Number((await empty.info()).get('crdt_merge_reqs')) !== 1) throw new Error('it was not one state transfer');
  if (relay.connections !== 1) throw new Error(`${relay.connections} connections through the relay`);
}

function* setsOf(kind: Kind, keys: number): Generator<string> {
  for (let index = 0; index < keys; index++)
    yield words(['SET', `user:${`${index}`.padStart(11, '0')}`, VALUES[kind](index)]);
}

/** About 200 bytes, as applications keep them: some of it is different in each. */
function document(index: number): string {
  const name = NAMES[index % NAMES.length];
  return JSON.stringify({
    id: index,
    name: `${name} ${index}`,
    mail: `${name.toLowerCase()}.${index}@example.org`,
    city: CITIES[index % CITIES.length],
    seen: new Date(1_760_000_000_000 + index * 7_919_123).toISOString(),
    token: randomBytes(16).toString('hex'),
    visits: (index * 7919) % 1000,
    active: index % 3 !== 0,
  });
}

/** A row for each kind of values, with and without. Medians. */
export function compressionTable(costs: readonly CompressionCost[]): string {
  const rows = costs.map(({ kind, keys, mode, rounds }) => {
    const middle = (figure: keyof Filling) => median(rounds.map((round) => round[figure]));
    return [
      `${keys.toLocaleString('en-US')} ${kind}`,
      `\`${mode}\``,
      Math.round(middle('bytes')).toLocaleString('en-US'),
      `${middle('seconds').toFixed(1)} s`,
      `${middle('processorSeconds').toFixed(1)} s`,
    ];
  });
  const header = ['an empty node is filled with', '`mesh-compression`', 'bytes, both directions', 'until equal'];
  return table([...header, 'processor time of both'], rows);
}
