/**
 * All writing goes through here, in order: one batch is on its way to the disk, and whatever comes meanwhile joins
 * the next one (group commit). A batch is atomic. A batch that fails stays at the head of the queue and is tried
 * again every second, so nothing is lost from memory while the disk is full; `failure` says why meanwhile.
 *
 * Each batch carries its number and takes away that of the one before, with the number of the last batch known to
 * be on the platter. So a batch that vanished from the middle of LevelDB's write-ahead file shows at the next start.
 */
import { performance } from 'node:perf_hooks';
import type { Disk, Operation } from './disk.ts';
import { BATCH_RANGE, batchKey, isLogKey, numberValue, readBatchKey, readNumberValue } from './encoding.ts';
import { explainWriting } from './errors.ts';

export type SyncPolicy = 'always' | 'everysec' | 'no';

/** Writes stop below this much free room: LevelDB needs some to tidy up, and a full disk hurts others too. */
export const FREE_BYTES_MIN = 16 * 1024 * 1024;
const FREE_CHECK_INTERVAL_MS = 250;
const RETRY_MS = 1000;
/** On a disk that stays full, opening afresh is tried at every tenth attempt: it reads and writes megabytes. */
const REOPEN_EVERY = 10;
/** Unless somebody waits, a batch collects for so long: a batch costs some 40 µs of the command thread. */
const GATHER_MS = 10;
const GATHER_BYTES_MAX = 256 * 1024;
/** Log kept in memory for a disk that takes nothing; past it the state is what will be written instead. */
const BACKLOG_BYTES_MAX = 256 * 1024 * 1024;

interface Batch {
  operations: Operation[];
  bytes: number;
  /** Somebody wants it on the platter, not only written. */
  durable: boolean;
  readonly settled: ((error: Error | null) => void)[];
  readonly durabilityCallbacks: ((failed: boolean) => void)[];
}

export interface CommitQueueEvents {
  /** `reason` null: writing works again. */
  failureChanged(reason: string | null): void;
  /** The log in memory grew too long while nothing could be written, and was dropped. */
  logDropped(): void;
  /** Under `appendfsync always` a batch is on the platter, after so many milliseconds. */
  synced(ms: number): void;
}

export class CommitQueue {
  policy: SyncPolicy;
  failure: string | null = null;
  batches = 0;
  bytesWritten = 0;
  syncs = 0;
  private readonly disk: Disk;
  private readonly events: CommitQueueEvents;
  private pending = emptyBatch();
  private inFlight: Batch | null = null;
  /** Number of the last batch written, and of the last one known to survive a power cut. */
  private writtenNumber = 0;
  private durableNumber = 0;
  private gatherTimer: NodeJS.Timeout | null = null;
  private retryTimer: NodeJS.Timeout | null = null;
  private wakeRetry: (() => void) | null = null;
  private reopenNeeded = false;
  private retries = 0;
  private freeCheckedAt = Number.NEGATIVE_INFINITY;
  private stopped = false;
  private idleWaiters: (() => void)[] = [];

  constructor(disk: Disk, policy: SyncPolicy, events: CommitQueueEvents) {
    this.disk = disk;
    this.policy = policy;
    this.events = events;
  }

  /** Goes on where the last run's batches ended. Before anything else. */
  async begin(): Promise<Wholeness> {
    const { wholeness, last, durable, stale } = await readBatches(this.disk);
    this.writtenNumber = last;
    this.durableNumber = durable;
    for (const number of stale) this.pending.operations.push({ type: 'del', key: batchKey(number) });
    return wholeness;
  }

  /** Adds to the next batch; it leaves soon. */
  append(operation: Operation): void {
    if (this.stopped) return;
    this.push(operation);
    if (this.failure !== null && this.pending.bytes > BACKLOG_BYTES_MAX) this.dropLog();
    if (this.isAwaited(this.pending)) this.pump();
    else this.gather();
  }

  /** Writes all of these in one batch, behind what was appended before; resolves when written, failures outlasted. */
  commit(operations: Operation[], durable: boolean): Promise<void> {
    if (this.stopped) return Promise.reject(new Error('the store is closed'));
    for (const operation of operations) this.push(operation);
    if (durable) this.pending.durable = true;
    const { settled } = this.pending;
    return new Promise((resolve, reject) => {
      settled.push((error) => (error === null ? resolve() : reject(error)));
      this.pump();
    });
  }

