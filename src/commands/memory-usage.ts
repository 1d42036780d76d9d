/** What of this process's memory goes to what: one reading for INFO memory and MEMORY STATS. */
import { memoryOfClient } from './client-memory.ts';
import type { Call } from './table.ts';

/** The JavaScript heap when the program had been loaded and no data yet. */
const STARTUP_BYTES = process.memoryUsage().heapUsed;

export interface MemoryUsage {
  /**
   * Data, and what clients hold. What comes with the program, and the txns that are kept for peers up to a fixed size, is
   * left out: so that a tool which puts it beside `maxmemory`, as all do, sees how near the limit is.
   */
  used: number;
  peak: number;
  resident: number;
  /** What of that is accounted for: program, arena in use, txns for peers, clients. The rest is gaps and garbage. */
  accounted: number;
  /** Keys, values, and what the CRDTs keep with them: what `maxmemory` limits. */
  dataset: number;
  /** Laid out for entries, and of that in use. */
  arena: number;
  arenaUsed: number;
  heap: number;
  /** Txns in memory for peers that lack them. */
  log: number;
  clients: number;
  keys: number;
}

/** The highest `used` that was seen, by engine: several nodes may live in one process. */
const peaks = new WeakMap<object, number>();

export function memoryUsage({ engine, services }: Call): MemoryUsage {
  const { heapUsed, rss } = process.memoryUsage();
  const { arenaBytes, arenaUsedBytes, logBytes } = engine.statistics;
  let clients = 0;
  services.clients.forEach((client) => {
    clients += memoryOfClient(client).total;
  });
  const dataset = engine.dataBytes;
  const used = dataset + clients;
  const peak = Math.max(peaks.get(engine) ?? 0, used);
  peaks.set(engine, peak);
  return {
    used,
    peak,
    clients,
    resident: rss,
    accounted: STARTUP_BYTES + arenaUsedBytes + logBytes + clients,
    dataset,
    arena: arenaBytes,
    arenaUsed: arenaUsedBytes,
    heap: heapUsed,
    log: logBytes,
    keys: engine.databases.reduce((sum, db) => sum + db.size, 0),
  };
}
