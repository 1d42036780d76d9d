/**
 * The open store: what the node asks for, handed on to the parts that do it (commit queue, log, checkpointer), and
 * the clock that drives them.
 */
import type { Engine, Envelope, ReplicaId } from '../core/contract.ts';
import { Checkpointer } from './checkpoint.ts';
import { CommitQueue, type SyncPolicy } from './commit-queue.ts';
import type { Disk } from './disk.ts';
import { corrupt } from './errors.ts';
import type { Store, StoreOptions } from './index.ts';
import { Log } from './log.ts';
import { writeCopiedReplicas } from './metadata.ts';
import { explainLoading, MISSING_BATCH, type OpenParts } from './opening.ts';
import { type Recovered, recover } from './recovery.ts';

const LOG_BYTES_MAX = 256 * 1024 * 1024;
/** More would make the next start slow: replaying takes about a second per 25 MB. */
const CHECKPOINT_LOG_BYTES_MAX = 128 * 1024 * 1024;
const CHECKPOINT_INTERVAL_MS = 60_000;
const TICK_MS = 1000;
/** A shutdown waits so long for the disk; the log has it all by then or never will. */
const CLOSE_MS_MAX = 20_000;

export class OpenStore implements Store {
  onSync: (ms: number) => void = () => {};
  readonly directory: string;
  readonly replica: ReplicaId;
  readonly continues: boolean;
  private readonly options: StoreOptions;
  private readonly parts: OpenParts;
  private readonly disk: Disk;
  private readonly queue: CommitQueue;
  private readonly log: Log;
  private recovered: Recovered | null = null;
  private engine: Engine | null = null;
  private checkpointer: Checkpointer | null = null;
  private ticker: NodeJS.Timeout | null = null;
  private checkpointDueMs = 0;
  /** The state holds txns that neither log nor checkpoint do: nothing is durable before the checkpoint that runs now. */
  private covering: Promise<void> | null = null;
  private coverAgain = false;
  private closing: Promise<void> | null = null;

  constructor(parts: OpenParts, options: StoreOptions) {
    this.options = options;
    this.directory = options.directory;
    this.parts = parts;
    this.disk = parts.disk;
    this.replica = parts.replica;
    this.continues = parts.continues;
    this.queue = new CommitQueue(parts.disk, options.appendfsync, {
      failureChanged: (reason) => this.tellFailure(reason),
      logDropped: () => this.coverState('The log in memory grew too long while the disk took nothing'),
      synced: (ms) => this.onSync(ms),
    });
    this.log = new Log(parts.disk, this.queue, options.logBytesMax ?? LOG_BYTES_MAX, options.logAgeMaxMs ?? 0);
  }

  async load(engine: Engine): Promise<void> {
    const begin = performance.now();
    try {
      const wholeness = await this.queue.begin();
      if (wholeness === 'damaged') throw corrupt(this.directory, MISSING_BATCH);
      if (wholeness === 'torn') this.notice('warning', 'The last seconds before the crash did not all reach the disk.');
      this.recovered = await recover(this.disk, engine, this.parts.isCopy);
    } catch (error) {
      await this.disk.close();
      throw explainLoading(error, this.directory);
    }
    const { checkpoint, logBytes, records, envelopes, incomplete } = this.recovered;
    this.log.resume(checkpoint.segments, logBytes, engine.vector());
    this.notice(
      'info',
      `Loaded ${records} records and ${envelopes} envelopes in ${Math.round(performance.now() - begin)} ms.`,
    );
    if (incomplete.length > 0) {
      this.notice(
        'warning',
        `Txns of replica ${incomplete.join(', ')} wait for others that the disk lost; peers bring them.`,
      );
    }
  }