  /** Calls back when everything appended so far is on the platter, or at once with true while that cannot be. */
  whenDurable(callback: (failed: boolean) => void): void {
    if (this.failure !== null || this.stopped) {
      callback(true);
      return;
    }
    if (this.pending.operations.length === 0) {
      if (this.inFlight === null && this.durableNumber === this.writtenNumber) {
        callback(false);
        return;
      }
      if (this.inFlight?.durable === true) {
        this.inFlight.durabilityCallbacks.push(callback);
        return;
      }
    }
    this.pending.durable = true;
    this.pending.durabilityCallbacks.push(callback);
    this.pump();
  }

  /** Everything appended so far is on the platter. */
  get isDurable(): boolean {
    const { durableNumber, inFlight, pending, writtenNumber } = this;
    return inFlight === null && pending.operations.length === 0 && durableNumber === writtenNumber;
  }

  /** `appendfsync everysec`, once a second. */
  syncIfNeeded(): void {
    if (this.stopped || this.failure !== null) return;
    if (this.writtenNumber === this.durableNumber && this.pending.operations.length === 0) return;
    this.pending.durable = true;
    this.pump();
  }

  /** Waits until nothing is left to write, or writing fails, or the time is over. True if all is written. */
  async drained(timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    this.wakeRetry?.();
    this.pump();
    while (this.inFlight !== null && performance.now() < deadline) {
      const left = deadline - performance.now();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.idleWaiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
      if (this.failure !== null) return false;
    }
    return this.inFlight === null && this.pending.operations.length === 0;
  }

  /** Takes nothing more; a batch that still waits for room is given up. Resolves when the disk is left alone. */
  async stop(): Promise<void> {
    this.stopped = true;
    if (this.gatherTimer !== null) clearTimeout(this.gatherTimer);
    this.wakeRetry?.();
    while (this.inFlight !== null) await new Promise<void>((resolve) => this.idleWaiters.push(resolve));
    this.release(this.pending, true);
  }

  /** Greater than whatever it has given, or is still on disk of what it has given, here or in an earlier run. */
  nextMerge(): number {
    return this.writtenNumber + (this.inFlight === null ? 1 : 2);
  }

  get backlogBytes(): number {
    return this.pending.bytes + (this.inFlight?.bytes ?? 0);
  }

  private push(operation: Operation): void {
    this.pending.operations.push(operation);
    this.pending.bytes += operation.key.length + (operation.type === 'put' ? operation.value.length : 0);
  }

  private gather(): void {
    if (this.gatherTimer !== null || this.inFlight !== null) return;
    this.gatherTimer = setTimeout(() => {
      this.gatherTimer = null;
      this.pump();
    }, GATHER_MS);
  }

  private pump(): void {
    if (this.inFlight !== null || this.stopped || !hasWork(this.pending)) return;
    const batch = this.pending;
    this.pending = emptyBatch();
    if (this.policy === 'always') batch.durable = true;
    this.inFlight = batch;
    void this.carry(batch);
  }

  /** Takes one batch to the disk, however often it needs, then starts on the next. Never rejects. */
  private async carry(batch: Batch): Promise<void> {
    for (;;) {
      try {
        await this.write(batch);
        break;
      } catch (error) {
        this.fail(explainWriting(error), batch);
        if (!this.stopped) await this.retryTime();
        if (this.stopped) break;
      }
    }
    if (!this.stopped) this.recover();
    this.inFlight = null;
    this.release(batch, this.stopped);
    if (this.stopped || !hasWork(this.pending)) for (const wake of this.idleWaiters.splice(0)) wake();
    else if (this.isAwaited(this.pending) || this.idleWaiters.length > 0) this.pump();
    else this.gather();
  }

  private isAwaited(batch: Batch): boolean {
    return this.policy === 'always' || batch.durable || batch.settled.length > 0 || batch.bytes >= GATHER_BYTES_MAX;
  }

