/**
 * Replicas of a conformance case inside this process: one engine each, commands through the very session code that
 * serves sockets, exchange by anti-entropy as the mesh does it (vectors, gaps, envelopes), and one fake wall clock.
 */
import { createEngine, type Engine, type Gap, type VersionVector } from '../../src/core/index.ts';
import { ReplyError, type ReplyValue } from '../../src/resp/decode.ts';
import { LocalClient } from '../../src/resp/local-client.ts';
import { RespServer } from '../../src/resp/server.ts';
import type { Answer, Cluster } from './cases.ts';
import { commandRegistry, servicesOf } from './services.ts';

const START_MS = Date.UTC(2026, 0, 1);
const READ_BYTES = 64 * 1024;
const COLLECT_KEYS = 1000;
const EXCHANGES_MAX = 100;

interface Replica {
  readonly engine: Engine;
  readonly client: LocalClient;
}

/** Sessions read the wall clock themselves; while in-process clusters live, it is this one. */
let now = START_MS;
const realNow = Date.now;

export class InProcessCluster implements Cluster {
  private readonly replicas = new Map<string, Replica>();

  constructor(names: readonly string[]) {
    Date.now = () => now;
    for (const [index, name] of names.entries()) this.replicas.set(name, makeReplica(index));
  }

  async run(name: string, words: readonly string[]): Promise<Answer> {
    return toAnswer(await this.replica(name).client.run(...words));
  }

  sync(names: readonly string[]): Promise<void> {
    const engines = names.map((name) => this.replica(name).engine);
    for (let round = 0; exchange(engines); round++) {
      if (round > EXCHANGES_MAX) throw new Error(`${names.join(' ')} do not become quiet`);
    }
    if (names.length === this.replicas.size) {
      const stable = leastVector(engines.map((engine) => engine.vector()));
      for (const engine of engines) engine.setStability(stable, now);
    }
    return Promise.resolve();
  }

  /** Time goes on for all, and with it the collection of what has expired. */
  tick(ms: number): Promise<void> {
    now += ms;
    for (const { engine } of this.replicas.values()) {
      engine.setNow(now);
      engine.collect(COLLECT_KEYS);
    }
    return Promise.resolve();
  }

  digest(name: string): Promise<string> {
    return Promise.resolve(this.replica(name).engine.digest());
  }

  stop(): Promise<void> {
    Date.now = realNow;
    return Promise.resolve();
  }

  private replica(name: string): Replica {
    const replica = this.replicas.get(name);
    if (replica === undefined) throw new Error(`no replica ${name}`);
    return replica;
  }
}

function makeReplica(index: number): Replica {
  const engine = createEngine({ replica: `00000000000000a${index}`, hashSeed: index + 1 });
  engine.setNow(now);
  // nobody is alone here, and nothing may be forgotten before all have it
  engine.setStability([], 0);
  const services = servicesOf();
  const server = new RespServer({
    engine,
    registry: commandRegistry,
    services,
    warn: (message, error) => {
      throw new Error(message, { cause: error });
    },
  });
  return { engine, client: new LocalClient(server) };
}

/** Every engine takes from every other what it lacks. False when nobody lacked anything. */
function exchange(engines: readonly Engine[]): boolean {
  let moved = false;
  for (const engine of engines) engine.seal();
  for (const to of engines) {
    for (const from of engines) {
      if (from === to) continue;
      for (const gap of to.missing(from.vector())) {
        moved = true;
        send(from, to, gap);
      }
    }
  }
  return moved;
}

function send(from: Engine, to: Engine, gap: Gap): void {
  for (let next = gap.from; next <= gap.to; ) {
    const envelopes = from.readLog(gap.replica, next, READ_BYTES);
    if (envelopes === null || envelopes.length === 0) throw new Error(`no log of ${gap.replica} from ${next} on`);
    for (const { bytes, last } of envelopes) {
      const received = to.receive(bytes);
      if (received.kind === 'malformed' || received.kind === 'dropped') throw new Error(JSON.stringify(received));
      next = last + 1;
    }
  }
}

/** What all of them have. */
function leastVector(vectors: readonly VersionVector[]): VersionVector {
  const [first, ...others] = vectors;
  return first.filter((entry) =>
    others.every((vector) => (vector.find(({ replica }) => replica === entry.replica)?.number ?? 0) >= entry.number),
  );
}

function toAnswer(value: ReplyValue): Answer {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value;
  if (value instanceof ReplyError) return { error: value.message };
  if (Array.isArray(value)) return value.map(toAnswer);
  throw new Error(`no RESP2 shape: ${String(value)}`);
}
