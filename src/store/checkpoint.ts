/**
 * Brings the state to disk behind the log, a slice at a time, so that commands hardly feel it. A checkpoint is
 * fuzzy: the vector it began at is written only when every record that was dirty then has been; records meanwhile
 * may be newer than that vector, and the log from there replays over them without harm.
 *
 * Invariant: a record is written only when the log of every txn in it is on the platter: the open envelope is sealed before
 * each slice, and what is queued is made durable between gathering records and writing them. That both go through one queue
 * is not enough: a power cut can take a batch of LevelDB's and leave a later one, and a record whose txn is lost would be
 * seen here and on no other node. Of what a peer's state brought there is no log: it is written beside the state until all
 * of it is there (merged-records.ts).
 */
import { performance } from 'node:perf_hooks';
import type { Engine, VersionVector } from '../core/contract.ts';
import type { CommitQueue } from './commit-queue.ts';
import type { Disk, Operation } from './disk.ts';
import type { Log } from './log.ts';
import { discardMerged, moveMerged, writeMerged, writeRecord } from './merged-records.ts';
import { type Checkpoint, writeCheckpoint, writeOwnReplicas, writeReplicaTable } from './metadata.ts';

/** About 1.5 ms of the command thread. */
const SLICE_RECORDS = 500;
/** Slices are gathered up to so much before they are written: each time takes a sync. */
const GATHERED_RECORDS_MAX = 8000;
const GATHERED_BYTES_MAX = 4 * 1024 * 1024;
/** Between slices the command thread is left alone for so many times what the last one took: a tenth of its time. */
const REST_FACTOR = 9;
const REST_MS_MIN = 2;

export class Checkpointer {
  lastSaveMs = 0;
  lastSaveMillis = 0;
  completed = 0;
  private readonly engine: Engine;
  private readonly disk: Disk;
  private readonly queue: CommitQueue;
  private readonly log: Log;
  /** The state holds what the log does not lead to: it is written beside the state under this number. */
  private merging: number | null = null;
  /** All of a merge is on disk and counts, but stands beside the state still. */
  private moving: number | null;
  /** Nothing is left beside the state of what came to nothing. */
  private isTidy = false;
  /** Replicas already in the table on disk. */
  private tableLength: number;
  private own = '';
  /** Of the last checkpoint on disk. */
  private vector: VersionVector;
  private changesSaved = 0;
  private running: Promise<void> | null = null;
  private next: Promise<void> | null = null;
  /** Nobody minds the pauses between slices, or somebody waits for the end. */
  private hurry = false;

  constructor(engine: Engine, disk: Disk, queue: CommitQueue, log: Log, tableLength: number, last: Checkpoint) {
    this.engine = engine;
    this.disk = disk;
    this.queue = queue;
    this.moving = last.merge ?? null;
    this.log = log;
    this.tableLength = tableLength;
    this.lastSaveMs = last.atMs;
    this.vector = last.vector;
    this.changesSaved = engine.statistics.changes;
  }

  get unsavedChanges(): number {
    return this.engine.statistics.changes - this.changesSaved;
  }

  get isRunning(): boolean {
    return this.running !== null;
  }

  /** One checkpoint that begins now or later; resolves when it is on the platter, rejects if the store closes before. */
  save(hurry: boolean): Promise<void> {
    if (hurry) this.hurry = true;
    if (this.running === null) {
      this.running = this.checkpoint().finally(() => {
        this.running = null;
        this.hurry = false;
      });
      return this.running;
    }
    this.next ??= this.running
      .catch(() => undefined)
      .then(() => {
        this.next = null;
        return this.save(hurry);
      });
    return this.next;
  }

  private async checkpoint(): Promise<void> {
    if (this.moving !== null) await this.move();
    await this.tidy();
    // what a peer's state brings in the midst of it is covered by the next one
    while (!(await this.pass()));
    await this.cut();
  }