  attach(engine: Engine): void {
    if (this.recovered === null) throw new Error('load() comes before attach()');
    const { table, checkpoint } = this.recovered;
    const now = engine.replicaTable();
    if (table.some((replica, index) => now[index] !== replica)) {
      throw new Error('the engine numbers replicas otherwise than the records on disk do');
    }
    this.engine = engine;
    this.checkpointer = new Checkpointer(engine, this.disk, this.queue, this.log, table.length, checkpoint);
    const own = this.checkpointer.ownReplicas();
    if (own !== null) this.queue.append(own);
    if (this.parts.settle !== null) void this.settle(engine, this.parts.settle);
    engine.onEnvelope((envelope) => {
      if (!this.log.append(envelope)) this.coverState('The state was transferred from a peer');
    });
    this.checkpointDueMs = performance.now() + this.checkpointIntervalMs;
    this.ticker = setInterval(() => this.tick(), TICK_MS);
    this.ticker.unref();
  }

  /** Notes, for all later starts, which ids may go on elsewhere; then the directory is this node's own. Never rejects. */
  private async settle(engine: Engine, settle: () => Promise<void>): Promise<void> {
    try {
      await this.queue.commit([writeCopiedReplicas(engine.copiedReplicas())], true);
      await settle();
    } catch (error) {
      // harmless: the next start takes it for a copy once more
      const reason = error instanceof Error ? error.message : String(error);
      this.notice('info', `Could not note where this directory is: ${reason}`);
    }
  }

  read(replica: ReplicaId, from: number, bytesMax: number): Promise<Envelope[]> {
    return this.log.read(replica, from, bytesMax).catch((error: unknown) => {
      // A database that is being reopened after a failed write reads as if the log were cut: peers get the state.
      if (!this.disk.isOpen) return [];
      throw error;
    });
  }

  get failure(): string | null {
    return this.queue.failure;
  }

  get holdsReplies(): boolean {
    return this.queue.policy === 'always';
  }

  whenDurable(callback: (failed: boolean) => void): void {
    this.engine?.seal();
    // what is written after a state transfer rests on what only memory holds so far
    this.coverWhereAhead();
    if (this.covering === null || this.queue.failure !== null) {
      this.queue.whenDurable(callback);
      return;
    }
    this.covering.then(
      () => this.queue.whenDurable(callback),
      () => callback(true),
    );
  }

  get isDurable(): boolean {
    const { engine } = this;
    if (engine === null || engine.openBytes > 0 || this.covering !== null) return false;
    return this.queue.isDurable && this.log.leadsTo(engine.vector());
  }

  get lastSaveMs(): number {
    return this.checkpointer?.lastSaveMs ?? 0;
  }

  get unsavedChanges(): number {
    return this.checkpointer?.unsavedChanges ?? 0;
  }

  async save(): Promise<void> {
    if (this.queue.failure !== null) throw new Error(this.queue.failure);
    await this.checkpointer?.save(true);
  }

  setSyncPolicy(policy: SyncPolicy): void {
    this.queue.policy = policy;
  }

  setLogBytesMax(bytes: number): void {
    this.log.bytesMax = bytes;
  }

  setLogAgeMaxMs(ms: number): void {
    this.log.ageMaxMs = ms;
  }

  statistics(): Record<string, number> {
    return {
      log_bytes: this.log.bytes,
      log_bytes_uncovered: this.log.bytesUncovered,
      backlog_bytes: this.queue.backlogBytes,
      batches: this.queue.batches,
      bytes_written: this.queue.bytesWritten,
      syncs: this.queue.syncs,
      checkpoints: this.checkpointer?.completed ?? 0,
      checkpoint_in_progress: this.checkpointer?.isRunning === true ? 1 : 0,
      last_checkpoint_ms: Math.round(this.checkpointer?.lastSaveMillis ?? 0),
    };
  }

  close(options: { clean: boolean }): Promise<void> {
    this.closing ??= this.finish(options.clean);
    return this.closing;
  }

