/**
 * The few facts beside log and state: the replica table that records refer to, and the last completed checkpoint.
 * Kept as JSON: small, rarely written, and readable in an emergency.
 */
import type { ReplicaId, Retirement, VersionVector } from '../core/contract.ts';
import { MalformedError } from '../core/index.ts';

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
  /** The records that were written under this number are part of the state, and stand beside it still. */
  readonly merge?: number;
}

/** The ids that this directory was written under, but those that have retired. */
export function writeOwnReplicas(own: readonly ReplicaId[]): Operation {
  return put('own', own);
}

export async function readOwnReplicas(disk: Disk): Promise<ReplicaId[]> {
  const own = (await get(disk, 'own')) ?? [];
  if (!isListOf(own, isReplicaId)) throw new MalformedError('a list of own replicas that is none');
  return own;
}

/** Those of them that a copy of this directory may have gone on under, retired or not. */
export function writeCopiedReplicas(copied: readonly ReplicaId[]): Operation {
  return put('copied', copied);
}

export async function readCopiedReplicas(disk: Disk): Promise<ReplicaId[]> {
  const copied = (await get(disk, 'copied')) ?? [];
  if (!isListOf(copied, isReplicaId)) throw new MalformedError('a list of copied replicas that is none');
  return copied;
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

/** Throws what open() throws, and a MalformedError, as readCheckpoint() does. */
export async function readReplicaTable(disk: Disk): Promise<ReplicaId[]> {
  const table = await get(disk, 'replicas');
  if (table === undefined) return [];
  if (!isListOf(table, isReplicaId) || new Set(table).size < table.length)
    throw new MalformedError('a replica table that is none');
  return table;
}

export async function readCheckpoint(disk: Disk): Promise<Checkpoint> {
  const checkpoint = (await get(disk, 'checkpoint')) ?? EMPTY;
  if (!isCheckpoint(checkpoint)) throw new MalformedError('a checkpoint that is none');
  const { vector, atMs, segments, retirements, merge } = checkpoint;
  return {
    vector,
    atMs,
    ...(merge === undefined ? {} : { merge }),
    // what does not say how old it is ages from its checkpoint on
    segments: segments.map((segment) => ({ fromMs: atMs, toMs: atMs, ...segment })),
    retirements: retirements ?? [],
  };
}

function put(name: string, content: unknown): Operation {
  const key = metadataKey(name);
  return { type: 'put', key, value: value(key, Buffer.from(JSON.stringify(content))) };
}

async function get(disk: Disk, name: string): Promise<unknown> {
  const key = metadataKey(name);
  const sealed = await disk.get(key);
  if (sealed === undefined) return undefined;
  const text = open(key, sealed).toString();
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new MalformedError(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

// --- the shapes: a checksum says that it was written so, not that who wrote it was in his right mind

function isCheckpoint(value: unknown): value is StoredCheckpoint {
  if (typeof value !== 'object' || value === null) return false;
  const { vector, atMs, segments, retirements = [], merge = 0 } = value as Record<string, unknown>;
  return (
    isListOf(vector, isVectorEntry) &&
    isWhole(merge) &&
    typeof atMs === 'number' &&
    isListOf(segments, isSegment) &&
    isListOf(retirements, isRetirement)
  );
}

function isRetirement(value: unknown): value is Retirement {
  if (typeof value !== 'object' || value === null) return false;
  const { replica, number, stamp, by, byStamp } = value as Record<string, unknown>;
  return isReplicaId(replica) && isReplicaId(by) && [number, stamp, byStamp].every(isWhole);
}

function isVectorEntry(value: unknown): value is VersionVector[number] {
  if (typeof value !== 'object' || value === null) return false;
  const { replica, number, stamp } = value as Record<string, unknown>;
  return isReplicaId(replica) && isWhole(number) && isWhole(stamp);
}

function isSegment(value: unknown): value is StoredCheckpoint['segments'][number] {
  if (typeof value !== 'object' || value === null) return false;
  const { ends, bytes, fromMs = 0, toMs = 0 } = value as Record<string, unknown>;
  return isListOf(ends, isEnd) && isWhole(bytes) && typeof fromMs === 'number' && typeof toMs === 'number';
}

function isEnd(value: unknown): value is LogSegment['ends'][number] {
  return Array.isArray(value) && value.length === 2 && isReplicaId(value[0]) && isWhole(value[1]);
}

function isListOf<T>(value: unknown, isOne: (item: unknown) => item is T): value is T[] {
  return Array.isArray(value) && value.every(isOne);
}

function isReplicaId(value: unknown): value is ReplicaId {
  return typeof value === 'string' && /^[0-9a-f]{16}$/.test(value);
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