  /** False if the log does not lead to all that was written: that counts for nothing yet. */
  private async pass(): Promise<boolean> {
    const begin = performance.now();
    const { engine, queue, log } = this;
    engine.seal();
    const vector = engine.vector();
    const changes = engine.statistics.changes;
    this.noteMerge();
    log.coverUpTo(vector);
    const segments = log.closeSegment(vector, Date.now());
    let isWhole = true;
    for (let gathered = new Gathered(); ; ) {
      const sliceBegin = performance.now();
      const { operations, left } = this.slice();
      const sliceMs = performance.now() - sliceBegin;
      isWhole &&= log.leadsTo(engine.vector());
      gathered.add(operations);
      if (left === 0 || gathered.isEnough) {
        await this.write(gathered.operations);
        gathered = new Gathered();
      }
      if (left === 0) break;
      if (!this.hurry) await rest(Math.max(REST_MS_MIN, sliceMs * REST_FACTOR));
    }
    if (!isWhole) return false;
    // What the vector vouches for must be on the platter before the vector is.
    await queue.commit([], true);
    const atMs = Date.now();
    const retirements = [...engine.retirements()];
    const merge = this.merging === null ? {} : { merge: this.merging };
    await queue.commit([writeCheckpoint({ vector, atMs, segments, retirements, ...merge })], true);
    this.moving = this.merging;
    this.merging = null;
    log.checkpointed();
    this.vector = vector;
    this.lastSaveMs = atMs;
    this.changesSaved = changes;
    this.lastSaveMillis = performance.now() - begin;
    this.completed++;
    return true;
  }

  /** From here on records hold what the log does not lead to. */
  private noteMerge(): void {
    if (this.merging === null && !this.log.leadsTo(this.engine.vector())) this.merging = this.queue.nextMerge();
  }

  /** Nothing is written beside the state now. */
  private async tidy(): Promise<void> {
    if (this.isTidy || this.merging !== null || this.moving !== null) return;
    await discardMerged(this.disk);
    this.isTidy = true;
  }

  private async move(): Promise<void> {
    const { disk, log, moving, queue } = this;
    if (moving === null) return;
    await moveMerged(disk, queue, moving);
    await queue.commit([this.noteOf(log.kept, null)], true);
    this.moving = null;
  }

  private async write(operations: Operation[]): Promise<void> {
    if (operations.length === 0) return;
    await this.queue.commit([], true);
    await this.queue.commit(operations, false);
  }

  /** Cuts the log where it is overdue, and notes what is left of it. */
  private async cut(): Promise<void> {
    const { engine, log, queue } = this;
    if (!log.isOverdue(engine.stable, Date.now())) return;
    const segments = await log.cut(engine.stable, Date.now());
    await queue.commit([this.noteOf(segments, this.moving)], false);
  }

  /** The last checkpoint over again, with those segments. */
  private noteOf(segments: Checkpoint['segments'], merge: number | null): Operation {
    const { engine, lastSaveMs, vector } = this;
    const retirements = [...engine.retirements()];
    return writeCheckpoint({
      ...{ vector, atMs: lastSaveMs, segments, retirements },
      ...(merge === null ? {} : { merge }),
    });
  }

  /**
   * What there is to do beside checkpoints: to move a merged state to its place; and to cut the log, which on a node that is
   * idle grows older too, while others catch up. Rejects as save() does.
   */
  async maintain(): Promise<void> {
    if (this.running !== null) return;
    if (this.moving === null && !this.log.isOverdue(this.engine.stable, Date.now())) return;
    this.running = this.move()
      .then(() => this.cut())
      .finally(() => {
        this.running = null;
      });
    await this.running;
  }

  /** The write that tells under which ids this directory is written; null if that is on disk already. */
  ownReplicas(): Operation | null {
    const own = this.engine.ownReplicas();
    if (own.join() === this.own) return null;
    this.own = own.join();
    return writeOwnReplicas(own);
  }

  /** Drains a few dirty records. `left` counts the rest of those that were dirty when the drain began. */
  private slice(): { operations: Operation[]; left: number } {
    const { engine } = this;
    const operations: Operation[] = [];
    engine.seal();
    this.noteMerge();
    const { merging } = this;
    const left = engine.drainDirty(SLICE_RECORDS, ({ key, value }) => {
      operations.push(merging === null ? writeRecord(key, value) : writeMerged(merging, key, value));
    });
    const table = engine.replicaTable();
    if (table.length > this.tableLength) {
      operations.push(writeReplicaTable(table));
      this.tableLength = table.length;
    }
    const own = this.ownReplicas();
    if (own !== null) operations.push(own);
    return { operations, left };
  }
}

/** Records of some slices, to be written in one batch. */
class Gathered {
  readonly operations: Operation[] = [];
  private bytes = 0;

  get isEnough(): boolean {
    return this.operations.length >= GATHERED_RECORDS_MAX || this.bytes >= GATHERED_BYTES_MAX;
  }

  add(operations: readonly Operation[]): void {
    for (const operation of operations) {
      this.operations.push(operation);
      if (operation.type === 'put') this.bytes += operation.value.length;
    }
  }
}

function rest(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
