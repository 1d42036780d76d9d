/** What of this process's memory goes to what: one reading for INFO memory and MEMORY STATS. */
import type { Call } from './table.ts';

/** The JavaScript heap when the program had been loaded and no data yet. */
const STARTUP_BYTES = process.memoryUsage().heapUsed;

export interface MemoryUsage {
  /**
   * What is held on purpose: program, data, txns for peers, clients' buffers. The JavaScript heap is left out: most of
   * what it grows by is garbage, and would make the figure go up and down by itself.
   */
  used: number;
  peak: number;
  resident: number;
  startup: number;
  /** Keys, values, and what the CRDTs keep with them: what `maxmemory` limits. */
  dataset: number;
  arena: number;
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
    clients += client.queryBytes + client.outputBytes;
  });
  const used = STARTUP_BYTES + arenaUsedBytes + logBytes + clients;
  const peak = Math.max(peaks.get(engine) ?? 0, used);
  peaks.set(engine, peak);
  return {
    used,
    peak,
    clients,
    resident: rss,
    startup: STARTUP_BYTES,
    dataset: arenaUsedBytes,
    arena: arenaBytes,
    heap: heapUsed,
    log: logBytes,
    keys: engine.databases.reduce((sum, db) => sum + db.size, 0),
  };
}
