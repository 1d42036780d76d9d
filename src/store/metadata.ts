/**
 * The few facts beside log and state: the replica table that records refer to, and the last completed checkpoint.
 * Kept as JSON: small, rarely written, and readable in an emergency.
 */
import type { ReplicaId, Retirement, VersionVector } from '../core/contract.ts';
import type { Disk, Operation } from './disk.ts';
import { metadataKey, open, value } from './encoding.ts';

/** A stretch of the log between two checkpoints, the unit in which the log is cut. */
export interface LogSegment {
  /** Where each replica stood at its end. */
  readonly ends: readonly (readonly [replica: ReplicaId, number: number])[];
  readonly bytes: number;
  /** Between when it was written, about. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** The state on disk reflects every txn that `vector` covers; what came after is in the log. */
export interface Checkpoint {
  readonly vector: VersionVector;
  readonly atMs: number;
  /** Oldest first; all of them covered by `vector`. */
  readonly segments: readonly LogSegment[];
  /** What is known of replicas that have retired: contexts in the log leave them out. */
  readonly retirements: readonly Retirement[];
}

/** The ids that this directory was written under, but those that have retired. */
export function writeOwnReplicas(own: readonly ReplicaId[]): Operation {
  return put('own', own);
}

export async function readOwnReplicas(disk: Disk): Promise<ReplicaId[]> {
  return (await get<ReplicaId[]>(disk, 'own')) ?? [];
}

/** As stores have it: older ones do not say when a segment was written, and know nothing of retirements. */
interface StoredCheckpoint extends Omit<Checkpoint, 'segments' | 'retirements'> {
  readonly retirements?: readonly Retirement[];
  readonly segments: readonly (Omit<LogSegment, 'fromMs' | 'toMs'> & Partial<LogSegment>)[];
}

const EMPTY: StoredCheckpoint = { vector: [], atMs: 0, segments: [] };

export function writeReplicaTable(table: readonly ReplicaId[]): Operation {
  return put('replicas', table);
}

export function writeCheckpoint(checkpoint: Checkpoint): Operation {
  return put('checkpoint', checkpoint);
}

export async function readReplicaTable(disk: Disk): Promise<ReplicaId[]> {
  return (await get<ReplicaId[]>(disk, 'replicas')) ?? [];
}

export async function readCheckpoint(disk: Disk): Promise<Checkpoint> {
  const { vector, atMs, segments, retirements } = (await get<StoredCheckpoint>(disk, 'checkpoint')) ?? EMPTY;
  return {
    vector,
    atMs,
    // what does not say how old it is ages from its checkpoint on
    segments: segments.map((segment) => ({ fromMs: atMs, toMs: atMs, ...segment })),
    retirements: retirements ?? [],
  };
}

function put(name: string, content: unknown): Operation {
  const key = metadataKey(name);
  return { type: 'put', key, value: value(key, Buffer.from(JSON.stringify(content))) };
}

/** Trusts the shape: the checksum says that we wrote it, the version byte in which form. */
async function get<T>(disk: Disk, name: string): Promise<T | undefined> {
  const key = metadataKey(name);
  const sealed = await disk.get(key);
  return sealed === undefined ? undefined : (JSON.parse(open(key, sealed).toString()) as T);
}
