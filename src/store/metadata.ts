/**
 * The few facts beside log and state: the replica table that records refer to, and the last completed checkpoint.
 * Kept as JSON: small, rarely written, and readable in an emergency.
 */
import type { ReplicaId, VersionVector } from '../core/contract.ts';
import { MalformedError } from '../core/index.ts';
import type { Disk, Operation } from './disk.ts';
import { metadataKey, open, value } from './encoding.ts';

/** A stretch of the log between two checkpoints, the unit in which the log is cut. */
export interface LogSegment {
  /** Where each replica stood at its end. */
  readonly ends: readonly (readonly [replica: ReplicaId, number: number])[];
  readonly bytes: number;
}

/** The state on disk reflects every txn that `vector` covers; what came after is in the log. */
export interface Checkpoint {
  readonly vector: VersionVector;
  readonly atMs: number;
  /** Oldest first; all of them covered by `vector`. */
  readonly segments: readonly LogSegment[];
}

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
  const checkpoint = await get(disk, 'checkpoint');
  if (checkpoint === undefined) return { vector: [], atMs: 0, segments: [] };
  if (!isCheckpoint(checkpoint)) throw new MalformedError('a checkpoint that is none');
  return checkpoint;
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

function isCheckpoint(value: unknown): value is Checkpoint {
  if (typeof value !== 'object' || value === null) return false;
  const { vector, atMs, segments } = value as Record<string, unknown>;
  return isListOf(vector, isVectorEntry) && typeof atMs === 'number' && isListOf(segments, isSegment);
}

function isVectorEntry(value: unknown): value is VersionVector[number] {
  if (typeof value !== 'object' || value === null) return false;
  const { replica, number, stamp } = value as Record<string, unknown>;
  return isReplicaId(replica) && isWhole(number) && isWhole(stamp);
}

function isSegment(value: unknown): value is LogSegment {
  if (typeof value !== 'object' || value === null) return false;
  const { ends, bytes } = value as Record<string, unknown>;
  return isListOf(ends, isEnd) && isWhole(bytes);
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
