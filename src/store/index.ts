/**
 * store/: the log and the state on disk. openStore() gives the one object that the node works with: load() fills an
 * empty engine from disk, attach() makes every envelope that the engine applies go to the log, and from then on log,
 * state and metadata are kept behind the engine in one LevelDB database under `<directory>/store`.
 */
import type { StoreService } from '../commands/services.ts';
import type { Engine, Envelope, ReplicaId } from '../core/contract.ts';
import type { SyncPolicy } from './commit-queue.ts';
import { openParts } from './opening.ts';
import { OpenStore } from './store.ts';

export { FREE_BYTES_MIN, type SyncPolicy } from './commit-queue.ts';
export { StoreError, type StoreErrorCode } from './errors.ts';

export interface StoreOptions {
  /** The data directory; made if it is not there. */
  readonly directory: string;
  readonly appendfsync: SyncPolicy;
  /** The log is cut to about this size; default 256 MiB. */
  readonly logBytesMax?: number;
  /** What is older goes, though the log is shorter; 0, the default: nothing does. */
  readonly logAgeMaxMs?: number;
  /** A checkpoint begins at least so often while there are changes; default 60 s. */
  readonly checkpointIntervalMs?: number;
  /** And when the log since the last one is this long; default half of logBytesMax, 128 MiB at most. */
  readonly checkpointLogBytes?: number;
  /** A store that is damaged is moved aside, and an empty one begun. */
  readonly repair?: boolean;
  /** Things worth a line in the node's log. */
  readonly notice?: (level: 'info' | 'warning', text: string) => void;
}

export interface Store extends StoreService {
  /** The id that the engine is to be created with: the last run's if it provably goes on, else a new one. */
  readonly replica: ReplicaId;
  /** Whether `replica` is the last run's. */
  readonly continues: boolean;
  /** Called under `appendfsync always` whenever writes have got to the platter, with how long that took. */
  onSync: (ms: number) => void;

  /** Fills a fresh engine from disk. Before attach(); tell the engine the time first. */
  load(engine: Engine): Promise<void>;
  /** From here on every envelope of the engine is logged, and its state checkpointed. */
  attach(engine: Engine): void;
  /**
   * Envelopes of one replica, gapless from the one that holds number `from` on; empty if that is not on disk (any
   * more): then only a state transfer helps.
   */
  read(replica: ReplicaId, from: number, bytesMax: number): Promise<Envelope[]>;
  /** Takes effect with the next batch. */
  setSyncPolicy(policy: SyncPolicy): void;
  setLogBytesMax(bytes: number): void;
  setLogAgeMaxMs(ms: number): void;
  /**
   * Writes what is left and closes. `clean`: also checkpoints the state and leaves the proof that lets the next start
   * keep the replica id. Never rejects; what could not be written is told through `notice`.
   */
  close(options: { clean: boolean }): Promise<void>;
}

/** Opens or makes the store of a data directory. Rejects with a StoreError whose message says what to do. */
export async function openStore(options: StoreOptions): Promise<Store> {
  return new OpenStore(await openParts(options), options);
}