  private async write(batch: Batch): Promise<void> {
    await this.makeReady();
    const number = this.writtenNumber + 1;
    const key = batchKey(number);
    const operations: Operation[] = [
      ...batch.operations,
      { type: 'put', key, value: numberValue(key, this.durableNumber) },
      { type: 'del', key: batchKey(this.writtenNumber) },
    ];
    const started = performance.now();
    const syncs = batch.durable && this.policy === 'always';
    try {
      await this.disk.batch(operations, syncs);
      if (batch.durable) {
        if (!syncs || this.durableNumber < this.writtenNumber) await this.disk.syncFiles();
        this.durableNumber = number;
        this.syncs++;
        if (this.policy === 'always') this.events.synced(performance.now() - started);
      }
    } catch (error) {
      this.reopenNeeded = true;
      throw error;
    }
    this.writtenNumber = number;
    this.batches++;
    this.bytesWritten += batch.bytes;
  }

  /** There is room, and the database takes writes; else throws. */
  private async makeReady(): Promise<void> {
    const now = performance.now();
    if (this.failure === null && now - this.freeCheckedAt < FREE_CHECK_INTERVAL_MS) return;
    let hasRoom = (await this.disk.freeBytes()) >= FREE_BYTES_MIN;
    // What LevelDB left half merged when it ran out of room it removes when it is opened: that may be the room needed.
    if (this.reopenNeeded && (hasRoom || this.retries++ % REOPEN_EVERY === 0)) {
      await this.disk.reopen();
      this.reopenNeeded = false;
      hasRoom = (await this.disk.freeBytes()) >= FREE_BYTES_MIN;
    }
    if (!hasRoom) throw new Error('No space left on device');
    this.freeCheckedAt = now;
  }

  private fail(reason: string, batch: Batch): void {
    const changed = this.failure !== reason;
    this.failure = reason;
    for (const callback of batch.durabilityCallbacks.splice(0)) callback(true);
    for (const callback of this.pending.durabilityCallbacks.splice(0)) callback(true);
    for (const wake of this.idleWaiters.splice(0)) wake();
    if (changed) this.events.failureChanged(reason);
  }

  private recover(): void {
    if (this.failure === null) return;
    this.failure = null;
    this.retries = 0;
    this.events.failureChanged(null);
  }

  private retryTime(): Promise<void> {
    return new Promise((resolve) => {
      this.wakeRetry = () => {
        if (this.retryTimer !== null) clearTimeout(this.retryTimer);
        this.wakeRetry = null;
        resolve();
      };
      this.retryTimer = setTimeout(this.wakeRetry, RETRY_MS);
      this.retryTimer.unref();
    });
  }

  private release(batch: Batch, failed: boolean): void {
    const error = failed ? new Error('the store was closed before this was written') : null;
    for (const settle of batch.settled.splice(0)) settle(error);
    for (const callback of batch.durabilityCallbacks.splice(0)) callback(failed);
  }

  /** Log entries only: records of the state that wait here exist nowhere else. */
  private dropLog(): void {
    const kept = this.pending.operations.filter(({ key }) => !isLogKey(key));
    if (kept.length === this.pending.operations.length) return;
    this.pending.operations = [];
    this.pending.bytes = 0;
    for (const operation of kept) this.push(operation);
    this.events.logDropped();
  }
}

/**
 * What the numbers of the last run's batches say: 'damaged' if one that was on the platter is missing in the middle,
 * 'torn' if one is that was not (a power cut may do that), else 'whole'.
 */
export type Wholeness = 'whole' | 'torn' | 'damaged';

export async function readBatches(
  disk: Disk,
): Promise<{ wholeness: Wholeness; last: number; durable: number; stale: number[] }> {
  const stale: number[] = [];
  let last = 0;
  let durable = 0;
  for await (const [key, value] of disk.entries(BATCH_RANGE)) {
    if (last > 0) stale.push(last);
    last = readBatchKey(key);
    durable = readNumberValue(key, value);
  }
  const damaged = stale.some((number) => number < durable);
  return { wholeness: damaged ? 'damaged' : stale.length > 0 ? 'torn' : 'whole', last, durable, stale };
}

function emptyBatch(): Batch {
  return { operations: [], bytes: 0, durable: false, settled: [], durabilityCallbacks: [] };
}

function hasWork(batch: Batch): boolean {
  return batch.operations.length > 0 || batch.durable || batch.settled.length > 0;
}