  private async finish(clean: boolean): Promise<void> {
    if (this.ticker !== null) clearInterval(this.ticker);
    const { engine } = this;
    engine?.seal();
    const saved = clean && this.queue.failure === null && (await this.lastCheckpoint());
    const written = await this.queue.drained(CLOSE_MS_MAX);
    const last = engine?.vector().find(({ replica }) => replica === engine.replica)?.number ?? 0;
    const whole = engine !== null && (this.log.ends.get(engine.replica) ?? 0) === last;
    await this.queue.stop();
    await this.disk.close();
    if (!written)
      this.notice('warning', `Not everything could be written: ${this.queue.failure ?? 'the disk is slow'}.`);
    if (clean && saved && written && whole && engine !== null) await this.leaveMarker(engine.replica, last);
  }

  /** True if the state and all of the log are on the platter. */
  private async lastCheckpoint(): Promise<boolean> {
    if (this.checkpointer === null) return false;
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS_MAX, false);
    });
    const done = this.checkpointer.save(true).then(
      () => true,
      () => false,
    );
    const saved = await Promise.race([done, tooLong]);
    clearTimeout(timer);
    return saved;
  }

  private async leaveMarker(replica: ReplicaId, last: number): Promise<void> {
    try {
      await this.parts.leaveMarker(replica, last);
    } catch (error) {
      this.notice(
        'warning',
        `The next start takes a new replica id: ${error instanceof Error ? error.message : error}`,
      );
    }
  }

  private get checkpointIntervalMs(): number {
    return this.options.checkpointIntervalMs ?? CHECKPOINT_INTERVAL_MS;
  }

  private get checkpointLogBytes(): number {
    return this.options.checkpointLogBytes ?? Math.min(this.log.bytesMax / 2, CHECKPOINT_LOG_BYTES_MAX);
  }

  private tick(): void {
    const { engine, checkpointer, queue } = this;
    if (engine === null || checkpointer === null) return;
    engine.seal();
    if (queue.policy === 'everysec') queue.syncIfNeeded();
    this.coverWhereAhead();
    if (checkpointer.isRunning || queue.failure !== null) return;
    // by the monotonic clock: a wall clock that is set back must not stop checkpoints
    const now = performance.now();
    if (now >= this.checkpointDueMs || this.log.bytesUncovered >= this.checkpointLogBytes) {
      this.checkpointDueMs = now + this.checkpointIntervalMs;
      if (engine.dirtyCount > 0 || this.log.bytesUncovered > 0) void this.checkpoint(checkpointer, false);
    }
    checkpointer.maintain().catch((error: unknown) => this.tellCheckpointFailure(error));
  }

  private coverWhereAhead(): void {
    if (this.covering !== null || this.engine === null || this.log.leadsTo(this.engine.vector())) return;
    this.coverState('The state was transferred from a peer');
  }

  private coverState(why: string): void {
    if (this.checkpointer === null || this.closing !== null) return;
    if (this.covering !== null) {
      this.coverAgain = true;
      return;
    }
    this.notice('info', `${why}: writing the state.`);
    this.covering = this.checkpoint(this.checkpointer, true).finally(() => {
      this.covering = null;
      if (!this.coverAgain) return;
      this.coverAgain = false;
      this.coverState(why);
    });
  }

  private checkpoint(checkpointer: Checkpointer, hurry: boolean): Promise<void> {
    return checkpointer.save(hurry).catch((error: unknown) => this.tellCheckpointFailure(error));
  }

  private tellCheckpointFailure(error: unknown): void {
    if (this.closing === null)
      this.notice('warning', `A checkpoint failed: ${error instanceof Error ? error.message : error}`);
  }

  private tellFailure(reason: string | null): void {
    if (reason === null) this.notice('info', 'Writing to disk works again.');
    else
      this.notice(
        'warning',
        `Cannot write to ${this.directory}: ${reason}. Write commands are refused, retrying every second.`,
      );
  }

  private notice(level: 'info' | 'warning', text: string): void {
    this.options.notice?.(level, text);
  }
}
