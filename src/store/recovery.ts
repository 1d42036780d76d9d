/**
 * Start: the state as the last checkpoint left it, then every logged txn that it does not cover, in causal order.
 * The engine is empty and nobody listens to it yet, so nothing that is read here is logged again.
 */
import type { Engine, ReplicaId, VersionVector } from '../core/contract.ts';
import { MalformedError } from '../core/index.ts';
import type { Disk } from './disk.ts';
import { LOG_RANGE, logKey, readLogKey, readLogValue } from './encoding.ts';
import { recordPages } from './merged-records.ts';
import { type Checkpoint, readCheckpoint, readCopiedReplicas, readOwnReplicas, readReplicaTable } from './metadata.ts';

/** A directory is copied, or restored, so often before the ids that it had at first are forgotten as such. */
const COPIED_MAX = 64;

export interface Recovered {
  readonly table: ReplicaId[];
  readonly checkpoint: Checkpoint;
  readonly records: number;
  readonly envelopes: number;
  /** Of the envelopes that were replayed. */
  readonly logBytes: number;
  /** Replicas whose log goes on after something that is missing: those txns wait until peers bring it. */
  readonly incomplete: ReplicaId[];
}

/**
 * `isCopy`: what is read was written in another directory, for all that can be told, and that one may go on. Throws what
 * encoding.ts throws for damaged values, and a MalformedError where they are whole and make no sense.
 */
export async function recover(disk: Disk, engine: Engine, isCopy: boolean): Promise<Recovered> {
  const table = await readReplicaTable(disk);
  const checkpoint = await readCheckpoint(disk);
  engine.loadVector([...table], [...checkpoint.vector]);
  const own = await readOwnReplicas(disk);
  const copied = new Set([...(await readCopiedReplicas(disk)), ...(isCopy ? own : [])]);
  engine.loadReplicas(own, checkpoint.retirements, [...copied].slice(-COPIED_MAX));
  let records = 0;
  for await (const page of recordPages(disk, checkpoint.merge)) {
    for (const [record, content] of page) engine.loadRecord(record, content);
    records += page.length;
  }
  const replay = new Replay(disk, engine, checkpoint.vector);
  await replay.run();
  const { envelopes, bytes, incomplete } = replay;
  return { table, checkpoint, records, envelopes, logBytes: bytes, incomplete };
}

/** Last txn of `replica` that state or log hold; 0 if none. */
export async function lastNumberOf(disk: Disk, replica: ReplicaId): Promise<number> {
  const { vector } = await readCheckpoint(disk);
  const covered = vector.find((entry) => entry.replica === replica)?.number ?? 0;
  const newest = await disk.lastEntry({ gte: logKey(replica, 0), lt: logKey(replica, Number.MAX_SAFE_INTEGER) });
  return newest === undefined ? covered : Math.max(covered, readLogValue(...newest).last);
}

type Entries = AsyncGenerator<[Buffer, Buffer]>;

/** One replica's part of the log, with its next envelope at hand. */
interface Strand {
  readonly replica: ReplicaId;
  readonly entries: Entries;
  head: Buffer | null;
}

/**
 * Feeds the strands in turns. An envelope whose context is not there yet stays at its strand's head while others
 * go on, so the engine's waiting room stays almost empty however long the log is.
 */
class Replay {
  envelopes = 0;
  bytes = 0;
  readonly incomplete: ReplicaId[] = [];
  private readonly disk: Disk;
  private readonly engine: Engine;
  private readonly covered: Map<ReplicaId, number>;

  constructor(disk: Disk, engine: Engine, vector: VersionVector) {
    this.disk = disk;
    this.engine = engine;
    this.covered = new Map(vector.map(({ replica, number }) => [replica, number]));
  }

  async run(): Promise<void> {
    let strands: Strand[] = [];
    for (const replica of await this.replicas()) {
      const strand: Strand = { replica, entries: this.entriesOf(replica), head: null };
      if (await this.advance(strand)) strands.push(strand);
    }
    while (strands.length > 0) {
      let progress = false;
      const unfinished: Strand[] = [];
      for (const strand of strands) {
        const outcome = await this.feed(strand);
        if (outcome.fed > 0) progress = true;
        if (!outcome.finished) unfinished.push(strand);
      }
      strands = unfinished;
      if (!progress) break;
    }
    for (const strand of strands) await this.leaveWaiting(strand);
  }

  /** Gives the engine what applies now. */
  private async feed(strand: Strand): Promise<{ fed: number; finished: boolean }> {
    for (let fed = 0; ; fed++) {
      if (strand.head === null) return { fed, finished: true };
      const received = this.engine.receive(strand.head);
      if (received.kind === 'malformed')
        throw new MalformedError(`logged envelope of ${strand.replica}: ${received.reason}`);
      if (received.kind === 'waiting' || received.kind === 'dropped') return { fed, finished: false };
      await this.advance(strand);
    }
  }

  /** Nothing goes on by itself: a power cut or an unfinished import left a gap. Peers fill it. */
  private async leaveWaiting(strand: Strand): Promise<void> {
    this.incomplete.push(strand.replica);
    while (strand.head !== null && this.engine.receive(strand.head).kind !== 'dropped') await this.advance(strand);
    await strand.entries.return(undefined);
  }

  private async advance(strand: Strand): Promise<boolean> {
    for (;;) {
      const { value: entry, done } = await strand.entries.next();
      if (done === true) {
        strand.head = null;
        return false;
      }
      const { last, bytes } = readLogValue(...(entry as [Buffer, Buffer]));
      if (last <= (this.covered.get(strand.replica) ?? 0)) continue;
      strand.head = bytes;
      this.envelopes++;
      this.bytes += bytes.length;
      return true;
    }
  }

  /** Begins at the envelope that may hold the first txn that the state does not cover. */
  private async *entriesOf(replica: ReplicaId): Entries {
    const next = (this.covered.get(replica) ?? 0) + 1;
    const start = await this.disk.lastKey({ gte: logKey(replica, 0), lt: logKey(replica, next + 1) });
    yield* this.disk.entries({ gte: start ?? logKey(replica, next), lt: logKey(replica, Number.MAX_SAFE_INTEGER) });
  }

  /** Who has anything in the log, without reading it all. */
  private async replicas(): Promise<ReplicaId[]> {
    const found: ReplicaId[] = [];
    for (let from = LOG_RANGE.gte; ; ) {
      const key = await this.disk.firstKey({ gte: from, lt: LOG_RANGE.lt });
      if (key === undefined) return found;
      const name = readLogKey(key);
      if (name === null) throw new MalformedError(`key ${key.toString('hex')} in the log is none`);
      found.push(name.replica);
      from = logKey(name.replica, Number.MAX_SAFE_INTEGER);
    }
  }
}
